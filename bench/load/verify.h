// SPDX-License-Identifier: MIT
//
// Which messages have arrived. A stream is what one member should see of one publisher: the numbers
// 0, 1, 2 … in this order. In order costs one comparison; gaps are remembered, so every message is
// judged exactly:
//
//   doubled    a number that had arrived before
//   reordered  one that arrived after a higher one
//   missing    one that never arrived (known only at the end)
//
// Memory: 4 bytes a stream, and GAPS_MAX gaps; when those are used up, later gaps count as missing
// at once, and what comes of them after all counts as doubled (`forgotten` says how many).
//
// Thread: the worker that owns the streams.
#pragma once

#include "base/check.h"
#include "base/counter.h"

#define VERIFY_GAPS_MAX (1U << 18)

struct verify_gap {
    uint32_t from, to; // numbers not seen: from <= n < to
    uint32_t next;     // index + 1 of the stream's next gap, 0 = none
};

struct verify {
    uint32_t *next;      // per stream: the lowest number above all that arrived
    uint32_t *gap_first; // per stream: index + 1; NULL until the first gap
    struct verify_gap *gaps;
    uint32_t streams, gap_count, gap_free;
    counter doubled, reordered, forgotten;
    counter skipped; // numbers passed over that have not come since; stays when a stream restarts
};

enum verify_result { VERIFY_NEW, VERIFY_REORDERED, VERIFY_DOUBLED };

// Returns 0 or -ENOMEM.
MUST_USE int verify_init(struct verify *verify, uint32_t streams);
void verify_fini(struct verify *verify);

enum verify_result verify_unexpected(struct verify *verify, uint32_t stream, uint32_t sequence);

static inline bool verify_is_next(const struct verify *verify, uint32_t stream, uint32_t sequence)
{
    return verify->next[stream] == sequence;
}

static inline enum verify_result verify_arrived(struct verify *verify, uint32_t stream,
                                                uint32_t sequence)
{
    CHECK_HOT(stream < verify->streams);
    if (verify->next[stream] != sequence)
        return verify_unexpected(verify, stream, sequence);
    verify->next[stream]++;
    return VERIFY_NEW;
}

// How many of the numbers 0 … published-1 have not arrived.
uint64_t verify_missing(const struct verify *verify, uint32_t stream, uint32_t published);

// Starts a stream afresh: `sequence` is the next number expected (a member that joined again).
void verify_restart(struct verify *verify, uint32_t stream, uint32_t sequence);
