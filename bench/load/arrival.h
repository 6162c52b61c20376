// SPDX-License-Identifier: MIT
//
// A message has arrived: what echo and fan-out do alike before and after they judge it.
#pragma once

#include "load/client.h"

// Reads the stamp of a message that should be one of this run's. False, and counted, when it is
// none or has the wrong length.
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
    if (!wrapped && total_bytes != options->size_bytes) {
        worker_count(worker, damaged, 1);
        return false;
    }
    return true;
}

// A message that was due and never went: late by all the time that has passed.
static inline void arrival_never(struct worker *worker, uint64_t due_ns, uint32_t receivers)
{
    worker_count(worker, due_unsent, 1);
    if (!bench_measures(worker->bench, due_ns))
        return;
    uint64_t age = age_ns(worker->now_ns, due_ns);
    hdr_add_many(&worker->latency, age, receivers);
    hdr_add(&worker->last, age);
}

static inline void arrival_count(struct worker *worker, const struct stamp *stamp)
{
    worker_count(worker, delivered, 1);
    if (bench_measures(worker->bench, stamp->due_ns))
        hdr_add(&worker->latency, age_ns(worker->now_ns, stamp->due_ns));
}
