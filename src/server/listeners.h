// SPDX-License-Identifier: MIT
//
// The listening sockets: one per address and shard (SO_REUSEPORT), so that the kernel spreads the
// connections.
#pragma once

#include "ring/sock.h"
#include "shard/shard.h"

struct listeners {
    int fds[SHARD_MAX][SHARD_LISTENERS];
    struct sock_address addresses[SHARD_LISTENERS]; // as bound: with the port the kernel chose
    unsigned count;                                 // of addresses
    uint16_t shards;
};

// `list`: addresses with commas between, as the configuration has checked it. Returns 0 or -errno
// with a sentence in error.
MUST_USE int listeners_open(struct listeners *listeners, const char *list, uint16_t shards,
                            char *error, size_t error_bytes);
void listeners_close(struct listeners *listeners);

// Refuses new connections from now on instead of letting them wait for an accept that never comes.
void listeners_shutdown(const struct listeners *listeners);

// The addresses with spaces between.
void listeners_format(const struct listeners *listeners, char *out, size_t out_bytes);
