// SPDX-License-Identifier: MIT
#include "load/series.h"

#include <criterion/criterion.h>

#define INTERVAL_NS UINT64_C(100000000)

static struct series series;
static struct worker worker;
static struct bench bench = {
    .workers = &worker, .thread_count = 1, .options.interval_ns = INTERVAL_NS};
static struct results_sample sample = {.at_ns = INTERVAL_NS};

static void add(uint64_t published, uint64_t server_bytes)
{
    sample.counts[COUNT_published] += published;
    sample.server.anonymous_bytes = server_bytes;
    series_add(&series, &bench, &sample);
    sample.at_ns = series_next_ns(&series);
}

Test(series, the_first_sample_is_no_point)
{
    add(5, 0);
    cr_assert_eq(series.count, 0);
    cr_assert_eq(series_next_ns(&series), 2 * INTERVAL_NS);
    add(3, 0);
    cr_assert_eq(series.count, 1);
    cr_assert_eq(series.points[0].published, 3);
    cr_assert_eq(series.points[0].at_ns, INTERVAL_NS);
}

Test(series, quantiles_are_of_the_interval)
{
    add(0, 0);
    hdr_add_many(&worker.latency, 1000, 98);
    hdr_add_many(&worker.latency, 2000, 2);
    add(0, 0);
    hdr_add(&worker.latency, 70);
    add(0, 0);
    add(0, 0);
    const uint64_t *whole = series.points[0].latency;
    cr_assert_leq(1000, whole[0]);
    cr_assert_lt(whole[0], 1009);
    for (int i = 1; i < 4; i++)
        cr_assert_eq(whole[i], 2000, "not above the largest value: %llu",
                     (unsigned long long)whole[i]);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(series.points[1].latency[i], 70);
        cr_assert_eq(series.points[2].latency[i], 0);
    }
}

// A copy of a growing histogram may have a count that is ahead of its buckets.
Test(series, only_buckets_count)
{
    add(0, 0);
    hdr_add(&worker.latency, 70);
    counter_add(&worker.latency.count, 1);
    add(0, 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(series.points[0].latency[i], 70);
}

Test(series, a_long_run_is_covered_as_a_whole)
{
    enum { POINTS = 3 * SERIES_MAX };
    uint64_t published = 0, most_bytes = 0;
    for (int i = 0; i <= POINTS; i++) {
        if (i)
            hdr_add(&worker.latency, i == 77 ? 5000 : 100);
        add(i > 0, i == 99 ? 12345 : 1);
    }
    cr_assert_leq(series.count, SERIES_MAX);
    cr_assert_gt(series.count, SERIES_MAX / 2);
    cr_assert_eq(series.interval_ns, 16 * INTERVAL_NS);
    uint64_t max_ns = 0;
    for (uint32_t i = 0; i < series.count; i++) {
        const struct series_point *point = &series.points[i];
        published += point->published;
        most_bytes = point->server_bytes > most_bytes ? point->server_bytes : most_bytes;
        max_ns = point->latency[3] > max_ns ? point->latency[3] : max_ns;
        cr_assert(!i || point->at_ns > point[-1].at_ns);
    }
    cr_assert_eq(published, POINTS);
    cr_assert_eq(most_bytes, 12345);
    cr_assert_eq(max_ns, 5000);
    cr_assert_eq(series.points[series.count - 1].at_ns, series.last.at_ns - series.first_ns);
}
