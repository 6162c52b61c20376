// SPDX-License-Identifier: MIT
//
// The process: one thread per shard, the memory and queues they share, and the listeners.
//
// Thread: main's, but for `running` and what pages.c reads.
#pragma once

#include "server/certificates.h"
#include "server/config.h"
#include "server/listeners.h"
#include "shard/shard.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

struct server_thread {
    struct server *server;
    pthread_t id;
    uint16_t index;
    bool created;
    int start_error; // of shard_start
};

struct server {
    struct config config;
    struct ring_features features;
    struct shard_group group;
    struct shard_options shard_options; // what all shards have in common
    struct server_thread threads[SHARD_MAX];
    sem_t started;        // posted by each shard when its ring exists, or cannot
    pthread_barrier_t go; // of all shards and main
    pthread_t main_thread;
    _Atomic uint32_t running; // shards that tick
    uint64_t started_ms;
    uint32_t nofile;   // RLIMIT_NOFILE, after raising it
    uint64_t capacity; // connections on all shards
    cpu_set_t cpus;    // that we may run on
    struct activation activation;
    struct listeners listeners;
    struct certificates certificates;
    struct ip_nets proxies;           // load balancers
    struct address_limits *addresses; // or NULL
    _Atomic uint64_t tls_expires_s;   // when the first certificate ends, since 1970; 0: no TLS
    void *send_memory;                // of all shards
    size_t send_memory_bytes;
};

// What the last shard's end tells the main thread.
#define SERVER_SIGNAL_ENDED SIGUSR1

// The stages of a life; each returns an exit code (0: go on) and has logged what is wrong.
MUST_USE int server_prepare(struct server *server, const struct config *config);
MUST_USE int server_start(struct server *server);

// Thread: main. Reads the files that the configuration names and gives what they hold to all
// shards. Returns 0, or -EINVAL or -ENOMEM with a sentence in error: what was read before stays
// then.
MUST_USE int server_load_files(struct server *server, const struct config *config, char *error,
                               size_t error_bytes);

// Thread: main. Tells all shards.
void server_set_phase(struct server *server, enum shard_phase phase);

// After all shards have ended: joins them, lets the mails between them arrive, frees everything.
void server_finish(struct server *server);
