// SPDX-License-Identifier: MIT
//
// ringcast-bench: load on WebSocket servers. bench.h says how a run goes.
#include "load/compare.h"
#include "load/report_html.h"
#include "load/results.h"
#include "load/revision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code { EXIT_GOOD = 0, EXIT_BAD_RUN = 1, EXIT_BAD_USAGE = 2 };

static int complain(int code, const char *error)
{
    fprintf(stderr, "ringcast-bench: %s\n", error);
    return code;
}

static bool cannot_write(const char *path, int error)
{
    if (error)
        fprintf(stderr, "ringcast-bench: cannot write '%s': %s\n", path, strerror(-error));
    return error;
}

static int report(const struct results *results)
{
    const struct options *options = &results->bench->options;
    char why[1024];
    bool failed = results_why_failed(results, why, sizeof why);
    if (!options->quiet && !(options->json && strcmp(options->json, "-") == 0))
        report_text(results);
    if (failed || results->error[0])
        complain(0, failed ? why : results->error);
    int error = options->json ? report_json(results, options->json) : 0;
    failed = cannot_write(options->json, error) || failed;
    error = options->html ? report_html(results, options->html) : 0;
    failed = cannot_write(options->html, error) || failed;
    return failed ? EXIT_BAD_RUN : EXIT_GOOD;
}

// `command` is what was typed: getopt moves argv's words around.
static int run(int argc, char **argv, char **command)
{
    static struct bench bench;
    char error[512];
    switch (options_parse(&bench.options, argc, argv, error, sizeof error)) {
    case OPTIONS_HELP:
        options_help();
        return EXIT_GOOD;
    case OPTIONS_VERSION:
        printf("ringcast-bench %s (%s)\n", RINGCAST_VERSION, revision);
        return EXIT_GOOD;
    case OPTIONS_BAD:
        return complain(EXIT_BAD_USAGE, error);
    case OPTIONS_RUN:
        break;
    }
    if (bench_prepare(&bench, error, sizeof error))
        return complain(EXIT_BAD_USAGE, error);
    struct results *results = calloc(1, sizeof *results);
    if (!results)
        return complain(EXIT_BAD_RUN, "out of memory");
    results->argc = argc;
    results->argv = command;
    bool nothing = bench_run(&bench, results, error, sizeof error);
    int code = nothing ? complain(EXIT_BAD_RUN, error) : report(results);
    free(results->series);
    free(results);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return compare_run(argc - 2, argv + 2);
    char **command = calloc((size_t)argc + 1, sizeof *command);
    if (!command)
        return complain(EXIT_BAD_RUN, "out of memory");
    memcpy(command, argv, (size_t)argc * sizeof *command);
    int code = run(argc, argv, command);
    free(command);
    return code;
}
