// SPDX-License-Identifier: MIT
//
// On a real ring that is never entered: operations are queued and nothing comes of them.
#include "load/rejoin.h"

#include "load/client.h"
#include "load/fanout_state.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MEMBERS = 6 };

static struct bench bench;
static struct worker *worker;
static struct rejoin *rejoin;

static void init(void)
{
    char error[256];
    bench = (struct bench){
        .options = {.connections = MEMBERS,
                    .rooms = 1,
                    .publishers = 1,
                    .window = 1,
                    .concurrency = MEMBERS,
                    .size_bytes = 100,
                    .lost_after_ns = 1000000000},
        .scenario = &scenario_churn,
        .thread_count = 1,
        .phase = PHASE_LOAD,
        .load_ns = 1,
        .until_ns = UINT64_MAX,
    };
    cr_assert_eq(ring_probe(&bench.features, error, sizeof error), 0, "%s", error);
    worker = bench.workers = calloc(1, sizeof *worker);
    worker->bench = &bench;
    worker->now_ns = 1000;
    worker->client_count = MEMBERS;
    worker->expected_on = calloc(1, sizeof *worker->expected_on);
    worker->clients = aligned_alloc(64, MEMBERS * sizeof *worker->clients);
    worker->dirty = calloc(MEMBERS, sizeof(struct client *));
    for (int i = 0; i < 2; i++)
        arena_init(&worker->arenas[i], 4096, 1);
    struct ring_options options = {
        .sq_entries = 64,
        .cq_entries = 128,
        .files = MEMBERS,
        .recv_buffers = 8,
        .recv_buffer_bytes = 4096,
        .features = bench.features,
    };
    cr_assert_eq(ring_create(&worker->ring, &options), 0);
    for (uint32_t i = 0; i < MEMBERS; i++)
        worker->clients[i] = (struct client){.index = i, .id = i, .state = CLIENT_OPEN};
    cr_assert_eq(fanout_prepare(&bench), 0);
    cr_assert_eq(rejoin_start(worker, sizeof *rejoin), 0);
    rejoin = worker->extra;
    for (uint32_t i = 0; i < MEMBERS; i++)
        fanout_opened(worker, &worker->clients[i]);
}

static void fini(void)
{
    ring_destroy(worker->ring);
}

TestSuite(rejoin, .init = init, .fini = fini);

// What a reap does when the 101 has come.
static void come_back(struct client *client)
{
    client->state = CLIENT_OPEN;
    client->armed = 0;
    (void)rejoin_opened(worker, client);
}

Test(rejoin, one_that_comes_and_goes_within_a_tick_is_listed_once)
{
    struct client *client = &worker->clients[1];
    rejoin_drop(worker, client);
    for (int i = 0; i < 3 * MEMBERS; i++) {
        come_back(client);
        worker->now_ns++;
        rejoin_drop(worker, client);
        cr_assert_eq(rejoin->count, 1);
    }
}

Test(rejoin, who_is_back_is_forgotten_and_can_go_again)
{
    struct client *client = &worker->clients[1];
    rejoin_drop(worker, client);
    come_back(client);
    (void)rejoin_tick(worker);
    cr_assert_eq(rejoin->count, 0);
    worker->now_ns++;
    rejoin_drop(worker, client);
    cr_assert_eq(rejoin->count, 1);
    worker->now_ns += 500;
    client->state = CLIENT_OPEN;
    cr_assert_eq(rejoin_opened(worker, client), 500);
}

Test(rejoin, who_is_away_is_waited_for_and_stranded_in_the_end)
{
    struct verdict verdict = {0};
    for (uint32_t i = 1; i < MEMBERS; i++)
        rejoin_drop(worker, &worker->clients[i]);
    cr_assert_eq(counter_read(&worker->away), MEMBERS - 1);
    come_back(&worker->clients[2]);
    (void)rejoin_tick(worker);
    cr_assert_eq(counter_read(&worker->away), MEMBERS - 2);
    rejoin_judge(&bench, &verdict);
    cr_assert_eq(verdict.stranded, MEMBERS - 2);
    cr_assert(worker->error_set);
}

Test(rejoin, a_handshake_without_an_answer_is_given_up)
{
    struct client *client = &worker->clients[1];
    rejoin_drop(worker, client);
    (void)rejoin_tick(worker);
    cr_assert_eq(client->state, CLIENT_SOCKET);
    client->state = CLIENT_UPGRADING; // the connection stands, and nothing comes
    client->armed = CLIENT_ARMED_RECV;
    worker->now_ns = client->begun_ns + UINT64_C(6000000000);
    (void)rejoin_tick(worker);
    cr_assert_eq(client->state, CLIENT_CLOSING);
    cr_assert_eq(counter_read(&worker->counts[COUNT_failed]), 1);
    cr_assert_eq(rejoin->count, 1);
}

Test(rejoin, publishers_stay)
{
    cr_assert_not(rejoin_may_go(worker, &worker->clients[0]));
    cr_assert(rejoin_may_go(worker, &worker->clients[1]));
}
