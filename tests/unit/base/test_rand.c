// SPDX-License-Identifier: MIT
#include "base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

Test(rand, xoshiro256starstar_reference)
{
    // The state 1, 2, 3, 4 and its results as published with the reference implementation.
    struct rand rand = {{1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        cr_assert_eq(rand_next(&rand), expected[i]);
}

Test(rand, seed_is_splitmix64)
{
    // The first results of SplitMix64 from 0, published with the reference implementation.
    struct rand rand;
    rand_seed(&rand, 0);
    cr_assert_eq(rand.state[0], 0xe220a8397b1dcdaf);
    cr_assert_eq(rand.state[1], 0x6e789e6aa1b965f4);
    cr_assert_eq(rand.state[2], 0x06c45d188009454f);
}

Test(rand, same_seed_same_numbers)
{
    struct rand a, b, c;
    rand_seed(&a, 7);
    rand_seed(&b, 7);
    rand_seed(&c, 8);
    unsigned equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rand_next(&a);
        cr_assert_eq(x, rand_next(&b));
        equal += x == rand_next(&c);
    }
    cr_assert_eq(equal, 0);
}

Test(rand, below_stays_below)
{
    const uint32_t bounds[] = {1, 2, 3, 10, 1000, UINT32_C(1) << 31, UINT32_MAX};
    struct rand rand;
    rand_seed(&rand, 1);
    cr_assert_eq(rand_below(&rand, 0), 0);
    for (size_t b = 0; b < sizeof(bounds) / sizeof(*bounds); b++) {
        for (int i = 0; i < 1000; i++)
            cr_assert_lt(rand_below(&rand, bounds[b]), bounds[b]);
    }
}

Test(rand, below_reaches_everything_about_equally)
{
    unsigned seen[10] = {0};
    struct rand rand;
    rand_seed(&rand, 2);
    for (int i = 0; i < 10000; i++)
        seen[rand_below(&rand, 10)]++;
    for (int i = 0; i < 10; i++)
        cr_assert(seen[i] > 800 && seen[i] < 1200, "%d: %u", i, seen[i]);
}

Test(rand, entropy_fills_everything)
{
    // A byte that stays zero in 20 fillings was not filled (chance of an error: 2^-160 a byte).
    static uint8_t seen[1000], filled[1000];
    for (int round = 0; round < 20; round++) {
        memset(filled, 0, sizeof(filled));
        rand_entropy(filled, sizeof(filled));
        for (size_t i = 0; i < sizeof(seen); i++)
            seen[i] |= filled[i];
    }
    for (size_t i = 0; i < sizeof(seen); i++)
        cr_assert_neq(seen[i], 0);
    rand_entropy(NULL, 0);
}
