// SPDX-License-Identifier: MIT
//
// An even schedule: event k is due at start + k × interval. Times are computed from k, so that
// rounding never accumulates, and an event that was held back keeps the time it was due.
#pragma once

#include <stdint.h>

struct pace {
    uint64_t start_ns;
    double interval_ns; // 0: always due
    uint64_t done;      // events that have happened
};

static inline struct pace pace_make(uint64_t start_ns, double rate_per_s)
{
    return (struct pace){start_ns, rate_per_s > 0 ? 1e9 / rate_per_s : 0, 0};
}

static inline uint64_t pace_at_ns(const struct pace *pace, uint64_t event)
{
    return pace->start_ns + (uint64_t)((double)event * pace->interval_ns);
}

static inline uint64_t pace_due_ns(const struct pace *pace)
{
    return pace_at_ns(pace, pace->done);
}
