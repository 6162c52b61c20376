// SPDX-License-Identifier: MIT
#include "load/results.h"

#include <criterion/criterion.h>

static struct worker workers[3];
static struct bench bench = {.workers = workers, .thread_count = 3, .scenario = &scenario_fanout};
static struct results results = {.bench = &bench, .opened_all = true, .measured_s = 1};

static void opens(uint32_t worker, uint64_t from_ns, uint64_t until_ns)
{
    counter_set(&workers[worker].open_from_ns, from_ns);
    counter_set(&workers[worker].open_until_ns, until_ns);
}

Test(results, opening_is_from_the_first_handshake_to_the_last)
{
    opens(0, 5000, 9000);
    opens(1, 5200, 9400);
    cr_assert_eq(results_opening_ns(&bench), 4400); // the third has no connections
    opens(2, 4000, 4100);
    cr_assert_eq(results_opening_ns(&bench), 5400);
}

Test(results, opening_of_nothing_takes_no_time)
{
    cr_assert_eq(results_opening_ns(&bench), 0);
    opens(0, 5000, 0); // begun, and never done
    cr_assert_eq(results_opening_ns(&bench), 0);
}

Test(results, a_good_run_has_not_failed)
{
    cr_assert_not(results_failed(&results));
}

Test(results, each_of_these_fails_a_run)
{
    const int counts[] = {COUNT_misplaced, COUNT_damaged, COUNT_lost, COUNT_failed,
                          COUNT_due_unsent};
    uint64_t *const verdicts[] = {&results.verdict.missing, &results.verdict.doubled,
                                  &results.verdict.reordered, &results.verdict.stranded};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        results.end.counts[counts[i]] = 1;
        cr_assert(results_failed(&results), "count %zu", i);
        results.end.counts[counts[i]] = 0;
    }
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        *verdicts[i] = 1;
        cr_assert(results_failed(&results), "verdict %zu", i);
        *verdicts[i] = 0;
    }
    results.opened_all = false;
    cr_assert(results_failed(&results));
}
