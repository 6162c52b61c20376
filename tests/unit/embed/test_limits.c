// SPDX-License-Identifier: MIT
#include "embed/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

Test(limits, the_least_of_a_path_counts)
{
    char root[] = "/tmp/ringcast-limits-XXXXXX", a[64], b[64];
    cr_assert(mkdtemp(root));
    snprintf(a, sizeof a, "%s/a", root);
    snprintf(b, sizeof b, "%s/a/b", root);
    cr_assert(mkdir(a, 0700) == 0 && mkdir(b, 0700) == 0);
    cr_assert_eq(limits_least_in_path(root, "/a/b", "memory.max"), UINT64_MAX);
    write_file(b, "memory.max", "max\n");
    cr_assert_eq(limits_least_in_path(root, "/a/b", "memory.max"), UINT64_MAX);
    write_file(root, "memory.max", "3000\n");
    cr_assert_eq(limits_least_in_path(root, "/a/b", "memory.max"), 3000);
    cr_assert_eq(limits_least_in_path(root, "/", "memory.max"), 3000);
    cr_assert_eq(limits_least_in_path(root, "", "memory.max"), 3000);
    write_file(a, "memory.max", "2000\n");
    cr_assert_eq(limits_least_in_path(root, "/a/b", "memory.max"), 2000);
    write_file(b, "memory.max", "4000\n");
    cr_assert_eq(limits_least_in_path(root, "/a/b", "memory.max"), 2000);
    const char *const folders[] = {b, a, root};
    for (size_t i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/memory.max", folders[i]);
        cr_assert(unlink(path) == 0 && rmdir(folders[i]) == 0);
    }
    cr_assert(limits_memory_bytes() > 1 << 20);
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
