// SPDX-License-Identifier: MIT
#include "load/proc.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Reads a whole small file; false when it is not there.
static bool read_file(const char *path, char *text, size_t text_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, text_bytes - 1);
    close(fd);
    text[len > 0 ? len : 0] = 0;
    return len > 0;
}

// The number behind "Name:" in a status file; 0 when there is none.
static uint64_t status_value(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

// Fields of stat are counted from behind the command's closing parenthesis: field 3 is first.
static const char *stat_field(const char *text, int field)
{
    const char *at = strrchr(text, ')');
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? at + 1 : NULL;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *field = read_file(path, text, sizeof text) ? stat_field(text, 4) : NULL;
    return field ? (pid_t)strtol(field, NULL, 10) : 0;
}

static bool listed(const pid_t *pids, uint32_t count, pid_t pid)
{
    for (uint32_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

uint32_t proc_add_children(pid_t pids[PROC_PIDS_MAX], uint32_t count)
{
    for (uint32_t before = 0; before != count;) {
        before = count;
        DIR *directory = opendir("/proc");
        struct dirent *entry;
        while (directory && (entry = readdir(directory))) {
            pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
            if (pid > 0 && !listed(pids, count, pid) && listed(pids, count, parent_of(pid)) &&
                count < PROC_PIDS_MAX)
                pids[count++] = pid;
        }
        if (directory)
            closedir(directory);
    }
    return count;
}

static void read_thread(struct proc_thread *thread, pid_t pid, pid_t tid)
{
    char path[96], text[4096];
    *thread = (struct proc_thread){.pid = pid, .tid = tid};
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
    if (read_file(path, text, sizeof text)) {
        char *end;
        thread->cpu_ns = strtoull(text, &end, 10);
        thread->wait_ns = strtoull(end, NULL, 10);
    }
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    if (read_file(path, text, sizeof text)) {
        thread->switches_voluntary = status_value(text, "\nvoluntary_ctxt_switches:");
        thread->switches_forced = status_value(text, "nonvoluntary_ctxt_switches:");
        const char *name = strchr(text, '\t');
        if (name)
            snprintf(thread->name, sizeof thread->name, "%.*s", (int)strcspn(name + 1, "\n"),
                     name + 1);
    }
}

static void read_threads(struct proc_sample *sample, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid <= 0)
            continue;
        if (sample->thread_count == PROC_THREADS_MAX) {
            sample->capped = true;
            break;
        }
        struct proc_thread *thread = &sample->threads[sample->thread_count++];
        read_thread(thread, pid, tid);
        sample->wait_ns += thread->wait_ns;
        sample->switches_voluntary += thread->switches_voluntary;
        sample->switches_forced += thread->switches_forced;
    }
    if (directory)
        closedir(directory);
}

// Exact, and of all threads that there have been.
static uint64_t cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void read_memory(struct proc_sample *sample, const char *status)
{
    uint64_t shared_bytes = status_value(status, "RssShmem:") * 1024;
    sample->resident_bytes += status_value(status, "VmRSS:") * 1024;
    sample->anonymous_bytes += status_value(status, "RssAnon:") * 1024;
    if (shared_bytes > sample->shared_bytes)
        sample->shared_bytes = shared_bytes;
}

static bool read_process(struct proc_sample *sample, pid_t pid)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *field = read_file(path, text, sizeof text) ? stat_field(text, 14) : NULL;
    if (!field)
        return false;
    char *end;
    uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    sample->user_ns += strtoull(field, &end, 10) * tick_ns;
    sample->kernel_ns += strtoull(end, NULL, 10) * tick_ns;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (read_file(path, text, sizeof text))
        read_memory(sample, text);
    struct proc_process *process = &sample->processes[sample->process_count++];
    *process = (struct proc_process){pid, cpu_of(pid)};
    sample->cpu_ns += process->cpu_ns;
    read_threads(sample, pid);
    return true;
}

bool proc_read(struct proc_sample *sample, const pid_t *pids, uint32_t count)
{
    memset(sample, 0, sizeof *sample);
    for (uint32_t i = 0; i < count && i < PROC_PIDS_MAX; i++)
        (void)read_process(sample, pids[i]);
    if (count == PROC_PIDS_MAX)
        sample->capped = true;
    sample->at_ns = clock_monotonic_ns();
    return sample->process_count > 0;
}

static const struct proc_thread *find_thread(const struct proc_sample *sample, pid_t tid)
{
    for (uint32_t i = 0; i < sample->thread_count; i++)
        if (sample->threads[i].tid == tid)
            return &sample->threads[i];
    return NULL;
}

static const struct proc_process *find_process(const struct proc_sample *sample, pid_t pid)
{
    for (uint32_t i = 0; i < sample->process_count; i++)
        if (sample->processes[i].pid == pid)
            return &sample->processes[i];
    return NULL;
}

static void subtract_processes(struct proc_sample *out, const struct proc_sample *from)
{
    uint32_t known = 0;
    out->cpu_ns = 0;
    for (uint32_t i = 0; i < out->process_count; i++) {
        const struct proc_process *before = find_process(from, out->processes[i].pid);
        known += before != NULL;
        out->processes[i].cpu_ns -= before ? before->cpu_ns : 0;
        out->cpu_ns += out->processes[i].cpu_ns;
    }
    out->ended_count = from->process_count - known;
}

static void subtract_threads(struct proc_sample *out, const struct proc_sample *from)
{
    static const struct proc_thread nothing;
    out->wait_ns = out->switches_voluntary = out->switches_forced = 0;
    for (uint32_t i = 0; i < out->thread_count; i++) {
        struct proc_thread *thread = &out->threads[i];
        const struct proc_thread *before = find_thread(from, thread->tid);
        before = before ? before : &nothing;
        thread->cpu_ns -= before->cpu_ns;
        thread->wait_ns -= before->wait_ns;
        thread->switches_voluntary -= before->switches_voluntary;
        thread->switches_forced -= before->switches_forced;
        out->wait_ns += thread->wait_ns;
        out->switches_voluntary += thread->switches_voluntary;
        out->switches_forced += thread->switches_forced;
    }
}

static uint64_t grown(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0; // sums shrink when a process ends
}

void proc_difference(struct proc_sample *out, const struct proc_sample *from,
                     const struct proc_sample *to)
{
    *out = *to;
    out->at_ns = to->at_ns - from->at_ns;
    out->user_ns = grown(from->user_ns, to->user_ns);
    out->kernel_ns = grown(from->kernel_ns, to->kernel_ns);
    out->capped = from->capped || to->capped;
    subtract_processes(out, from);
    subtract_threads(out, from);
}
