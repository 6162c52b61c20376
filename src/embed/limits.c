// SPDX-License-Identifier: MIT
#include "embed/limits.h"

#include <sys/resource.h>

// The kernel's own limit of a ring's table (IORING_MAX_FIXED_FILES).
#define TABLE_MAX_FILES (1U << 20)

void limits_cpus(cpu_set_t *cpus)
{
    CPU_ZERO(cpus);
    if (sched_getaffinity(0, sizeof *cpus, cpus) || CPU_COUNT(cpus) == 0)
        CPU_SET(0, cpus); // more CPUs than the set has bits
}

int limits_nth_cpu(const cpu_set_t *cpus, unsigned n)
{
    n %= (unsigned)CPU_COUNT(cpus);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, cpus) && n-- == 0)
            return cpu;
    return 0;
}

uint32_t limits_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024; // POSIX' usual value; cannot happen
    return limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur;
}

uint32_t limits_share(uint64_t wanted, unsigned shards, uint32_t nofile, uint32_t reserve)
{
    uint32_t files = nofile < TABLE_MAX_FILES ? nofile : TABLE_MAX_FILES;
    uint32_t most = files > reserve ? files - reserve : 1;
    uint64_t share = (wanted + shards - 1) / shards;
    return wanted == 0 || share > most ? most : (uint32_t)share;
}
