// SPDX-License-Identifier: MIT
#include "load/results.h"

#include <stdio.h>

#define BUSY_SHARE 0.85

static double busiest_worker(const struct results *results)
{
    uint64_t most_ns = 0;
    const struct bench *bench = results->bench;
    for (uint32_t t = 0; t < results->tool.thread_count; t++) {
        const struct proc_thread *thread = &results->tool.threads[t];
        for (uint32_t w = 0; w < bench->thread_count; w++)
            if (bench->workers[w].tid == thread->tid && thread->cpu_ns > most_ns)
                most_ns = thread->cpu_ns;
    }
    return results->tool.at_ns ? (double)most_ns / (double)results->tool.at_ns : 0;
}

void results_finish(struct results *results)
{
    const struct bench *bench = results->bench;
    for (int i = 0; i < COUNTS; i++)
        results->counts[i] = results->until.counts[i] - results->from.counts[i];
    results->measured_s = (double)(results->until.at_ns - results->from.at_ns) / 1e9;
    proc_difference(&results->server, &results->from.server, &results->until.server);
    // Where there is no load, the handshakes are what is measured.
    bool loads = bench->scenario->loads;
    proc_difference(&results->tool, loads ? &results->from.tool : &results->before.tool,
                    loads ? &results->until.tool : &results->tool_opened);
    results->busiest_share = busiest_worker(results);
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        hdr_merge(&results->latency, &bench->workers[i].latency);
        hdr_merge(&results->last, &bench->workers[i].last);
        hdr_merge(&results->secured, &bench->workers[i].secured);
        hdr_merge(&results->handshake, &bench->workers[i].handshake);
        hdr_merge(&results->event, &bench->workers[i].event);
        hdr_merge(&results->lag, &bench->workers[i].lag);
    }
}

bool results_failed(const struct results *results)
{
    const struct verdict *verdict = &results->verdict;
    const uint64_t *end = results->end.counts;
    return verdict->missing || verdict->doubled || verdict->reordered || verdict->stranded ||
           end[COUNT_misplaced] || end[COUNT_damaged] || end[COUNT_lost] || end[COUNT_failed] ||
           !results->opened_all || results_nothing_measured(results);
}

bool results_nothing_measured(const struct results *results)
{
    return results->bench->scenario->loads && results->measured_s <= 0;
}

void results_bottleneck(const struct results *results, char *out, size_t out_bytes)
{
    uint64_t lag_ns = hdr_quantile(&results->lag, 0.99);
    uint64_t latency_ns = hdr_quantile(&results->latency, 0.5);
    double waited = (double)results->tool.wait_ns / ((double)results->tool.at_ns + 1);
    out[0] = 0;
    if (results->busiest_share > BUSY_SHARE)
        snprintf(out, out_bytes,
                 "the tool used %.0f %% of a core on one thread: give it more --threads, or read "
                 "the figures as a lower bound",
                 results->busiest_share * 100);
    else if (lag_ns > 1000000 && lag_ns > latency_ns / 4)
        snprintf(out, out_bytes,
                 "the tool sent 1 %% of the messages more than %.2f ms late: the latencies "
                 "contain that",
                 (double)lag_ns / 1e6);
    else if (waited > 0.2)
        snprintf(out, out_bytes,
                 "the tool's threads waited %.0f %% of the time for a CPU that others used: pin "
                 "them and the server to different ones",
                 waited * 100);
}
