// SPDX-License-Identifier: MIT
#include "base/spsc.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(sizeof(struct spsc_item) == 32, "two items fill a cache line");
_Static_assert(offsetof(struct spsc, tail) / CACHE_LINE_BYTES !=
                   offsetof(struct spsc, head) / CACHE_LINE_BYTES,
               "the cursors must not share a cache line");
_Static_assert(offsetof(struct spsc, mask) / CACHE_LINE_BYTES !=
                   offsetof(struct spsc, head) / CACHE_LINE_BYTES,
               "what both sides read must not lie where one of them writes");

int spsc_init(struct spsc *queue, uint32_t capacity)
{
    CHECK(capacity >= 2 && capacity <= 1U << 31 && (capacity & (capacity - 1)) == 0);
    *queue = (struct spsc){.mask = capacity - 1};
    queue->items = aligned_alloc(CACHE_LINE_BYTES, (size_t)capacity * sizeof(struct spsc_item));
    return queue->items != NULL ? 0 : -ENOMEM;
}

void spsc_fini(struct spsc *queue)
{
    free(queue->items);
    queue->items = NULL;
}

// The cursors run over the whole range of 32 bits; a difference is right even after they wrapped.
static bool full(const struct spsc *queue)
{
    return queue->tail_local - queue->head_seen > queue->mask;
}

bool spsc_push(struct spsc *queue, const struct spsc_item *item)
{
    if (full(queue)) {
        // Acquire: pairs with the release store of head in spsc_pop, so that the consumer has
        // copied an item out before its place is written again.
        queue->head_seen = atomic_load_explicit(&queue->head, memory_order_acquire);
        if (full(queue))
            return false;
    }
    // Word by word, as callers have just written it: wider loads would wait for those stores.
    struct spsc_item *place = &queue->items[queue->tail_local++ & queue->mask];
    place->word[0] = item->word[0];
    place->word[1] = item->word[1];
    place->word[2] = item->word[2];
    place->word[3] = item->word[3];
    return true;
}

uint32_t spsc_publish(struct spsc *queue)
{
    // Relaxed: the producer's own cursor.
    uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    uint32_t staged = queue->tail_local - tail;
    if (staged == 0)
        return 0;
    // Release: pairs with the loads of tail in spsc_pop and spsc_empty; the items come before it.
    atomic_store_explicit(&queue->tail, queue->tail_local, memory_order_release);
    return staged;
}

uint32_t spsc_pop(struct spsc *queue, struct spsc_item *out, uint32_t max)
{
    // Relaxed: the consumer's own cursor.
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    // Acquire: pairs with the release store in spsc_publish; the items up to there may be read.
    if (queue->tail_seen - head < max)
        queue->tail_seen = atomic_load_explicit(&queue->tail, memory_order_acquire);
    uint32_t visible = queue->tail_seen - head;
    uint32_t count = visible < max ? visible : max;
    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        out[i] = queue->items[(head + i) & queue->mask];
    // Release: pairs with the load of head in spsc_push; the copies are made before it.
    atomic_store_explicit(&queue->head, head + count, memory_order_release);
    return count;
}

bool spsc_empty(struct spsc *queue)
{
    // Sequentially consistent, which contains the acquire that pairs with spsc_publish: a consumer
    // that says "I sleep" (sequentially consistent store) and then finds the queue empty here has
    // said so before a producer that published, issued a sequentially consistent fence and looked.
    queue->tail_seen = atomic_load_explicit(&queue->tail, memory_order_seq_cst);
    // Relaxed: the consumer's own cursor.
    return queue->tail_seen == atomic_load_explicit(&queue->head, memory_order_relaxed);
}

uint32_t spsc_depth(const struct spsc *queue)
{
    // Acquire, and head first: pairs with the release store of head in spsc_pop, whose consumer had
    // seen a tail at or after that head; so the tail read next is not behind it.
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
    // Relaxed: no item is read on the strength of it.
    uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    // Both may have moved on between the two loads.
    return tail - head <= queue->mask ? tail - head : queue->mask + 1;
}
