// SPDX-License-Identifier: MIT
//
// A rate limit in one number (GCRA, ITU-T I.371): what has been used is paid for up to a time, and
// who has run up more than a burst's worth of debt is over the limit. A single large item is always
// allowed to somebody without debt. Time is an argument.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATE_BURST_US 2000000 // two seconds' worth

// Zeroed = nothing used yet.
struct rate {
    uint64_t paid_until_us;
};

// Uses `amount` of it, whether that is over the limit or not.
static inline void rate_charge(struct rate *rate, uint64_t amount, uint64_t per_second,
                               uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t from = rate->paid_until_us > now_us ? rate->paid_until_us : now_us;
    rate->paid_until_us = from + amount * 1000000 / per_second;
}

// More has been used than what the next `allowed_us` pay for.
static inline bool rate_over(const struct rate *rate, uint64_t allowed_us, uint64_t now_ms)
{
    return rate->paid_until_us > now_ms * 1000 + allowed_us;
}

// Uses `amount` of a limit of `per_second`. False: over the limit, and nothing is used.
static inline bool rate_use(struct rate *rate, uint64_t amount, uint64_t per_second,
                            uint64_t now_ms)
{
    if (rate_over(rate, RATE_BURST_US, now_ms))
        return false;
    rate_charge(rate, amount, per_second, now_ms);
    return true;
}
