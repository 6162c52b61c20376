// SPDX-License-Identifier: MIT
#include "base/map.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define KEYS 4096

// Slot i has the key i as four bytes.
static uint32_t keys[KEYS];
static bool present[KEYS];
static struct map map;

static const uint8_t *key_of(const void *owner, uint32_t slot, size_t *len)
{
    const uint32_t *all = owner;
    *len = sizeof(*all);
    return (const uint8_t *)&all[slot];
}

static void setup(void)
{
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = i;
    map_init(&map, key_of, keys);
}

static void teardown(void)
{
    map_fini(&map);
}

TestSuite(map, .init = setup, .fini = teardown);

// Hashes from the best to the worst case: all keys on one cell, or on the last cells so that every
// run wraps around, or equal in the 32 bits that a cell keeps.
static uint64_t hash_spread(uint32_t key)
{
    return (uint64_t)key * 0x9e3779b97f4a7c15;
}

static uint64_t hash_few(uint32_t key)
{
    return key % 5 + 0xfffffffc;
}

static uint64_t hash_high_half(uint32_t key)
{
    return (uint64_t)key << 32;
}

static uint64_t hash_neighbours(uint32_t key)
{
    return key / 3;
}

static uint32_t find(uint64_t hash, uint32_t key)
{
    return map_find(&map, hash, (const uint8_t *)&key, sizeof(key));
}

static uint64_t cells(void)
{
    return map.cells != NULL ? (uint64_t)map.mask + 1 : 0;
}

// Load at most 3/4, a power of two of cells, the right number of them in use.
static void validate(void)
{
    uint64_t used = 0;
    for (uint64_t i = 0; i < cells(); i++)
        used += map.cells[i].hash != 0;
    CHECK(used == map.count);
    CHECK((cells() & (cells() - 1)) == 0);
    CHECK(map.count <= cells() / 4 * 3);
    CHECK(cells() <= 8 || map.count >= cells() / 8);
}

static void compare_all(uint64_t (*hash)(uint32_t), uint32_t key_count)
{
    for (uint32_t key = 0; key < key_count; key++)
        CHECK(find(hash(key), key) == (present[key] ? key : MAP_NONE));
}

static void toggle(uint64_t (*hash)(uint32_t), uint32_t key)
{
    if (present[key])
        map_remove(&map, hash(key), key);
    else
        CHECK(map_insert(&map, hash(key), key) == 0);
    present[key] = !present[key];
}

static void differential(uint64_t (*hash)(uint32_t), uint32_t key_count, uint32_t steps)
{
    struct rand rand;
    rand_seed(&rand, key_count);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t key = rand_below(&rand, key_count);
        CHECK(find(hash(key), key) == (present[key] ? key : MAP_NONE));
        // Phases that fill and phases that empty, so that it grows and shrinks.
        bool filling = step / (key_count * 4) % 2 == 0;
        if (present[key] != filling || rand_below(&rand, 8) == 0)
            toggle(hash, key);
        if (step % 64 == 0 || key_count <= 64)
            validate();
        if (step % 1024 == 0 || key_count <= 16)
            compare_all(hash, key_count);
    }
    for (uint32_t key = 0; key < key_count; key++) {
        if (present[key])
            toggle(hash, key);
    }
    validate();
    cr_assert_eq(map.count, 0);
    cr_assert_leq(cells(), 8);
}

Test(map, takes_no_memory_until_the_first_insert)
{
    cr_assert_null(map.cells);
    cr_assert_eq(find(1, 1), MAP_NONE);
    cr_assert_eq(map_insert(&map, 1, 1), 0);
    cr_assert_not_null(map.cells);
}

Test(map, spread_hashes_few_keys)
{
    differential(hash_spread, 12, 20000);
}

Test(map, spread_hashes_many_keys)
{
    differential(hash_spread, KEYS, 100000);
}

Test(map, clusters_that_wrap_around)
{
    differential(hash_few, 40, 50000);
}

Test(map, hashes_equal_in_32_bits)
{
    differential(hash_high_half, 60, 50000);
}

Test(map, overlapping_runs)
{
    differential(hash_neighbours, 500, 100000);
}

// Every subset of six keys with all home cells among the last two and the first two, and every
// order in which the first two are removed.
Test(map, small_domain_exhaustively)
{
    static const uint32_t homes[] = {6, 7, 8, 9};
    for (uint32_t code = 0; code < 4 * 4 * 4 * 4 * 4 * 4; code++) {
        uint64_t hashes[6];
        for (uint32_t i = 0, left = code; i < 6; i++, left /= 4) {
            hashes[i] = homes[left % 4];
            CHECK(map_insert(&map, hashes[i], i) == 0);
        }
        CHECK(cells() == 8);
        uint32_t first = code % 6, second = (first + 1 + code % 5) % 6;
        map_remove(&map, hashes[first], first);
        map_remove(&map, hashes[second], second);
        for (uint32_t i = 0; i < 6; i++)
            CHECK(find(hashes[i], i) == (i == first || i == second ? MAP_NONE : i));
        for (uint32_t i = 0; i < 6; i++) {
            if (i != first && i != second)
                map_remove(&map, hashes[i], i);
        }
        CHECK(map.count == 0);
    }
}

Test(map, hash_zero_is_not_an_empty_cell)
{
    cr_assert_eq(map_insert(&map, 0, 7), 0);
    cr_assert_eq(map_insert(&map, 1, 8), 0);
    cr_assert_eq(find(0, 7), 7);
    cr_assert_eq(find(1, 8), 8);
    map_remove(&map, 0, 7);
    cr_assert_eq(find(0, 7), MAP_NONE);
    cr_assert_eq(find(1, 8), 8);
}

Test(map, key_of_another_length_is_another_key)
{
    cr_assert_eq(map_insert(&map, 5, 0), 0);
    const uint8_t zeros[8] = {0};
    cr_assert_eq(map_find(&map, 5, zeros, 4), 0);
    cr_assert_eq(map_find(&map, 5, zeros, 3), MAP_NONE);
    cr_assert_eq(map_find(&map, 5, zeros, 8), MAP_NONE);
    cr_assert_eq(map_find(&map, 5, NULL, 0), MAP_NONE);
}

Test(map, fini_leaves_an_empty_map)
{
    cr_assert_eq(map_insert(&map, 5, 0), 0);
    map_fini(&map);
    cr_assert_eq(find(5, 0), MAP_NONE);
    cr_assert_eq(map_insert(&map, 5, 0), 0);
    cr_assert_eq(find(5, 0), 0);
}

Test(map, removing_what_is_not_there_aborts, .signal = SIGABRT)
{
    cr_assert_eq(map_insert(&map, 5, 0), 0);
    map_remove(&map, 5, 1);
}
