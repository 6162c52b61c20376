// SPDX-License-Identifier: MIT
#include "hub/frame.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST_BYTES 128U

_Static_assert(sizeof(struct frame) <= 64, "a frame's bookkeeping fits a cache line");

static size_t class_bytes(unsigned size_class)
{
    return (size_t)SMALLEST_BYTES << size_class;
}

static unsigned class_for(size_t bytes)
{
    unsigned size_class = 0;
    while (size_class < FRAME_CLASSES && class_bytes(size_class) < bytes)
        size_class++;
    return size_class;
}

static struct frame *frame_of(struct mpsc_node *node)
{
    return CONTAINER_OF(node, struct frame, link);
}

void frame_pool_init(struct frame_pool *pool, void *region, size_t region_bytes)
{
    memset(pool, 0, sizeof *pool);
    pool->region = region;
    pool->region_bytes = region ? region_bytes : 0;
}

void frame_pool_fini(struct frame_pool *pool)
{
    frame_pool_collect(pool);
    CHECK(counter_read(&pool->live_count) == 0);
}

static void reclaim(struct frame_pool *pool, struct frame *frame)
{
    counter_add(&pool->live_count, (uint64_t)-1);
    if (frame_registered(frame)) {
        frame->link.next = pool->free[frame->size_class];
        pool->free[frame->size_class] = &frame->link;
    } else {
        counter_add(&pool->heap_bytes, -(uint64_t)(sizeof *frame + frame->capacity));
        free(frame);
    }
}

void frame_pool_collect(struct frame_pool *pool)
{
    if (mpsc_empty(&pool->returns))
        return;
    struct mpsc_node *node = mpsc_take_all(&pool->returns);
    while (node) {
        struct mpsc_node *next = node->next;
        reclaim(pool, frame_of(node));
        node = next;
    }
}

// From the free list, or fresh from the region; NULL when the region is used up.
static struct frame *take_registered(struct frame_pool *pool, unsigned size_class)
{
    struct mpsc_node *node = pool->free[size_class];
    if (!node && !mpsc_empty(&pool->returns)) {
        frame_pool_collect(pool);
        node = pool->free[size_class];
    }
    if (node) {
        pool->free[size_class] = node->next;
        return frame_of(node);
    }
    size_t bytes = class_bytes(size_class);
    if (pool->region_bytes - pool->region_used < bytes)
        return NULL;
    struct frame *frame = (void *)(pool->region + pool->region_used);
    pool->region_used += bytes;
    frame->size_class = (uint8_t)size_class;
    frame->capacity = (uint32_t)(bytes - sizeof *frame);
    return frame;
}

static struct frame *take_heap(struct frame_pool *pool, uint32_t capacity)
{
    struct frame *frame = malloc(sizeof *frame + capacity);
    if (!frame)
        return NULL;
    frame->size_class = FRAME_CLASS_HEAP;
    frame->capacity = capacity;
    counter_add(&pool->heap_bytes, sizeof *frame + capacity);
    return frame;
}

struct frame *frame_create(struct frame_pool *pool, uint32_t capacity)
{
    unsigned size_class = class_for(sizeof(struct frame) + (size_t)capacity);
    struct frame *frame = size_class < FRAME_CLASSES ? take_registered(pool, size_class) : NULL;
    if (!frame)
        frame = take_heap(pool, capacity);
    if (!frame)
        return NULL;
    atomic_init(&frame->shard_refs, 1);
    frame->len = 0;
    frame->offset = 0;
    frame->exclude_id = 0;
    frame->pool = pool;
    frame->opcode = 0;
    counter_add(&pool->live_count, 1);
    return frame;
}

struct frame *frame_create_foreign(size_t capacity)
{
    struct frame *frame = capacity <= FRAME_MAX_BYTES ? malloc(sizeof *frame + capacity) : NULL;
    if (!frame)
        return NULL;
    *frame = (struct frame){.size_class = FRAME_CLASS_HEAP, .capacity = (uint32_t)capacity};
    atomic_init(&frame->shard_refs, 1);
    return frame;
}

struct frame *frame_grow(struct frame_pool *pool, struct frame *frame, uint32_t capacity)
{
    if (capacity <= frame->capacity)
        return frame;
    struct frame *larger = frame_create(pool, capacity);
    if (!larger)
        return NULL;
    memcpy(larger->data + frame->offset, frame_bytes(frame), frame->len);
    larger->len = frame->len;
    larger->offset = frame->offset;
    larger->exclude_id = frame->exclude_id;
    larger->opcode = frame->opcode;
    frame_unref(pool, frame);
    return larger;
}

void frame_ref(struct frame *frame, uint32_t count)
{
    // Relaxed: the caller holds a reference, and the queue that hands the frame on publishes it.
    atomic_fetch_add_explicit(&frame->shard_refs, count, memory_order_relaxed);
}

void frame_unref(struct frame_pool *pool, struct frame *frame)
{
    // A count of 1 is ours alone: nobody can add to it, so the read-modify-write is not needed. The
    // acquire pairs with the releases below: other shards' reads of the bytes come before their
    // reuse.
    if (atomic_load_explicit(&frame->shard_refs, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&frame->shard_refs, 1, memory_order_acq_rel) != 1)
        return;
    if (!frame->pool)
        free(frame);
    else if (frame->pool == pool)
        reclaim(pool, frame);
    else
        (void)mpsc_push(&frame->pool->returns, &frame->link);
}
