// SPDX-License-Identifier: MIT
//
// Private to src/embed: an instance of the library, and how its files call each other.
//
//   instance.c   made and freed: sizes, memory, queues, shards
//   threads.c    started, stopped, waited for
//   callbacks.c  what connections ask of the program
//   request.c    what the program asks of a request
//   post.c       the registry, from any thread
//   register.c   sockets of other servers
//   own.c        connections and rooms of the calling shard
//   secure.c     certificates, keys, who gets in
#pragma once

#include "embed/limits.h"
#include "embed/listeners.h"
#include "ringcast/ringcast.h"
#include "shard/registry.h"

#include "base/log.h"
#include "codec/tls.h"

#include <pthread.h>
#include <semaphore.h>

// Sentences for errors; what does not fit is cut.
#define EMBED_ERROR_BYTES 256

_Static_assert(RINGCAST_THREADS_MAX == SHARD_MAX && RINGCAST_LISTENERS_MAX == SHARD_LISTENERS &&
                   RINGCAST_CERTIFICATES_MAX == TLS_CERTIFICATES_MAX &&
                   RINGCAST_ROOM_NAME_MAX_BYTES == ROOM_NAME_MAX_BYTES &&
                   RINGCAST_ROOMS_AT_ONCE == CONN_ROOMS_AT_ONCE,
               "what the header says is what we do");

struct ringcast_request {
    const struct conn *conn;
};

struct embed_thread {
    struct ringcast *rc;
    pthread_t id;
    uint16_t index;
    bool created;
    bool ready;      // shard_start was called with success
    int start_error; // of shard_start
};

// One connection that was reaped for being idle.
struct embed_reaped {
    struct mpsc_node node;
    uint64_t id;
};

struct ringcast {
    struct ringcast_options options; // its pointers but user, log and clocks are not to be used
    struct ringcast_callbacks callbacks;
    struct log_sink sink;
    struct ring_features features;
    struct shard_group group;
    struct shard_options shard_options; // what all shards have in common
    struct embed_thread threads[SHARD_MAX];
    sem_t started; // posted by each shard when its ring exists, or cannot
    sem_t go;      // posted once for each shard when all rings exist, or not all can
    bool given_up; // not all could: the threads end at once
    _Atomic bool has_started;
    pid_t pid;                // that made it
    _Atomic uint32_t running; // shards that tick
    uint64_t started_ms;
    uint32_t nofile;   // RLIMIT_NOFILE
    uint64_t capacity; // connections on all shards
    cpu_set_t cpus;    // that we may run on
    struct listeners listeners;
    void *send_memory; // of all shards
    size_t send_memory_bytes;
    struct ip_nets proxies;           // load balancers
    struct address_limits *addresses; // or NULL
    bool has_tls;                     // ringcast_set_tls was called
    _Atomic uint64_t tls_expires_s;   // when the first certificate ends, since 1970; 0: no TLS
    struct mpsc reaped;               // struct embed_reaped, for ringcast_sweep_idle
    _Atomic uint32_t reaped_count;
    pthread_mutex_t sweep_lock;       // of who asks for them
    struct mpsc_node *sweeping;       // taken from `reaped`, and not given to anybody yet
    _Atomic unsigned next_registered; // shard, modulo their count
    uint64_t turns[SHARD_MAX];        // of each loop, at the last ringcast_alive
};

// The shard of this instance that the calling thread runs, or NULL.
struct shard *embed_own_shard(const struct ringcast *rc);

// context: struct ringcast.
extern const struct conn_ops embed_conn_ops;
void embed_on_tick(void *context, struct shard *shard);

// Copies an instance's options and says what is wrong with them. 0 or -EINVAL.
MUST_USE int embed_take_options(struct ringcast *rc, const struct ringcast_options *options,
                                char *error, size_t error_bytes);

// The program's decision as the shard's; the names are checked. NULL, or what is wrong with it.
MUST_USE const char *embed_decide(const struct ringcast_decision *from, struct conn_decision *to);

// The id of a connection that was reaped for being idle, for ringcast_sweep_idle.
void embed_remember(struct ringcast *rc, uint64_t id);
void embed_forget_all(struct ringcast *rc);

static inline ringcast_id embed_id(uint64_t value)
{
    return (ringcast_id){value};
}
