// SPDX-License-Identifier: MIT
//
// What a run has to say about itself in a sentence: why it failed, and what held its figures up.
#include "load/results.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUSY_SHARE    0.85 // of a core
#define WAITING_SHARE 0.2  // of the time
#define LAG_SHARE     0.2  // of the latency that contains it
#define LAG_LEAST_NS  20000

// --- Why it failed

struct reasons {
    char *out;
    size_t out_bytes;
};

static void __attribute__((format(printf, 2, 3)))
add_reason(struct reasons *reasons, const char *format, ...)
{
    va_list arguments;
    size_t have = strlen(reasons->out);
    va_start(arguments, format);
    if (have && have + 3 < reasons->out_bytes)
        have += (size_t)snprintf(reasons->out + have, reasons->out_bytes - have, ", ");
    vsnprintf(reasons->out + have, reasons->out_bytes - have, format, arguments);
    va_end(arguments);
}

static void add_count(struct reasons *reasons, uint64_t count, const char *what)
{
    if (count)
        add_reason(reasons, "%llu %s", (unsigned long long)count, what);
}

// Not all were open when the load should have begun.
static void explain_opening(struct reasons *reasons, const struct results *results)
{
    const struct options *options = &results->bench->options;
    const uint64_t *end = results->end.counts;
    unsigned long long opened = results->opened.counts[COUNT_opened];
    if (results->cut_short)
        add_reason(reasons, "interrupted when %llu of %u connections were open", opened,
                   options->connections);
    else if (results->opened.at_ns && !end[COUNT_failed] && !end[COUNT_lost])
        add_reason(reasons,
                   "%llu of %u connections were open after %.3g s (--open-limit): the server takes "
                   "them but does not answer in time",
                   opened, options->connections, (double)options->open_limit_ns / 1e9);
}

bool results_why_failed(const struct results *results, char *out, size_t out_bytes)
{
    const struct verdict *verdict = &results->verdict;
    const uint64_t *end = results->end.counts;
    struct reasons reasons = {out, out_bytes};
    out[0] = 0;
    if (!results_failed(results))
        return false;
    if (!results->opened_all)
        explain_opening(&reasons, results);
    else if (results_nothing_measured(results))
        add_reason(&reasons, "interrupted before anything was measured");
    add_count(&reasons, end[COUNT_failed], "connections could not be opened");
    add_count(&reasons, end[COUNT_lost], "connections lost");
    add_count(&reasons, verdict->stranded, "connections did not come back");
    add_count(&reasons, end[COUNT_due_unsent], "messages due but never sent");
    add_count(&reasons, verdict->missing, "deliveries missing");
    add_count(&reasons, verdict->doubled, "doubled");
    add_count(&reasons, verdict->reordered, "reordered");
    add_count(&reasons, end[COUNT_misplaced], "in the wrong room");
    add_count(&reasons, end[COUNT_damaged], "damaged");
    if (results->error[0]) {
        size_t have = strlen(out);
        snprintf(out + have, out_bytes - have, "%s%s", have ? "; first error: " : "",
                 results->error);
    }
    if (!out[0])
        add_reason(&reasons, "the run failed: --json FILE has its verdict");
    return true;
}

// --- What held it up

void results_bottleneck(const struct results *results, char *out, size_t out_bytes)
{
    uint64_t lag_ns = hdr_quantile(&results->lag, 0.99);
    uint64_t latency_ns = hdr_quantile(&results->latency, 0.99);
    double lag_share = (double)lag_ns / ((double)latency_ns + 1);
    out[0] = 0;
    if (results->busiest_share > BUSY_SHARE)
        snprintf(out, out_bytes,
                 "the tool used %.0f %% of a core on one thread: give it more --threads, or read "
                 "the figures as a lower bound",
                 results->busiest_share * 100);
    else if (lag_ns > LAG_LEAST_NS && lag_share > LAG_SHARE)
        snprintf(out, out_bytes,
                 "the tool sent 1 %% of the messages more than %.2f ms late, against a p99 latency "
                 "of %.2f ms that contains it",
                 (double)lag_ns / 1e6, (double)latency_ns / 1e6);
    else if (results->waiting_share > WAITING_SHARE)
        snprintf(out, out_bytes,
                 "a thread of the tool waited %.0f %% of the time for a CPU that others used: pin "
                 "it and the server to different ones",
                 results->waiting_share * 100);
}
