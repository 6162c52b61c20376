// SPDX-License-Identifier: MIT
//
// Tick-scoped scratch memory: a bump allocator over chunks. Nothing is freed on its own;
// arena_reset frees all at once and keeps a few chunks for the next tick. Chunks never move, so
// pointers are good until the reset.
#pragma once

#include "base/check.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first; // chunks in use, newest first
    struct arena_chunk *spare; // kept for reuse
    uint8_t *cursor, *end;     // free part of the newest chunk
    size_t chunk_bytes;        // size of an ordinary chunk
    size_t used_bytes;         // handed out since the last reset
    uint32_t spare_count, spare_max;
};

void arena_init(struct arena *arena, size_t chunk_bytes, uint32_t spare_max);
void arena_fini(struct arena *arena);

// Returns `bytes` uninitialised bytes aligned to `align` (a power of two up to 64), or NULL when
// memory has run out.
MUST_USE void *arena_alloc(struct arena *arena, size_t bytes, size_t align);

// Enlarges the allocation that ends at `end` by `more` bytes in place, when it is the newest one
// and the chunk has room for it. This is what lays the replies of one connection end to end.
bool arena_extend(struct arena *arena, const void *end, size_t more);

void arena_reset(struct arena *arena);
