// SPDX-License-Identifier: MIT
//
// What the process may use: CPUs and descriptors.
#pragma once

#include <sched.h>
#include <stdint.h>

// The CPUs this process may run on.
void limits_cpus(cpu_set_t *cpus);

// The n-th of them, counted round.
int limits_nth_cpu(const cpu_set_t *cpus, unsigned n);

// RLIMIT_NOFILE.
uint32_t limits_nofile(void);

// Connections per shard: an even share of `wanted` (0: as many as possible), as far as a ring's
// table of `nofile` descriptors goes with `reserve` of them left.
uint32_t limits_share(uint64_t wanted, unsigned shards, uint32_t nofile, uint32_t reserve);
