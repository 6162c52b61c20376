// SPDX-License-Identifier: MIT
#include "load/open_loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { STREAMS = 3, START_NS = 1000000, STEP_NS = 1000, UNTIL_NS = START_NS + 100 * STEP_NS };

static struct bench bench;
static struct worker worker;
static struct open_loop loop;
static bool stuck[STREAMS];
static uint64_t sent[STREAMS], unsent[STREAMS], next_ns[STREAMS];

// A stream's messages come in the order in which they were due, each once.
static void expect_next(uint32_t stream, uint64_t due_ns)
{
    cr_assert_eq(due_ns, next_ns[stream], "stream %u", stream);
    next_ns[stream] += STREAMS * STEP_NS;
}

static enum open_loop_sent send_one(struct worker *self, uint32_t stream, uint64_t due_ns)
{
    cr_assert(due_ns <= self->now_ns);
    if (stuck[stream])
        return OPEN_LOOP_LATER;
    expect_next(stream, due_ns);
    sent[stream]++;
    return OPEN_LOOP_SENT;
}

static void never_went(struct worker *self, uint32_t stream, uint64_t due_ns)
{
    (void)self;
    expect_next(stream, due_ns);
    unsent[stream]++;
}

static uint64_t tick_at(uint64_t now_ns)
{
    worker.now_ns = now_ns;
    return open_loop_tick(&loop, &worker);
}

static uint64_t counted(int which)
{
    return counter_read(&worker.counts[which]);
}

static void init(void)
{
    bench.from_ns = START_NS;
    bench.until_ns = UNTIL_NS;
    bench.options.size_bytes = 100;
    worker.bench = &bench;
    for (uint32_t i = 0; i < STREAMS; i++)
        next_ns[i] = START_NS + i * STEP_NS;
    cr_assert_eq(open_loop_init(&loop, STREAMS, send_one), 0);
    open_loop_start(&loop, START_NS, 1e9 / STEP_NS);
}

static void fini(void)
{
    free(loop.owed);
    free(loop.held);
}

static void init_again(uint32_t streams)
{
    fini();
    cr_assert_eq(open_loop_init(&loop, streams, send_one), 0);
}

TestSuite(open_loop, .init = init, .fini = fini);

Test(open_loop, sends_what_is_due_and_says_when_the_next_is)
{
    cr_assert_eq(tick_at(START_NS - 1), START_NS);
    cr_assert_eq(tick_at(START_NS + 4 * STEP_NS), START_NS + 5 * STEP_NS);
    cr_assert_eq(sent[0], 2);
    cr_assert_eq(sent[1], 2);
    cr_assert_eq(sent[2], 1);
    cr_assert_eq(counter_read(&worker.owed), 0);
}

Test(open_loop, a_stream_that_is_stuck_holds_up_nobody_else)
{
    stuck[1] = true;
    (void)tick_at(START_NS + 29 * STEP_NS);
    cr_assert_eq(sent[0], 10);
    cr_assert_eq(sent[1], 0);
    cr_assert_eq(sent[2], 10);
    cr_assert_eq(counted(COUNT_held_back), 10);
    stuck[1] = false;
    (void)tick_at(START_NS + 29 * STEP_NS + 1);
    cr_assert_eq(sent[1], 10);
    cr_assert_eq(counted(COUNT_held_back), 10); // once each, however often it was tried
}

Test(open_loop, what_was_due_is_sent_after_the_measured_time_too)
{
    for (int i = 0; i < STREAMS; i++)
        stuck[i] = true;
    (void)tick_at(START_NS + 9 * STEP_NS);
    cr_assert_neq(counter_read(&worker.owed), 0);
    for (int i = 0; i < STREAMS; i++)
        stuck[i] = false;
    cr_assert_eq(tick_at(UNTIL_NS + 500 * STEP_NS), UINT64_MAX); // and nothing that came due later
    cr_assert_eq(sent[0] + sent[1] + sent[2], 100);
    cr_assert_eq(counter_read(&worker.owed), 0);
    open_loop_end(&loop, &worker, never_went);
    cr_assert_eq(unsent[0] + unsent[1] + unsent[2], 0);
}

Test(open_loop, what_never_went_is_handed_out)
{
    stuck[0] = stuck[2] = true;
    (void)tick_at(START_NS + 49 * STEP_NS); // what comes due after that is not even looked at
    open_loop_end(&loop, &worker, never_went);
    cr_assert_eq(sent[1], 17);
    cr_assert_eq(sent[0] + sent[1] + sent[2] + unsent[0] + unsent[1] + unsent[2], 100);
    cr_assert_eq(unsent[1], 16);
}

Test(open_loop, own_lag_is_that_of_the_first_look)
{
    for (int i = 0; i < STREAMS; i++)
        stuck[i] = true;
    for (uint64_t i = 0; i < 60; i++)
        (void)tick_at(START_NS + i * STEP_NS + 10);
    for (int i = 0; i < STREAMS; i++)
        stuck[i] = false;
    (void)tick_at(START_NS + 60 * STEP_NS);
    cr_assert_eq(sent[0] + sent[1] + sent[2], 61);
    cr_assert_eq(counter_read(&worker.lag.count), 61);
    cr_assert_eq(counter_read(&worker.lag.max), 10);
}

Test(open_loop, one_that_never_began_owes_nothing)
{
    init_again(STREAMS);
    open_loop_end(&loop, &worker, never_went);
    cr_assert_eq(unsent[0], 0);
}

Test(open_loop, no_streams)
{
    init_again(0);
    open_loop_start(&loop, START_NS, 1000);
    cr_assert_eq(tick_at(UNTIL_NS), UINT64_MAX);
    open_loop_end(&loop, &worker, never_went);
    cr_assert_eq(unsent[0], 0);
}
