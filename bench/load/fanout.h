// SPDX-License-Identifier: MIT
//
// The fan-out's parts, for the scenarios that do something else meanwhile: slow, storm, churn.
// Members may come and go at any time; a member has to get what is published while it is open.
#pragma once

#include "load/bench.h"

MUST_USE int fanout_prepare(struct bench *bench);
MUST_USE int fanout_start(struct worker *worker);
void fanout_message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes);
void fanout_opened(struct worker *worker, struct client *client);
void fanout_lost(struct worker *worker, struct client *client);
uint64_t fanout_tick(struct worker *worker);
void fanout_judge(struct bench *bench, struct verdict *verdict);

// Whether a connection begins as a publisher of its room, by its number.
bool fanout_begins_as_publisher(const struct bench *bench, uint32_t id);

// Sends for its room. When it goes, another connection takes over, and between two connections no
// server promises an order.
bool fanout_publishes(const struct worker *worker, const struct client *client);
