// SPDX-License-Identifier: MIT
#include "load/rejoin.h"

#include "base/clock.h"
#include "load/client.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_NS    UINT64_C(2000000)
#define RETRY_NS   UINT64_C(20000000)
#define HANG_UP_NS UINT64_C(1000000000) // how long the server may take to answer Close
#define ANSWER_NS  UINT64_C(5000000000) // and a handshake

int rejoin_start(struct worker *worker, size_t extra_bytes)
{
    struct rejoin *rejoin = calloc(1, extra_bytes);
    if (!rejoin)
        return -ENOMEM;
    worker->extra = rejoin;
    rejoin->pending = calloc(worker->client_count + 1, sizeof *rejoin->pending);
    rejoin->listed = calloc(worker->client_count + 1, sizeof *rejoin->listed);
    rejoin->left_ns = calloc(worker->client_count + 1, sizeof *rejoin->left_ns);
    return rejoin->pending && rejoin->listed && rejoin->left_ns ? fanout_start(worker) : -ENOMEM;
}

static void add(struct worker *worker, const struct client *client)
{
    struct rejoin *rejoin = worker->extra;
    // One that came back in this tick's reap and goes again is still on the list.
    if (!rejoin->listed[client->index])
        rejoin->pending[rejoin->count++] = client->index;
    rejoin->listed[client->index] = true;
    counter_set(&worker->away, rejoin->count);
    rejoin->left_ns[client->index] = worker->now_ns;
}

void rejoin_drop(struct worker *worker, struct client *client)
{
    add(worker, client);
    client_drop(worker, client);
}

void rejoin_leave(struct worker *worker, struct client *client)
{
    add(worker, client);
    client_leave(worker, client);
}

bool rejoin_may_go(const struct worker *worker, const struct client *client)
{
    return client->state == CLIENT_OPEN && !fanout_publishes(worker, client);
}

uint64_t rejoin_opened(struct worker *worker, struct client *client)
{
    struct rejoin *rejoin = worker->extra;
    uint64_t left_ns = rejoin->left_ns[client->index];
    rejoin->left_ns[client->index] = 0;
    fanout_opened(worker, client);
    return left_ns ? worker->now_ns - left_ns : 0;
}

static bool shakes_hands(const struct client *client)
{
    return (client->state > CLIENT_SOCKET && client->state < CLIENT_OPEN) ||
           (client->state == CLIENT_OPEN && client->joining);
}

static void try_one(struct rejoin *rejoin, struct worker *worker, struct client *client)
{
    uint32_t share = worker->bench->options.concurrency / worker->bench->thread_count;
    uint64_t left_ns = rejoin->left_ns[client->index];
    bool tried = client->begun_ns > left_ns;
    if (client->state == CLIENT_LEAVING && worker->now_ns > left_ns + HANG_UP_NS)
        client_close(worker, client);
    if (shakes_hands(client) && worker->now_ns > client->begun_ns + ANSWER_NS)
        client_end(worker, client, "the server does not answer the handshake");
    if (client->state != CLIENT_GONE || worker->opening >= (share ? share : 1))
        return;
    if (!tried || worker->now_ns > client->begun_ns + RETRY_NS)
        client_open(worker, client, clock_monotonic_ns());
}

uint64_t rejoin_tick(struct worker *worker)
{
    struct rejoin *rejoin = worker->extra;
    uint64_t next_ns = fanout_tick(worker);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rejoin->count; i++) {
        uint32_t index = rejoin->pending[i];
        rejoin->listed[index] = rejoin->left_ns[index];
        if (!rejoin->listed[index])
            continue; // it is back
        rejoin->pending[kept++] = index;
        try_one(rejoin, worker, &worker->clients[index]);
    }
    rejoin->count = kept;
    counter_set(&worker->away, kept);
    return kept && worker->now_ns + LOOK_NS < next_ns ? worker->now_ns + LOOK_NS : next_ns;
}

void rejoin_judge(struct bench *bench, struct verdict *verdict)
{
    fanout_judge(bench, verdict);
    for (uint32_t w = 0; w < bench->thread_count; w++) {
        struct worker *worker = &bench->workers[w];
        const struct rejoin *rejoin = worker->extra;
        for (uint32_t i = 0; i < worker->client_count; i++)
            verdict->stranded += rejoin->left_ns[i] != 0;
    }
    if (verdict->stranded)
        worker_fail(&bench->workers[0],
                    "%llu connections that were ended on purpose had not come back when the drain "
                    "ended: find out why, or give them a longer --drain",
                    (unsigned long long)verdict->stranded);
}
