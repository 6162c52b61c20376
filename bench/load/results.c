// SPDX-License-Identifier: MIT
#include "load/results.h"

static bool is_worker(const struct bench *bench, pid_t tid)
{
    for (uint32_t w = 0; w < bench->thread_count; w++)
        if (bench->workers[w].tid == tid)
            return true;
    return false;
}

static double larger(double one, double other)
{
    return one > other ? one : other;
}

static void find_shares(struct results *results)
{
    double elapsed_ns = results->tool.at_ns ? (double)results->tool.at_ns : 1;
    results->busiest_share = results->waiting_share = 0;
    for (uint32_t t = 0; t < results->tool.thread_count; t++) {
        const struct proc_thread *thread = &results->tool.threads[t];
        if (!is_worker(results->bench, thread->tid))
            continue;
        results->busiest_share =
            larger(results->busiest_share, (double)thread->cpu_ns / elapsed_ns);
        results->waiting_share =
            larger(results->waiting_share, (double)thread->wait_ns / elapsed_ns);
    }
}

uint64_t results_opening_ns(const struct bench *bench)
{
    uint64_t from_ns = UINT64_MAX, until_ns = 0;
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        uint64_t first_ns = counter_read(&bench->workers[i].open_from_ns);
        uint64_t last_ns = counter_read(&bench->workers[i].open_until_ns);
        if (first_ns && first_ns < from_ns)
            from_ns = first_ns;
        if (last_ns > until_ns)
            until_ns = last_ns;
    }
    return until_ns > from_ns ? until_ns - from_ns : 0;
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
    find_shares(results);
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        hdr_merge(&results->latency, &bench->workers[i].latency);
        hdr_merge(&results->last, &bench->workers[i].last);
        hdr_merge(&results->secured, &bench->workers[i].secured);
        hdr_merge(&results->handshake, &bench->workers[i].handshake);
        hdr_merge(&results->event, &bench->workers[i].event);
        hdr_merge(&results->lag, &bench->workers[i].lag);
    }
}

double results_bytes_each(const struct results *results)
{
    uint64_t opened = results->opened.counts[COUNT_opened];
    double before = (double)proc_memory_bytes(&results->before.server);
    double after = (double)proc_memory_bytes(&results->opened.server);
    return opened ? (after - before) / (double)opened : 0;
}

bool results_failed(const struct results *results)
{
    const struct verdict *verdict = &results->verdict;
    const uint64_t *end = results->end.counts;
    return verdict->missing || verdict->doubled || verdict->reordered || verdict->stranded ||
           end[COUNT_misplaced] || end[COUNT_damaged] || end[COUNT_lost] || end[COUNT_failed] ||
           end[COUNT_due_unsent] || results->server_ended || !results->opened_all ||
           results_nothing_measured(results);
}

bool results_nothing_measured(const struct results *results)
{
    return results->bench->scenario->loads && results->measured_s <= 0;
}
