// SPDX-License-Identifier: MIT
#include "load/series.h"

uint64_t series_next_ns(const struct series *series)
{
    return series->next_ns;
}

// Quantiles of what was added between the two; `to` stays. Both were copied while they grew: only
// the buckets themselves say how much they hold.
static void quantiles_between(uint64_t out[4], const struct hdr *from, const struct hdr *to)
{
    static const double wanted[4] = {0.5, 0.99, 0.999, 1};
    uint64_t total = 0, sum = 0, max = counter_read(&to->max);
    int next = 0;
    for (unsigned i = 0; i < HDR_BUCKETS; i++)
        total += counter_read(&to->buckets[i]) - counter_read(&from->buckets[i]);
    for (unsigned i = 0; i < HDR_BUCKETS && total && next < 4; i++) {
        uint64_t top = hdr_bucket_top(i);
        sum += counter_read(&to->buckets[i]) - counter_read(&from->buckets[i]);
        while (next < 4 && sum && (double)sum >= wanted[next] * (double)total)
            out[next++] = top < max ? top : max;
    }
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

// The point of both intervals. A quantile of two sets together is never above the larger of theirs.
static struct series_point merge_points(const struct series_point *one,
                                        const struct series_point *next)
{
    struct series_point point = *next;
    for (int i = 0; i < 4; i++)
        point.latency[i] = larger(one->latency[i], next->latency[i]);
    point.opened += one->opened;
    point.published += one->published;
    point.delivered += one->delivered;
    point.server_cpu_ns += one->server_cpu_ns;
    point.tool_cpu_ns += one->tool_cpu_ns;
    point.server_bytes = larger(one->server_bytes, next->server_bytes);
    return point;
}

static void halve(struct series *series)
{
    for (uint32_t i = 0; i < SERIES_MAX / 2; i++)
        series->points[i] = merge_points(&series->points[2 * i], &series->points[2 * i + 1]);
    series->count = SERIES_MAX / 2;
    series->interval_ns *= 2;
}

static void add_point(struct series *series, const struct results_sample *sample)
{
    const struct results_sample *last = &series->last;
    struct proc_sample server, tool;
    if (series->count == SERIES_MAX)
        halve(series);
    struct series_point *point = &series->points[series->count++];
    proc_difference(&server, &last->server, &sample->server);
    proc_difference(&tool, &last->tool, &sample->tool);
    *point = (struct series_point){
        .at_ns = sample->at_ns - series->first_ns,
        .opened = sample->counts[COUNT_opened] - last->counts[COUNT_opened],
        .published = sample->counts[COUNT_published] - last->counts[COUNT_published],
        .delivered = sample->counts[COUNT_delivered] - last->counts[COUNT_delivered],
        .connections = sample->counts[COUNT_opened] - sample->counts[COUNT_lost] -
                       sample->counts[COUNT_dropped] - sample->counts[COUNT_slow_ended],
        .server_cpu_ns = server.cpu_ns,
        .tool_cpu_ns = tool.cpu_ns,
        .server_bytes = proc_memory_bytes(&sample->server),
    };
    quantiles_between(point->latency, &series->seen, &series->merged);
}

void series_add(struct series *series, const struct bench *bench,
                const struct results_sample *sample)
{
    series->merged = (struct hdr){0};
    for (uint32_t i = 0; i < bench->thread_count; i++)
        hdr_merge(&series->merged, &bench->workers[i].latency);
    if (series->first_ns) {
        add_point(series, sample);
    } else {
        series->first_ns = sample->at_ns;
        series->interval_ns = bench->options.interval_ns;
    }
    series->seen = series->merged;
    series->last = *sample;
    series->next_ns = sample->at_ns + series->interval_ns;
}
