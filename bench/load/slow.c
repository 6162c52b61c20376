// SPDX-License-Identifier: MIT
//
// Scenario slow: a fan-out in which a share of the members reads slowly (--slow-rate bytes a second
// each) or never (0). Nobody waits for them: latencies and expected deliveries are the others'.
// What they do get must be in order and without gaps.
//
// A slow member has a small receive buffer, so that what it does not read is the server's business
// at once. It sends a pong now and then, which shows within a quarter of a second that the server
// has ended its connection, and keeps it from being taken for dead rather than slow.
#include "load/fanout.h"

#include "load/client.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_NS UINT64_C(10000000)
#define PONG_NS UINT64_C(250000000)

struct slow_worker {
    double *allowance; // per client: bytes that it may read now
    uint64_t looked_ns, ponged_ns;
};

static bool is_slow(const struct options *options, uint32_t id)
{
    uint64_t member = id / options->rooms, room = id % options->rooms;
    uint64_t members = (options->connections - room + options->rooms - 1) / options->rooms;
    return member >= members - members * options->slow_percent / 100;
}

static int start(struct worker *worker)
{
    struct slow_worker *mine = calloc(1, sizeof *mine);
    if (!mine)
        return -ENOMEM;
    worker->extra = mine;
    mine->allowance = calloc(worker->client_count + 1, sizeof *mine->allowance);
    if (!mine->allowance)
        return -ENOMEM;
    for (uint32_t i = 0; i < worker->client_count; i++)
        worker->clients[i].slow = is_slow(&worker->bench->options, worker->clients[i].id);
    return fanout_start(worker);
}

static void opened(struct worker *worker, struct client *client)
{
    fanout_opened(worker, client);
    if (client->slow)
        client_read_not(worker, client);
}

static void message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes)
{
    struct slow_worker *mine = worker->extra;
    fanout_message(worker, client, bytes, have, total_bytes);
    if (!client->slow)
        return;
    mine->allowance[client->index] -= (double)total_bytes;
    if (mine->allowance[client->index] <= 0)
        client_read_not(worker, client);
}

static void lost(struct worker *worker, struct client *client)
{
    fanout_lost(worker, client);
    uint64_t load_ns = atomic_load(&worker->bench->load_ns);
    if (client->slow && load_ns && worker->now_ns > load_ns)
        hdr_add(&worker->event, worker->now_ns - load_ns);
}

static void look_at(struct worker *worker, struct client *client, double seconds, bool pong)
{
    struct slow_worker *mine = worker->extra;
    double *allowance = &mine->allowance[client->index], rate = worker->bench->options.slow_rate;
    if (!client->slow || client->state != CLIENT_OPEN)
        return;
    *allowance += rate * seconds;
    if (*allowance > rate)
        *allowance = rate; // who has had nothing to read does not save it up
    if (*allowance > 0)
        client_read(worker, client);
    if (pong && !client_backlogged(client))
        client_send_control(worker, client, WS_PONG, NULL, 0);
}

static uint64_t tick(struct worker *worker)
{
    struct slow_worker *mine = worker->extra;
    uint64_t next_ns = fanout_tick(worker), now_ns = worker->now_ns;
    if (now_ns >= mine->looked_ns + LOOK_NS) {
        double seconds = mine->looked_ns ? (double)(now_ns - mine->looked_ns) / 1e9 : 0;
        bool pong = now_ns >= mine->ponged_ns + PONG_NS;
        mine->looked_ns = now_ns;
        if (pong)
            mine->ponged_ns = now_ns;
        for (uint32_t i = 0; i < worker->client_count; i++)
            look_at(worker, &worker->clients[i], seconds, pong);
    }
    uint64_t look_ns = mine->looked_ns + LOOK_NS;
    return look_ns < next_ns ? look_ns : next_ns;
}

const struct scenario scenario_slow = {
    .name = "slow",
    .default_path = "/room/{room}",
    .event = "slow ended",
    .loads = true,
    .by_room = true,
    .prepare = fanout_prepare,
    .start = start,
    .message = message,
    .opened = opened,
    .lost = lost,
    .tick = tick,
    .judge = fanout_judge,
};
