// SPDX-License-Identifier: MIT
#include "hub/frame.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REGION_BYTES (64 * 1024)

static struct frame_pool pool;
static void *region;

static void set_up(void)
{
    region = aligned_alloc(4096, REGION_BYTES);
    frame_pool_init(&pool, region, REGION_BYTES);
}

static void tear_down(void)
{
    frame_pool_fini(&pool);
    cr_assert(counter_read(&pool.heap_bytes) == 0);
    free(region);
}

Test(frame, has_room_for_what_was_asked, .init = set_up, .fini = tear_down)
{
    for (uint32_t capacity = 0; capacity < 70000; capacity += 997) {
        struct frame *frame = frame_create(&pool, capacity);
        cr_assert(frame && frame->capacity >= capacity && frame->len == 0);
        memset(frame->data, 'x', capacity);
        frame_unref(&pool, frame);
    }
}

Test(frame, reuses_the_region_and_falls_back_to_the_heap, .init = set_up, .fini = tear_down)
{
    struct frame *frames[REGION_BYTES / 128 + 8];
    size_t count = sizeof frames / sizeof *frames;
    // Twice: the second time, the first ones must come from the free list again.
    for (int round = 0; round < 2; round++) {
        size_t registered = 0;
        for (size_t i = 0; i < count; i++) {
            frames[i] = frame_create(&pool, 10);
            registered += frame_registered(frames[i]);
        }
        cr_assert(registered == REGION_BYTES / 128);
        cr_assert(counter_read(&pool.live_count) == count);
        cr_assert(counter_read(&pool.heap_bytes) > 0);
        for (size_t i = 0; i < count; i++)
            frame_unref(&pool, frames[i]);
        cr_assert(counter_read(&pool.live_count) == 0);
    }
}

Test(frame, grows_with_its_bytes, .init = set_up, .fini = tear_down)
{
    struct frame *frame = frame_create(&pool, FRAME_HEADROOM + 4);
    frame->offset = FRAME_HEADROOM;
    frame->opcode = 2;
    memcpy(frame->data + frame->offset, "abcd", 4);
    frame->len = 4;
    for (uint32_t capacity = 100; capacity < 1000000; capacity *= 3) {
        frame = frame_grow(&pool, frame, capacity);
        cr_assert(frame && frame->capacity >= capacity && frame->opcode == 2);
        cr_assert(frame->len == 4 && memcmp(frame_bytes(frame), "abcd", 4) == 0);
    }
    cr_assert(counter_read(&pool.live_count) == 1);
    frame_unref(&pool, frame);
}

#define HOLDERS 4
#define ROUNDS  20000

struct holder {
    struct frame_pool pool;
    _Atomic(struct frame *) inbox;
};

static struct holder holders[HOLDERS];

static void *let_go(void *argument)
{
    struct holder *holder = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct frame *frame;
        while (!(frame = atomic_exchange(&holder->inbox, NULL)))
            sched_yield();
        cr_assert(frame_bytes(frame)[0] == (uint8_t)i);
        frame_unref(&holder->pool, frame);
    }
    return NULL;
}

Test(frame, comes_back_to_its_pool_from_other_threads, .init = set_up, .fini = tear_down)
{
    pthread_t threads[HOLDERS];
    for (int h = 0; h < HOLDERS; h++)
        pthread_create(&threads[h], NULL, let_go, &holders[h]);
    for (int i = 0; i < ROUNDS; i++) {
        struct frame *frame = frame_create(&pool, 8);
        frame->data[0] = (uint8_t)i;
        frame->len = 1;
        frame_ref(frame, HOLDERS);
        for (int h = 0; h < HOLDERS; h++) {
            struct frame *empty = NULL;
            while (!atomic_compare_exchange_weak(&holders[h].inbox, &empty, frame)) {
                empty = NULL;
                sched_yield();
            }
        }
        frame_unref(&pool, frame);
        frame_pool_collect(&pool);
    }
    for (int h = 0; h < HOLDERS; h++)
        pthread_join(threads[h], NULL);
    frame_pool_collect(&pool);
    cr_assert(counter_read(&pool.live_count) == 0);
    cr_assert(pool.region_used < REGION_BYTES, "a handful of frames must have gone round");
}
