// SPDX-License-Identifier: MIT
#include "conn/rate.h"

#include <criterion/criterion.h>

static const struct {
    uint64_t at_ms, amount;
    bool good;
} steps[] = {
    // Ten a second: a burst of two seconds' worth, and the one that goes over it.
    {1000, 20, true}, {1000, 1, true},   {1000, 1, false}, {1050, 1, false},
    {1100, 1, true},  {1100, 1, false},  {5000, 1, true},  {5000, 500, true},
    {5000, 1, false}, {52999, 1, false}, {53100, 1, true},
};

Test(rate, lets_a_burst_pass_and_no_more)
{
    struct rate rate = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        cr_expect_eq(rate_use(&rate, steps[i].amount, 10, steps[i].at_ms), steps[i].good,
                     "step %zu", i);
}

Test(rate, what_is_charged_has_to_be_paid_before_the_next_use)
{
    struct rate rate = {0};
    cr_assert(rate_use(&rate, 1, 10, 1000));
    rate_charge(&rate, 99, 10, 1000); // ten seconds' worth in all
    cr_assert_not(rate_use(&rate, 1, 10, 8999));
    cr_assert(rate_use(&rate, 1, 10, 9000));
}

Test(rate, in_the_long_run_is_what_was_asked)
{
    struct rate rate = {0};
    uint64_t used = 0;
    for (uint64_t now_ms = 0; now_ms < 100000; now_ms++)
        while (rate_use(&rate, 7, 1000, now_ms))
            used += 7;
    cr_expect_geq(used, 100 * 1000);
    cr_expect_leq(used, 100 * 1000 + 2 * 1000 + 7);
}
