// SPDX-License-Identifier: MIT
#include "load/verify.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

static struct verify verify;

static void see(const uint32_t *sequences, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)verify_arrived(&verify, 0, sequences[i]);
}

#define SEE(...)                                                                                   \
    see((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void expect(uint64_t missing, uint64_t doubled, uint64_t reordered, uint32_t published)
{
    cr_assert_eq(verify_missing(&verify, 0, published), missing);
    cr_assert_eq(counter_read(&verify.doubled), doubled);
    cr_assert_eq(counter_read(&verify.reordered), reordered);
}

static void init(void)
{
    cr_assert_eq(verify_init(&verify, 4), 0);
}

static void fini(void)
{
    verify_fini(&verify);
}

TestSuite(verify, .init = init, .fini = fini);

Test(verify, in_order)
{
    SEE(0, 1, 2, 3);
    expect(0, 0, 0, 4);
}

Test(verify, nothing_came)
{
    expect(3, 0, 0, 3);
}

Test(verify, the_tail_is_missing)
{
    SEE(0, 1);
    expect(3, 0, 0, 5);
}

Test(verify, a_gap)
{
    SEE(0, 3, 4);
    expect(2, 0, 0, 5);
}

Test(verify, doubled_at_once_and_later)
{
    SEE(0, 0, 1, 2, 1);
    expect(0, 2, 0, 3);
}

Test(verify, late_ones_are_reordered_and_not_missing)
{
    SEE(2, 0, 1, 3);
    expect(0, 0, 2, 4);
}

Test(verify, a_late_one_splits_its_gap)
{
    SEE(0, 6, 3);
    expect(4, 0, 1, 7);
    SEE(3);
    expect(4, 1, 1, 7);
    SEE(1, 2, 4, 5);
    expect(0, 1, 5, 7);
}

Test(verify, streams_do_not_mix)
{
    (void)verify_arrived(&verify, 1, 5);
    (void)verify_arrived(&verify, 2, 0);
    cr_assert_eq(verify_missing(&verify, 1, 6), 5);
    cr_assert_eq(verify_missing(&verify, 2, 1), 0);
    cr_assert_eq(verify_missing(&verify, 0, 0), 0);
}

Test(verify, restart_forgets)
{
    SEE(0, 5, 9);
    verify_restart(&verify, 0, 20);
    cr_assert_eq(verify_missing(&verify, 0, 20), 0);
    cr_assert_eq(verify_arrived(&verify, 0, 20), VERIFY_NEW);
}

Test(verify, too_many_gaps_are_told)
{
    for (uint32_t i = 0; i < VERIFY_GAPS_MAX + 10; i++)
        (void)verify_arrived(&verify, 0, 2 * i + 1);
    cr_assert_eq(counter_read(&verify.forgotten), 10);
}

// Against a plain table, over random arrivals.
Test(verify, agrees_with_a_table)
{
    enum { PUBLISHED = 300 };
    struct rand rand;
    rand_seed(&rand, 3);
    for (int round = 0; round < 200; round++) {
        uint8_t seen[PUBLISHED] = {0};
        uint64_t doubled = 0, reordered = 0, missing = 0;
        uint32_t highest = 0;
        bool any = false;
        fini();
        init();
        for (int i = 0; i < 400; i++) {
            uint32_t sequence = rand_below(&rand, PUBLISHED);
            doubled += seen[sequence];
            reordered += any && !seen[sequence] && sequence < highest;
            seen[sequence] = 1;
            highest = sequence > highest ? sequence : highest;
            any = true;
            (void)verify_arrived(&verify, 0, sequence);
        }
        for (int i = 0; i < PUBLISHED; i++)
            missing += !seen[i];
        expect(missing, doubled, reordered, PUBLISHED);
    }
}
