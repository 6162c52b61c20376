// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t spare_count(const struct arena *arena)
{
    return arena->spare_count;
}

Test(arena, takes_no_memory_before_the_first_allocation)
{
    struct arena arena;
    arena_init(&arena, 4096, 2);
    cr_assert_null(arena.first);
    arena_reset(&arena);
    arena_fini(&arena);
}

Test(arena, aligns)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    for (int round = 0; round < 200; round++) {
        for (size_t align = 1; align <= 64; align *= 2) {
            void *memory = arena_alloc(&arena, 1, align);
            cr_assert_not_null(memory);
            cr_assert_eq((uintptr_t)memory % align, 0);
        }
    }
    cr_assert_eq(arena.used_bytes, 200 * 7);
    arena_fini(&arena);
}

Test(arena, allocations_do_not_overlap)
{
    enum { COUNT = 500 };
    static struct {
        uint8_t *memory;
        size_t len;
    } parts[COUNT];
    struct arena arena;
    struct rand rand;
    arena_init(&arena, 512, 3);
    rand_seed(&rand, 1);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COUNT; i++) {
            parts[i].len = rand_below(&rand, 900);
            parts[i].memory = arena_alloc(&arena, parts[i].len, (size_t)1 << rand_below(&rand, 7));
            cr_assert_not_null(parts[i].memory);
            memset(parts[i].memory, i & 0xff, parts[i].len);
        }
        for (int i = 0; i < COUNT; i++) {
            for (size_t at = 0; at < parts[i].len; at++)
                CHECK(parts[i].memory[at] == (i & 0xff));
        }
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

Test(arena, extends_the_newest_allocation_only)
{
    struct arena arena;
    arena_init(&arena, 256, 0);
    cr_assert_not(arena_extend(&arena, NULL, 0));
    uint8_t *first = arena_alloc(&arena, 10, 1);
    cr_assert(arena_extend(&arena, first + 10, 5));
    memset(first, 'x', 15);
    cr_assert_not(arena_extend(&arena, first + 10, 1), "that is not its end any more");
    uint8_t *second = arena_alloc(&arena, 10, 1);
    cr_assert_eq(second, first + 15);
    cr_assert_not(arena_extend(&arena, first + 15 - 1, 1));
    cr_assert(arena_extend(&arena, second + 10, 256 - 25), "to the last byte");
    cr_assert_not(arena_extend(&arena, second + 256 - 15, 1), "the chunk is full");
    cr_assert(arena_extend(&arena, second + 256 - 15, 0));
    cr_assert_eq(arena.used_bytes, 256);
    arena_fini(&arena);
}

Test(arena, oversize_allocation_has_a_chunk_of_its_own)
{
    struct arena arena;
    arena_init(&arena, 128, 4);
    uint8_t *small = arena_alloc(&arena, 1, 1);
    uint8_t *big = arena_alloc(&arena, 100000, 64);
    cr_assert_not_null(big);
    *small = 1;
    memset(big, 2, 100000);
    cr_assert_eq(*small, 1);
    cr_assert_not(arena_extend(&arena, big + 100000, 1));
    arena_reset(&arena);
    cr_assert_eq(spare_count(&arena), 1, "only the ordinary chunk is kept");
    arena_fini(&arena);
}

Test(arena, reset_keeps_at_most_spare_max_chunks)
{
    struct arena arena;
    arena_init(&arena, 128, 3);
    for (uint32_t chunks = 0; chunks < 8; chunks++) {
        for (uint32_t i = 0; i < chunks; i++)
            cr_assert_not_null(arena_alloc(&arena, 128, 1));
        arena_reset(&arena);
        cr_assert_eq(spare_count(&arena), chunks < 3 ? chunks : 3);
        cr_assert_eq(arena.used_bytes, 0);
    }
    arena_fini(&arena);
}

Test(arena, reuses_a_spare_chunk)
{
    struct arena arena;
    arena_init(&arena, 128, 1);
    const void *before = arena_alloc(&arena, 8, 8);
    arena_reset(&arena);
    cr_assert_eq(arena_alloc(&arena, 8, 8), before);
    cr_assert_eq(spare_count(&arena), 0);
    arena_fini(&arena);
}

Test(arena, impossible_sizes_are_refused)
{
    struct arena arena;
    arena_init(&arena, 128, 1);
    cr_assert_not_null(arena_alloc(&arena, 1, 1));
    cr_assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    cr_assert_null(arena_alloc(&arena, SIZE_MAX - 64, 64));
    cr_assert_not_null(arena_alloc(&arena, 127, 1), "still usable");
    arena_fini(&arena);
}

Test(arena, empty_allocation_is_not_null)
{
    struct arena arena;
    arena_init(&arena, 128, 1);
    cr_assert_not_null(arena_alloc(&arena, 0, 1));
    arena_fini(&arena);
}
