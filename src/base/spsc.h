// SPDX-License-Identifier: MIT
//
// A bounded lock-free queue with one producer thread and one consumer thread. Wait-free on both
// sides: a push into a full queue and a pop from an empty one return at once. Items are 32 bytes
// and copied by value; what they mean is the caller's business.
//
// The two cursors live on cache lines of their own, each next to the producer's (consumer's)
// private copy of the other one, so that a side touches the other's line only when its copy says
// full (empty).
#pragma once

#include "base/check.h"

#include <stdatomic.h>

struct spsc_item {
    uint64_t word[4];
};

struct spsc {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t tail; // written by the producer: next item to write
    uint32_t head_seen;                               // producer's copy of head
    uint32_t tail_local;                              // written but not yet published
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t head; // written by the consumer: next item to read
    uint32_t tail_seen;                               // consumer's copy of tail
    _Alignas(CACHE_LINE_BYTES) uint32_t mask;         // constant after spsc_init
    struct spsc_item *items;
};

// Capacity: a power of two, 2 to 2^31. Returns 0 or -ENOMEM.
MUST_USE int spsc_init(struct spsc *queue, uint32_t capacity);
void spsc_fini(struct spsc *queue);

// Thread: producer. Stages one item; false when full. The consumer sees staged items only after
// spsc_publish, so that a batch costs one release store.
bool spsc_push(struct spsc *queue, const struct spsc_item *item);

// Thread: producer. Makes all staged items visible; returns how many there were. A producer that
// looks afterwards whether the consumer sleeps has to put atomic_thread_fence(memory_order_seq_cst)
// between.
uint32_t spsc_publish(struct spsc *queue);

// Thread: consumer. Copies up to `max` items out, in order, and frees their places.
uint32_t spsc_pop(struct spsc *queue, struct spsc_item *out, uint32_t max);

// Thread: consumer. True when nothing is visible; reads the shared tail, so it may be used in the
// check before going to sleep (after a sequentially consistent store that says "I sleep").
bool spsc_empty(struct spsc *queue);

// Thread: any. How many items are visible, approximately: for metrics.
uint32_t spsc_depth(const struct spsc *queue);
