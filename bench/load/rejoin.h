// SPDX-License-Identifier: MIT
//
// Connections that have been ended on purpose and are to come back, for storm and churn: opened
// again as soon as their place is free, as many at once as --concurrency allows, and again when
// that fails.
//
// Thread: the worker's.
#pragma once

#include "load/client.h"

struct rejoin {
    uint32_t *pending; // indices of clients that are to come back
    uint32_t count;
    uint64_t *left_ns; // per client: when it was ended; 0 = not pending
};

MUST_USE int rejoin_init(struct rejoin *rejoin, uint32_t client_count);

// Ends the connection and lets it come back.
void rejoin_drop(struct rejoin *rejoin, struct worker *worker, struct client *client);
void rejoin_leave(struct rejoin *rejoin, struct worker *worker, struct client *client);

// When the client is back: how long that took, in nanoseconds; 0 when it was not pending.
uint64_t rejoin_opened(struct rejoin *rejoin, struct worker *worker, struct client *client);

// Opens what may be opened; returns when to look again.
uint64_t rejoin_tick(struct rejoin *rejoin, struct worker *worker);
