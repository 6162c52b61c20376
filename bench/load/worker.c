// SPDX-License-Identifier: MIT
#include "load/worker.h"

#include "base/clock.h"
#include "load/client.h"
#include "load/secure.h"
#include "load/verify.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ARENA_CHUNK_BYTES (256 * 1024)
#define ARENA_SPARE       16
#define BATCH             256
#define FILES_SPARE       4
#define GATHER_NS         UINT64_C(250000) // how long to wait for a batch
#define GATHER_SHARE      32               // of what is under way makes a batch
#define GATHER_SHARE_OPEN 128              // the same in an open loop
#define GATHER_MAX        64
#define MOST_DECAY        512                // of it is forgotten each round
#define IDLE_WAIT_NS      UINT64_C(20000000) // how late a change of phase may be seen
#define START_WAIT_NS     UINT64_C(1000000)  // the same of the first one

// Not a power of two: buffers that are used for a hundred bytes each would all fall into the same
// sets of the cache.
#define RECV_BUFFER_BYTES (16 * 1024 + 192)
#define RECV_BUFFERS      512

void worker_fail(struct worker *worker, const char *format, ...)
{
    if (atomic_load_explicit(&worker->error_set, memory_order_relaxed))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(worker->error, sizeof worker->error, format, arguments);
    va_end(arguments);
    // Release: pairs with the main thread's acquire before it reads the text.
    atomic_store_explicit(&worker->error_set, true, memory_order_release);
}

void worker_wake(struct worker *worker, struct worker *peer)
{
    // Sequentially consistent: pairs with enter(), which says asleep before it looks a last time
    // for what others have left.
    if (peer != worker && atomic_exchange(&peer->asleep, false))
        ring_wake(worker->ring, ring_fd(peer->ring), client_tag(CLIENT_OP_IGNORE, 0));
}

// --- Set-up

static void pin(const struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    if (!options->cpu_count)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options->cpus[worker->index % options->cpu_count], &set);
    if (sched_setaffinity(0, sizeof set, &set))
        fprintf(stderr, "ringcast-bench: cannot pin thread %u to CPU %u: %s\n", worker->index,
                options->cpus[worker->index % options->cpu_count], strerror(errno));
}

// Connection j of room r is on thread (r + j) mod T: rooms are spread over all threads, and the
// room's first member is on the thread that paces the room.
static bool is_mine(const struct worker *worker, uint32_t id)
{
    uint32_t rooms = worker->bench->options.rooms;
    return (id % rooms + id / rooms) % worker->bench->thread_count == worker->index;
}

static int make_clients(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    for (uint32_t id = 0; id < options->connections; id++)
        worker->client_count += is_mine(worker, id);
    uint32_t places = worker->client_count ? worker->client_count : 1;
    worker->clients = aligned_alloc(64, places * sizeof *worker->clients);
    worker->dirty = calloc(places, sizeof *worker->dirty);
    if (!worker->clients || !worker->dirty)
        return -ENOMEM;
    memset(worker->clients, 0, places * sizeof *worker->clients);
    uint32_t index = 0;
    for (uint32_t id = 0; id < options->connections; id++) {
        if (!is_mine(worker, id))
            continue;
        struct client *client = &worker->clients[index];
        client->id = id;
        client->index = index++;
        client->room = id % options->rooms;
    }
    return 0;
}

static int set_up(struct worker *worker)
{
    const struct bench *bench = worker->bench;
    worker->tid = gettid();
    pin(worker);
    prctl(PR_SET_TIMERSLACK, 1); // else every wait may be 50 µs longer than asked for
    rand_seed(&worker->rand, bench->options.seed + worker->index);
    for (int i = 0; i < 2; i++)
        arena_init(&worker->arenas[i], ARENA_CHUNK_BYTES, ARENA_SPARE);
    int error = make_clients(worker);
    if (error)
        return error;
    struct ring_options options = {
        .sq_entries = 1024,
        .cq_entries = 8192,
        .files = worker->client_count + FILES_SPARE,
        .recv_buffers = RECV_BUFFERS,
        .recv_buffer_bytes = RECV_BUFFER_BYTES,
        .features = bench->features,
    };
    error = ring_create(&worker->ring, &options);
    if (!error)
        error = secure_start(worker);
    if (!error && bench->scenario->start)
        error = bench->scenario->start(worker);
    return error;
}

// --- The loop

uint64_t worker_under_way(const struct worker *worker)
{
    const struct bench *bench = worker->bench;
    uint64_t expected = 0, settled = counter_read(&worker->counts[COUNT_delivered]) +
                                     counter_read(&worker->counts[COUNT_excused]);
    if (worker->verify)
        settled += counter_read(&worker->verify->skipped);
    for (uint32_t i = 0; i < bench->thread_count; i++)
        expected += counter_read(&bench->workers[i].expected_on[worker->index]);
    return expected > settled ? expected - settled : 0;
}

// How many completions are worth waking up for. A wake-up costs more than a message does, but
// waiting delays what we time. Open loop, where latencies are to be right: a 128th of the
// deliveries that are under way. Closed loop, where our own cost is to be small: a 32nd of the most
// that there were lately, so that a fan-out is read in 32 steps of the same size, but never more
// than can still come, so that nothing waits longer for its next round.
static uint32_t worth_waking(struct worker *worker)
{
    uint64_t left = worker_under_way(worker), most = worker->most_under_way;
    most -= most / MOST_DECAY;
    most = left > most ? left : most;
    worker->most_under_way = most;
    bool open = worker->bench->options.rate > 0;
    uint64_t batch = open ? left / GATHER_SHARE_OPEN : most / GATHER_SHARE;
    batch = batch < left ? batch : left;
    return batch < 1 ? 1 : batch > GATHER_MAX ? GATHER_MAX : (uint32_t)batch;
}

static void enter(struct worker *worker, uint64_t due_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    uint32_t batch = worth_waking(worker);
    bool starts = bench_phase(worker->bench) == PHASE_SETUP;
    uint64_t limit_ns = batch > 1 ? GATHER_NS : starts ? START_WAIT_NS : IDLE_WAIT_NS;
    int error = ring_enter_ns(worker->ring, batch, wait_ns < limit_ns ? wait_ns : limit_ns);
    atomic_store_explicit(&worker->asleep, false, memory_order_relaxed);
    if (error) {
        worker_fail(worker, "the ring broke: %s", strerror(-error));
        CHECK(error == 0);
    }
}

static void reap(struct worker *worker)
{
    struct ring_completion batch[BATCH];
    uint32_t count;
    do {
        count = ring_reap(worker->ring, batch, BATCH);
        // One time for all of them: they had arrived by now, whenever we get round to them.
        worker->now_ns = clock_monotonic_ns();
        for (uint32_t i = 0; i < count; i++)
            client_complete(worker, &batch[i]);
    } while (count == BATCH);
}

// Opens what is due; returns when the next is.
static uint64_t open_more(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    if (bench_phase(worker->bench) != PHASE_OPEN)
        return UINT64_MAX;
    if (!worker->open_pace.start_ns)
        worker->open_pace = pace_make(worker->now_ns, options->connect_rate * worker->client_count /
                                                          options->connections);
    uint32_t limit = options->concurrency / worker->bench->thread_count;
    while (worker->next_to_open < worker->client_count && worker->opening < (limit ? limit : 1)) {
        uint64_t due_ns = pace_due_ns(&worker->open_pace);
        if (due_ns > worker->now_ns)
            return due_ns;
        client_open(worker, &worker->clients[worker->next_to_open++],
                    options->connect_rate > 0 ? due_ns : worker->now_ns);
        worker->open_pace.done++;
    }
    return UINT64_MAX;
}

static uint64_t load_more(struct worker *worker)
{
    enum phase phase = bench_phase(worker->bench);
    bool loading = phase == PHASE_LOAD || phase == PHASE_DRAIN;
    uint64_t next_ns = UINT64_MAX;
    if (loading && worker->bench->scenario->tick)
        next_ns = worker->bench->scenario->tick(worker);
    // Release: who reads it sees what this tick has found to be owed.
    atomic_store_explicit(&worker->drains, phase == PHASE_DRAIN, memory_order_release);
    return next_ns;
}

static void run_rounds(struct worker *worker)
{
    for (uint64_t due_ns = 0; bench_phase(worker->bench) != PHASE_END;) {
        enter(worker, due_ns);
        worker->now_ns = clock_monotonic_ns();
        worker_count(worker, ticks, 1);
        client_out_begin_tick(worker);
        reap(worker);
        uint64_t opens_ns = open_more(worker);
        // Said before the last look at what other workers have left for the scenario, so that what
        // comes later finds us asleep and wakes us.
        atomic_store(&worker->asleep, true);
        due_ns = load_more(worker);
        if (opens_ns < due_ns)
            due_ns = opens_ns;
        client_out_flush(worker);
    }
}

void *worker_main(void *argument)
{
    struct worker *worker = argument;
    int error = set_up(worker);
    if (error)
        worker_fail(worker, "thread %u cannot be set up for %u connections: %s%s", worker->index,
                    worker->client_count, strerror(-error),
                    error == -EMFILE ? "; raise ulimit -n or use more --threads" : "");
    atomic_store_explicit(&worker->ready, true, memory_order_release);
    if (!error)
        run_rounds(worker);
    atomic_store(&worker->asleep, false); // nobody wakes us any more
    return NULL;
}
