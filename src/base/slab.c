// SPDX-License-Identifier: MIT
#include "base/slab.h"

#include "base/poison.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

// Address space only: the kernel gives a zeroed page at its first touch. NORESERVE, because a table
// for the most connections ever allowed must not count against the overcommit limit from the start.
static void *reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unreserve(void *memory, size_t bytes)
{
    if (memory != NULL)
        CHECK(munmap(memory, bytes) == 0);
}

int slab_init(struct slab *slab, size_t object_bytes, uint32_t capacity)
{
    CHECK(capacity > 0 && capacity < SLAB_NONE);
    CHECK(object_bytes > 0 && object_bytes <= UINT32_MAX - 7);
    *slab = (struct slab){
        .object_bytes = (uint32_t)(object_bytes + 7) & ~7U,
        .capacity = capacity,
        .free_head = SLAB_NONE,
    };
    slab->objects = reserve((size_t)slab->object_bytes * capacity);
    slab->generations = reserve(sizeof(uint32_t) * capacity);
    slab->next_free = reserve(sizeof(uint32_t) * capacity);
    if (slab->objects != NULL && slab->generations != NULL && slab->next_free != NULL)
        return 0;
    slab_fini(slab);
    return -ENOMEM;
}

void slab_fini(struct slab *slab)
{
    size_t object_bytes = slab->object_bytes;
    // The poison would outlive the mapping and hit whatever comes to lie there.
    unpoison(slab->objects, object_bytes * slab->untouched);
    unreserve(slab->objects, object_bytes * slab->capacity);
    unreserve(slab->generations, sizeof(uint32_t) * slab->capacity);
    unreserve(slab->next_free, sizeof(uint32_t) * slab->capacity);
    *slab = (struct slab){.free_head = SLAB_NONE};
}

static void *object_at(const struct slab *slab, uint32_t slot)
{
    return slab->objects + (size_t)slot * slab->object_bytes;
}

static bool in_use(const struct slab *slab, uint32_t slot)
{
    return slot < slab->untouched && (slab->generations[slot] & 1) != 0;
}

uint32_t slab_take(struct slab *slab)
{
    uint32_t slot = slab->free_head;
    if (slot != SLAB_NONE) {
        slab->free_head = slab->next_free[slot];
        unpoison(object_at(slab, slot), slab->object_bytes);
        memset(object_at(slab, slot), 0, slab->object_bytes);
    } else if (slab->untouched < slab->capacity) {
        slot = slab->untouched++; // zeroed by the kernel
    } else {
        return SLAB_NONE;
    }
    slab->generations[slot]++;
    slab->used++;
    return slot;
}

void slab_release(struct slab *slab, uint32_t slot)
{
    CHECK(in_use(slab, slot));
    slab->generations[slot]++;
    slab->next_free[slot] = slab->free_head;
    slab->free_head = slot;
    slab->used--;
    poison(object_at(slab, slot), slab->object_bytes);
}

void *slab_at(const struct slab *slab, uint32_t slot)
{
    CHECK_HOT(in_use(slab, slot));
    return object_at(slab, slot);
}

uint32_t slab_generation(const struct slab *slab, uint32_t slot)
{
    CHECK_HOT(in_use(slab, slot));
    return slab->generations[slot];
}

void *slab_find(const struct slab *slab, uint32_t slot, uint32_t generation)
{
    if (!in_use(slab, slot) || slab->generations[slot] != generation)
        return NULL;
    return object_at(slab, slot);
}
