// SPDX-License-Identifier: MIT
//
//   test_sim                     as many seeds as fit into a few seconds
//   test_sim --seed N            one, to look at a failure
//   test_sim --seeds FROM COUNT  a range
#include "sim/sim.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENOUGH_SEEDS 300
#define ENOUGH_MS    8000

static volatile uint64_t seed, passed;

// A failed CHECK aborts: say which seed it was, whatever else is broken.
static void on_abort(int signal_number)
{
    (void)signal_number;
    fprintf(stderr, "failed: test_sim --seed %llu\n", (unsigned long long)seed);
    printf("%llu passed, 1 failed\n", (unsigned long long)passed);
    fflush(stdout);
    _Exit(1);
}

static void run(uint64_t number)
{
    seed = number;
    sim_run(number);
    passed++;
}

int main(int argc, char **argv)
{
    log_set_level(LOG_OFF);
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        run(strtoull(argv[2], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
        uint64_t from = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
        for (uint64_t i = 0; i < count; i++)
            run(from + i);
    } else if (argc == 1) {
        uint64_t end_ms = clock_monotonic_ms() + ENOUGH_MS;
        for (uint64_t i = 1; i <= ENOUGH_SEEDS || clock_monotonic_ms() < end_ms; i++)
            run(i);
    } else {
        fprintf(stderr, "usage: test_sim [--seed N | --seeds FROM COUNT]\n");
        return 2;
    }
    printf("%llu passed, 0 failed\n", (unsigned long long)passed);
    return 0;
}
