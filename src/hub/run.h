// SPDX-License-Identifier: MIT
//
// A run is what one shard sends: the bytes of one frame, or of several messages laid end to end,
// under a plain reference count. All members of a room get the same run, so a message to 100,000
// members costs one run per shard.
#pragma once

#include "hub/frame.h"

struct run {
    uint32_t refs;
    uint32_t messages; // whole WebSocket messages in it, for the outbound limit and the metrics
    struct frame *frame;
    struct run *next_free;
};

struct run_pool {
    struct frame_pool *frames;
    struct run *free;
    uint32_t free_count;
    uint32_t live_count;
    uint64_t foreign_bytes; // of frames of no pool, counted once for each run that holds one
};

void run_pool_init(struct run_pool *pool, struct frame_pool *frames);
void run_pool_fini(struct run_pool *pool);

// Owner: takes the caller's reference to the frame on success. NULL when memory has run out, the
// frame is then still the caller's. The run starts with one reference.
MUST_USE struct run *run_create(struct run_pool *pool, struct frame *frame, uint32_t messages);

// A run with a copy of these bytes; NULL when memory has run out.
MUST_USE struct run *run_copy(struct run_pool *pool, const void *bytes, size_t len,
                              uint32_t messages);

static inline struct run *run_ref(struct run *run)
{
    run->refs++;
    return run;
}

void run_unref(struct run_pool *pool, struct run *run);

static inline const uint8_t *run_bytes(const struct run *run)
{
    return frame_bytes(run->frame);
}

static inline uint32_t run_len(const struct run *run)
{
    return run->frame->len;
}
