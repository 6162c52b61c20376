// SPDX-License-Identifier: MIT
#include "base/slab.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct slab slab;

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

Test(slab, objects_are_zeroed_at_first_and_again)
{
    cr_assert_eq(slab_init(&slab, 40, 2), 0);
    for (int round = 0; round < 3; round++) {
        uint32_t slot = slab_take(&slab);
        cr_assert(is_zero(slab_at(&slab, slot), 40));
        memset(slab_at(&slab, slot), 0xff, 40);
        slab_release(&slab, slot);
    }
    slab_fini(&slab);
}

Test(slab, size_is_rounded_up_to_8)
{
    cr_assert_eq(slab_init(&slab, 9, 2), 0);
    cr_assert_eq(slab.object_bytes, 16);
    const uint8_t *first = slab_at(&slab, slab_take(&slab));
    const uint8_t *second = slab_at(&slab, slab_take(&slab));
    cr_assert_eq(second - first, 16);
    slab_fini(&slab);
}

Test(slab, full)
{
    cr_assert_eq(slab_init(&slab, 8, 3), 0);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(slab_take(&slab), i);
    cr_assert_eq(slab.used, 3);
    cr_assert_eq(slab_take(&slab), SLAB_NONE);
    cr_assert_eq(slab.used, 3);
    slab_release(&slab, 1);
    cr_assert_eq(slab_take(&slab), 1);
    cr_assert_eq(slab_take(&slab), SLAB_NONE);
    slab_fini(&slab);
}

Test(slab, last_released_is_taken_first)
{
    cr_assert_eq(slab_init(&slab, 8, 8), 0);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(slab_take(&slab), i);
    slab_release(&slab, 3);
    slab_release(&slab, 0);
    slab_release(&slab, 4);
    cr_assert_eq(slab_take(&slab), 4);
    cr_assert_eq(slab_take(&slab), 0);
    cr_assert_eq(slab_take(&slab), 3);
    cr_assert_eq(slab_take(&slab), 5, "then one that was never used");
    slab_fini(&slab);
}

Test(slab, find_knows_stale_pairs)
{
    cr_assert_eq(slab_init(&slab, 8, 4), 0);
    cr_assert_null(slab_find(&slab, 0, 0), "never used");
    cr_assert_null(slab_find(&slab, 0, 1), "never used");
    cr_assert_null(slab_find(&slab, 4, 1), "no such slot");
    cr_assert_null(slab_find(&slab, SLAB_NONE, 1));

    uint32_t slot = slab_take(&slab);
    uint32_t first = slab_generation(&slab, slot);
    cr_assert_eq(slab_find(&slab, slot, first), slab_at(&slab, slot));
    cr_assert_null(slab_find(&slab, slot, first + 1));

    slab_release(&slab, slot);
    cr_assert_null(slab_find(&slab, slot, first));
    cr_assert_null(slab_find(&slab, slot, first + 1), "even means free");

    cr_assert_eq(slab_take(&slab), slot);
    uint32_t second = slab_generation(&slab, slot);
    cr_assert_neq(first, second);
    cr_assert_null(slab_find(&slab, slot, first));
    cr_assert_not_null(slab_find(&slab, slot, second));
    slab_fini(&slab);
}

Test(slab, agrees_with_a_model)
{
    enum { CAPACITY = 200 };
    static uint32_t live[CAPACITY];
    static uint32_t generations[CAPACITY];
    uint32_t count = 0;
    struct rand rand;
    rand_seed(&rand, 3);
    cr_assert_eq(slab_init(&slab, sizeof(uint64_t), CAPACITY), 0);
    for (int step = 0; step < 100000; step++) {
        // Longer phases of growth and of shrinking, so that both ends are reached.
        bool grow = rand_below(&rand, 100) < (step / 2000 % 2 ? 30U : 70U);
        if (grow) {
            uint32_t slot = slab_take(&slab);
            CHECK((slot == SLAB_NONE) == (count == CAPACITY));
            if (slot == SLAB_NONE)
                continue;
            uint64_t *object = slab_at(&slab, slot);
            CHECK(*object == 0);
            *object = (uint64_t)slot << 32 | slab_generation(&slab, slot);
            generations[slot] = slab_generation(&slab, slot);
            live[count++] = slot;
        } else if (count > 0) {
            uint32_t pick = rand_below(&rand, count);
            uint32_t slot = live[pick];
            const uint64_t *object = slab_find(&slab, slot, generations[slot]);
            CHECK(object != NULL && *object == ((uint64_t)slot << 32 | generations[slot]));
            slab_release(&slab, slot);
            CHECK(slab_find(&slab, slot, generations[slot]) == NULL);
            live[pick] = live[--count];
        }
        CHECK(slab.used == count);
    }
    slab_fini(&slab);
}

Test(slab, big_capacity_costs_nothing_until_used)
{
    // 64 GiB of address space; the test machine would die if it were touched.
    cr_assert_eq(slab_init(&slab, 4096, 16 << 20), 0);
    cr_assert_eq(slab_take(&slab), 0);
    slab_fini(&slab);
}

Test(slab, impossible_capacity_is_refused)
{
    cr_assert_lt(slab_init(&slab, (size_t)1 << 31, 1U << 31), 0);
    slab_fini(&slab);
}

Test(slab, double_release_aborts, .signal = SIGABRT)
{
    cr_assert_eq(slab_init(&slab, 8, 2), 0);
    uint32_t slot = slab_take(&slab);
    slab_release(&slab, slot);
    slab_release(&slab, slot);
}

Test(slab, release_of_a_slot_never_taken_aborts, .signal = SIGABRT)
{
    cr_assert_eq(slab_init(&slab, 8, 2), 0);
    slab_release(&slab, 1);
}
