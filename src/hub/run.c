// SPDX-License-Identifier: MIT
#include "hub/run.h"

#include <stdlib.h>
#include <string.h>

#ifndef RUN_FREE_MAX
#define RUN_FREE_MAX 4096 // runs kept for reuse
#endif

void run_pool_init(struct run_pool *pool, struct frame_pool *frames)
{
    *pool = (struct run_pool){.frames = frames};
}

void run_pool_fini(struct run_pool *pool)
{
    CHECK(pool->live_count == 0);
    while (pool->free) {
        struct run *run = pool->free;
        pool->free = run->next_free;
        free(run);
    }
}

struct run *run_create(struct run_pool *pool, struct frame *frame, uint32_t messages)
{
    struct run *run = pool->free;
    if (run) {
        pool->free = run->next_free;
        pool->free_count--;
    } else if (!(run = malloc(sizeof *run))) {
        return NULL;
    }
    *run = (struct run){.refs = 1, .messages = messages, .frame = frame};
    if (!frame->pool)
        pool->foreign_bytes += sizeof *frame + frame->capacity;
    pool->live_count++;
    return run;
}

struct run *run_copy(struct run_pool *pool, const void *bytes, size_t len, uint32_t messages)
{
    struct frame *frame = frame_create(pool->frames, (uint32_t)len);
    if (!frame)
        return NULL;
    memcpy(frame->data, bytes, len);
    frame->len = (uint32_t)len;
    struct run *run = run_create(pool, frame, messages);
    if (!run)
        frame_unref(pool->frames, frame);
    return run;
}

void run_unref(struct run_pool *pool, struct run *run)
{
    CHECK_HOT(run->refs > 0);
    if (--run->refs)
        return;
    if (!run->frame->pool)
        pool->foreign_bytes -= sizeof *run->frame + run->frame->capacity;
    frame_unref(pool->frames, run->frame);
    pool->live_count--;
    if (pool->free_count + 1 > RUN_FREE_MAX) {
        free(run);
        return;
    }
    run->next_free = pool->free;
    pool->free = run;
    pool->free_count++;
}
