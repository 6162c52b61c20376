// SPDX-License-Identifier: MIT
//
// An instance before its threads run and after they have ended: sizes, memory, queues, shards.
#include "embed/embed.h"

#include "base/rand.h"
#include "codec/json_strict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SQ_ENTRIES         1024
#define CQ_ENTRIES         16384
#define MEMORY_LEAST_BYTES (256ULL << 20) // for clients, when nothing else is asked for

static void choose_sizes(struct ringcast *rc)
{
    const struct ringcast_options *o = &rc->options;
    limits_cpus(&rc->cpus);
    rc->nofile = limits_nofile();
    unsigned threads = o->threads ? o->threads : (unsigned)CPU_COUNT(&rc->cpus);
    rc->group.count = (uint16_t)(threads < SHARD_MAX ? threads : SHARD_MAX);
    uint32_t share =
        limits_share(o->max_connections, rc->group.count, rc->nofile, SHARD_FILES_RESERVE);
    rc->shard_options.max_connections = share;
    rc->capacity = (uint64_t)share * rc->group.count;
    if (o->max_connections > rc->capacity)
        log_warn("max_connections %llu is lowered to %llu, which is what RLIMIT_NOFILE %u allows "
                 "%u threads: raise the hard limit of open files (ulimit -Hn, LimitNOFILE=)",
                 (unsigned long long)o->max_connections, (unsigned long long)rc->capacity,
                 rc->nofile, rc->group.count);
}

static void choose_memory(struct ringcast *rc)
{
    uint64_t bytes = rc->options.client_memory_bytes, half = limits_memory_bytes() / 2;
    if (!bytes)
        bytes = half > MEMORY_LEAST_BYTES ? half : MEMORY_LEAST_BYTES;
    rc->group.held_max_bytes = bytes;
}

static void copy_options(struct ringcast *rc)
{
    const struct ringcast_options *from = &rc->options;
    struct shard_options *o = &rc->shard_options;
    o->group = &rc->group;
    o->ring = (struct ring_options){.sq_entries = SQ_ENTRIES,
                                    .cq_entries = CQ_ENTRIES,
                                    .recv_buffers = from->recv_buffers,
                                    .recv_buffer_bytes = from->recv_buffer_bytes,
                                    .features = rc->features};
    o->limits = (struct net_limits){.outbound_frames = from->outbound_messages,
                                    .outbound_bytes = from->outbound_bytes,
                                    .zerocopy_threshold_bytes = from->zerocopy_threshold_bytes};
    o->conn = (struct conn_options){.max_message_bytes = from->max_message_bytes,
                                    .ping_interval_ms = from->ping_interval_ms,
                                    .idle_timeout_ms = from->idle_timeout_ms,
                                    .handshake_timeout_ms = from->handshake_timeout_ms,
                                    .close_timeout_ms = from->close_timeout_ms,
                                    .outbound_age_ms = from->outbound_age_ms,
                                    .message_timeout_ms = from->message_timeout_ms,
                                    .messages_per_second = from->messages_per_second,
                                    .bytes_per_second = from->bytes_per_second,
                                    .proxies = &rc->proxies,
                                    .addresses = rc->addresses};
    o->conn_ops = &embed_conn_ops;
    o->conn_context = rc;
    o->on_tick = rc->callbacks.on_tick ? embed_on_tick : NULL;
    o->tick_interval_ms = from->tick_interval_ms;
    o->max_rooms = from->max_rooms;
    o->inbox = (struct inbox_limits){.commands = from->inbox_commands, .bytes = from->inbox_bytes};
    o->listener_count = rc->listeners.count;
}

// The memory of all shards is one mapping, so that each ring can register the whole of it.
static int map_send_memory(struct ringcast *rc)
{
    struct shard_options *o = &rc->shard_options;
    o->send_memory_bytes = (rc->options.send_memory_bytes + 4095) & ~(size_t)4095;
    size_t bytes = o->send_memory_bytes * rc->group.count;
    if (bytes == 0)
        return 0;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    rc->send_memory = memory;
    rc->send_memory_bytes = bytes;
    // Registering pins the memory, which is worth it only for zero-copy sends.
    if (rc->options.zerocopy_threshold_bytes && rc->features.send_zc) {
        o->registered = memory;
        o->registered_bytes = bytes;
    }
    return 0;
}

static int make_queues(struct shard_group *group)
{
    uint32_t count = (uint32_t)group->count * group->count;
    group->queues = aligned_alloc(CACHE_LINE_BYTES, count * sizeof *group->queues);
    if (!group->queues)
        return -ENOMEM;
    memset(group->queues, 0, count * sizeof *group->queues);
    for (uint32_t i = 0; i < count; i++) {
        bool to_itself = i / group->count == i % group->count;
        int error = to_itself ? 0 : spsc_init(&group->queues[i], MAILBOX_QUEUE_MAILS);
        if (error)
            return error;
    }
    return 0;
}

static int make_shard(struct ringcast *rc, uint16_t index)
{
    struct shard_options o = rc->shard_options;
    struct shard *shard = aligned_alloc(CACHE_LINE_BYTES, sizeof *shard);
    if (!shard)
        return -ENOMEM;
    o.index = index;
    for (unsigned i = 0; i < o.listener_count; i++)
        o.listeners[i] = (struct shard_listener){.fd = rc->listeners.fds[index][i],
                                                 .tls = rc->listeners.tls[i],
                                                 .proxy = rc->listeners.proxy[i],
                                                 .trusted = rc->listeners.files[i],
                                                 .kept = rc->listeners.given[i]};
    if (rc->send_memory)
        o.send_memory = (uint8_t *)rc->send_memory + index * o.send_memory_bytes;
    rc->group.shards[index] = shard;
    int error = shard_init(shard, &o);
    shard->clock_ms = rc->options.clock_ms;
    shard->clock_unix_ms = rc->options.clock_unix_ms;
    return error;
}

// What the limits by address are counted in.
static int make_addresses(struct ringcast *rc)
{
    struct address_limits_options options = {
        .connections = rc->options.address_connections,
        .connections_per_second = rc->options.address_connections_per_second,
        .capacity = rc->capacity,
    };
    if (!options.connections && !options.connections_per_second)
        return 0;
    return address_limits_create(&rc->addresses, &options);
}

static int make_shards(struct ringcast *rc)
{
    int error = make_addresses(rc);
    if (error)
        return error;
    copy_options(rc);
    rand_entropy(&rc->group.hash_key, sizeof rc->group.hash_key);
    error = map_send_memory(rc);
    if (!error)
        error = make_queues(&rc->group);
    for (uint16_t i = 0; !error && i < rc->group.count; i++)
        error = make_shard(rc, i);
    return error;
}

static int make(struct ringcast *rc, const struct ringcast_options *options, char *error,
                size_t error_bytes)
{
    choose_sizes(rc);
    choose_memory(rc);
    int result = ring_probe(&rc->features, error, error_bytes) ? -ENOSYS : 0;
    if (!result)
        result = listeners_open(&rc->listeners, options->listeners, options->listener_count,
                                rc->group.count, error, error_bytes);
    if (result)
        return result;
    result = make_shards(rc);
    if (result)
        snprintf(error, error_bytes,
                 "cannot set up %u shards: %s: lower threads, send_memory or max_connections",
                 rc->group.count, strerror(-result));
    return result;
}

static void drop_line(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

static void pass_line(void *context, enum log_level level, const char *text)
{
    const struct ringcast *rc = context;
    rc->options.log(rc->options.log_user, (enum ringcast_level)level, text);
}

static void make_sink(struct ringcast *rc)
{
    rc->sink.write = rc->options.log ? pass_line : drop_line;
    rc->sink.context = rc;
    atomic_init(&rc->sink.level, rc->options.log ? (int)rc->options.log_level : LOG_OFF);
}

int ringcast_create(struct ringcast **out, const struct ringcast_options *options, char *error,
                    size_t error_bytes)
{
    struct ringcast *rc = aligned_alloc(CACHE_LINE_BYTES, sizeof *rc);
    if (!rc) {
        snprintf(error, error_bytes, "no memory");
        return -ENOMEM;
    }
    memset(rc, 0, sizeof *rc);
    int result = embed_take_options(rc, options, error, error_bytes);
    if (result) {
        free(rc);
        return result;
    }
    make_sink(rc);
    rc->pid = getpid();
    atomic_init(&rc->group.drain_end_ms, UINT64_MAX);
    sem_init(&rc->started, 0, 0);
    sem_init(&rc->go, 0, 0);
    pthread_mutex_init(&rc->sweep_lock, NULL);
    rc->started_ms = rc->options.clock_ms();
    json_strict_seed();
    const struct log_sink *before = log_set_sink(&rc->sink);
    result = make(rc, options, error, error_bytes);
    log_set_sink(before);
    if (result) {
        ringcast_destroy(rc);
        return result;
    }
    *out = rc;
    return 0;
}

// --- The end

static void settle(struct shard_group *group)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (uint16_t i = 0; i < group->count; i++)
            moved |= shard_settle_mail(group->shards[i]);
    }
}

static void free_shards(struct ringcast *rc)
{
    struct shard_group *group = &rc->group;
    // First what hands things back to the program, which may ask any shard about them.
    for (uint16_t i = 0; i < group->count; i++)
        if (group->shards[i])
            shard_drop_inbox(group->shards[i]);
    if (atomic_load(&rc->has_started))
        settle(group);
    for (uint16_t i = 0; i < group->count; i++) {
        if (!group->shards[i])
            continue;
        if (rc->threads[i].ready)
            shard_fini(group->shards[i]);
        else
            shard_abandon(group->shards[i]);
        free(group->shards[i]);
    }
    for (uint32_t i = 0; group->queues && i < (uint32_t)group->count * group->count; i++)
        if (i / group->count != i % group->count)
            spsc_fini(&group->queues[i]);
    free(group->queues);
}

void ringcast_destroy(struct ringcast *rc)
{
    if (!rc)
        return;
    if (atomic_load(&rc->has_started)) {
        ringcast_stop(rc, 0);
        ringcast_wait(rc);
    }
    const struct log_sink *before = log_set_sink(&rc->sink);
    free_shards(rc);
    listeners_close(&rc->listeners);
    if (rc->addresses)
        address_limits_destroy(rc->addresses);
    if (rc->send_memory)
        munmap(rc->send_memory, rc->send_memory_bytes);
    embed_forget_all(rc);
    sem_destroy(&rc->started);
    sem_destroy(&rc->go);
    pthread_mutex_destroy(&rc->sweep_lock);
    log_set_sink(before);
    free(rc);
}

// --- What it is

void *ringcast_user(const struct ringcast *rc)
{
    return rc->options.user;
}

unsigned ringcast_shard_count(const struct ringcast *rc)
{
    return rc->group.count;
}

uint64_t ringcast_capacity(const struct ringcast *rc)
{
    return rc->capacity;
}

int ringcast_local_address(const struct ringcast *rc, size_t listener, char *text,
                           size_t text_bytes)
{
    char formatted[SOCK_TEXT_BYTES];
    if (listener >= rc->listeners.count)
        return -ENOENT;
    sock_format(&rc->listeners.addresses[listener], formatted);
    snprintf(text, text_bytes, "%s", formatted);
    return 0;
}

void ringcast_set_log_level(struct ringcast *rc, enum ringcast_level level)
{
    // Relaxed: it orders nothing.
    if (rc->options.log)
        atomic_store_explicit(&rc->sink.level, (int)level, memory_order_relaxed);
}

void ringcast_free(void *memory)
{
    free(memory);
}
