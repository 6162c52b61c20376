// SPDX-License-Identifier: MIT
//
// Who gets what: the rooms of one shard, and the homes of the rooms that hash to it. The hub knows
// neither sockets nor codecs. What goes to other shards leaves by ops->post and comes in by
// hub_receive.
//
// The promises, and why they hold:
//
// One order per room: every message passes through the room's home, and mails between two shards
// keep their order.
//
// A join is acknowledged (ops->joined, or HUB_JOINED at once) only when the home knows of it; what
// the home orders later is delivered behind the acknowledgement, on the same queue.
//
// No message is dropped for want of space, and none for want of memory without ending the
// connections that miss it. Instead publishers wait: a shard whose fan-out of a room lags tells the
// home (CONGESTED), a home whose queue to a site is long sees it itself, and the home tells all
// sites to hold the room's publishers (PAUSE) until it has passed. Mails are always accepted, so no
// two shards can wait for each other.
//
// Thread: a hub belongs to one shard.
#pragma once

#include "base/map.h"
#include "base/slab.h"
#include "hub/home.h"
#include "hub/mail.h"
#include "hub/room.h"

#ifndef HUB_RUN_MAX_BYTES
#define HUB_RUN_MAX_BYTES (64 * 1024) // messages are laid end to end up to this length
#endif
#ifndef HUB_SEND_BYTES
#define HUB_SEND_BYTES (16 * 1024) // what a send of so much costs more than an empty one
#endif
#ifndef HUB_RUN_MAX_EXCLUDED
#define HUB_RUN_MAX_EXCLUDED 64 // messages of a run that leave somebody out
#endif
#ifndef HUB_PENDING_MARK
#define HUB_PENDING_MARK (1024 * 1024) // bytes waiting in a room above which it is congested
#endif
#ifndef HUB_PENDING_FRAMES
#define HUB_PENDING_FRAMES 8192 // the same, in messages
#endif

struct hub_ops {
    // The rooms of a local connection.
    struct memberships *(*memberships)(void *context, uint32_t connection);
    // The slot of a connection of this shard, or SLAB_NONE when the id is stale or another shard's.
    uint32_t (*local_slot)(void *context, uint64_t id);
    // The answer to a join that was HUB_PENDING. `accepted` false: the home has no place; the
    // membership is gone already. Must not join or leave rooms from within.
    void (*joined)(void *context, uint32_t connection, const struct room_name *name, bool accepted);
    // Sends a run (borrowed) to one connection; must not leave or join rooms from within.
    void (*deliver)(void *context, uint32_t connection, struct run *run);
    // There was no memory for a message to this connection, which must therefore end: nobody misses
    // one without knowing. Must not leave or join rooms from within.
    void (*give_up)(void *context, uint32_t connection);
    void (*post)(void *context, uint16_t shard, const struct mail *mail);
    // The queue to that shard is long: publishers had better wait.
    bool (*crowded)(void *context, uint16_t shard);
    // Publishers of some room may go on: ask hub_may_publish again.
    void (*resumed)(void *context);
    // The last local member of a room with a user pointer has left. Must not use the hub from
    // within.
    void (*room_ended)(void *context, const struct room_name *name, void *user);
};

struct hub_options {
    uint16_t shard, shard_count;
    uint32_t max_rooms;       // here, and homes here
    struct hash_key hash_key; // the same on all shards: it chooses the home
};

struct hub_counters {
#define COUNTER(name, kind, help) counter name;
#include "hub/hub_counters.def"
#undef COUNTER
};

struct hub {
    struct hub_options options;
    const struct hub_ops *ops;
    void *context;
    struct run_pool *runs;
    struct slab rooms, homes;
    struct map rooms_by_name, homes_by_name;
    struct list dirty;    // rooms with something to send, for the next tick
    struct list flushing; // rooms whose turn is in this tick
    struct list waiting;  // homes that wait for a queue to get shorter
    struct run *finished; // run of the last slice when that was its end
    struct hub_counters counters;
};

enum hub_join { HUB_JOINED, HUB_PENDING, HUB_REFUSED };

// Returns 0 or -ENOMEM. ops, context and runs must outlive the hub.
MUST_USE int hub_init(struct hub *hub, const struct hub_options *options, const struct hub_ops *ops,
                      void *context, struct run_pool *runs);

// All connections must have left.
void hub_fini(struct hub *hub);

// Joins a room by name (1 to ROOM_NAME_MAX_BYTES bytes). Joining a room twice is HUB_JOINED (or
// PENDING) and changes nothing. HUB_REFUSED: no place or no memory.
MUST_USE enum hub_join hub_join(struct hub *hub, uint32_t connection, const uint8_t *name,
                                size_t name_len);

// False when the connection was not in it.
bool hub_leave(struct hub *hub, uint32_t connection, const uint8_t *name, size_t name_len);
void hub_leave_all(struct hub *hub, uint32_t connection);

// The room by its slot. O(rooms of the connection).
bool hub_is_member(const struct hub *hub, uint32_t connection, uint32_t room);

// Publishes to a room of which a local connection is an acknowledged member. Owner: takes the
// reference. False: published, but the publisher should now wait until hub_may_publish.
bool hub_publish(struct hub *hub, uint32_t room, struct frame *frame);

// Publishes to a room by name, member or not. Owner: takes the reference, whatever happens. 0, or
// -ENOMEM: nobody gets it.
MUST_USE int hub_publish_name(struct hub *hub, const uint8_t *name, size_t name_len,
                              struct frame *frame);

bool hub_may_publish(const struct hub *hub, uint32_t room);

// The same by name, member or not; as far as this shard knows.
bool hub_may_publish_name(const struct hub *hub, const uint8_t *name, size_t name_len);

// The shard that is the home of this room. Thread: any.
uint16_t hub_home_shard(const struct hash_key *key, uint16_t shard_count, const uint8_t *name,
                        size_t name_len);

// Handles one mail of a kind marked "Hub" in mail.h.
void hub_receive(struct hub *hub, uint16_t from_shard, const struct mail *mail);

// --- The flush

// Members [0, count) are to get `run` (borrowed until the next call of hub_next_slice); entries
// with `skip` set have it already: the caller passes over them and clears the bit.
struct hub_slice {
    struct run *run;
    struct room_entry *entries;
    uint32_t count;
    uint32_t cost; // of the budget
};

// What one send takes of a tick's budget: 1, and 1 more for each HUB_SEND_BYTES, which the kernel
// has to copy.
static inline uint32_t hub_send_cost(uint32_t len)
{
    return 1 + len / HUB_SEND_BYTES;
}

// Once a tick, before the first hub_next_slice: all dirty rooms get their turn, and homes that
// waited are looked at.
void hub_flush_begin(struct hub *hub);

// The next members of the next dirty room, as many as the budget pays for, but at least one. Each
// room gets one slice a tick. Between two calls nobody may join or leave. False when no room is
// left for this tick.
bool hub_next_slice(struct hub *hub, uint32_t budget, struct hub_slice *slice);

// There is something to send: the next tick must not wait.
static inline bool hub_busy(const struct hub *hub)
{
    return !list_empty(&hub->dirty) || !list_empty(&hub->flushing);
}

// The room on this shard, or NULL. Until somebody leaves.
struct room *hub_find_room(const struct hub *hub, const uint8_t *name, size_t name_len);

// Members of this room on this shard; 0 when there is none.
uint32_t hub_member_count(const struct hub *hub, const uint8_t *name, size_t name_len);
