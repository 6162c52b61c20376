// SPDX-License-Identifier: MIT
//
// Private to src/shard: the parts of a tick, which shard.c puts in order.
#pragma once

#include "shard/shard.h"

#ifndef BROADCASTS_MAX_BYTES
#define BROADCASTS_MAX_BYTES (4 << 20) // of messages to everybody, waiting in one shard
#endif

// dispatch.c: what the kernel finished.
void shard_arm_accepts(struct shard *shard);
void shard_cancel_accepts(struct shard *shard, unsigned listener);
void shard_reap(struct shard *shard);

// mail.c: what other shards posted, and what is posted to them.
extern const struct hub_ops shard_hub_ops;
bool shard_mail_visible(struct shard *shard);
// Returns true when the budget ran out.
bool shard_drain_mail(struct shard *shard, uint32_t budget);
void shard_post(struct shard *shard, uint16_t to, const struct mail *mail);
void shard_flush_mail(struct shard *shard);
bool shard_mail_waiting(const struct shard *shard);
// The queue to that shard is long.
bool shard_crowded(const struct shard *shard, uint16_t to);

// One frame to one connection that may have gone. Takes the reference.
void shard_send_frame(struct shard *shard, uint64_t id, struct frame *frame);

// inbox.c: carries out a command, and destroys it.
void shard_obey(struct shard *shard, struct inbox_command *command);

// adopt.c: sockets of other servers. Takes the command's adopt.
void shard_adopt(struct shard *shard, struct inbox_command *command);
void shard_tell_not_adopted(struct shard *shard, const struct inbox_adopt *adopt);
void shard_on_adopted(struct shard *shard, const struct ring_completion *completion);

// broadcast.c: what goes to every connection. Whoever posts it has charged the group; each shard
// gives its part back when it has sent it.
uint64_t shard_broadcast_cost(const struct frame *frame);
void shard_charge_broadcast(struct shard_group *group, uint64_t bytes);
bool shard_broadcasts_full(const struct shard *shard);
// Takes the frame's reference.
void shard_broadcast(struct shard *shard, struct frame *frame);
void shard_flush_broadcasts(struct shard *shard, uint32_t budget);
void shard_drop_broadcasts(struct shard *shard);

// memory.c: what clients make us hold. The former once a tick, before anybody may go on; the latter
// at the end.
void shard_check_memory(struct shard *shard);
void shard_drop_memory(struct shard *shard);

// drain.c: how a shard ends.
void shard_follow_phase(struct shard *shard);
// Cuts every connection off.
void shard_abort_all(struct shard *shard, enum close_reason reason);
