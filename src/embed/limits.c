// SPDX-License-Identifier: MIT
#include "embed/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The kernel's own limit of a ring's table (IORING_MAX_FIXED_FILES).
#define TABLE_MAX_FILES (1U << 20)
#define PATH_BYTES      4096

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

static uint64_t number_in(const char *path)
{
    char line[32];
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    char *end = line;
    unsigned long long number = fgets(line, sizeof line, file) ? strtoull(line, &end, 10) : 0;
    fclose(file);
    return end == line ? UINT64_MAX : number;
}

uint64_t limits_least_in_path(const char *root, const char *path, const char *name)
{
    char folder[PATH_BYTES], file[PATH_BYTES + 64];
    uint64_t least = UINT64_MAX;
    size_t len = (size_t)snprintf(folder, sizeof folder, "%s%s", root, path);
    while (len < sizeof folder && len >= strlen(root)) {
        folder[len] = 0;
        snprintf(file, sizeof file, "%s/%s", folder, name);
        uint64_t number = number_in(file);
        least = number < least ? number : least;
        while (len && folder[--len] != '/')
            continue;
        if (len == 0)
            break;
    }
    return least;
}

// The process's place in the hierarchy: the line "0::PATH".
static void read_cgroup(char path[PATH_BYTES])
{
    char line[PATH_BYTES + 8];
    path[0] = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "0::", 3) == 0)
            snprintf(path, PATH_BYTES, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    if (file)
        fclose(file);
}

uint64_t limits_memory_bytes(void)
{
    char path[PATH_BYTES];
    read_cgroup(path);
    uint64_t bytes = limits_least_in_path("/sys/fs/cgroup", path, "memory.max");
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t machine =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    return machine < bytes ? machine : bytes;
}

uint32_t limits_share(uint64_t wanted, unsigned shards, uint32_t nofile, uint32_t reserve)
{
    uint32_t files = nofile < TABLE_MAX_FILES ? nofile : TABLE_MAX_FILES;
    uint32_t most = files > reserve ? files - reserve : 1;
    uint64_t share = (wanted + shards - 1) / shards;
    return wanted == 0 || share > most ? most : (uint32_t)share;
}
