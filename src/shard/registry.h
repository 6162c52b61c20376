// SPDX-License-Identifier: MIT
//
// The connection registry: what the rest of a program can do with connections and rooms. Each
// operation is O(1) amortised and touches one shard; what concerns other shards is posted to them.
// Threads that own no shard post commands instead (inbox.h).
//
// Thread: the shard's own. May be called from conn_ops, but for those that say otherwise. Ids may
// be stale at any time: that is recognised and never reaches another connection.
#pragma once

#include "shard/shard.h"

// The open connection of this shard with this id, or NULL.
struct conn *registry_find(struct shard *shard, uint64_t id);

// Closes with a Close frame; it leaves every room at once. False: stale.
bool registry_close(struct shard *shard, uint64_t id, uint16_t code, const char *text);

// Counts as heard from. False: stale.
bool registry_touch(struct shard *shard, uint64_t id);

// Open WebSocket connections on all shards; approximate while they come and go. Thread: any.
uint64_t registry_connection_count(const struct shard_group *group);

// The answer comes by conn_ops.joined, also when it is known at once. Returns 0, -ESTALE or -EINVAL
// (the name is not 1 to 200 bytes of UTF-8).
int registry_join_room(struct shard *shard, uint64_t id, const char *name, size_t name_len);

// Returns 0, -ESTALE, -EINVAL, or -ENOENT when it was not in it.
int registry_leave_room(struct shard *shard, uint64_t id, const char *name, size_t name_len);

// A message as a frame with one reference: 0, -EINVAL (a text that is not UTF-8, or longer than 2
// GiB) or -ENOMEM.
int registry_frame(struct shard *shard, enum ws_opcode opcode, const void *bytes, size_t len,
                   struct frame **frame);

// To one connection, on whatever shard: a full queue evicts it, a dead one drops the message in
// silence. -EAGAIN: the queue to its shard is long; else the errors are those of registry_frame.
MUST_USE int registry_send(struct shard *shard, uint64_t id, enum ws_opcode opcode,
                           const void *bytes, size_t len);

// To every open connection of every shard. -EAGAIN: too much of the like still waits, or a queue to
// another shard is long; nothing was sent.
MUST_USE int registry_broadcast(struct shard *shard, enum ws_opcode opcode, const void *bytes,
                                size_t len);

// To every member of a room, but the one with exclude_id (0: nobody). -EAGAIN: the room is crowded,
// nothing was published.
MUST_USE int registry_publish(struct shard *shard, const char *name, size_t name_len,
                              enum ws_opcode opcode, const void *bytes, size_t len,
                              uint64_t exclude_id);

// Posts a command (without a frame or a lent payload) to the shard of the connection that its id
// names, in line with what is posted by the functions above. Owner: takes the command on 0;
// -EAGAIN: the queue to that shard is long.
MUST_USE int registry_command(struct shard *shard, struct inbox_command *command);

// The same for one command for each shard: all are posted, or none.
MUST_USE int registry_command_all(struct shard *shard, struct inbox_command **commands);

// The home of a room. Thread: any.
struct shard *registry_home(const struct shard_group *group, const char *name, size_t name_len);

// Reaps what has been idle for longer than idle_timeout by now: ids go to `ids` (as far as max
// allows); returns how many there were. The tick does this by itself. Not from within conn_ops.
uint32_t registry_sweep_idle(struct shard *shard, uint64_t now_ms, uint64_t *ids, uint32_t max);

// A Close frame to every open connection of this shard; returns how many.
uint32_t registry_close_all(struct shard *shard, uint16_t code, const char *text);

// 1 to ROOM_NAME_MAX_BYTES bytes of UTF-8. Thread: any.
bool registry_name_valid(const char *name, size_t len);
