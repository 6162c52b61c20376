// SPDX-License-Identifier: MIT
#include "load/hdr.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct hdr hdr, other;

Test(hdr, small_values_are_exact)
{
    for (uint64_t value = 0; value < 256; value++)
        cr_assert_eq(hdr_bucket_top(hdr_bucket(value)), value);
}

Test(hdr, every_bucket_is_narrow_and_they_meet)
{
    for (unsigned i = 1; i < HDR_BUCKETS; i++) {
        uint64_t below = hdr_bucket_top(i - 1), top = hdr_bucket_top(i);
        cr_assert_gt(top, below);
        cr_assert_eq(hdr_bucket(below + 1), i);
        cr_assert_eq(hdr_bucket(top), i);
        cr_assert_leq((double)(top - below - 1), 0.008 * (double)(below + 1));
    }
}

Test(hdr, the_largest_value_has_a_bucket)
{
    cr_assert_lt(hdr_bucket(HDR_MAX_VALUE), HDR_BUCKETS);
    hdr_add(&hdr, UINT64_MAX);
    cr_assert_eq(hdr_quantile(&hdr, 1), HDR_MAX_VALUE);
}

Test(hdr, empty)
{
    cr_assert_eq(hdr_quantile(&hdr, 0.5), 0);
    cr_assert_eq(hdr_mean(&hdr), 0);
}

Test(hdr, ranks)
{
    hdr_add(&hdr, 1);
    hdr_add(&hdr, 2);
    cr_assert_eq(hdr_quantile(&hdr, 0), 1);
    cr_assert_eq(hdr_quantile(&hdr, 0.5), 1);
    cr_assert_eq(hdr_quantile(&hdr, 0.51), 2);
    cr_assert_eq(hdr_quantile(&hdr, 1), 2);
}

Test(hdr, many_at_once_equal_many_alone)
{
    hdr_add_many(&hdr, 1000, 3);
    for (int i = 0; i < 3; i++)
        hdr_add(&other, 1000);
    cr_assert_eq(counter_read(&hdr.count), counter_read(&other.count));
    cr_assert_eq(counter_read(&hdr.sum), counter_read(&other.sum));
    cr_assert_eq(counter_read(&hdr.max), counter_read(&other.max));
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

Test(hdr, quantiles_of_random_values_merged_from_two)
{
    enum { COUNT = 20001 };
    static uint64_t values[COUNT];
    struct rand rand;
    rand_seed(&rand, 7);
    for (int i = 0; i < COUNT; i++) {
        values[i] = rand_next(&rand) >> (25 + rand_below(&rand, 30));
        hdr_add(i % 2 ? &hdr : &other, values[i]);
    }
    hdr_merge(&hdr, &other);
    qsort(values, COUNT, sizeof *values, compare);
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double exact = quantiles[i] * COUNT;
        size_t rank = (size_t)exact + ((double)(size_t)exact < exact);
        uint64_t truth = values[rank - 1], found = hdr_quantile(&hdr, quantiles[i]);
        cr_assert_geq(found, truth);
        cr_assert_leq((double)found, 1.008 * (double)truth + 1);
    }
    cr_assert_eq(counter_read(&hdr.count), COUNT);
}
