// SPDX-License-Identifier: MIT
//
// Scenario storm: while a fan-out goes on, all members but its publishers drop at once and come
// back as fast as they can; or in waves, a share of them at a time. Every --every, --repeats times
// over all members.
//
// A drop is over when everybody it hit is back: its recovery time. A connection's own recovery time
// counts from the drop to its 101, whatever it had to wait for.
#include "load/client.h"
#include "load/json.h"
#include "load/rejoin.h"

#include <stdio.h>

#define DROPS_MAX 1024

struct drop {
    _Atomic uint64_t begun_ns, last_ns; // of the first to drop, of the last to be back
    _Atomic uint32_t hit, back;
};

struct storm_worker {
    struct rejoin rejoin;
    uint32_t next; // drop
    uint64_t ran_ns[DROPS_MAX];
};

static struct drop drops[DROPS_MAX]; // one run a process

static uint32_t waves_of(const struct options *options)
{
    return (100 + options->wave_percent - 1) / options->wave_percent;
}

static uint32_t drops_of(const struct options *options)
{
    uint32_t wanted = options->repeats * waves_of(options);
    return wanted < DROPS_MAX ? wanted : DROPS_MAX;
}

static int prepare(struct bench *bench)
{
    struct options *options = &bench->options;
    options->duration_ns = (drops_of(options) + 1) * options->every_ns;
    return fanout_prepare(bench);
}

static int start(struct worker *worker)
{
    return rejoin_start(worker, sizeof(struct storm_worker));
}

static void opened(struct worker *worker, struct client *client)
{
    struct storm_worker *mine = worker->extra;
    uint64_t took_ns = rejoin_opened(worker, client);
    if (!took_ns)
        return;
    // The drop that hit it, which need not be the latest one.
    uint32_t number = mine->next - 1;
    while (mine->ran_ns[number] > worker->now_ns - took_ns)
        number--;
    struct drop *drop = &drops[number];
    hdr_add(&worker->event, took_ns);
    uint64_t last_ns = atomic_load(&drop->last_ns);
    while (last_ns < worker->now_ns &&
           !atomic_compare_exchange_weak(&drop->last_ns, &last_ns, worker->now_ns))
        ;
    atomic_fetch_add(&drop->back, 1);
}

static uint64_t due_ns(struct worker *worker, uint32_t number)
{
    return atomic_load(&worker->bench->from_ns) + (number + 1) * worker->bench->options.every_ns -
           worker->bench->options.every_ns / 2;
}

static void run_drop(struct worker *worker, uint32_t number)
{
    struct storm_worker *mine = worker->extra;
    uint32_t waves = waves_of(&worker->bench->options);
    struct drop *drop = &drops[number];
    uint64_t unset = 0;
    mine->ran_ns[number] = worker->now_ns;
    atomic_compare_exchange_strong(&drop->begun_ns, &unset, worker->now_ns);
    for (uint32_t i = 0; i < worker->client_count; i++) {
        struct client *client = &worker->clients[i];
        uint32_t room_mate = client->id / worker->bench->options.rooms;
        if (room_mate % waves != number % waves || !rejoin_may_go(worker, client))
            continue;
        rejoin_drop(worker, client);
        atomic_fetch_add(&drop->hit, 1);
    }
}

static uint64_t tick(struct worker *worker)
{
    struct storm_worker *mine = worker->extra;
    uint64_t drop_ns = due_ns(worker, mine->next), next_ns = UINT64_MAX;
    bool more = worker_loading(worker) && mine->next < drops_of(&worker->bench->options);
    if (more && drop_ns <= worker->now_ns)
        run_drop(worker, mine->next++);
    else if (more)
        next_ns = drop_ns;
    uint64_t others_ns = rejoin_tick(worker);
    return others_ns < next_ns ? others_ns : next_ns;
}

// UINT64_MAX: not everybody came back.
static uint64_t recovery_ns(const struct drop *drop)
{
    return drop->back >= drop->hit && drop->hit ? drop->last_ns - drop->begun_ns : UINT64_MAX;
}

static void print(const struct bench *bench)
{
    printf("  recovered");
    for (uint32_t i = 0; i < drops_of(&bench->options); i++) {
        uint64_t took_ns = recovery_ns(&drops[i]);
        if (took_ns == UINT64_MAX)
            printf(" %u of %u only;", drops[i].back, drops[i].hit);
        else
            printf(" %u in %.1f ms;", drops[i].hit, (double)took_ns / 1e6);
    }
    printf("\n");
}

static void write_json(struct json *json, const struct bench *bench)
{
    json_open(json, "drops", '[');
    for (uint32_t i = 0; i < drops_of(&bench->options); i++) {
        uint64_t took_ns = recovery_ns(&drops[i]);
        json_open(json, NULL, '{');
        json_count(json, "dropped", drops[i].hit);
        json_count(json, "recovered", drops[i].back);
        if (took_ns != UINT64_MAX)
            json_count(json, "recovery_ns", took_ns);
        json_close(json, '}');
    }
    json_close(json, ']');
}

const struct scenario scenario_storm = {
    .name = "storm",
    .default_path = "/room/{room}",
    .event = "recovery",
    .loads = true,
    .by_room = true,
    .reconnects = true,
    .prepare = prepare,
    .start = start,
    .message = fanout_message,
    .opened = opened,
    .lost = fanout_lost,
    .tick = tick,
    .judge = rejoin_judge,
    .print = print,
    .write_json = write_json,
};
