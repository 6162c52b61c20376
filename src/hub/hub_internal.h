// SPDX-License-Identifier: MIT
//
// Private to src/hub: the half of the hub that orders messages (hub_home.c) and the half that keeps
// members (hub.c), as they call each other when a room's home is here. Across shards the same steps
// are mails.
#pragma once

#include "hub/hub.h"

struct home_address {
    uint32_t slot, generation;
};

// The shard becomes a site of the room. Owner: takes the name, whatever happens. False when
// refused.
bool home_join(struct hub *hub, struct room_name *name, uint16_t shard, uint32_t room_slot,
               uint32_t room_generation, struct home_address *home);
void home_leave(struct hub *hub, struct home_address at, uint16_t shard);

// Orders one message and passes it to all sites. Owner: takes the reference.
void home_publish(struct hub *hub, struct home_address at, struct frame *frame);
void home_publish_name(struct hub *hub, uint64_t hash, const uint8_t *name, size_t name_len,
                       struct frame *frame);

// False while the room's publishers are held. A room without a home has no members.
bool home_may_publish(const struct hub *hub, uint64_t hash, const uint8_t *name, size_t name_len);
void home_set_congested(struct hub *hub, struct home_address at, uint16_t shard, bool congested);

// Looks again at the homes that wait for a queue to a site to get shorter.
void home_poll_waiting(struct hub *hub);

// What a home tells a site, here or by mail.
void hub_room_deliver(struct hub *hub, uint32_t slot, uint32_t generation, struct frame *frame);
void hub_room_set_paused(struct hub *hub, uint32_t slot, uint32_t generation, bool paused);

const uint8_t *home_key(const void *hub, uint32_t slot, size_t *len);

// The connection's place in this room, or NULL.
struct membership *hub_find_membership(struct memberships *of, uint32_t room);

// There was no memory for a message to the room: its members here are given up.
void hub_give_up(struct hub *hub, const struct room *room);

// Tells the home that this shard's fan-out of the room lags, or that it has caught up.
void hub_set_congested(struct hub *hub, struct room *room, bool congested);
