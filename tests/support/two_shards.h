// SPDX-License-Identifier: MIT
//
// Two real shards over the kernel's rings, ticked in turn by one thread, with plain sockets as
// clients.
#pragma once

#include "shard/registry.h"

#define SHARDS  2
#define CLIENTS 4

extern struct shard shards[SHARDS];
extern struct shard_group group;
extern uint64_t skew_ms;               // moves the shards' clock on
extern struct conn_ops two_shards_ops; // may be changed before start

uint64_t skewed_ms(void);
void tick(int turns);
void start(void);
void stop(void);

// A client of this shard at this path. The only connection there is not yet known is its id.
int open_client_at(uint16_t shard, const char *path, uint64_t *id);
int open_client(uint16_t shard, uint64_t *id); // at /echo

// What has arrived: the payloads of unfragmented frames up to 125 bytes, each ended by '|'.
const char *received(int fd);
