// SPDX-License-Identifier: MIT
//
// A table of equal objects at stable addresses, up to a capacity fixed at the start. Memory is
// reserved at once but touched only as slots are used. A slot has a generation that grows with each
// release, so a {slot, generation} pair recognises staleness. Free slots are reused last in, first
// out.
#pragma once

#include "base/check.h"

#define SLAB_NONE UINT32_MAX

struct slab {
    uint8_t *objects;
    uint32_t *generations; // odd = in use, even = free
    uint32_t *next_free;
    uint32_t object_bytes; // rounded up to 8
    uint32_t capacity;
    uint32_t used;
    uint32_t free_head; // SLAB_NONE when the list is empty
    uint32_t untouched; // slots from here on were never used
};

// Returns 0 or -ENOMEM.
MUST_USE int slab_init(struct slab *slab, size_t object_bytes, uint32_t capacity);
void slab_fini(struct slab *slab);

// A zeroed object, or SLAB_NONE when full.
MUST_USE uint32_t slab_take(struct slab *slab);
void slab_release(struct slab *slab, uint32_t slot);

// The slot must be in use.
void *slab_at(const struct slab *slab, uint32_t slot);
uint32_t slab_generation(const struct slab *slab, uint32_t slot);

// NULL when the pair is stale or was never valid.
void *slab_find(const struct slab *slab, uint32_t slot, uint32_t generation);

// The slot of an object that slab_at returned.
static inline uint32_t slab_slot(const struct slab *slab, const void *object)
{
    return (uint32_t)((size_t)((const uint8_t *)object - slab->objects) / slab->object_bytes);
}
