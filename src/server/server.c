// SPDX-License-Identifier: MIT
#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "codec/jwt_key.h"
#include "server/access.h"
#include "server/file.h"
#include "server/limits.h"
#include "server/pages.h"
#include "server/privileges.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXIT_FAILED        1
#define EXIT_CONFIGURATION 2

#define EXPIRY_WARNING_S (14 * 86400)

#define SQ_ENTRIES 1024
#define CQ_ENTRIES 16384

// --- Before any thread

static void choose_sizes(struct server *server)
{
    const struct config *config = &server->config;
    limits_cpus(&server->cpus);
    server->nofile = limits_raise_nofile();
    unsigned threads = (unsigned)config->threads;
    if (threads == 0)
        threads = (unsigned)CPU_COUNT(&server->cpus);
    server->group.count = (uint16_t)(threads < SHARD_MAX ? threads : SHARD_MAX);
    uint32_t share = limits_share(config->max_connections, server->group.count, server->nofile,
                                  SHARD_FILES_RESERVE);
    server->shard_options.max_connections = share;
    server->capacity = (uint64_t)share * server->group.count;
    if (config->max_connections > server->capacity)
        log_warn("max_connections %llu is lowered to %llu, which is what RLIMIT_NOFILE %u allows "
                 "%u threads: raise the hard limit of open files (ulimit -Hn, LimitNOFILE=)",
                 (unsigned long long)config->max_connections, (unsigned long long)server->capacity,
                 server->nofile, server->group.count);
}

static void copy_options(struct server *server)
{
    const struct config *config = &server->config;
    struct shard_options *o = &server->shard_options;
    o->group = &server->group;
    o->ring = (struct ring_options){.sq_entries = SQ_ENTRIES,
                                    .cq_entries = CQ_ENTRIES,
                                    .recv_buffers = (uint32_t)config->recv_buffers,
                                    .recv_buffer_bytes = (uint32_t)config->recv_buffer_bytes,
                                    .features = server->features};
    o->limits =
        (struct net_limits){.outbound_frames = (uint32_t)config->outbound_buffer_frames,
                            .outbound_bytes = config->outbound_bytes,
                            .zerocopy_threshold_bytes = (uint32_t)config->zerocopy_threshold_bytes};
    o->conn = (struct conn_options){.max_message_bytes = config->max_message_bytes,
                                    .ping_interval_ms = (uint32_t)config->ping_interval_ms,
                                    .idle_timeout_ms = (uint32_t)config->idle_timeout_ms,
                                    .handshake_timeout_ms = (uint32_t)config->handshake_timeout_ms,
                                    .close_timeout_ms = (uint32_t)config->close_timeout_ms,
                                    .outbound_age_ms = (uint32_t)config->outbound_age_ms,
                                    .messages_per_second = (uint32_t)config->message_rate,
                                    .bytes_per_second = config->byte_rate,
                                    .proxies = &server->proxies,
                                    .addresses = server->addresses};
    o->conn_ops = &pages_ops;
    o->conn_context = server;
    o->max_rooms = (uint32_t)config->max_rooms;
    o->listener_count = server->listeners.count;
    server->group.drain_deadline_ms = (uint32_t)config->drain_deadline_ms;
}

// The memory of all shards is one mapping, so that each ring can register the whole of it.
static int map_send_memory(struct server *server)
{
    struct shard_options *o = &server->shard_options;
    o->send_memory_bytes = (server->config.send_memory_bytes + 4095) & ~(size_t)4095;
    server->send_memory_bytes = o->send_memory_bytes * server->group.count;
    if (server->send_memory_bytes == 0)
        return 0;
    server->send_memory = mmap(NULL, server->send_memory_bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (server->send_memory == MAP_FAILED)
        return -errno;
    // Registering pins the memory, which is worth it only for zero-copy sends.
    if (server->config.zerocopy_threshold_bytes && server->features.send_zc) {
        o->registered = server->send_memory;
        o->registered_bytes = server->send_memory_bytes;
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

static int make_shard(struct server *server, uint16_t index)
{
    struct shard_options o = server->shard_options;
    struct shard *shard = aligned_alloc(CACHE_LINE_BYTES, sizeof *shard);
    if (!shard)
        return -ENOMEM;
    o.index = index;
    for (unsigned i = 0; i < o.listener_count; i++)
        o.listeners[i] = (struct shard_listener){.fd = server->listeners.fds[index][i],
                                                 .tls = server->listeners.specs[i].tls,
                                                 .proxy = server->listeners.specs[i].proxy};
    if (server->send_memory)
        o.send_memory = (uint8_t *)server->send_memory + index * o.send_memory_bytes;
    server->group.shards[index] = shard;
    return shard_init(shard, &o);
}

// What the limits by address are counted in, and who may say that an address is another one.
static int make_edge(struct server *server)
{
    const struct config *config = &server->config;
    char error[OPTION_ERROR_BYTES];
    struct address_limits_options options = {
        .connections = (uint32_t)config->address_connections,
        .connections_per_second = (uint32_t)config->address_rate,
        .capacity = server->capacity,
    };
    CHECK(ip_nets_parse(config->proxy_networks, &server->proxies, error, sizeof error) == 0);
    if (!options.connections && !options.connections_per_second)
        return 0;
    return address_limits_create(&server->addresses, &options);
}

static int make_shards(struct server *server)
{
    int error = make_edge(server);
    if (error)
        return error;
    copy_options(server);
    rand_entropy(&server->group.hash_key, sizeof server->group.hash_key);
    error = map_send_memory(server);
    if (!error)
        error = make_queues(&server->group);
    for (uint16_t i = 0; !error && i < server->group.count; i++)
        error = make_shard(server, i);
    return error;
}

// SIGHUP reads these again, as whom we are by then.
static void warn_of_unreadable(const struct config *config)
{
    const char *lists[] = {config->tls_certificate, config->tls_key, config->tls_client_ca,
                           config->tls_ticket_key, config->auth_keys};
    char path[FILE_PATH_MAX_BYTES];
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        while (file_next(&lists[i], path))
            if (access(path, R_OK))
                log_warn("%s cannot be read again by user %s: SIGHUP will keep what is loaded now",
                         path, *config->user ? config->user : "(ours)");
}

int server_prepare(struct server *server, const struct config *config)
{
    char error[512];
    memset(server, 0, sizeof *server);
    server->config = *config;
    server->started_ms = clock_monotonic_ms();
    server->main_thread = pthread_self();
    choose_sizes(server);
    if (ring_probe(&server->features, error, sizeof error)) {
        log_error("%s", error);
        return EXIT_FAILED;
    }
    if (activation_read(&server->activation, environ, 3, error, sizeof error) ||
        listeners_open(&server->listeners, config->listen, &server->activation, server->group.count,
                       error, sizeof error)) {
        log_error("%s", error);
        return EXIT_CONFIGURATION;
    }
    int result = make_shards(server);
    if (result) {
        log_error("cannot set up %u shards: %s: lower threads, send_memory or max_connections",
                  server->group.count, strerror(-result));
        return EXIT_FAILED;
    }
    certificates_init(&server->certificates, clock_realtime_ms() / 1000);
    if (server_load_files(server, &server->config, error, sizeof error)) {
        log_error("%s", error);
        return EXIT_CONFIGURATION;
    }
    if (privileges_drop(config->user, error, sizeof error)) {
        log_error("%s", error);
        return EXIT_CONFIGURATION;
    }
    warn_of_unreadable(config);
    return 0;
}

// --- Certificates

static void warn_of_end(uint64_t expires_s, uint64_t now_s)
{
    if (expires_s && expires_s <= now_s)
        log_warn("a TLS certificate has expired: clients will refuse it");
    else if (expires_s && expires_s - now_s < EXPIRY_WARNING_S)
        log_warn("a TLS certificate expires in %llu hours",
                 (unsigned long long)(expires_s - now_s) / 3600);
}

static void hand_over(struct shard *shard, struct tls_context *tls, struct gate *gate)
{
    if (tls)
        shard_set_tls(shard, tls);
    shard_set_gate(shard, gate);
    shard_interrupt(shard);
}

int server_load_files(struct server *server, const struct config *config, char *error,
                      size_t error_bytes)
{
    struct tls_context *contexts[SHARD_MAX];
    struct gate *gates[SHARD_MAX];
    uint64_t now_s = clock_realtime_ms() / 1000;
    unsigned count = server->group.count;
    if (tls_global_init()) {
        snprintf(error, error_bytes, "no memory for TLS");
        return -ENOMEM;
    }
    int result = access_load(config, gates, count, error, error_bytes);
    if (result)
        return result;
    result = certificates_load(&server->certificates, config, contexts, count, now_s, error,
                               error_bytes);
    for (unsigned i = 0; result && i < count; i++)
        if (gates[i])
            gate_destroy(gates[i]);
    if (result)
        return result;
    if (contexts[0]) {
        uint64_t expires_s = tls_context_expires_s(contexts[0]);
        warn_of_end(expires_s, now_s);
        // Relaxed: a figure for /metrics.
        atomic_store_explicit(&server->tls_expires_s, expires_s, memory_order_relaxed);
    }
    for (unsigned i = 0; i < count; i++)
        hand_over(server->group.shards[i], contexts[i], gates[i]);
    return 0;
}

// --- The threads

// More threads than CPUs are left to the scheduler.
static bool pins(const struct server *server)
{
    return server->config.pin && server->group.count <= CPU_COUNT(&server->cpus);
}

static void name_thread(const struct server_thread *thread)
{
    char name[16];
    snprintf(name, sizeof name, "shard-%u", thread->index);
    (void)pthread_setname_np(thread->id, name);
    snprintf(name, sizeof name, "shard=%u", thread->index);
    log_set_thread_name(name);
    if (!pins(thread->server))
        return;
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET((size_t)limits_nth_cpu(&thread->server->cpus, thread->index), &cpu);
    int error = pthread_setaffinity_np(thread->id, sizeof cpu, &cpu);
    if (error)
        log_warn("not pinned to a CPU: %s", strerror(error));
}

static void *run(void *argument)
{
    struct server_thread *thread = argument;
    struct server *server = thread->server;
    struct shard *shard = server->group.shards[thread->index];
    thread->id = pthread_self();
    name_thread(thread);
    thread->start_error = shard_start(shard);
    sem_post(&server->started);
    pthread_barrier_wait(&server->go); // a peer's ring must exist before we wake it
    while (shard_tick(shard))
        ;
    jwt_key_thread_end();
    if (atomic_fetch_sub(&server->running, 1) == 1)
        pthread_kill(server->main_thread, SERVER_SIGNAL_ENDED);
    return NULL;
}

// One after the other: a shard looks at the first one's ring while it makes its own.
static int start_thread(struct server *server, uint16_t index)
{
    struct server_thread *thread = &server->threads[index];
    thread->server = server;
    thread->index = index;
    int error = pthread_create(&thread->id, NULL, run, thread);
    if (error)
        return -error;
    while (sem_wait(&server->started))
        ;
    return thread->start_error;
}

static void log_start(const struct server *server)
{
    const struct ring_features *f = &server->features;
    char addresses[512];
    listeners_format(&server->listeners, addresses, sizeof addresses);
    log_info("io_uring probed: inline sends %s, wake-ups by %s, zero-copy sends %s",
             f->inline_silent ? "silent" : "with completions", f->msg_ring ? "msg_ring" : "eventfd",
             !f->send_zc                                ? "not known to this kernel"
             : !server->config.zerocopy_threshold_bytes ? "possible, not asked for"
             : server->group.shards[0]->zerocopy        ? "from registered memory"
                                                        : "off: no registered memory");
    if (certificates_needed(&server->config) && !tls_accelerated())
        log_warn("this wolfSSL does AES without the processor's help, about ten times slower: "
                 "scripts/wolfssl builds one with it");
    log_info("listening on %s threads=%u%s max_connections=%llu of %llu that RLIMIT_NOFILE %u "
             "allows",
             addresses, server->group.count, pins(server) ? " (pinned)" : "",
             (unsigned long long)server->capacity,
             (unsigned long long)limits_share(0, server->group.count, server->nofile,
                                              SHARD_FILES_RESERVE) *
                 server->group.count,
             server->nofile);
}

int server_start(struct server *server)
{
    sem_init(&server->started, 0, 0);
    pthread_barrier_init(&server->go, NULL, server->group.count + 1U);
    atomic_store(&server->running, server->group.count);
    for (uint16_t i = 0; i < server->group.count; i++) {
        int error = start_thread(server, i);
        if (error) {
            log_error("cannot start shard %u: %s%s", i, strerror(-error),
                      error == -ENOMEM ? ": lower threads, recv_buffers or max_connections" : "");
            return EXIT_FAILED;
        }
    }
    log_start(server);
    pthread_barrier_wait(&server->go);
    return 0;
}

void server_set_phase(struct server *server, enum shard_phase phase)
{
    // Release pairs with the shards' acquire: they see the deadline that was written before.
    atomic_store_explicit(&server->group.phase, phase, memory_order_release);
    for (uint16_t i = 0; i < server->group.count; i++)
        shard_interrupt(server->group.shards[i]);
    if (phase == SHARD_DRAINING)
        listeners_shutdown(&server->listeners);
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

void server_finish(struct server *server)
{
    struct shard_group *group = &server->group;
    for (uint16_t i = 0; i < group->count; i++)
        pthread_join(server->threads[i].id, NULL);
    settle(group);
    for (uint16_t i = 0; i < group->count; i++) {
        shard_fini(group->shards[i]);
        free(group->shards[i]);
    }
    for (uint32_t i = 0; i < (uint32_t)group->count * group->count; i++)
        if (i / group->count != i % group->count)
            spsc_fini(&group->queues[i]);
    free(group->queues);
    listeners_close(&server->listeners);
    if (server->addresses)
        address_limits_destroy(server->addresses);
    if (server->send_memory)
        munmap(server->send_memory, server->send_memory_bytes);
    pthread_barrier_destroy(&server->go);
    sem_destroy(&server->started);
}
