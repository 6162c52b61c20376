// SPDX-License-Identifier: MIT
//
// A message has arrived: what echo and fan-out do alike before and after they judge it.
#pragma once

#include "load/client.h"

#include <string.h>

// What is behind the stamp, as far as it has been kept, is what we have put there: 'x', up to the
// size of the payload. Costs a comparison of memory. `bytes` begin behind the stamp.
static inline bool arrival_filler(const uint8_t *bytes, size_t have, size_t filler, bool all_here)
{
    if (have < filler && all_here)
        return false;
    size_t len = have < filler ? have : filler;
    return len == 0 || (bytes[0] == STAMP_FILLER && memcmp(bytes, bytes + 1, len - 1) == 0);
}

// Reads the stamp of a message that should be one of this run's. False, and counted, when it is
// none, has the wrong length or was altered.
static inline bool arrival_read(struct worker *worker, const uint8_t *bytes, size_t have,
                                uint64_t total_bytes, struct stamp *stamp)
{
    const struct options *options = &worker->bench->options;
    if (!stamp_find(bytes, have, worker->bench->run, options->binary, &worker->stamp_offset,
                    stamp)) {
        worker_count(worker, other, 1);
        return false;
    }
    bool wrapped = options->publish; // then the server's message has any length
    size_t stamp_len = stamp_bytes(options->binary), behind = worker->stamp_offset + stamp_len;
    bool fits = wrapped || (total_bytes == options->size_bytes && worker->stamp_offset == 0);
    if (!fits || !arrival_filler(bytes + behind, have - behind, options->size_bytes - stamp_len,
                                 have == total_bytes)) {
        worker_count(worker, damaged, 1);
        return false;
    }
    return true;
}

// A message that was due and never went: late by all the time that has passed.
static inline void arrival_never(struct worker *worker, uint64_t due_ns, uint32_t receivers)
{
    worker_count(worker, due_unsent, 1);
    if (bench_measures(worker->bench, due_ns))
        hdr_add_many(&worker->latency, age_ns(worker->now_ns, due_ns), receivers);
}

static inline void arrival_count(struct worker *worker, const struct stamp *stamp)
{
    worker_count(worker, delivered, 1);
    if (bench_measures(worker->bench, stamp->due_ns))
        hdr_add(&worker->latency, age_ns(worker->now_ns, stamp->due_ns));
}
