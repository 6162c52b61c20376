// SPDX-License-Identifier: MIT
//
// A room as one shard sees it: the members that live here, and what is to be sent to them. The one
// that orders its messages is the room's home (home.h), on the shard that its name hashes to.
//
// Messages that arrive within a tick wait in `pending`, are laid end to end into one run at the
// flush, and the run goes to the members in slices:
//
//   entries: | have the run | still to get it ....... |
//            0              ^ cursor                  ^ count
//
// Leaves keep that border: every member gets every run exactly once, whoever comes and goes
// meanwhile.
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "hub/run.h"

#define ROOM_NAME_MAX_BYTES 200

struct room_name {
    uint64_t hash;
    uint8_t len;
    uint8_t bytes[];
};

// NULL when memory has run out.
MUST_USE struct room_name *room_name_create(uint64_t hash, const uint8_t *bytes, size_t len);

// One connection's place in one room: the room's slot and the index of the entry there.
struct membership {
    uint32_t room, index;
};

// All rooms of one connection. One room, the usual case, takes no memory of its own. Zeroed = none.
struct memberships {
    uint32_t count;
    uint32_t capacity; // of `many`; 0 while `one` is used
    union {
        struct membership one;
        struct membership *many;
    };
};

static inline struct membership *memberships_at(struct memberships *of, uint32_t index)
{
    CHECK_HOT(index < of->count);
    return of->capacity ? &of->many[index] : &of->one;
}

// One member of a room.
struct room_entry {
    uint32_t connection;      // slot
    uint32_t membership : 31; // index in the connection's memberships
    uint32_t skip : 1;        // has the current run (less its own messages) already
};

enum room_state { ROOM_JOINING, ROOM_ACTIVE };

struct room {
    struct room_name *name;
    struct room_entry *entries;
    struct frame **pending; // published, not yet in a run; each holds one reference
    struct run *run;        // being sent, or NULL
    void *user;             // the program's
    struct list_node dirty; // in the hub's list exactly when run or pending is not empty
    uint32_t count, capacity;
    uint32_t cursor;
    uint32_t pending_count, pending_capacity;
    uint32_t pending_bytes;
    uint32_t home_slot, home_generation; // valid when ROOM_ACTIVE
    uint16_t home_shard;
    uint8_t state;
    bool paused;    // the home asked publishers to wait
    bool congested; // the home has been told that we lag
};

#define ROOM_NONE UINT32_MAX

// Adds a member, which gets what is not yet in a run: never again what it had before a leave and a
// join. Its index goes to *index; the entry that made way for it, if any, is now at *moved (else
// ROOM_NONE). 0 or -ENOMEM. The room must not contain it.
MUST_USE int room_add(struct room *room, uint32_t connection, uint32_t membership, uint32_t *index,
                      uint32_t *moved);

// Removes the entry at this index. Up to two other entries move to close the gap: they are reported
// in moved[] as their new indices, and the count of them is returned.
uint32_t room_remove(struct room *room, uint32_t index, uint32_t moved[2]);

// Appends a published frame. Owner: takes the caller's reference on success. 0 or -ENOMEM.
MUST_USE int room_append(struct room *room, struct frame *frame);

// Takes a batch off `pending`, at most `max_bytes` and `max_excluded` frames with an exclude_id in
// it (but always at least one frame): returns how many frames it has. They are pending[0 … n-1].
uint32_t room_batch(const struct room *room, uint32_t max_bytes, uint32_t max_excluded);

// Lays pending[0 … n-1] end to end, but for those that exclude this connection (0: all of them).
// NULL when memory has run out or when nothing is left (*messages tells which: 0 = nothing is
// left).
MUST_USE struct run *room_lay(const struct room *room, uint32_t n, uint64_t exclude_id,
                              struct run_pool *runs, uint32_t *messages);

// Drops the references to pending[0 … n-1] and moves the rest up.
void room_drop_batch(struct room *room, uint32_t n, struct frame_pool *frames);

// Frees what the room owns, pending frames and run included.
void room_fini(struct room *room, struct run_pool *runs);
