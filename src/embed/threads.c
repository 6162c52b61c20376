// SPDX-License-Identifier: MIT
//
// An instance's threads: one per shard.
#include "embed/embed.h"

#include "codec/jwt_key.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Thread_local struct shard *own_shard;

struct shard *embed_own_shard(const struct ringcast *rc)
{
    return own_shard && own_shard->group == &rc->group ? own_shard : NULL;
}

int ringcast_shard(const struct ringcast *rc)
{
    const struct shard *shard = embed_own_shard(rc);
    return shard ? shard->options.index : -1;
}

unsigned ringcast_shard_of(ringcast_id id)
{
    return connection_id_shard(id.value);
}

// More threads than CPUs are left to the scheduler.
static bool pins(const struct ringcast *rc)
{
    return rc->options.pin && rc->group.count <= CPU_COUNT(&rc->cpus);
}

static void prepare_thread(const struct embed_thread *thread)
{
    char name[16];
    struct ringcast *rc = thread->rc;
    snprintf(name, sizeof name, "shard-%u", thread->index);
    (void)pthread_setname_np(thread->id, name);
    log_set_sink(&rc->sink);
    own_shard = rc->group.shards[thread->index];
    if (!pins(rc))
        return;
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET((size_t)limits_nth_cpu(&rc->cpus, thread->index), &cpu);
    int error = pthread_setaffinity_np(thread->id, sizeof cpu, &cpu);
    if (error)
        log_warn("not pinned to a CPU: %s", strerror(error));
}

static void *run(void *argument)
{
    struct embed_thread *thread = argument;
    struct ringcast *rc = thread->rc;
    struct shard *shard = rc->group.shards[thread->index];
    thread->id = pthread_self();
    prepare_thread(thread);
    thread->start_error = shard_start(shard);
    thread->ready = thread->start_error == 0;
    sem_post(&rc->started);
    while (sem_wait(&rc->go)) // a peer's ring must exist before we wake it
        ;
    if (!rc->given_up)
        while (shard_tick(shard))
            ;
    jwt_key_thread_end();
    // Release: who sees that nothing runs sees all that the shards did.
    atomic_fetch_sub_explicit(&rc->running, 1, memory_order_release);
    return NULL;
}

// One after the other: a shard looks at the first one's ring while it makes its own.
static int start_thread(struct ringcast *rc, uint16_t index)
{
    struct embed_thread *thread = &rc->threads[index];
    thread->rc = rc;
    thread->index = index;
    // Signals are the program's: a shard's thread takes none of them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return -error;
    thread->created = true;
    while (sem_wait(&rc->started))
        ;
    return thread->start_error;
}

static void log_start(const struct ringcast *rc)
{
    const struct ring_features *f = &rc->features;
    log_info(
        "io_uring probed: inline sends %s, wake-ups by %s, zero-copy sends %s; clients may make "
        "us hold %llu MiB",
        f->inline_silent ? "silent" : "with completions", f->msg_ring ? "msg_ring" : "eventfd",
        !f->send_zc                             ? "not known to this kernel"
        : !rc->options.zerocopy_threshold_bytes ? "possible, not asked for"
        : rc->group.shards[0]->zerocopy         ? "from registered memory"
                                                : "off: no registered memory",
        (unsigned long long)(rc->group.held_max_bytes >> 20));
}

static int start_threads(struct ringcast *rc, char *error, size_t error_bytes)
{
    int result = 0;
    uint16_t made = 0;
    atomic_store(&rc->running, rc->group.count);
    while (!result && made < rc->group.count)
        result = start_thread(rc, made++);
    rc->given_up = result != 0;
    if (result)
        snprintf(error, error_bytes, "cannot start shard %u: %s%s", made - 1U, strerror(-result),
                 result == -ENOMEM ? ": lower threads, recv_buffers or max_connections" : "");
    else
        log_start(rc);
    // Release: who sees it sees the rings.
    atomic_store_explicit(&rc->has_started, !result, memory_order_release);
    for (uint16_t i = 0; i < made; i++)
        sem_post(&rc->go);
    if (result) {
        ringcast_wait(rc);
        atomic_store(&rc->running, 0); // not all of them have been there
    }
    return result;
}

int ringcast_start(struct ringcast *rc, char *error, size_t error_bytes)
{
    if (rc->threads[0].rc) {
        snprintf(error, error_bytes, "an instance can be started only once");
        return -EINVAL;
    }
    for (unsigned i = 0; i < rc->listeners.count; i++)
        if (rc->listeners.tls[i] && !rc->has_tls) {
            snprintf(error, error_bytes, "a listener has TLS: call ringcast_set_tls first");
            return -EINVAL;
        }
    const struct log_sink *before = log_set_sink(&rc->sink);
    int result = start_threads(rc, error, error_bytes);
    log_set_sink(before);
    return result;
}

// The earliest end that was asked for.
static void end_by(struct shard_group *group, uint64_t end_ms)
{
    // Relaxed: the phase publishes it.
    uint64_t before = atomic_load_explicit(&group->drain_end_ms, memory_order_relaxed);
    while (end_ms < before &&
           !atomic_compare_exchange_weak_explicit(&group->drain_end_ms, &before, end_ms,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void ringcast_stop(struct ringcast *rc, uint32_t deadline_ms)
{
    // Async-signal-safe: atomics and system calls only.
    int error = errno;
    if (getpid() != rc->pid) // a child's listeners are its parent's: it must not shut them down
        return;
    end_by(&rc->group, rc->options.clock_ms() + deadline_ms);
    enum shard_phase phase = deadline_ms ? SHARD_DRAINING : SHARD_STOPPING;
    int before = atomic_load_explicit(&rc->group.phase, memory_order_relaxed);
    while (before < (int)phase &&
           !atomic_compare_exchange_weak_explicit(&rc->group.phase, &before, (int)phase,
                                                  memory_order_release, memory_order_relaxed))
        ;
    for (uint16_t i = 0; i < rc->group.count; i++)
        shard_interrupt(rc->group.shards[i]);
    errno = error;
}

bool ringcast_ended(const struct ringcast *rc)
{
    // Acquire: pairs with the release in run().
    return atomic_load_explicit(&rc->running, memory_order_acquire) == 0;
}

void ringcast_wait(struct ringcast *rc)
{
    for (uint16_t i = 0; i < rc->group.count; i++) {
        if (rc->threads[i].created)
            pthread_join(rc->threads[i].id, NULL);
        rc->threads[i].created = false;
    }
}

int ringcast_run(struct ringcast *rc, char *error, size_t error_bytes)
{
    int result = ringcast_start(rc, error, error_bytes);
    if (!result)
        ringcast_wait(rc);
    return result;
}

bool ringcast_alive(struct ringcast *rc)
{
    bool all = true;
    // Shards end one after the other then, and stopping has a deadline of its own. Relaxed: nothing
    // is read that depends on it.
    if (atomic_load_explicit(&rc->group.phase, memory_order_relaxed) >= SHARD_DRAINING)
        return true;
    for (uint16_t i = 0; i < rc->group.count; i++) {
        uint64_t turns = counter_read(&rc->group.shards[i]->counters.ticks);
        all &= turns != rc->turns[i];
        rc->turns[i] = turns;
        shard_interrupt(rc->group.shards[i]); // idle is not stuck
    }
    return all;
}
