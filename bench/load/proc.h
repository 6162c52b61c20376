// SPDX-License-Identifier: MIT
//
// What the kernel says about a set of processes: CPU time in nanoseconds of each (its CPU clock,
// which goes on counting threads that have ended) and of its threads (schedstat), time spent
// waiting for a CPU, memory, context switches. Read by the main thread a few times a run and for
// the curves; never by a worker.
//
// Bounds: PROC_PIDS_MAX processes, PROC_THREADS_MAX threads of them all. CPU time and memory are
// those of all threads, listed or not; waiting and switches only of those that are listed, and of
// those that have ended since they are not known. `capped` says that there were more.
#pragma once

#include "base/check.h"

#include <sys/types.h>

#define PROC_THREADS_MAX 1024
#define PROC_PIDS_MAX    1024

struct proc_process {
    pid_t pid;
    uint64_t cpu_ns;
};

struct proc_thread {
    pid_t pid, tid;
    char name[16];
    uint64_t cpu_ns;  // on a CPU
    uint64_t wait_ns; // ready to run, but waiting for a CPU
    uint64_t switches_voluntary, switches_forced;
};

struct proc_sample {
    uint64_t at_ns;
    uint64_t cpu_ns;                                       // sum over the processes
    uint64_t wait_ns, switches_voluntary, switches_forced; // sums over the threads
    uint64_t user_ns, kernel_ns;                           // in steps of 10 ms
    uint64_t resident_bytes;  // all of RSS, shared libraries included, summed
    uint64_t anonymous_bytes; // heap, stacks, private memory, summed
    uint64_t shared_bytes;    // shared memory of the process that has most: they share the same
    uint32_t thread_count, process_count;
    uint32_t ended_count; // of a difference: processes that ended, whose last CPU time is not known
    bool capped;
    struct proc_process processes[PROC_PIDS_MAX];
    struct proc_thread threads[PROC_THREADS_MAX];
};

// The user memory of a server: what is its own, and what its processes share.
static inline uint64_t proc_memory_bytes(const struct proc_sample *sample)
{
    return sample->anonymous_bytes + sample->shared_bytes;
}

// Adds the descendants of the processes in `pids`; returns the new count.
uint32_t proc_add_children(pid_t pids[PROC_PIDS_MAX], uint32_t count);

// Processes that are gone count as nothing; false when all are.
bool proc_read(struct proc_sample *sample, const pid_t *pids, uint32_t count);

// What happened between two samples; memory is that of the later one. A process or thread that
// appeared in between counts from its start; a process that ended drops out (`ended_count`).
void proc_difference(struct proc_sample *out, const struct proc_sample *from,
                     const struct proc_sample *to);
