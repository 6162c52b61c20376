// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include "base/poison.h"

#include <stdlib.h>

#define ALIGN_MAX CACHE_LINE_BYTES

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes;
    _Alignas(ALIGN_MAX) uint8_t data[];
};

void arena_init(struct arena *arena, size_t chunk_bytes, uint32_t spare_max)
{
    CHECK(chunk_bytes > 0);
    *arena = (struct arena){.chunk_bytes = chunk_bytes, .spare_max = spare_max};
}

void arena_fini(struct arena *arena)
{
    arena->spare_max = 0;
    arena_reset(arena);
    while (arena->spare != NULL) {
        struct arena_chunk *chunk = arena->spare;
        arena->spare = chunk->next;
        free(chunk);
    }
    *arena = (struct arena){0};
}

static struct arena_chunk *take_chunk(struct arena *arena, size_t bytes)
{
    if (bytes <= arena->chunk_bytes && arena->spare != NULL) {
        struct arena_chunk *spare = arena->spare;
        arena->spare = spare->next;
        arena->spare_count--;
        return spare;
    }
    if (bytes < arena->chunk_bytes)
        bytes = arena->chunk_bytes;
    if (bytes > SIZE_MAX - sizeof(struct arena_chunk) - ALIGN_MAX)
        return NULL;
    // aligned_alloc wants a multiple of the alignment.
    size_t whole = (sizeof(struct arena_chunk) + bytes + ALIGN_MAX - 1) & ~(size_t)(ALIGN_MAX - 1);
    struct arena_chunk *chunk = aligned_alloc(ALIGN_MAX, whole);
    if (chunk != NULL)
        chunk->bytes = bytes;
    return chunk;
}

static bool add_chunk(struct arena *arena, size_t bytes)
{
    struct arena_chunk *chunk = take_chunk(arena, bytes);
    if (chunk == NULL)
        return false;
    poison(chunk->data, chunk->bytes);
    chunk->next = arena->first;
    arena->first = chunk;
    arena->cursor = chunk->data;
    arena->end = chunk->data + chunk->bytes;
    return true;
}

static size_t padding(const struct arena *arena, size_t align)
{
    return -(uintptr_t)arena->cursor & (align - 1);
}

static bool fits(const struct arena *arena, size_t bytes, size_t align)
{
    if (arena->first == NULL)
        return false;
    size_t room = (size_t)(arena->end - arena->cursor);
    size_t pad = padding(arena, align);
    return pad <= room && bytes <= room - pad;
}

static uint8_t *advance(struct arena *arena, size_t bytes)
{
    uint8_t *start = arena->cursor;
    unpoison(start, bytes);
    arena->cursor += bytes;
    arena->used_bytes += bytes;
    return start;
}

void *arena_alloc(struct arena *arena, size_t bytes, size_t align)
{
    CHECK_HOT(align > 0 && align <= ALIGN_MAX && (align & (align - 1)) == 0);
    // A new chunk starts at the greatest alignment, so it needs no room for padding.
    if (!fits(arena, bytes, align) && !add_chunk(arena, bytes))
        return NULL;
    arena->cursor += padding(arena, align);
    return advance(arena, bytes);
}

bool arena_extend(struct arena *arena, const void *end, size_t more)
{
    if (end != arena->cursor || !fits(arena, more, 1))
        return false;
    advance(arena, more);
    return true;
}

// An oversize chunk is never kept: one big message would occupy its memory for ever.
static bool worth_keeping(const struct arena *arena, const struct arena_chunk *chunk)
{
    return chunk->bytes == arena->chunk_bytes && arena->spare_count < arena->spare_max;
}

void arena_reset(struct arena *arena)
{
    while (arena->first != NULL) {
        struct arena_chunk *chunk = arena->first;
        arena->first = chunk->next;
        poison(chunk->data, chunk->bytes);
        if (worth_keeping(arena, chunk)) {
            chunk->next = arena->spare;
            arena->spare = chunk;
            arena->spare_count++;
        } else {
            free(chunk);
        }
    }
    arena->cursor = arena->end = NULL;
    arena->used_bytes = 0;
}
