// SPDX-License-Identifier: MIT
#include "base/mpsc.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>

#define PRODUCERS 4
#define PER_EACH  50000

struct letter {
    struct mpsc_node node;
    uint32_t producer, number;
};

static struct letter *letter_of(struct mpsc_node *node)
{
    return CONTAINER_OF(node, struct letter, node);
}

Test(mpsc, empty)
{
    struct mpsc inbox = {NULL};
    cr_assert(mpsc_empty(&inbox));
    cr_assert_null(mpsc_take_all(&inbox));
}

Test(mpsc, only_the_first_push_says_that_it_was_empty)
{
    struct mpsc inbox = {NULL};
    struct letter letters[3];
    cr_assert(mpsc_push(&inbox, &letters[0].node));
    cr_assert_not(mpsc_empty(&inbox));
    cr_assert_not(mpsc_push(&inbox, &letters[1].node));
    mpsc_take_all(&inbox);
    cr_assert(mpsc_empty(&inbox));
    cr_assert(mpsc_push(&inbox, &letters[2].node));
}

Test(mpsc, oldest_first)
{
    struct mpsc inbox = {NULL};
    struct letter letters[10];
    for (uint32_t count = 1; count <= 10; count++) {
        for (uint32_t i = 0; i < count; i++)
            mpsc_push(&inbox, &letters[i].node);
        struct mpsc_node *node = mpsc_take_all(&inbox);
        for (uint32_t i = 0; i < count; i++) {
            cr_assert_eq(node, &letters[i].node);
            node = node->next;
        }
        cr_assert_null(node);
    }
}

static struct mpsc shared_inbox;
static sem_t wakes;
static struct letter letters[PRODUCERS][PER_EACH];

static void *produce(void *arg)
{
    struct letter *own = arg;
    for (uint32_t i = 0; i < PER_EACH; i++) {
        if (mpsc_push(&shared_inbox, &own[i].node))
            sem_post(&wakes);
    }
    return NULL;
}

static uint32_t consume(uint32_t *expected)
{
    uint32_t taken = 0;
    for (struct mpsc_node *node = mpsc_take_all(&shared_inbox); node != NULL; taken++) {
        struct mpsc_node *next = node->next;
        const struct letter *letter = letter_of(node);
        CHECK(letter->number == expected[letter->producer]++);
        // The consumer owns what it took; the sanitizer sees a producer that still touches it.
        node->next = NULL;
        node = next;
    }
    return taken;
}

// The consumer sleeps whenever the inbox is empty and only the pushes that found it so wake it: a
// wrong answer of mpsc_push ends in the time limit.
Test(mpsc, four_producers_lose_nothing_and_keep_their_order, .timeout = 120)
{
    pthread_t threads[PRODUCERS];
    uint32_t expected[PRODUCERS] = {0};
    sem_init(&wakes, 0, 0);
    for (uint32_t p = 0; p < PRODUCERS; p++) {
        for (uint32_t i = 0; i < PER_EACH; i++) {
            letters[p][i].producer = p;
            letters[p][i].number = i;
        }
    }
    for (uint32_t p = 0; p < PRODUCERS; p++)
        cr_assert_eq(pthread_create(&threads[p], NULL, produce, letters[p]), 0);
    for (uint32_t taken = 0; taken < PRODUCERS * PER_EACH;) {
        uint32_t batch = consume(expected);
        taken += batch;
        if (batch == 0)
            sem_wait(&wakes);
    }
    for (uint32_t p = 0; p < PRODUCERS; p++)
        pthread_join(threads[p], NULL);
    for (uint32_t p = 0; p < PRODUCERS; p++)
        cr_assert_eq(expected[p], PER_EACH);
    cr_assert(mpsc_empty(&shared_inbox));
    cr_assert_null(mpsc_take_all(&shared_inbox));
}
