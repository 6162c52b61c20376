// SPDX-License-Identifier: MIT
#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/access.h"
#include "server/certificates.h"
#include "server/file.h"
#include "server/pages.h"
#include "server/privileges.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_FAILED        1
#define EXIT_CONFIGURATION 2

#define EXPIRY_WARNING_S (14 * 86400)

// --- Before any thread

// As far as it goes without privileges: each connection takes one.
static void raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); // else what we had is what we have
}

static unsigned long long nofile(void)
{
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

static void print_line(void *context, enum ringcast_level level, const char *text)
{
    const struct server *server = context;
    char name[24] = "";
    int shard = server->rc ? ringcast_shard(server->rc) : -1;
    if (shard >= 0)
        snprintf(name, sizeof name, "shard=%d", shard);
    log_print((enum log_level)level, name, text);
}

static void copy_options(const struct config *config, struct ringcast_options *o)
{
    o->threads = (unsigned)config->threads;
    o->pin = config->pin;
    o->max_connections = config->max_connections;
    o->max_rooms = (uint32_t)config->max_rooms;
    o->max_message_bytes = config->max_message_bytes;
    o->outbound_messages = (uint32_t)config->outbound_buffer_frames;
    o->outbound_bytes = config->outbound_bytes;
    o->outbound_age_ms = (uint32_t)config->outbound_age_ms;
    o->ping_interval_ms = (uint32_t)config->ping_interval_ms;
    o->idle_timeout_ms = (uint32_t)config->idle_timeout_ms;
    o->handshake_timeout_ms = (uint32_t)config->handshake_timeout_ms;
    o->close_timeout_ms = (uint32_t)config->close_timeout_ms;
    o->client_memory_bytes = config->memory_budget_bytes;
    o->message_timeout_ms = (uint32_t)config->message_timeout_ms;
    o->messages_per_second = (uint32_t)config->message_rate;
    o->bytes_per_second = config->byte_rate;
    o->address_connections = (uint32_t)config->address_connections;
    o->address_connections_per_second = (uint32_t)config->address_rate;
    o->proxy_networks = config->proxy_networks;
    o->recv_buffers = (uint32_t)config->recv_buffers;
    o->recv_buffer_bytes = (uint32_t)config->recv_buffer_bytes;
    o->send_memory_bytes = config->send_memory_bytes;
    o->zerocopy_threshold_bytes = (uint32_t)config->zerocopy_threshold_bytes;
    o->log_level = (enum ringcast_level)log_level();
}

static int create(struct server *server, char *error, size_t error_bytes)
{
    static const struct ringcast_callbacks callbacks = {.on_http = pages_answer};
    struct addresses *addresses = &server->addresses;
    struct ringcast_options options;
    ringcast_options_init(&options, sizeof options);
    copy_options(&server->config, &options);
    if (activation_read(&server->activation, environ, 3, error, error_bytes) ||
        addresses_read(addresses, server->config.listen, &server->activation, error, error_bytes))
        return EXIT_CONFIGURATION;
    options.listeners = addresses->listeners;
    options.listener_count = addresses->count;
    options.callbacks = &callbacks;
    options.user = server;
    options.log = print_line;
    options.log_user = server;
    int result = ringcast_create(&server->rc, &options, error, error_bytes);
    if (result == -ENOSYS || result == -ENOMEM || result == -EMFILE)
        return EXIT_FAILED;
    return result ? EXIT_CONFIGURATION : 0;
}

// SIGHUP reads these again, as whom we are by then.
static void warn_unless_readable(const struct config *config, const char *path, const char *effect)
{
    if (access(path, R_OK))
        log_warn("%s cannot be read again by user %s: SIGHUP will %s", path,
                 *config->user ? config->user : "(ours)", effect);
}

static void warn_of_unreadable(const struct config *config)
{
    const char *lists[] = {config->tls_certificate, config->tls_key, config->tls_client_ca,
                           config->tls_ticket_key};
    const char *keys = config->auth_keys;
    static const char kept[] = "keep what is loaded now";
    char path[FILE_PATH_MAX_BYTES];
    enum ringcast_key_kind kind;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        while (file_next(&lists[i], path))
            warn_unless_readable(config, path, kept);
    while (file_next(&keys, path))
        warn_unless_readable(config, access_key_path(path, &kind), kept);
    if (config->file)
        warn_unless_readable(config, config->file, "change nothing");
}

int server_prepare(struct server *server, const struct config *config)
{
    char error[512];
    memset(server, 0, sizeof *server);
    server->config = *config;
    raise_nofile();
    int code = create(server, error, sizeof error);
    if (!code && (server_load_files(server, &server->config, error, sizeof error) ||
                  privileges_drop(config->user, error, sizeof error)))
        code = EXIT_CONFIGURATION;
    if (code)
        log_error("%s", error);
    else
        warn_of_unreadable(config);
    return code;
}

// --- Certificates and keys

static void warn_of_end(uint64_t expires_s, uint64_t now_s)
{
    if (expires_s && expires_s <= now_s)
        log_warn("a TLS certificate has expired: clients will refuse it");
    else if (expires_s && expires_s - now_s < EXPIRY_WARNING_S)
        log_warn("a TLS certificate expires in %llu hours",
                 (unsigned long long)(expires_s - now_s) / 3600);
}

int server_load_files(struct server *server, const struct config *config, char *error,
                      size_t error_bytes)
{
    // All is looked at before anything is changed.
    if (access_load(config, NULL, error, error_bytes) ||
        certificates_load(config, server->rc, error, error_bytes) ||
        access_load(config, server->rc, error, error_bytes))
        return -EINVAL;
    warn_of_end(ringcast_tls_expires_s(server->rc), clock_realtime_ms() / 1000);
    return 0;
}

// --- The start

static void warn_of_rights(const struct server *server)
{
    char address[RINGCAST_ADDRESS_BYTES];
    if (geteuid() == 0)
        log_warn(
            "serving as root, which takes none of its rights: set the option user, or start as "
            "another user");
    if (server->config.auth && addresses_find_open(&server->addresses, server->rc, address))
        log_warn("tokens to %s can be read by whoever reads the network: listen with tls, behind a "
                 "balancer with proxy, or on a loopback address",
                 address);
}

static void log_start(const struct server *server)
{
    char addresses[512];
    const struct config *config = &server->config;
    addresses_format(&server->addresses, server->rc, addresses, sizeof addresses);
    if (addresses_have_tls(config->listen) && !ringcast_tls_accelerated())
        log_warn("this wolfSSL does AES without the processor's help, about ten times slower: "
                 "scripts/wolfssl builds one with it");
    warn_of_rights(server);
    log_info("listening on %s threads=%u max_connections=%llu RLIMIT_NOFILE=%llu", addresses,
             ringcast_shard_count(server->rc), (unsigned long long)ringcast_capacity(server->rc),
             nofile());
}

int server_start(struct server *server)
{
    char error[512];
    // Relaxed: nothing is read that depends on it.
    atomic_store_explicit(&server->ready, true, memory_order_relaxed);
    if (ringcast_start(server->rc, error, sizeof error)) {
        log_error("%s", error);
        return EXIT_FAILED;
    }
    log_start(server);
    return 0;
}
