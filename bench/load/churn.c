// SPDX-License-Identifier: MIT
//
// Scenario churn: while a fan-out goes on, members leave and come back, --churn-rate of them a
// second, drawn at random: every other one with a Close frame, every other one without a word.
#include "load/client.h"
#include "load/rejoin.h"

#define TICK_BUDGET 256

struct churn_worker {
    struct rejoin rejoin;
    struct pace pace;
};

// A port rests for a minute.
static double reopens(const struct options *options)
{
    double seconds = (double)(options->warmup_ns + options->duration_ns) / 1e9;
    return options->churn_rate * (seconds < PORT_RESTS_S ? seconds : PORT_RESTS_S);
}

static int start(struct worker *worker)
{
    return rejoin_start(worker, sizeof(struct churn_worker));
}

static void opened(struct worker *worker, struct client *client)
{
    uint64_t took_ns = rejoin_opened(worker, client);
    if (took_ns)
        hdr_add(&worker->event, took_ns);
}

static uint64_t churn_due(struct worker *worker)
{
    const struct bench *bench = worker->bench;
    struct churn_worker *mine = worker->extra;
    double share = (double)worker->client_count / bench->options.connections;
    if (!mine->pace.start_ns)
        mine->pace =
            pace_make(atomic_load(&worker->bench->load_ns), bench->options.churn_rate * share);
    for (uint32_t budget = TICK_BUDGET; worker->client_count && budget; budget--) {
        if (pace_due_ns(&mine->pace) > worker->now_ns)
            break;
        uint32_t index = (uint32_t)(rand_next(&worker->rand) % worker->client_count);
        struct client *client = &worker->clients[index];
        bool politely = mine->pace.done++ & 1;
        if (!rejoin_may_go(worker, client))
            continue;
        if (politely)
            rejoin_leave(worker, client);
        else
            rejoin_drop(worker, client);
    }
    return pace_due_ns(&mine->pace);
}

static uint64_t tick(struct worker *worker)
{
    uint64_t churn_ns = worker_loading(worker) ? churn_due(worker) : UINT64_MAX;
    uint64_t next_ns = rejoin_tick(worker);
    return churn_ns < next_ns ? churn_ns : next_ns;
}

const struct scenario scenario_churn = {
    .name = "churn",
    .default_path = "/room/{room}",
    .event = "rejoin",
    .loads = true,
    .by_room = true,
    .reopens = reopens,
    .prepare = fanout_prepare,
    .start = start,
    .message = fanout_message,
    .opened = opened,
    .lost = fanout_lost,
    .tick = tick,
    .judge = rejoin_judge,
};
