// SPDX-License-Identifier: MIT
#include "load/open_loop.h"

#include <errno.h>
#include <stdlib.h>

#define HELD_UP_NS  UINT64_C(200000)
#define TICK_BUDGET 1024                 // messages a tick,
#define TICK_BYTES  (UINT32_C(16) << 20) // and about as many bytes

static uint32_t budget_of(const struct options *options)
{
    uint32_t budget = TICK_BYTES / (options->size_bytes + 1);
    return budget < 1 ? 1 : budget < TICK_BUDGET ? budget : TICK_BUDGET;
}

int open_loop_init(struct open_loop *loop, uint32_t streams,
                   enum open_loop_sent (*send)(struct worker *, uint32_t, uint64_t))
{
    *loop = (struct open_loop){.send = send, .streams = streams};
    loop->owed = calloc((size_t)streams + 1, sizeof *loop->owed);
    loop->held = calloc((size_t)streams + 1, sizeof *loop->held);
    return loop->owed && loop->held ? 0 : -ENOMEM;
}

void open_loop_start(struct open_loop *loop, uint64_t start_ns, double rate_per_s)
{
    loop->pace = pace_make(start_ns, rate_per_s);
}

// How many of the first `events` were this stream's.
static uint64_t turns_of(const struct open_loop *loop, uint32_t stream, uint64_t events)
{
    return events > stream ? (events - stream - 1) / loop->streams + 1 : 0;
}

// When the oldest message that the stream owes was due.
static uint64_t oldest_due_ns(const struct open_loop *loop, uint32_t stream)
{
    uint64_t turn = turns_of(loop, stream, loop->pace.done) - loop->owed[stream];
    return pace_at_ns(&loop->pace, turn * loop->streams + stream);
}

static void account(struct worker *worker, enum open_loop_sent sent)
{
    if (sent == OPEN_LOOP_NOBODY)
        worker_count(worker, unsent, 1);
}

static uint32_t pay_back(struct open_loop *loop, struct worker *worker, uint32_t stream,
                         uint32_t budget)
{
    for (; loop->owed[stream] && budget; budget--) {
        enum open_loop_sent sent = loop->send(worker, stream, oldest_due_ns(loop, stream));
        if (sent == OPEN_LOOP_LATER)
            break;
        account(worker, sent);
        loop->owed[stream]--;
    }
    return budget;
}

static uint32_t pay_all(struct open_loop *loop, struct worker *worker, uint32_t budget)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < loop->held_count; i++) {
        uint32_t stream = loop->held[i];
        budget = pay_back(loop, worker, stream, budget);
        if (loop->owed[stream])
            loop->held[kept++] = stream;
    }
    loop->held_count = kept;
    return budget;
}

static void look_at_next(struct open_loop *loop, struct worker *worker, uint64_t due_ns)
{
    uint32_t stream = (uint32_t)(loop->pace.done++ % loop->streams);
    if (bench_measures(worker->bench, due_ns))
        hdr_add(&worker->lag, worker->now_ns - due_ns);
    enum open_loop_sent sent =
        loop->owed[stream] ? OPEN_LOOP_LATER : loop->send(worker, stream, due_ns);
    account(worker, sent);
    if (sent != OPEN_LOOP_LATER)
        return;
    worker_count(worker, held_back, 1);
    if (loop->owed[stream]++ == 0)
        loop->held[loop->held_count++] = stream;
}

uint64_t open_loop_tick(struct open_loop *loop, struct worker *worker)
{
    if (!loop->streams)
        return UINT64_MAX;
    uint64_t until_ns = atomic_load_explicit(&worker->bench->until_ns, memory_order_relaxed);
    uint32_t budget = pay_all(loop, worker, budget_of(&worker->bench->options));
    uint64_t due_ns = pace_due_ns(&loop->pace);
    for (; due_ns <= worker->now_ns && due_ns < until_ns && budget; budget--) {
        look_at_next(loop, worker, due_ns);
        due_ns = pace_due_ns(&loop->pace);
    }
    bool behind = due_ns <= worker->now_ns && due_ns < until_ns;
    counter_set(&worker->owed, loop->held_count + behind);
    if (due_ns >= until_ns)
        due_ns = UINT64_MAX;
    uint64_t retry_ns = loop->held_count ? worker->now_ns + HELD_UP_NS : UINT64_MAX;
    return due_ns < retry_ns ? due_ns : retry_ns;
}

void open_loop_end(const struct open_loop *loop, struct worker *worker,
                   void (*unsent)(struct worker *, uint32_t stream, uint64_t due_ns))
{
    if (loop->pace.interval_ns <= 0)
        return; // it never began
    uint64_t until_ns = atomic_load(&worker->bench->until_ns);
    for (uint32_t i = 0; i < loop->held_count; i++) {
        uint32_t stream = loop->held[i];
        uint64_t turns = turns_of(loop, stream, loop->pace.done);
        for (uint64_t turn = turns - loop->owed[stream]; turn < turns; turn++)
            unsent(worker, stream, pace_at_ns(&loop->pace, turn * loop->streams + stream));
    }
    for (uint64_t event = loop->pace.done; loop->streams; event++) {
        uint64_t due_ns = pace_at_ns(&loop->pace, event);
        if (due_ns >= until_ns)
            break;
        unsent(worker, (uint32_t)(event % loop->streams), due_ns);
    }
}
