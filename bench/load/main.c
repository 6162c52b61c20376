// SPDX-License-Identifier: MIT
//
// ringcast-bench: load on WebSocket servers. bench.h says how a run goes.
#include "load/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code { EXIT_GOOD = 0, EXIT_BAD_RUN = 1, EXIT_BAD_USAGE = 2 };

static int complain(int code, const char *error)
{
    fprintf(stderr, "ringcast-bench: %s\n", error);
    return code;
}

static int report(const struct results *results)
{
    const struct options *options = &results->bench->options;
    bool failed = results_failed(results);
    if (!options->quiet && !(options->json && strcmp(options->json, "-") == 0))
        report_text(results);
    if (results->error[0])
        complain(0, results->error);
    int error = options->json ? report_json(results, options->json) : 0;
    if (error) {
        fprintf(stderr, "ringcast-bench: cannot write '%s': %s\n", options->json, strerror(-error));
        failed = true;
    }
    return failed ? EXIT_BAD_RUN : EXIT_GOOD;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    char error[512];
    switch (options_parse(&bench.options, argc, argv, error, sizeof error)) {
    case OPTIONS_HELP:
        options_help();
        return EXIT_GOOD;
    case OPTIONS_VERSION:
        printf("ringcast-bench %s\n", RINGCAST_VERSION);
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
    results->argv = argv;
    if (bench_run(&bench, results, error, sizeof error))
        return complain(EXIT_BAD_RUN, error);
    int code = report(results);
    free(results);
    return code;
}
