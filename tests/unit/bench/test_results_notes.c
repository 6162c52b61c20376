// SPDX-License-Identifier: MIT
#include "load/results.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct scenario scenario = {.name = "fanout", .loads = true};
static struct worker workers[8];
static struct bench bench = {.scenario = &scenario, .workers = workers, .thread_count = 8};
static struct results results;
static char text[1024];

// --- What held it up

struct load_case {
    double busy, waiting;        // shares of the time, of each thread
    uint64_t lag_ns, latency_ns; // p99
    const char *note;            // a part of it; NULL: none
};

static void set_up(const struct load_case *one)
{
    static struct results_sample nothing;
    results = (struct results){.bench = &bench, .from = nothing};
    results.until.tool.at_ns = 1000000000;
    results.until.tool.thread_count = 9;
    for (int i = 0; i < 9; i++) { // the last is the main thread
        double share = i < 7 ? 1 : i == 7 ? 0.1 : 9;
        results.until.tool.threads[i] =
            (struct proc_thread){.tid = 100 + i,
                                 .cpu_ns = (uint64_t)(one->busy * share * 1e9),
                                 .wait_ns = (uint64_t)(one->waiting * share * 1e9)};
        if (i < 8)
            workers[i].tid = 100 + i;
    }
    hdr_add_many(&results.latency, one->latency_ns, 100);
    if (one->lag_ns)
        hdr_add_many(&results.lag, one->lag_ns, 100);
    results_finish(&results);
}

Test(results_notes, notes)
{
    static const struct load_case cases[] = {
        {0.5, 0.03, 0, 1000000, NULL},
        {0.84, 0.19, 0, 1000000, NULL}, // of each of eight threads: not their sum
        {0.86, 0, 0, 1000000, "the tool used 86 % of a core"},
        {0.86, 0.5, 900000, 1000000, "the tool used 86 % of a core"}, // this comes first
        {0.5, 0.22, 0, 1000000, "a thread of the tool waited 22 % of the time"},
        {0.5, 0, 190000, 1000000, NULL},
        {0.5, 0, 250000, 1000000, "more than 0.25 ms late, against a p99 latency of 1.00 ms"},
        {0.5, 0, 3000000, 80000000, NULL}, // much, but lost in what the server does
        {0.5, 0, 19000, 30000, NULL},      // a share of next to nothing
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(&cases[i]);
        results_bottleneck(&results, text, sizeof text);
        if (cases[i].note)
            cr_assert_not_null(strstr(text, cases[i].note), "%zu: %s", i, text);
        else
            cr_assert_str_eq(text, "", "%zu: %s", i, text);
    }
}

// --- Why it failed

static void good_run(void)
{
    static const struct results nothing;
    results = nothing;
    results.bench = &bench;
    results.opened_all = true;
    results.measured_s = 1;
    results.opened.at_ns = 1;
    bench.options.connections = 10;
    bench.options.open_limit_ns = 2500000000;
}

static void check_fails(const char *because)
{
    bool failed = results_why_failed(&results, text, sizeof text);
    cr_assert_eq(failed, because != NULL);
    cr_assert_str_eq(text, because ? because : "");
    cr_assert_eq(failed, results_failed(&results));
}

Test(results_notes, a_good_run_says_nothing, .init = good_run)
{
    check_fails(NULL);
}

Test(results_notes, messages, .init = good_run)
{
    results.verdict.missing = 3;
    check_fails("3 deliveries missing");
    results.verdict.doubled = 1;
    results.end.counts[COUNT_damaged] = 2;
    snprintf(results.error, sizeof results.error, "oh");
    check_fails("3 deliveries missing, 1 doubled, 2 damaged; first error: oh");
}

Test(results_notes, connections, .init = good_run)
{
    results.verdict.stranded = 2;
    check_fails("2 connections did not come back");
    results.end.counts[COUNT_lost] = 1;
    check_fails("1 connections lost, 2 connections did not come back");
}

Test(results_notes, opening, .init = good_run)
{
    results.opened_all = false;
    results.opened.counts[COUNT_opened] = 7;
    check_fails("7 of 10 connections were open after 2.5 s (--open-limit): the server takes them "
                "but does not answer in time");
    results.end.counts[COUNT_failed] = 3;
    check_fails("3 connections could not be opened");
    results.cut_short = true;
    check_fails("interrupted when 7 of 10 connections were open, 3 connections could not be "
                "opened");
}

Test(results_notes, nothing_measured, .init = good_run)
{
    results.measured_s = 0;
    results.cut_short = true;
    check_fails("interrupted before anything was measured");
}

Test(results_notes, set_up_failed, .init = good_run)
{
    results.opened_all = false;
    results.opened.at_ns = 0;
    check_fails("the run failed: --json FILE has its verdict");
    snprintf(results.error, sizeof results.error, "thread 0 cannot be set up");
    check_fails("thread 0 cannot be set up");
}
