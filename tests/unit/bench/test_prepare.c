// SPDX-License-Identifier: MIT
//
// Command lines that fit together or do not, before anything runs.
#include "load/bench.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char error[512];

// Whether it can be run; `error` has the reason when not.
static bool prepare(struct bench *bench, const char *line)
{
    static char words[256]; // options point into it
    char *argv[24] = {(char *)"ringcast-bench"}, *word;
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *rest = words; (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    memset(bench, 0, sizeof *bench);
    error[0] = 0;
    if (options_parse(&bench->options, argc, argv, error, sizeof error) != OPTIONS_RUN)
        return false;
    return bench_prepare(bench, error, sizeof error) == 0;
}

// Ports as many as Linux has by itself, or what this machine has.
Test(prepare, ports_and_sources)
{
    static const struct {
        const char *line, *says; // NULL: it can be run
    } cases[] = {
        {"churn ws://192.0.2.1:80 -n 10000", NULL},
        {"storm ws://192.0.2.1:80 -n 5000 --repeats 1", NULL},
        {"storm ws://192.0.2.1:80 -n 60000 --every 1s", "ip_local_port_range"},
        {"churn ws://192.0.2.1:80 -n 1000 --churn-rate 20k -d 1m", "ip_local_port_range"},
        {"idle ws://192.0.2.1:80 -n 100k", "ip_local_port_range"},
        {"idle ws://192.0.2.1:80 --sources 2", "--sources are addresses of 127.0.0.0/8"},
        {"idle ws://127.0.0.1:80 --sources 2", NULL},
        {"storm ws://127.0.0.1:80 -d 3s", "--duration"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench;
        bool runs = prepare(&bench, cases[i].line);
        cr_assert_eq(runs, !cases[i].says, "%s: %s", cases[i].line, error);
        cr_assert(runs || strstr(error, cases[i].says), "%s: %s", cases[i].line, error);
        free(bench.sources);
    }
}

Test(prepare, loopback_takes_as_many_sources_as_the_ports_need)
{
    struct bench bench;
    cr_assert(prepare(&bench, "idle ws://127.0.0.1:80 -n 100"));
    cr_assert_eq(bench.source_count, 0);
    cr_assert(prepare(&bench, "idle ws://127.0.0.1:80 -n 100k"), "%s", error);
    cr_assert_geq(bench.source_count, 100000 / 4000);
    free(bench.sources);
}
