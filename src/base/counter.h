// SPDX-License-Identifier: MIT
//
// Counters with one writer thread and any number of readers. Relaxed atomics: a plain add for the
// writer on every machine we know, no torn or reordered reads worth caring about for a metric.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Atomic uint64_t value;
} counter;

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit(&c->value, memory_order_relaxed);
}

// Thread: the counter's one writer.
static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(&c->value, counter_read(c) + n, memory_order_relaxed);
}

// Thread: the counter's one writer.
static inline void counter_set(counter *c, uint64_t n)
{
    atomic_store_explicit(&c->value, n, memory_order_relaxed);
}

// A histogram of durations in powers of two: bucket b counts values below 2^(b+10) ns (1 µs, 2 µs,
// …), the last one everything above.
#define HISTOGRAM_BUCKETS 22

struct histogram {
    counter buckets[HISTOGRAM_BUCKETS];
    counter sum_ns;
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    uint64_t us = ns >> 10;
    unsigned bucket = us ? 64 - (unsigned)__builtin_clzll(us) : 0;
    counter_add(&h->buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1], 1);
    counter_add(&h->sum_ns, ns);
}
