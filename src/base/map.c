// SPDX-License-Identifier: MIT
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MIN 8

void map_init(struct map *map, map_key_fn *key_of, const void *owner)
{
    *map = (struct map){.key_of = key_of, .owner = owner};
}

void map_fini(struct map *map)
{
    free(map->cells);
    map_init(map, map->key_of, map->owner);
}

// 0 marks an empty cell.
static uint32_t cell_hash(uint64_t hash)
{
    uint32_t low = (uint32_t)hash;
    return low != 0 ? low : 1;
}

static uint64_t cell_count(const struct map *map)
{
    return map->cells != NULL ? (uint64_t)map->mask + 1 : 0;
}

static bool key_equal(const struct map *map, uint32_t slot, const uint8_t *key, size_t len)
{
    size_t slot_len;
    const uint8_t *slot_key = map->key_of(map->owner, slot, &slot_len);
    return slot_len == len && (len == 0 || memcmp(slot_key, key, len) == 0);
}

uint32_t map_find(const struct map *map, uint64_t hash, const uint8_t *key, size_t len)
{
    if (map->count == 0)
        return MAP_NONE;
    uint32_t wanted = cell_hash(hash);
    for (uint32_t i = wanted & map->mask; map->cells[i].hash != 0; i = (i + 1) & map->mask) {
        const struct map_cell *cell = &map->cells[i];
        if (cell->hash == wanted && key_equal(map, cell->slot, key, len))
            return cell->slot;
    }
    return MAP_NONE;
}

// The table must have an empty cell.
static void put(struct map_cell *cells, uint32_t mask, struct map_cell cell)
{
    uint32_t i = cell.hash & mask;
    while (cells[i].hash != 0)
        i = (i + 1) & mask;
    cells[i] = cell;
}

static int resize(struct map *map, uint64_t new_count)
{
    // The hash kept in a cell has 32 bits and could not address more cells than that.
    if (new_count > (uint64_t)UINT32_MAX + 1)
        return -ENOMEM;
    struct map_cell *cells = calloc(new_count, sizeof(*cells));
    if (cells == NULL)
        return -ENOMEM;
    uint32_t mask = (uint32_t)(new_count - 1);
    uint64_t old_count = cell_count(map);
    for (uint64_t i = 0; i < old_count; i++) {
        if (map->cells[i].hash != 0)
            put(cells, mask, map->cells[i]);
    }
    free(map->cells);
    map->cells = cells;
    map->mask = mask;
    return 0;
}

static int make_room(struct map *map)
{
    uint64_t cells = cell_count(map);
    if (cells == 0)
        return resize(map, CELLS_MIN);
    return (uint64_t)map->count + 1 > cells / 4 * 3 ? resize(map, cells * 2) : 0;
}

int map_insert(struct map *map, uint64_t hash, uint32_t slot)
{
    CHECK_HOT(slot != MAP_NONE);
    int error = make_room(map);
    if (error != 0)
        return error;
    put(map->cells, map->mask, (struct map_cell){.hash = cell_hash(hash), .slot = slot});
    map->count++;
    return 0;
}

static uint32_t index_of(const struct map *map, uint32_t hash, uint32_t slot)
{
    CHECK(map->count > 0);
    uint32_t i = hash & map->mask;
    while (map->cells[i].hash != hash || map->cells[i].slot != slot) {
        CHECK(map->cells[i].hash != 0);
        i = (i + 1) & map->mask;
    }
    return i;
}

// Moves later cells of the run back over the hole, so that no search ends too early. A cell may
// move only when the hole is not before its home, that is when its distance from home reaches back
// to it.
static void close_hole(struct map *map, uint32_t hole)
{
    uint32_t mask = map->mask;
    for (uint32_t i = (hole + 1) & mask; map->cells[i].hash != 0; i = (i + 1) & mask) {
        uint32_t from_home = (i - map->cells[i].hash) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            map->cells[hole] = map->cells[i];
            hole = i;
        }
    }
    map->cells[hole] = (struct map_cell){0};
}

void map_remove(struct map *map, uint64_t hash, uint32_t slot)
{
    close_hole(map, index_of(map, cell_hash(hash), slot));
    map->count--;
    uint64_t cells = cell_count(map);
    // Halving at 1/8 leaves the load at 1/4, far from growing again. Without memory it stays as it
    // is.
    if (cells > CELLS_MIN && map->count < cells / 8)
        (void)resize(map, cells / 2);
}
