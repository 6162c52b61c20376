// SPDX-License-Identifier: MIT
//
// Defaults, and what an instance's options must fulfil.
#include "embed/embed.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_defaults(struct ringcast_options *options)
{
    *options = (struct ringcast_options){
        .size = sizeof *options,
        .max_rooms = 1 << 20,
        .max_message_bytes = 1 << 20,
        .outbound_messages = 1024,
        .outbound_bytes = 4 << 20,
        .outbound_age_ms = 10000,
        .ping_interval_ms = 30000,
        .idle_timeout_ms = 90000,
        .handshake_timeout_ms = 10000,
        .close_timeout_ms = 5000,
        .message_timeout_ms = 60000,
        .proxy_networks = "127.0.0.0/8,::1",
        .inbox_commands = 65536,
        .inbox_bytes = 64 << 20,
        .recv_buffers = 1024,
        .recv_buffer_bytes = 4096,
        .send_memory_bytes = 4 << 20,
        .log_level = RINGCAST_INFO,
    };
}

void ringcast_options_init(struct ringcast_options *options, size_t options_bytes)
{
    struct ringcast_options defaults;
    set_defaults(&defaults);
    memset(options, 0, options_bytes);
    memcpy(options, &defaults, options_bytes < sizeof defaults ? options_bytes : sizeof defaults);
    options->size = options_bytes;
}

static int complain(char *error, size_t error_bytes, const char *sentence)
{
    snprintf(error, error_bytes, "%s", sentence);
    return -EINVAL;
}

static int check(const struct ringcast_options *o, char *error, size_t error_bytes)
{
    if (o->threads > SHARD_MAX)
        return complain(error, error_bytes, "threads is above 64");
    if (o->listener_count > SHARD_LISTENERS)
        return complain(error, error_bytes, "listener_count is above 8");
    if (o->max_rooms == 0 || o->max_rooms > 1 << 24)
        return complain(error, error_bytes, "max_rooms has to be 1 to 16,777,216");
    if (o->max_message_bytes == 0 || o->max_message_bytes > 1 << 30)
        return complain(error, error_bytes, "max_message_bytes has to be 1 byte to 1 GiB");
    if (o->recv_buffers < 2 || o->recv_buffers > 32768 || o->recv_buffers & (o->recv_buffers - 1))
        return complain(error, error_bytes, "recv_buffers has to be a power of two, 2 to 32,768");
    if (o->recv_buffer_bytes < 512 || o->recv_buffer_bytes > 65536)
        return complain(error, error_bytes, "recv_buffer_bytes has to be 512 to 65,536");
    if (o->outbound_messages == 0 || o->outbound_bytes == 0 || o->inbox_commands == 0 ||
        o->inbox_bytes == 0)
        return complain(
            error, error_bytes,
            "outbound_messages, outbound_bytes, inbox_commands and inbox_bytes must not be "
            "0: call ringcast_options_init first");
    if (o->client_memory_bytes && o->client_memory_bytes < 1 << 20)
        return complain(error, error_bytes,
                        "client_memory_bytes (memory_budget) has to be 0 or at least 1 MiB");
    if (o->handshake_timeout_ms == 0 || o->close_timeout_ms == 0)
        return complain(error, error_bytes,
                        "handshake_timeout_ms and close_timeout_ms must not be 0");
    if (o->idle_timeout_ms && o->ping_interval_ms >= o->idle_timeout_ms)
        return complain(error, error_bytes,
                        "idle_timeout_ms has to be longer than ping_interval_ms");
    return 0;
}

int embed_take_options(struct ringcast *rc, const struct ringcast_options *options, char *error,
                       size_t error_bytes)
{
    // What a program compiled with an older header does not know of keeps its default.
    set_defaults(&rc->options);
    if (options->size < offsetof(struct ringcast_options, threads) ||
        options->size > sizeof rc->options)
        return complain(
            error, error_bytes,
            "options.size is not set: call ringcast_options_init, with a header that is not "
            "newer than the library");
    memcpy(&rc->options, options, options->size);
    int result = check(&rc->options, error, error_bytes);
    if (result)
        return result;
    const char *networks = rc->options.proxy_networks;
    if (ip_nets_parse(networks ? networks : "", &rc->proxies, error, error_bytes))
        return -EINVAL;
    if (rc->options.callbacks)
        rc->callbacks = *rc->options.callbacks;
    if (!rc->options.clock_ms)
        rc->options.clock_ms = clock_monotonic_ms;
    if (!rc->options.clock_unix_ms)
        rc->options.clock_unix_ms = clock_realtime_ms;
    return 0;
}
