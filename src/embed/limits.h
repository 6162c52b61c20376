// SPDX-License-Identifier: MIT
//
// What the process may use: CPUs, descriptors and memory.
#pragma once

#include <sched.h>
#include <stdint.h>

// The CPUs this process may run on.
void limits_cpus(cpu_set_t *cpus);

// The n-th of them, counted round.
int limits_nth_cpu(const cpu_set_t *cpus, unsigned n);

// RLIMIT_NOFILE.
uint32_t limits_nofile(void);

// What this process may use of the machine's memory, as far as control groups (version 2) limit it.
uint64_t limits_memory_bytes(void);

// The least of the numbers in the files `name` of a folder and all above it, up to `root`, a prefix
// of it; UINT64_MAX when none of them has one ("max").
uint64_t limits_least_in_path(const char *root, const char *path, const char *name);

// Connections per shard: an even share of `wanted` (0: as many as possible), as far as a ring's
// table of `nofile` descriptors goes with `reserve` of them left.
uint32_t limits_share(uint64_t wanted, unsigned shards, uint32_t nofile, uint32_t reserve);
