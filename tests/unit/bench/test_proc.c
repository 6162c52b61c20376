// SPDX-License-Identifier: MIT
#include "load/proc.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORK_NS UINT64_C(20000000)
#define BYTES   ((size_t)8 << 20)

static struct proc_sample from, to, difference;

static void *work(void *argument)
{
    uint64_t begun_ns = clock_thread_cpu_ns();
    while (clock_thread_cpu_ns() - begun_ns < WORK_NS)
        ;
    return argument;
}

static void read_self(struct proc_sample *sample)
{
    pid_t self = getpid();
    cr_assert(proc_read(sample, &self, 1));
}

Test(proc, threads_that_have_ended_count)
{
    pthread_t thread;
    read_self(&from);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    read_self(&to);
    proc_difference(&difference, &from, &to);
    cr_assert_geq(difference.cpu_ns, WORK_NS);
    cr_assert_leq(difference.cpu_ns, difference.at_ns * 2);
    cr_assert_eq(difference.ended_count, 0);
    cr_assert_not(difference.capped);
}

Test(proc, shared_memory_counts_once)
{
    read_self(&from);
    uint8_t *shared = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *private =
        mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(shared != MAP_FAILED && private != MAP_FAILED);
    memset(shared, 1, BYTES);
    memset(private, 1, BYTES);
    read_self(&to);
    cr_assert_geq(to.shared_bytes - from.shared_bytes, BYTES);
    cr_assert_lt(to.shared_bytes - from.shared_bytes, BYTES * 3 / 2);
    cr_assert_geq(proc_memory_bytes(&to) - proc_memory_bytes(&from), 2 * BYTES);

    pid_t pids[PROC_PIDS_MAX] = {getpid()}, child = fork();
    if (child == 0) {
        memset(shared, 2, BYTES);
        pause();
        _exit(0);
    }
    uint32_t count = proc_add_children(pids, 1);
    cr_assert_eq(count, 2);
    cr_assert_eq(pids[1], child);
    cr_assert(proc_read(&from, pids, count));
    cr_assert_eq(from.process_count, 2);
    cr_assert_lt(from.shared_bytes, to.shared_bytes + BYTES / 2);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_assert(proc_read(&to, pids, count));
    proc_difference(&difference, &from, &to);
    cr_assert_eq(difference.process_count, 1);
    cr_assert_eq(difference.ended_count, 1);
}

Test(proc, a_process_that_is_not_there)
{
    pid_t nobody = INT32_MAX;
    cr_assert_not(proc_read(&from, &nobody, 1));
}

// No process has so many threads here: the samples are made up.
Test(proc, differences_by_process_and_thread)
{
    from.process_count = 2;
    from.processes[0] = (struct proc_process){1, 100};
    from.processes[1] = (struct proc_process){2, 1000};
    from.thread_count = 1;
    from.threads[0] = (struct proc_thread){.pid = 1, .tid = 1, .cpu_ns = 90, .wait_ns = 7};
    to.process_count = 2;
    to.processes[0] = (struct proc_process){1, 150};
    to.processes[1] = (struct proc_process){3, 30}; // new; 2 has ended
    to.thread_count = 2;
    to.threads[0] = (struct proc_thread){.pid = 1, .tid = 1, .cpu_ns = 120, .wait_ns = 9};
    to.threads[1] = (struct proc_thread){.pid = 3, .tid = 3, .cpu_ns = 30, .wait_ns = 5};
    to.capped = true;
    proc_difference(&difference, &from, &to);
    cr_assert_eq(difference.cpu_ns, 80);
    cr_assert_eq(difference.wait_ns, 7);
    cr_assert_eq(difference.threads[0].cpu_ns, 30);
    cr_assert_eq(difference.ended_count, 1);
    cr_assert(difference.capped);
}
