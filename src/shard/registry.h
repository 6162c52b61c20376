// SPDX-License-Identifier: MIT
//
// The connection registry: what the rest of a program can do with connections and rooms. Each
// operation is O(1) amortised and touches one shard; what concers other shards is posted to them.
//
// Thread: the shard's own, outside of link and hub callbacks. Ids may be stale at any time: that is
// recognised and never reaches another connection.
#pragma once

#include "shard/shard.h"

// A connection of this shard, accepted elsewhere, is registered when the ring hands over its file.
// Returns its id, or 0 when there is no place (the file is being closed then).
uint64_t registry_register(struct shard *shard, uint32_t file);

// Closes with a Close frame (reason SERVER); it leaves every room by the end of the tick. False:
// stale.
bool registry_unregister(struct shard *shard, uint64_t id);

// Counts as heard from. False: stale.
bool registry_touch(struct shard *shard, uint64_t id);

// Open WebSocket connections on all shards; approximate while they come and go. Thread: any.
uint64_t registry_connection_count(const struct shard_group *group);

// HUB_REFUSED also for a stale id or a name that is not 1 to 200 bytes of UTF-8.
MUST_USE enum hub_join registry_join_room(struct shard *shard, uint64_t id, const char *name,
                                          size_t name_len);
bool registry_leave_room(struct shard *shard, uint64_t id, const char *name, size_t name_len);

// To one connection, on whatever shard: a full queue evicts it, a dead one drops the message in
// silence. Returns 0, -EINVAL (not UTF-8) or -ENOMEM.
MUST_USE int registry_send_text(struct shard *shard, uint64_t id, const char *text, size_t len);

// To every open connection of every shard.
MUST_USE int registry_broadcast_text(struct shard *shard, const char *text, size_t len);

// To every member of a room, but the one with exclude_id (0: nobody).
MUST_USE int registry_broadcast_room_text(struct shard *shard, const char *name, size_t name_len,
                                          const char *text, size_t len, uint64_t exclude_id);

// Reaps what has been idle for longer than idle_timeout by now: ids go to `ids` (as far as max
// allows); returns how many there were. The tick does this by itself.
uint32_t registry_sweep_idle(struct shard *shard, uint64_t now_ms, uint64_t *ids, uint32_t max);

// A Close frame with this reason to every open connection of this shard; returns how many.
uint32_t registry_close_all(struct shard *shard, enum close_reason reason);
