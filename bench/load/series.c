// SPDX-License-Identifier: MIT
#include "load/series.h"

uint64_t series_next_ns(const struct series *series)
{
    return series->count < SERIES_MAX ? series->next_ns : UINT64_MAX;
}

// Quantiles of what was added between the two; `to` stays.
static void quantiles_between(uint64_t out[4], const struct hdr *from, const struct hdr *to)
{
    static const double wanted[4] = {0.5, 0.99, 0.999, 1};
    uint64_t total = counter_read(&to->count) - counter_read(&from->count), sum = 0;
    int next = 0;
    for (unsigned i = 0; i < HDR_BUCKETS && total && next < 4; i++) {
        sum += counter_read(&to->buckets[i]) - counter_read(&from->buckets[i]);
        while (next < 4 && sum && (double)sum >= wanted[next] * (double)total)
            out[next++] = hdr_bucket_top(i);
    }
}

void series_add(struct series *series, const struct bench *bench,
                const struct results_sample *sample)
{
    const struct results_sample *last = &series->last;
    struct proc_sample server, tool;
    bool first = !series->first_ns;
    series->merged = (struct hdr){0};
    for (uint32_t i = 0; i < bench->thread_count; i++)
        hdr_merge(&series->merged, &bench->workers[i].latency);
    if (first)
        series->first_ns = sample->at_ns;
    if (!first) {
        struct series_point *point = &series->points[series->count++];
        proc_difference(&server, &last->server, &sample->server);
        proc_difference(&tool, &last->tool, &sample->tool);
        *point = (struct series_point){
            .at_ns = sample->at_ns - series->first_ns,
            .published = sample->counts[COUNT_published] - last->counts[COUNT_published],
            .delivered = sample->counts[COUNT_delivered] - last->counts[COUNT_delivered],
            .connections = sample->counts[COUNT_opened] - sample->counts[COUNT_lost] -
                           sample->counts[COUNT_dropped] - sample->counts[COUNT_slow_ended],
            .server_cpu_ns = server.cpu_ns,
            .tool_cpu_ns = tool.cpu_ns,
            .server_bytes = sample->server.anonymous_bytes,
        };
        quantiles_between(point->latency, &series->seen, &series->merged);
    }
    series->seen = series->merged;
    series->last = *sample;
    series->next_ns = sample->at_ns + bench->options.interval_ns;
}
