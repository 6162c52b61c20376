// SPDX-License-Identifier: MIT
//
// One shard: a thread's ring, connections, rooms, timers and memory, and the tick that moves them.
// Shards share nothing but the queues between them and the counters that /metrics reads.
//
// Life: shard_init (any thread) → shard_start (its own thread) → shard_tick until it returns false
// → all threads joined → shard_settle_mail until nothing moves → shard_fini. A shard that has not
// started ends by shard_abandon instead.
#pragma once

#include "base/counter.h"
#include "base/mpsc.h"
#include "conn/conn.h"
#include "ring/ring.h"
#include "shard/inbox.h"
#include "shard/mailbox.h"

#define SHARD_MAX       64
#define SHARD_LISTENERS 8
#define SHARD_ACCEPTS   16  // armed at once on each listener
#define SHARD_ADOPTIONS 256 // sockets of other servers on their way into the ring
#ifndef SHARD_REAP_BATCH
#define SHARD_REAP_BATCH 4096
#endif
#define SHARD_FILES_RESERVE 64 // connections beyond the limit that are told so

enum shard_phase { SHARD_RUNNING, SHARD_DRAINING, SHARD_STOPPING };

struct shard;

// What all shards of a server see. Constant once the threads run, but for what is atomic.
struct shard_group {
    struct shard *shards[SHARD_MAX];
    uint16_t count;
    struct spsc *queues; // count × count, [from * count + to]
    struct hash_key hash_key;
    _Atomic int phase;                // enum shard_phase; whoever writes it wakes the shards
    _Atomic uint64_t drain_end_ms;    // when what is left is cut off, on the shards' clock
    _Atomic uint64_t broadcast_bytes; // of messages to everybody, counted once for each shard that
                                      // has not sent them yet
    _Atomic uint64_t held_bytes;      // what clients make all shards hold, as far as they have told
    uint64_t held_max_bytes;          // above this some of them are evicted; 0: no bound
};

struct shard_listener {
    int fd; // owned by the caller until shard_fini
    bool tls, proxy;
    bool trusted; // a socket of the file system: its permissions say who may connect
    bool kept;    // goes on listening when we are gone, for who comes next
};

struct shard_options {
    uint16_t index;
    struct shard_group *group;
    struct ring_options ring; // files is set by shard_start
    struct net_limits limits;
    struct conn_options conn;
    const struct conn_ops *conn_ops; // context: conn_context
    void *conn_context;
    // Once a tick, before anything is sent, or NULL; context: conn_context. At least every
    // tick_interval_ms (0: only when there is something to do).
    void (*on_tick)(void *context, struct shard *shard);
    uint32_t tick_interval_ms;
    uint32_t max_connections; // of this shard
    uint32_t max_rooms;
    struct inbox_limits inbox;
    struct shard_listener listeners[SHARD_LISTENERS];
    unsigned listener_count;
    void *send_memory; // this shard's part of the registered memory, or NULL
    size_t send_memory_bytes;
    void *registered; // the whole of it, registered in every ring
    size_t registered_bytes;
};

struct shard_counters {
#define COUNTER(name, kind, help) counter name;
#include "shard/shard_counters.def"
#undef COUNTER
    struct histogram tick; // work of a tick, without waiting
};

// Runs that go to every open connection of this shard, oldest first. What they may hold is bounded
// by group.broadcast_bytes (registry.h).
struct broadcasts {
    struct run **runs;
    uint32_t count, capacity;
    uint32_t cursor; // slot up to which the first run has been given
    uint64_t bytes;  // as charged
};

struct shard {
    _Alignas(
        CACHE_LINE_BYTES) _Atomic bool sleeping; // set before waiting; whoever clears it wakes us
    int event_fd;                                // for threads without a ring
    _Alignas(CACHE_LINE_BYTES) struct shard_options options;
    struct shard_group *group;
    struct ring *ring;
    struct frame_pool frames;
    struct run_pool runs;
    struct hub hub;
    struct net net;
    struct conns conns;
    struct mailbox mailboxes[SHARD_MAX]; // to each peer
    struct broadcasts broadcasts;
    struct inbox inbox;
    struct adoption *adoptions[SHARD_ADOPTIONS];
    uint32_t adoption_count;
    struct ring_completion *completions; // SHARD_REAP_BATCH
    enum shard_phase phase;              // as last seen
    uint64_t phase_since_ms;
    uint64_t held_told; // of group.held_bytes, ours
    uint64_t full_ms;   // when all clients were last gone through for it
    uint32_t drain_cursor, drain_total, drain_closed;
    bool deaf;                           // draining, and nothing is accepted any more
    uint32_t accepting[SHARD_LISTENERS]; // bit n: accept n of this listener is armed
    uint32_t accepts_armed;              // on all listeners
    struct ring_peer peers[SHARD_LISTENERS][SHARD_ACCEPTS];
    bool zerocopy; // the memory could be registered
    // From the control thread; taken by the next tick.
    _Atomic(struct tls_context *) next_tls;
    _Atomic(struct gate *) next_gate;
    bool event_armed;
    uint64_t (*clock_ms)(void);      // clock_monotonic_ms, or a simulation's
    uint64_t (*clock_unix_ms)(void); // clock_realtime_ms, or a simulation's
    struct shard_counters counters;
};

// Returns 0 or -errno. Opens the shard's eventfd.
MUST_USE int shard_init(struct shard *shard, const struct shard_options *options);

// Thread: the shard's, from here on. Creates the ring. Returns 0 or -errno, and then nothing has
// started.
MUST_USE int shard_start(struct shard *shard);

// One turn of the loop. False when the shard has stopped: everything closed.
bool shard_tick(struct shard *shard);

// After all shards have stopped, on one thread: handles mails that were still under way; false when
// there were none.
bool shard_settle_mail(struct shard *shard);
void shard_fini(struct shard *shard);

// Frees what shard_init made. Thread: the one that made it.
void shard_abandon(struct shard *shard);

// Thread: any. What new TLS connections are to use from now on; before shard_start when a listener
// has TLS. Owner: takes the context.
void shard_set_tls(struct shard *shard, struct tls_context *tls);

// Thread: any. Who is let in from now on. Owner: takes the gate.
void shard_set_gate(struct shard *shard, struct gate *gate);

// Thread: any. The phase, or what else the shard looks at in a tick, has changed.
void shard_interrupt(struct shard *shard);
