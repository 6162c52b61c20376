// SPDX-License-Identifier: MIT
#include "embed/limits.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

Test(limits, connections_are_shared_out_within_the_table)
{
    static const struct {
        uint64_t wanted;
        unsigned shards;
        uint32_t nofile, reserve, share;
    } rows[] = {
        {0, 1, 1024, 64, 960},                   // as many as possible
        {0, 8, 1024, 64, 960},                   // the table is each ring's own
        {100, 1, 1024, 64, 100},                 //
        {100, 4, 1024, 64, 25},                  //
        {101, 4, 1024, 64, 26},                  // not fewer than asked for
        {1, 4, 1024, 64, 1},                     //
        {100000, 4, 1024, 64, 960},              // lowered
        {0, 1, 64, 64, 1},                       // hopeless, but not zero
        {0, 1, 10, 64, 1},                       //
        {0, 1, UINT32_MAX, 64, (1U << 20) - 64}, // the kernel's own limit
        {UINT32_MAX, 64, UINT32_MAX, 64, (1U << 20) - 64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(limits_share(rows[i].wanted, rows[i].shards, rows[i].nofile, rows[i].reserve),
                     rows[i].share, "row %zu", i);
}

Test(limits, cpus_are_counted_round)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(3, &cpus);
    CPU_SET(70, &cpus);
    cr_assert_eq(limits_nth_cpu(&cpus, 0), 3);
    cr_assert_eq(limits_nth_cpu(&cpus, 1), 70);
    cr_assert_eq(limits_nth_cpu(&cpus, 2), 3);
    limits_cpus(&cpus);
    cr_assert_geq(CPU_COUNT(&cpus), 1);
    cr_assert(CPU_ISSET((size_t)limits_nth_cpu(&cpus, 0), &cpus));
}

Test(limits, the_limit_of_files_is_read_and_left_alone)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(limits_nofile(), 100);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(limit.rlim_cur, 100);
}
