// SPDX-License-Identifier: MIT
//
// The listening sockets: one per address and shard (SO_REUSEPORT), so that the kernel spreads the
// connections. A socket that systemd passed is one for all shards: who is free takes the
// connection.
#pragma once

#include "ring/sock.h"
#include "server/activation.h"
#include "server/listen_spec.h"
#include "shard/shard.h"

struct listeners {
    int fds[SHARD_MAX][SHARD_LISTENERS];
    struct sock_address addresses[SHARD_LISTENERS]; // as bound: with the port the kernel chose
    struct listen_spec specs[SHARD_LISTENERS];
    unsigned count; // of addresses
    uint16_t shards;
};

// `list`: the option `listen`, as the configuration has checked it. Returns 0 or -errno with a
// sentence in error.
MUST_USE int listeners_open(struct listeners *listeners, const char *list,
                            const struct activation *activation, uint16_t shards, char *error,
                            size_t error_bytes);
void listeners_close(struct listeners *listeners);

// Refuses new connections from now on instead of letting them wait for an accept that never comes;
// but what systemd passed stays open, for our successor.
void listeners_shutdown(const struct listeners *listeners);

// The addresses, and the words behind each, with commas between.
void listeners_format(const struct listeners *listeners, char *out, size_t out_bytes);
