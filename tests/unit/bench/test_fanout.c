// SPDX-License-Identifier: MIT
//
// Two workers that share a room, driven by hand: nothing is sent, what arrives is made up.
#include "load/fanout_state.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { THREADS = 2, MEMBERS = 3, SIZE = 100, SECOND = 1000000000 };

static struct bench bench;
static struct worker *workers;

// Member j of the one room is on thread j mod T.
static struct client *member(uint32_t id)
{
    return &workers[id % THREADS].clients[id / THREADS];
}

static void make_worker(uint32_t index)
{
    struct worker *worker = &workers[index];
    worker->bench = &bench;
    worker->index = index;
    worker->now_ns = 1000;
    worker->expected_on = calloc(THREADS, sizeof *worker->expected_on);
    worker->client_count = (MEMBERS - index + THREADS - 1) / THREADS;
    worker->clients = aligned_alloc(64, MEMBERS * sizeof *worker->clients);
    worker->dirty = calloc(MEMBERS, sizeof(struct client *));
    for (int i = 0; i < 2; i++)
        arena_init(&worker->arenas[i], 65536, 1);
    for (uint32_t i = 0; i < worker->client_count; i++)
        worker->clients[i] =
            (struct client){.index = i, .id = i * THREADS + index, .state = CLIENT_OPEN};
    cr_assert_eq(fanout_start(worker), 0);
}

static void set_up(uint32_t window, double rate, bool no_self)
{
    bench = (struct bench){
        .options = {.connections = MEMBERS,
                    .rooms = 1,
                    .publishers = 1,
                    .window = window,
                    .rate = rate,
                    .no_self = no_self,
                    .size_bytes = SIZE,
                    .lost_after_ns = SECOND},
        .scenario = &scenario_fanout,
        .thread_count = THREADS,
        .run = 77,
        .phase = PHASE_LOAD,
        .load_ns = 1000,
        .until_ns = UINT64_MAX,
    };
    workers = bench.workers = calloc(THREADS, sizeof *workers);
    cr_assert_eq(fanout_prepare(&bench), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        make_worker(i);
    for (uint32_t i = 0; i < MEMBERS; i++)
        fanout_opened(&workers[i % THREADS], member(i));
}

static void arrives(uint32_t id, uint32_t sequence)
{
    uint8_t payload[SIZE];
    struct stamp stamp = {.run = 77, .sequence = sequence, .due_ns = 1000};
    memset(payload, 'x', sizeof payload);
    stamp_write(payload, &stamp, false);
    fanout_message(&workers[id % THREADS], member(id), payload, SIZE, SIZE);
}

static void tick_all(uint64_t now_ns)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i].now_ns = now_ns;
        (void)fanout_tick(&workers[i]);
    }
}

static uint64_t total(int which)
{
    return counter_read(&workers[0].counts[which]) + counter_read(&workers[1].counts[which]);
}

static uint64_t waits_for(uint32_t thread)
{
    return worker_under_way(&workers[thread]);
}

Test(fanout, each_worker_expects_what_its_own_members_get)
{
    set_up(1, 0, false);
    for (uint32_t n = 0; n < 50; n++) {
        tick_all(2000 + n);
        cr_assert_eq(waits_for(0), 2, "message %u", n);
        cr_assert_eq(waits_for(1), 1, "message %u", n);
        for (uint32_t id = 0; id < MEMBERS; id++)
            arrives(id, n);
        cr_assert_eq(waits_for(0) + waits_for(1), 0, "message %u", n);
        tick_all(2000 + n); // tells the home
    }
    cr_assert_eq(total(COUNT_published), 50);
}

Test(fanout, a_publisher_that_gets_nothing_of_its_own_is_not_expected)
{
    set_up(1, 0, true);
    tick_all(2000);
    cr_assert_eq(waits_for(0), 1);
    cr_assert_eq(waits_for(1), 1);
}

Test(fanout, what_is_lost_is_not_expected_for_ever)
{
    set_up(4, 0, false);
    tick_all(2000);
    arrives(1, 0);
    arrives(1, 3); // 1 and 2 were dropped
    cr_assert_eq(waits_for(1), 0);
    arrives(1, 2); // it was only late
    cr_assert_eq(waits_for(1), 0);
    cr_assert_eq(counter_read(&workers[1].verify->skipped), 1);
}

Test(fanout, what_a_lost_member_would_have_got_is_not_expected)
{
    set_up(4, 0, false);
    tick_all(2000);
    member(1)->state = CLIENT_CLOSING;
    fanout_lost(&workers[1], member(1));
    cr_assert_eq(waits_for(1), 0);
    cr_assert_eq(waits_for(0), 8);
}

Test(fanout, what_is_given_up_counts_for_the_last_member)
{
    set_up(1, 0, false);
    tick_all(2000);
    arrives(0, 0);
    arrives(1, 0); // and never 2
    tick_all(2000 + SECOND);
    cr_assert_eq(total(COUNT_given_up), 1);
    cr_assert_eq(total(COUNT_incomplete), 1);
    cr_assert_eq(counter_read(&workers[0].last.max), SECOND);
    cr_assert_eq(total(COUNT_published), 2, "the window goes on");
    struct verdict verdict = {0};
    fanout_judge(&bench, &verdict);
    cr_assert_eq(total(COUNT_incomplete), 2, "the second is under way in the end");
    cr_assert_eq(counter_read(&workers[0].last.count), 2);
    cr_assert_eq(total(COUNT_given_up), 1);
}

Test(fanout, what_was_due_and_never_sent_is_in_the_latencies)
{
    set_up(1, 1000, false);
    tick_all(1000);
    cr_assert_eq(total(COUNT_published), 1);
    member(0)->backlog = (struct client_backlog *)&bench; // the server takes nothing any more
    bench.until_ns = 1000 + 10 * (SECOND / 1000);
    for (int i = 0; i < 30; i++)
        tick_all(1000 + (uint64_t)i * (SECOND / 1000));
    bench.phase = PHASE_DRAIN;
    tick_all(1000 + SECOND);
    cr_assert_neq(counter_read(&workers[0].owed), 0);
    struct verdict verdict = {0};
    fanout_judge(&bench, &verdict);
    cr_assert_eq(total(COUNT_due_unsent), 9);
    cr_assert_eq(counter_read(&workers[0].latency.count), 9 * MEMBERS);
    cr_assert_eq(counter_read(&workers[0].latency.max), SECOND - SECOND / 1000);
}

Test(fanout, what_comes_late_is_not_taken_off_the_next_message)
{
    struct slot slot = {0};
    uint64_t due_ns = 0;
    cr_assert_not(slot_waits(slot.state, 0), "a fresh slot follows nothing");
    slot.state = slot_state(5, 3);
    slot.due_ns = 70;
    cr_assert_not(slot_count_down(&slot, 1, 3, &due_ns), "of an earlier message");
    cr_assert_not(slot_count_down(&slot, 5, 2, &due_ns));
    cr_assert(slot_count_down(&slot, 5, UINT32_MAX, &due_ns), "given up");
    cr_assert_eq(due_ns, 70);
    cr_assert_not(slot_count_down(&slot, 5, 1, &due_ns), "nobody is waited for any more");
    cr_assert_not(slot_waits(slot.state, 5));
}

Test(fanout, a_drop_before_the_message_was_due_settles_it_at_once)
{
    set_up(1, 0, false);
    tick_all(5000);
    arrives(0, 0);
    arrives(2, 0);
    workers[1].now_ns = 4000; // its clock was read before the message was published
    member(1)->state = CLIENT_CLOSING;
    fanout_lost(&workers[1], member(1));
    fanout_settle(&workers[0]);
    fanout_settle(&workers[1]);
    cr_assert_eq(counter_read(&workers[1].last.count), 1);
    cr_assert_eq(counter_read(&workers[1].last.max), 0);
}

Test(fanout, gaps_that_are_not_remembered_are_missing_too)
{
    set_up(1, 0, false);
    struct fanout_worker *mine = workers[1].state;
    counter_set(&mine->verify.forgotten, 12);
    struct verdict verdict = {0};
    fanout_judge(&bench, &verdict);
    cr_assert_eq(verdict.missing, 12);
    cr_assert_eq(verdict.forgotten, 12);
}

Test(fanout, filler_that_was_altered_is_damage)
{
    set_up(1, 0, false);
    tick_all(2000);
    for (size_t at = STAMP_TEXT_BYTES; at < SIZE; at++) {
        uint8_t payload[SIZE];
        struct stamp stamp = {.run = 77, .due_ns = 1000};
        memset(payload, STAMP_FILLER, sizeof payload);
        stamp_write(payload, &stamp, false);
        payload[at] ^= 1;
        fanout_message(&workers[0], member(0), payload, SIZE, SIZE);
        cr_assert_eq(total(COUNT_damaged), at - STAMP_TEXT_BYTES + 1);
    }
    arrives(0, 0);
    cr_assert_eq(total(COUNT_delivered), 1);
}
