// SPDX-License-Identifier: MIT
//
// Open-addressing hash map from byte strings to 32-bit slots. Keys are not stored: the owner of a
// slot can tell its key, which saves a copy per room. Linear probing with backward-shift deletion
// (no tombstones), load at most 3/4, grows by doubling, shrinks when sparse. O(1) amortised.
#pragma once

#include "base/check.h"

// Returns the key of a slot; valid until the slot's owner changes.
typedef const uint8_t *map_key_fn(const void *owner, uint32_t slot, size_t *len);

struct map_cell {
    uint32_t hash; // low 32 bits of the key's hash, 0 replaced by 1; 0 = empty cell
    uint32_t slot;
};

struct map {
    struct map_cell *cells;
    uint32_t mask;
    uint32_t count;
    map_key_fn *key_of;
    const void *owner;
};

#define MAP_NONE UINT32_MAX

// The map takes no memory until the first insert.
void map_init(struct map *map, map_key_fn *key_of, const void *owner);
void map_fini(struct map *map);

// The slot of this key, or MAP_NONE.
uint32_t map_find(const struct map *map, uint64_t hash, const uint8_t *key, size_t len);

// The key must not be in the map. Returns 0 or -ENOMEM (map unchanged).
MUST_USE int map_insert(struct map *map, uint64_t hash, uint32_t slot);

// The slot must be in the map under this hash.
void map_remove(struct map *map, uint64_t hash, uint32_t slot);
