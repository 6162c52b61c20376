// SPDX-License-Identifier: MIT
//
// One run of the load tool. The main thread owns `struct bench`: it moves the phases, samples
// /proc, and reports. Each worker thread owns one ring and a share of the connections and reads the
// rest of this as constants, but for what is atomic here.
//
//   set-up ─ OPEN ─ HOLD ─ LOAD ──────────────────────────┬─ DRAIN ─ END ─ judge, report
//            handshakes  settle   warm-up │ measured time │  no new messages
//
// Who measures what:
//   - a latency belongs to the measured time when its message was *due* in it, however late it
//     came; it counts from when the message was due, not from when we managed to send it
//   - counts and CPU times are differences between two samples of the main thread
//   - a closed loop's message is due when the window opens; an open loop's by the clock
#pragma once

#include "load/hdr.h"
#include "load/options.h"
#include "load/target.h"
#include "ring/ring.h"

#define PORT_RESTS_S 60 // a connection's port, when we have closed it (TCP_TIMEWAIT_LEN)

struct client;
struct json;
struct secure;
struct worker;
struct bench;

enum phase { PHASE_SETUP, PHASE_OPEN, PHASE_HOLD, PHASE_LOAD, PHASE_DRAIN, PHASE_END };

// What a scenario finds in the end, beside what the workers have counted (misplaced, damaged). All
// zero in a good run.
struct verdict {
    uint64_t missing, doubled, reordered;
    uint64_t forgotten; // of the missing: more than could be remembered one by one (verify.h)
    uint64_t stranded;  // connections that did not come back
};

// A scenario is this table; its state hangs on bench->state and worker->state.
struct scenario {
    const char *name;
    const char *default_path;
    const char *event; // what worker->event times, or NULL
    bool loads;        // has a LOAD phase with messages
    bool by_room;      // connections are members of rooms
    // How many connections are opened again while the port of the one before rests; NULL: none.
    double (*reopens)(const struct options *options);
    int (*prepare)(struct bench *bench); // before the workers run; 0 or -errno
    int (*start)(struct worker *worker); // on the worker's thread; 0 or -errno
    void (*message)(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes); // a whole message, of which `have` bytes are here
    void (*opened)(struct worker *worker, struct client *client);
    // The connection ended, or is about to be ended by us: client_drop, client_leave.
    void (*lost)(struct worker *worker, struct client *client);
    // In LOAD and DRAIN, once a tick: sends what is due, returns when the next is (monotonic ns).
    uint64_t (*tick)(struct worker *worker);
    void (*judge)(struct bench *bench, struct verdict *verdict); // after the workers have ended
    void (*print)(const struct bench *bench);                    // further lines of the summary
    void (*write_json)(struct json *json, const struct bench *bench); // further members
};

extern const struct scenario scenario_fanout, scenario_echo, scenario_idle, scenario_connect;
extern const struct scenario scenario_slow, scenario_storm, scenario_churn;

const struct scenario *scenario_find(const char *name);

struct bench {
    struct options options;
    const struct scenario *scenario;
    struct target target;
    struct ring_features features;
    struct worker *workers;
    void *state;           // the scenario's, shared
    struct secure *secure; // NULL: ws://
    struct sock_address *sources;
    uint32_t thread_count, source_count;
    uint32_t run; // marks this run's messages; random, and the only thing that is not of the seed

    _Atomic uint32_t phase;
    _Atomic uint64_t load_ns;  // when LOAD began
    _Atomic uint64_t from_ns;  // measured time: from <= due < until
    _Atomic uint64_t until_ns; // moves to now when the run is cut short
};

static inline enum phase bench_phase(struct bench *bench)
{
    return (enum phase)atomic_load_explicit(&bench->phase, memory_order_acquire);
}

// True when what was due at this time belongs to the measured time.
static inline bool bench_measures(struct bench *bench, uint64_t due_ns)
{
    return due_ns >= atomic_load_explicit(&bench->from_ns, memory_order_relaxed) &&
           due_ns < atomic_load_explicit(&bench->until_ns, memory_order_relaxed);
}

struct results;

// Fills in scenario, target, threads and sources from `options`. Returns 0, or -errno with a
// sentence in error: bad usage.
MUST_USE int bench_prepare(struct bench *bench, char *error, size_t error_bytes);

// Runs it all. Returns 0 with `results` filled (whatever was found), or -errno with a sentence in
// error when there was nothing to measure.
MUST_USE int bench_run(struct bench *bench, struct results *results, char *error,
                       size_t error_bytes);
