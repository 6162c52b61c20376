// SPDX-License-Identifier: MIT
//
// A room's home: the one place that orders its messages. It knows which shards have members (its
// sites), not who they are. A home exists as long as it has sites.
#pragma once

#include "base/list.h"
#include "hub/room.h"

// One shard with members, and the slot of the room there.
struct home_site {
    uint32_t slot, generation;
    uint16_t shard;
    bool congested; // said that its fan-out lags
};

struct home {
    struct room_name *name;
    struct home_site *sites;
    struct list_node waiting; // in the hub's list while paused because a queue to a site is long
    uint16_t site_count, site_capacity;
    uint16_t congested_count; // sites that are congested
    bool paused;              // the sites have been told to hold their publishers
};

// 0 or -ENOMEM. The shard must not be a site yet.
MUST_USE int home_add_site(struct home *home, uint16_t shard, uint32_t slot, uint32_t generation);

// The shard's site, or NULL.
struct home_site *home_find_site(struct home *home, uint16_t shard);
void home_remove_site(struct home *home, struct home_site *site);
void home_fini(struct home *home);
