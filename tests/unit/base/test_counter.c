// SPDX-License-Identifier: MIT
#include "base/counter.h"

#include <criterion/criterion.h>

Test(counter, adds_and_sets)
{
    counter c = {0};
    counter_add(&c, 3);
    counter_add(&c, 4);
    cr_assert_eq(counter_read(&c), 7);
    counter_set(&c, 1);
    cr_assert_eq(counter_read(&c), 1);
}

Test(counter, histogram_bucket_bounds)
{
    // Each value below 2^(b+10) ns and not below the bound before it belongs to bucket b.
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        struct histogram h = {0};
        uint64_t below = (UINT64_C(1) << (b + 10)) - 1;
        uint64_t from = b > 0 ? UINT64_C(1) << (b + 9) : 0;
        histogram_add(&h, below);
        histogram_add(&h, from);
        cr_assert_eq(counter_read(&h.buckets[b]), 2, "bucket %u", b);
        cr_assert_eq(counter_read(&h.sum_ns), below + from);
    }
}

Test(counter, histogram_last_bucket_takes_the_rest)
{
    struct histogram h = {0};
    histogram_add(&h, UINT64_C(1) << (HISTOGRAM_BUCKETS + 10));
    histogram_add(&h, UINT64_C(1) << 62);
    cr_assert_eq(counter_read(&h.buckets[HISTOGRAM_BUCKETS - 1]), 2);
}
