// SPDX-License-Identifier: MIT
//
// The listening sockets: one per address and shard (SO_REUSEPORT), so that the kernel spreads the
// connections. A socket that the program brings is one for all shards: who is free takes the
// connection.
#pragma once

#include "ring/sock.h"
#include "ringcast/ringcast.h"
#include "shard/shard.h"

struct listeners {
    int fds[SHARD_MAX][SHARD_LISTENERS];
    struct sock_address addresses[SHARD_LISTENERS]; // as bound: with the port the kernel chose
    bool tls[SHARD_LISTENERS], proxy[SHARD_LISTENERS];
    bool files[SHARD_LISTENERS]; // sockets in the file system
    bool given[SHARD_LISTENERS]; // brought by the program, and its own to close
    unsigned count;
    uint16_t shards;
};

// Returns 0 or -errno with a sentence in error.
MUST_USE int listeners_open(struct listeners *listeners, const struct ringcast_listener *wanted,
                            size_t count, uint16_t shards, char *error, size_t error_bytes);
void listeners_close(struct listeners *listeners);
