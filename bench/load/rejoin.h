// SPDX-License-Identifier: MIT
//
// A fan-out whose members come and go, for storm and churn. Connections that have been ended on
// purpose come back: opened again as soon as their place is free, as many at once as --concurrency
// allows, and again when that fails or is not answered within five seconds. The drain waits for
// them; who is not back when it ends is stranded, and the run has failed.
//
// The publishers stay. What a publisher has sent when its connection ends may be lost, and no
// server promises an order between what it sent and what its successor sends; both would look like
// the server's fault.
//
// Thread: the worker's.
#pragma once

#include "load/fanout.h"

struct rejoin {
    uint32_t *pending; // indices of clients that are to come back, each at most once
    uint32_t count;
    bool *listed;      // per client: its index is in `pending`, though it may be back already
    uint64_t *left_ns; // per client: when it was ended; 0 = it is not to come back
};

// Starts the fan-out with `extra_bytes` of zeroed memory for the scenario in worker->extra, which
// begin with its struct rejoin. Returns 0 or -ENOMEM.
MUST_USE int rejoin_start(struct worker *worker, size_t extra_bytes);

// Ends the connection and lets it come back.
void rejoin_drop(struct worker *worker, struct client *client);
void rejoin_leave(struct worker *worker, struct client *client);

// Whether the client may be ended: it is open and publishes nothing.
bool rejoin_may_go(const struct worker *worker, const struct client *client);

// Member of the fan-out (again). Returns how long the client was away, in nanoseconds; 0 when it
// was not pending.
uint64_t rejoin_opened(struct worker *worker, struct client *client);

// The fan-out's tick, then opens what may be opened; returns when to look again. Who is to go in a
// tick has to go before it: what somebody who goes has queued would be lost with it.
uint64_t rejoin_tick(struct worker *worker);

// The fan-out's verdict, and who is stranded.
void rejoin_judge(struct bench *bench, struct verdict *verdict);
