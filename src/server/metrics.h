// SPDX-License-Identifier: MIT
//
// /metrics: all shards' counters in Prometheus' text format. Thread: any.
#pragma once

#include "server/server.h"

// Returns malloc'd text, or NULL when memory has run out.
MUST_USE char *metrics_text(const struct server *server, size_t *bytes);
