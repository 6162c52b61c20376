// SPDX-License-Identifier: MIT
#include "base/spsc.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

static struct spsc queue;

static struct spsc_item item_of(uint64_t number)
{
    return (struct spsc_item){{number, ~number, number * 3, number ^ 0x5555}};
}

static bool is_item(const struct spsc_item *item, uint64_t number)
{
    const struct spsc_item expected = item_of(number);
    return memcmp(item, &expected, sizeof(expected)) == 0;
}

static bool push(uint64_t number)
{
    const struct spsc_item item = item_of(number);
    return spsc_push(&queue, &item);
}

// As if `count` items had gone through already.
static void start_at(uint32_t count)
{
    queue.tail_local = queue.head_seen = queue.tail_seen = count;
    atomic_init(&queue.tail, count);
    atomic_init(&queue.head, count);
}

Test(spsc, empty)
{
    struct spsc_item out;
    cr_assert_eq(spsc_init(&queue, 2), 0);
    cr_assert(spsc_empty(&queue));
    cr_assert_eq(spsc_depth(&queue), 0);
    cr_assert_eq(spsc_pop(&queue, &out, 1), 0);
    cr_assert_eq(spsc_publish(&queue), 0);
    spsc_fini(&queue);
}

Test(spsc, staged_items_are_invisible_until_published)
{
    struct spsc_item out[4];
    cr_assert_eq(spsc_init(&queue, 4), 0);
    cr_assert(push(0));
    cr_assert(push(1));
    cr_assert(spsc_empty(&queue));
    cr_assert_eq(spsc_depth(&queue), 0);
    cr_assert_eq(spsc_pop(&queue, out, 4), 0);
    cr_assert_eq(spsc_publish(&queue), 2);
    cr_assert_eq(spsc_publish(&queue), 0, "nothing new");
    cr_assert_not(spsc_empty(&queue));
    cr_assert_eq(spsc_depth(&queue), 2);
    cr_assert_eq(spsc_pop(&queue, out, 4), 2);
    cr_assert(is_item(&out[0], 0) && is_item(&out[1], 1));
    cr_assert(spsc_empty(&queue));
    spsc_fini(&queue);
}

Test(spsc, full)
{
    struct spsc_item out[4];
    cr_assert_eq(spsc_init(&queue, 4), 0);
    for (uint64_t i = 0; i < 4; i++)
        cr_assert(push(i));
    cr_assert_not(push(4), "staged items take places");
    cr_assert_eq(spsc_publish(&queue), 4);
    cr_assert_eq(spsc_depth(&queue), 4);
    cr_assert_not(push(4));
    cr_assert_eq(spsc_pop(&queue, out, 1), 1);
    cr_assert(push(4));
    cr_assert_not(push(5));
    cr_assert_eq(spsc_publish(&queue), 1);
    cr_assert_eq(spsc_pop(&queue, out, 4), 4);
    for (uint64_t i = 0; i < 4; i++)
        cr_assert(is_item(&out[i], i + 1));
    spsc_fini(&queue);
}

// Every capacity, every batch in and every batch out, with cursors that pass 2^32 on the way.
Test(spsc, wraps_around)
{
    struct spsc_item out[16];
    for (uint32_t capacity = 2; capacity <= 8; capacity *= 2) {
        for (uint32_t in = 1; in <= capacity; in++) {
            for (uint32_t max = 1; max <= capacity + 1; max++) {
                cr_assert_eq(spsc_init(&queue, capacity), 0);
                start_at(UINT32_MAX - 20);
                uint64_t pushed = 0, popped = 0;
                while (popped < 100) {
                    for (uint32_t i = 0; i < in; i++)
                        pushed += push(pushed);
                    spsc_publish(&queue);
                    CHECK(spsc_depth(&queue) == pushed - popped);
                    uint32_t expected = pushed - popped < max ? (uint32_t)(pushed - popped) : max;
                    uint32_t count = spsc_pop(&queue, out, max);
                    CHECK(count == expected);
                    for (uint32_t i = 0; i < count; i++)
                        CHECK(is_item(&out[i], popped++));
                    CHECK(spsc_empty(&queue) == (pushed == popped));
                }
                spsc_fini(&queue);
            }
        }
    }
}

Test(spsc, pop_of_nothing)
{
    cr_assert_eq(spsc_init(&queue, 2), 0);
    cr_assert(push(0));
    cr_assert_eq(spsc_publish(&queue), 1);
    cr_assert_eq(spsc_pop(&queue, NULL, 0), 0);
    cr_assert_not(spsc_empty(&queue));
    spsc_fini(&queue);
}

Test(spsc, capacity_must_be_a_power_of_two, .signal = SIGABRT)
{
    cr_assert_neq(spsc_init(&queue, 3), 0);
}

Test(spsc, capacity_must_not_be_1, .signal = SIGABRT)
{
    cr_assert_neq(spsc_init(&queue, 1), 0);
}

#define TORTURE_ITEMS 400000

static void *produce(void *arg)
{
    struct rand rand;
    rand_seed(&rand, 4);
    for (uint64_t next = 0; next < TORTURE_ITEMS;) {
        uint32_t batch = 1 + rand_below(&rand, 40);
        while (batch > 0 && next < TORTURE_ITEMS && push(next)) {
            next++;
            batch--;
        }
        spsc_publish(&queue);
        if (batch > 0)
            sched_yield();
    }
    return arg;
}

static void consume(void)
{
    struct spsc_item out[32];
    struct rand rand;
    rand_seed(&rand, 5);
    for (uint64_t next = 0; next < TORTURE_ITEMS;) {
        if (spsc_empty(&queue)) {
            sched_yield();
            continue;
        }
        uint32_t count = spsc_pop(&queue, out, 1 + rand_below(&rand, 32));
        CHECK(count > 0);
        for (uint32_t i = 0; i < count; i++)
            CHECK(is_item(&out[i], next++));
        CHECK(spsc_depth(&queue) <= queue.mask + 1);
    }
}

Test(spsc, two_threads_keep_the_order, .timeout = 120)
{
    const uint32_t capacities[] = {2, 16, 1024};
    for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++) {
        pthread_t producer;
        cr_assert_eq(spsc_init(&queue, capacities[i]), 0);
        start_at(UINT32_MAX - TORTURE_ITEMS / 2);
        cr_assert_eq(pthread_create(&producer, NULL, produce, NULL), 0);
        consume();
        pthread_join(producer, NULL);
        cr_assert(spsc_empty(&queue));
        spsc_fini(&queue);
    }
}
