// SPDX-License-Identifier: MIT
#include "base/wheel.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

// One timer and what a model knows about it.
struct timer {
    struct wheel_node node;
    bool armed;
    uint64_t due_ms;
    uint64_t must_ms; // from this time on it may not be missing any more
};

static struct wheel wheel;

static uint64_t slot_end(uint64_t ms)
{
    return (ms / WHEEL_SLOT_MS + (ms % WHEEL_SLOT_MS != 0)) * WHEEL_SLOT_MS;
}

static struct timer *timer_of(struct wheel_node *node)
{
    return CONTAINER_OF(node, struct timer, node);
}

static void arm(struct timer *timer, uint64_t due_ms, uint64_t now_ms)
{
    wheel_arm(&wheel, &timer->node, due_ms);
    CHECK(wheel_armed(&timer->node));
    timer->armed = true;
    timer->due_ms = due_ms;
    timer->must_ms = due_ms <= now_ms ? now_ms : slot_end(due_ms);
}

static void disarm(struct timer *timer)
{
    wheel_disarm(&wheel, &timer->node);
    CHECK(!wheel_armed(&timer->node));
    timer->armed = false;
}

// Pops everything due and checks that nothing is early, twice or unarmed; returns how many.
static uint32_t pop_all(uint64_t now_ms)
{
    uint32_t count = 0;
    for (;;) {
        struct wheel_node *node = wheel_pop_due(&wheel, now_ms);
        if (node == NULL)
            return count;
        struct timer *timer = timer_of(node);
        CHECK(timer->armed);
        CHECK(!wheel_armed(node));
        CHECK(timer->due_ms <= now_ms);
        timer->armed = false;
        count++;
    }
}

static void check_nothing_late(const struct timer *timers, uint32_t count, uint64_t now_ms)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK(!timers[i].armed || timers[i].must_ms > now_ms);
}

// A bound that is right, and in the future once everything due was popped.
static void check_next(const struct timer *timers, uint32_t count, uint64_t now_ms)
{
    uint64_t first_ms = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (timers[i].armed && timers[i].must_ms < first_ms)
            first_ms = timers[i].must_ms;
    }
    uint64_t next_ms = wheel_next_ms(&wheel);
    CHECK(next_ms <= first_ms);
    CHECK(next_ms > now_ms);
    CHECK((next_ms == UINT64_MAX) == (first_ms == UINT64_MAX));
}

Test(wheel, empty)
{
    wheel_init(&wheel, 12345);
    wheel_validate(&wheel);
    cr_assert_eq(wheel_next_ms(&wheel), UINT64_MAX);
    cr_assert_null(wheel_pop_due(&wheel, 12345));
    cr_assert_null(wheel_pop_due(&wheel, UINT64_C(1) << 45));
    cr_assert_eq(wheel_next_ms(&wheel), UINT64_MAX);
    wheel_validate(&wheel);
}

// Every due time up to two turns of level 0 against every step of the clock up to more than that.
// All due times at once: a timer does not depend on the others, and the model stays a cursor.
static void every_due_time(uint64_t start_ms, uint64_t step_ms)
{
    enum { SPAN_MS = 1100 };
    static struct timer timers[SPAN_MS];
    wheel_init(&wheel, start_ms);
    for (uint32_t i = 0; i < SPAN_MS; i++) {
        timers[i].node = (struct wheel_node){0};
        arm(&timers[i], start_ms + i, start_ms);
    }
    wheel_validate(&wheel);
    uint32_t popped = 0;
    for (uint64_t now_ms = start_ms; popped < SPAN_MS; now_ms += step_ms) {
        popped += pop_all(now_ms);
        check_nothing_late(timers, SPAN_MS, now_ms);
        check_next(timers, SPAN_MS, now_ms);
    }
    wheel_validate(&wheel);
    CHECK(wheel_next_ms(&wheel) == UINT64_MAX);
}

#define LEVEL_MS(level) ((uint64_t)WHEEL_SLOT_MS << ((level)*WHEEL_SLOT_BITS))

Test(wheel, small_domain_exhaustively)
{
    for (uint64_t step_ms = 1; step_ms <= 1200; step_ms++)
        every_due_time(1000, step_ms);
}

// The same where the digits of several levels, and of more than the wheel has, turn over together.
Test(wheel, small_domain_at_the_edges_of_levels)
{
    for (unsigned level = 1; level <= WHEEL_LEVELS + 1; level++) {
        for (uint64_t before_ms = 0; before_ms <= 1100; before_ms += 61) {
            every_due_time(LEVEL_MS(level) * 3 - before_ms, 1);
            every_due_time(LEVEL_MS(level) * 64 - before_ms, 13);
            every_due_time(LEVEL_MS(level) * 64 - before_ms, 520);
        }
    }
}

// One timer, at and around every power of two, against every step that is one.
Test(wheel, far_timers_by_sleeping)
{
    struct timer timer = {0};
    for (unsigned bits = 0; bits < 45; bits++) {
        for (int offset = -9; offset <= 9; offset++) {
            uint64_t start_ms = 77777 + bits;
            uint64_t due_ms = start_ms + (UINT64_C(1) << bits) + (uint64_t)(int64_t)offset;
            wheel_init(&wheel, start_ms);
            timer.node = (struct wheel_node){0};
            arm(&timer, due_ms, start_ms);
            wheel_validate(&wheel);
            uint64_t now_ms = start_ms;
            unsigned rounds = 0;
            while (pop_all(now_ms) == 0) {
                wheel_validate(&wheel);
                uint64_t next_ms = wheel_next_ms(&wheel);
                CHECK(next_ms > now_ms);
                CHECK(next_ms <= timer.must_ms);
                now_ms = next_ms;
                rounds++;
            }
            CHECK(now_ms <= timer.must_ms);
            // One round a level, and one for each time the range ends before.
            CHECK(rounds <=
                  WHEEL_LEVELS + ((UINT64_C(1) << bits) / LEVEL_MS(WHEEL_LEVELS) + 1) * 2);
        }
    }
}

Test(wheel, one_jump_over_everything)
{
    static struct timer timers[400];
    for (unsigned bits = 0; bits < 50; bits++) {
        uint64_t start_ms = 999, now_ms = start_ms + (UINT64_C(1) << bits);
        wheel_init(&wheel, start_ms);
        uint32_t expected = 0;
        for (uint32_t i = 0; i < 400; i++) {
            timers[i].node = (struct wheel_node){0};
            arm(&timers[i], start_ms + (UINT64_C(1) << i / 8) + i % 8, start_ms);
            expected += timers[i].must_ms <= now_ms;
        }
        wheel_validate(&wheel);
        cr_assert_geq(pop_all(now_ms), expected);
        check_nothing_late(timers, 400, now_ms);
        check_next(timers, 400, now_ms);
        wheel_validate(&wheel);
    }
}

static uint64_t random_span(struct rand *rand, unsigned bits_max)
{
    return rand_next(rand) >> (64 - bits_max + rand_below(rand, bits_max));
}

static void random_action(struct rand *rand, struct timer *timer, uint64_t now_ms)
{
    switch (rand_below(rand, 8)) {
    case 0:
        disarm(timer);
        break;
    case 1: // in the past
        arm(timer, now_ms - rand_below(rand, 20), now_ms);
        break;
    case 2: // at a round time, where the digits turn over
        arm(timer, (now_ms + random_span(rand, 36)) & ~UINT64_C(511), now_ms);
        break;
    default:
        arm(timer, now_ms + random_span(rand, 36), now_ms);
    }
}

static uint64_t random_step(struct rand *rand, uint64_t now_ms)
{
    switch (rand_below(rand, 4)) {
    case 0: // as a shard does: sleep until something may be due
        if (wheel_next_ms(&wheel) != UINT64_MAX)
            return wheel_next_ms(&wheel) - now_ms;
        return 1;
    case 1:
        return random_span(rand, 36);
    default:
        return random_span(rand, 10);
    }
}

static void differential(uint64_t seed, uint64_t now_ms, unsigned steps)
{
    enum { TIMERS = 64 };
    static struct timer timers[TIMERS];
    struct rand rand;
    rand_seed(&rand, seed);
    for (uint32_t i = 0; i < TIMERS; i++)
        timers[i] = (struct timer){0};
    wheel_init(&wheel, now_ms);
    for (unsigned step = 0; step < steps; step++) {
        for (uint32_t i = rand_below(&rand, 6); i > 0; i--) {
            random_action(&rand, &timers[rand_below(&rand, TIMERS)], now_ms);
            wheel_validate(&wheel);
        }
        now_ms += random_step(&rand, now_ms);
        pop_all(now_ms);
        wheel_validate(&wheel);
        check_nothing_late(timers, TIMERS, now_ms);
        check_next(timers, TIMERS, now_ms);
    }
}

Test(wheel, agrees_with_a_model)
{
    for (uint64_t seed = 0; seed < 100; seed++)
        differential(seed, 1000, 400);
}

Test(wheel, agrees_with_a_model_near_the_end_of_the_range)
{
    for (uint64_t seed = 0; seed < 100; seed++)
        differential(seed, LEVEL_MS(WHEEL_LEVELS) - 2000, 400);
}

Test(wheel, move_replaces_the_old_time)
{
    struct wheel_node node = {0};
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &node, 100);
    wheel_arm(&wheel, &node, 5000);
    cr_assert_null(wheel_pop_due(&wheel, 4999));
    cr_assert_eq(wheel_pop_due(&wheel, 5000), &node);
    wheel_arm(&wheel, &node, 9000);
    wheel_arm(&wheel, &node, 5008);
    cr_assert_eq(wheel_pop_due(&wheel, 5008), &node);
    cr_assert_null(wheel_pop_due(&wheel, 20000));
    wheel_validate(&wheel);
}

Test(wheel, disarm)
{
    struct wheel_node nodes[3] = {0};
    wheel_init(&wheel, 0);
    wheel_disarm(&wheel, &nodes[0]);
    for (int victim = 0; victim < 3; victim++) {
        for (int i = 0; i < 3; i++)
            wheel_arm(&wheel, &nodes[i], 1000000);
        for (int i = 0; i < 3; i++) {
            cr_assert_neq(wheel_next_ms(&wheel), UINT64_MAX);
            wheel_disarm(&wheel, &nodes[(victim + i) % 3]);
            wheel_validate(&wheel);
        }
        cr_assert_eq(wheel_next_ms(&wheel), UINT64_MAX);
    }
}

// A connection may die while its timer waits to be handed out.
Test(wheel, disarm_of_a_due_node)
{
    struct wheel_node nodes[3] = {0};
    for (int victim = 0; victim < 3; victim++) {
        wheel_init(&wheel, 0);
        for (int i = 0; i < 3; i++)
            wheel_arm(&wheel, &nodes[i], 0);
        wheel_disarm(&wheel, &nodes[victim]);
        wheel_validate(&wheel);
        wheel_arm(&wheel, &nodes[victim], 0);
        wheel_validate(&wheel);
        for (int i = 0; i < 3; i++)
            cr_assert_not_null(wheel_pop_due(&wheel, 0));
        cr_assert_null(wheel_pop_due(&wheel, 0));
        wheel_validate(&wheel);
    }
}

Test(wheel, past_comes_at_the_next_call)
{
    struct wheel_node node = {0};
    wheel_init(&wheel, 1003);
    wheel_arm(&wheel, &node, 1002);
    cr_assert_eq(wheel_next_ms(&wheel), 1003);
    cr_assert_eq(wheel_pop_due(&wheel, 1003), &node);
    wheel_arm(&wheel, &node, 0);
    cr_assert_eq(wheel_pop_due(&wheel, 1003), &node);
}

// A node that is armed for the past each time it is popped must not keep the others waiting.
Test(wheel, past_does_not_starve_others)
{
    struct wheel_node greedy = {0}, other = {0};
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &greedy, 0);
    wheel_arm(&wheel, &other, 8);
    unsigned pops = 0;
    for (;; pops++) {
        struct wheel_node *node = wheel_pop_due(&wheel, 8);
        if (node == &other)
            break;
        cr_assert_eq(node, &greedy);
        wheel_arm(&wheel, &greedy, 0);
        cr_assert_lt(pops, 3);
    }
}

Test(wheel, budget_may_end_a_round_early)
{
    static struct timer timers[100];
    wheel_init(&wheel, 0);
    for (uint32_t i = 0; i < 100; i++)
        arm(&timers[i], i * 10, 0);
    uint64_t now_ms = 0;
    unsigned popped = 0;
    for (; popped < 100; now_ms += 50) {
        for (int budget = 3; budget > 0; budget--) {
            struct wheel_node *node = wheel_pop_due(&wheel, now_ms);
            if (node == NULL)
                break;
            CHECK(timer_of(node)->due_ms <= now_ms);
            popped++;
        }
        wheel_validate(&wheel);
        if (wheel.due != NULL)
            cr_assert_eq(wheel_next_ms(&wheel), now_ms, "something is due");
    }
    cr_assert_eq(wheel_next_ms(&wheel), UINT64_MAX);
}

Test(wheel, clock_that_goes_back_is_ignored)
{
    struct wheel_node node = {0};
    wheel_init(&wheel, 1000);
    wheel_arm(&wheel, &node, 1100);
    cr_assert_null(wheel_pop_due(&wheel, 1050));
    cr_assert_null(wheel_pop_due(&wheel, 900));
    wheel_validate(&wheel);
    cr_assert_eq(wheel_pop_due(&wheel, 1104), &node);
}

Test(wheel, the_end_of_time)
{
    struct timer timer = {0};
    wheel_init(&wheel, 5);
    arm(&timer, UINT64_MAX, 5);
    wheel_validate(&wheel);
    uint64_t now_ms = 5;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(pop_all(now_ms), 0);
        cr_assert_gt(wheel_next_ms(&wheel), now_ms);
        now_ms = wheel_next_ms(&wheel);
        wheel_validate(&wheel);
    }
}

// Validation finds what it is there for.
Test(wheel, validate_finds_a_lost_bit, .signal = SIGABRT)
{
    struct wheel_node node = {0};
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &node, 100);
    memset(wheel.occupied, 0, sizeof(wheel.occupied));
    wheel_validate(&wheel);
}

Test(wheel, validate_finds_a_changed_time, .signal = SIGABRT)
{
    struct wheel_node node = {0};
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &node, 100);
    node.due_ms = 200;
    wheel_validate(&wheel);
}
