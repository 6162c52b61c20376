// SPDX-License-Identifier: MIT
//
// A worker: one thread, one ring, a share of the connections, and this loop:
//
//   enter      submit what the last round queued, wait for completions or for what is due
//   reap       handshakes, messages (the scenario verifies and times them), short sends
//   tick       the scenario sends what is due
//   open       further handshakes
//   flush      one inline send per connection that has bytes to send
//
// Memory: about 130 bytes a connection, the receive buffers, and what the scenario keeps.
#pragma once

#include "base/arena.h"
#include "base/rand.h"
#include "load/bench.h"
#include "load/pace.h"

#include <pthread.h>

struct verify;

#define COUNTER(symbol, text) COUNT_##symbol,
enum {
#include "load/counters.def"
    COUNTS
};
#undef COUNTER

struct worker {
    struct bench *bench;
    struct ring *ring;
    struct client *clients;
    struct client **dirty;  // connections with bytes to send in this tick
    struct arena arenas[2]; // bytes of this tick's sends, and of the last one's until settled
    void *state;            // the scenario's, of this worker
    void *extra;            // what slow, storm and churn keep beside the fan-out's state
    uint64_t now_ns;        // when the current completion was seen
    struct rand rand;
    uint64_t most_under_way; // deliveries, lately
    uint32_t index;
    uint32_t client_count, next_to_open, opening, dirty_count;
    uint32_t arena_now;
    struct tls_context *tls;              // NULL: ws://
    uint8_t *plain;                       // of the TLS record that is being read
    const char *tls_version, *tls_cipher; // of the latest handshake, or NULL
    uint32_t stamp_offset;                // where messages carry their stamp
    struct pace open_pace;

    pthread_t thread;
    int tid;
    _Atomic bool ready;  // set up, or failed with `error`
    _Atomic bool asleep; // about to wait: others must wake it
    _Atomic bool drains; // has seen the DRAIN phase
    _Atomic bool error_set;
    char error[256]; // the first thing that went wrong

    counter counts[COUNTS];
    counter *expected_on;        // per thread: deliveries that our messages should make there
    const struct verify *verify; // the scenario's, NULL where nothing is numbered
    counter owed;                // 0: the open loop has sent what is due
    counter away;                // connections that we have ended and that are to come back
    counter open_from_ns, open_until_ns; // first handshake due, latest one done or failed
    struct hdr latency;                  // from due to each receiver
    struct hdr last;                     // from due to the last receiver
    struct hdr secured;   // from the start of a connection to the end of its TLS handshake
    struct hdr handshake; // from the start of a connection to its 101
    struct hdr lag;       // how late we sent what the clock said
    struct hdr event;     // storm, churn: from drop to 101; slow: from the load's begin to the end
};

#define worker_count(worker, symbol, n) counter_add(&(worker)->counts[COUNT_##symbol], n)

// The counts of all workers together, at about this moment. Thread: any.
static inline void worker_add_counts(const struct bench *bench, uint64_t counts[COUNTS])
{
    for (int i = 0; i < COUNTS; i++) {
        counts[i] = 0;
        for (uint32_t w = 0; w < bench->thread_count; w++)
            counts[i] += counter_read(&bench->workers[w].counts[i]);
    }
}

// How long ago it was due; 0 when the clock of another thread was ahead.
static inline uint64_t age_ns(uint64_t now_ns, uint64_t due_ns)
{
    return now_ns > due_ns ? now_ns - due_ns : 0;
}

// Deliveries that a message just sent should make on a thread.
static inline void worker_expect(struct worker *worker, uint32_t thread, uint64_t deliveries)
{
    counter_add(&worker->expected_on[thread], deliveries);
    worker_count(worker, expected, deliveries);
}

// Deliveries that this worker still expects. Neither those that will never come, because the
// receiver's connection ended or a later message overtook them, nor anything twice.
uint64_t worker_under_way(const struct worker *worker);

static inline bool worker_loading(struct worker *worker)
{
    return bench_phase(worker->bench) == PHASE_LOAD;
}

// Remembers the first error of this worker. Thread: the worker's.
void worker_fail(struct worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Makes `peer` run a round soon, if it sleeps. Thread: any worker's.
void worker_wake(struct worker *worker, struct worker *peer);

// The thread. The argument is the worker; the result NULL.
void *worker_main(void *argument);
