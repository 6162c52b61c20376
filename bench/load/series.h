// SPDX-License-Identifier: MIT
//
// What a run looked like over time: one point each --interval, taken by the main thread. However
// long the run, the series covers it: when SERIES_MAX points are full, they are merged two by two
// and the interval doubles.
#pragma once

#include "load/results.h"

#define SERIES_MAX 4096 // even

struct series_point {
    uint64_t at_ns; // since the first sample
    // p50, p99, p99.9, max of what arrived since the last point; of merged points the larger, which
    // only the max must equal.
    uint64_t latency[4];
    uint64_t opened, published, delivered; // since the last point
    uint64_t connections;                  // open at this moment
    uint64_t server_cpu_ns, tool_cpu_ns;   // since the last point
    uint64_t server_bytes;                 // memory at this moment; the most, of merged points
};

struct series {
    struct series_point points[SERIES_MAX];
    uint32_t count;
    uint64_t next_ns, first_ns, interval_ns;
    struct results_sample last;
    struct hdr seen, merged; // of all latencies, at the last point and now
};

// When the next point is due.
uint64_t series_next_ns(const struct series *series);

// The first sample is only what the next one is compared with.
void series_add(struct series *series, const struct bench *bench,
                const struct results_sample *sample);
