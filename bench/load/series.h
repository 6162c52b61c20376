// SPDX-License-Identifier: MIT
//
// What a run looked like over time: one point each --interval, taken by the main thread.
#pragma once

#include "load/results.h"

#define SERIES_MAX 4096

struct series_point {
    uint64_t at_ns;      // since the first point
    uint64_t latency[4]; // p50, p99, p99.9, max of what arrived since the last point
    uint64_t published, delivered, connections; // since the last point; open at this moment
    uint64_t server_cpu_ns, tool_cpu_ns;        // since the last point
    uint64_t server_bytes;                      // anonymous memory at this moment
};

struct series {
    struct series_point points[SERIES_MAX];
    uint32_t count;
    uint64_t next_ns, first_ns;
    struct results_sample last;
    struct hdr seen, merged; // of all latencies, at the last point and now
};

// When the next point is due; UINT64_MAX behind the last of SERIES_MAX.
uint64_t series_next_ns(const struct series *series);
void series_add(struct series *series, const struct bench *bench,
                const struct results_sample *sample);
