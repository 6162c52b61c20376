// SPDX-License-Identifier: MIT
//
// What /proc says about a set of processes: CPU time in nanoseconds per thread (schedstat), time
// spent waiting for a CPU, memory, context switches. Read by the main thread a few times a run and
// for the live line; never by a worker.
#pragma once

#include "base/check.h"

#include <sys/types.h>

#define PROC_THREADS_MAX 128
#define PROC_PIDS_MAX    64

struct proc_thread {
    pid_t pid, tid;
    char name[16];
    uint64_t cpu_ns;  // on a CPU
    uint64_t wait_ns; // ready to run, but waiting for a CPU
    uint64_t switches_voluntary, switches_forced;
};

struct proc_sample {
    uint64_t at_ns;
    uint64_t cpu_ns, wait_ns, switches_voluntary, switches_forced; // sums over the threads
    uint64_t user_ns, kernel_ns;                                   // in steps of 10 ms
    uint64_t resident_bytes;  // all of RSS, shared libraries included
    uint64_t anonymous_bytes; // heap, stacks, private memory: the server's user memory
    uint32_t thread_count, process_count;
    struct proc_thread threads[PROC_THREADS_MAX];
};

// Adds the descendants of the processes in `pids`; returns the new count.
uint32_t proc_add_children(pid_t pids[PROC_PIDS_MAX], uint32_t count);

// Processes that are gone count as nothing; false when all are.
bool proc_read(struct proc_sample *sample, const pid_t *pids, uint32_t count);

// What happened between two samples; memory is that of the later one. A thread that appeared in
// between counts from its start, one that ended drops out.
void proc_difference(struct proc_sample *out, const struct proc_sample *from,
                     const struct proc_sample *to);
