// SPDX-License-Identifier: MIT
//
// Scenario storm: while a fan-out goes on, all members but its publishers drop at once and come
// back as fast as they can; or in waves, --wave per cent of them at a time, in an order that is
// drawn once by the seed. A drop every --every, until all have dropped --repeats times.
//
// A drop is over when everybody it hit is back: its recovery time. A connection's own recovery time
// counts from the drop to its 101, whatever it had to wait for.
#include "load/client.h"
#include "load/json.h"
#include "load/rejoin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PRINTED_DROPS 16
#define STAYS         UINT32_MAX

struct drop {
    _Atomic uint64_t begun_ns, last_ns; // of the first to drop, of the last to be back
    _Atomic uint32_t hit, back;
};

struct storm_worker {
    struct rejoin rejoin;
    uint32_t next;    // drop
    uint64_t *ran_ns; // each drop
};

// One run a process.
static struct drop *drops;
static uint32_t *places; // of each connection in the order in which they drop, or STAYS
static uint32_t movers;  // how many have a place

static uint32_t waves_of(const struct options *options)
{
    return (100 + options->wave_percent - 1) / options->wave_percent;
}

static uint32_t drops_of(const struct options *options)
{
    return options->repeats * waves_of(options);
}

// Where a repeat's wave begins in the order.
static uint32_t wave_begin(const struct options *options, uint32_t wave)
{
    uint64_t percent = (uint64_t)wave * options->wave_percent;
    return (uint32_t)((percent < 100 ? percent : 100) * movers / 100);
}

static void draw_order(const struct bench *bench, uint32_t *order)
{
    struct rand rand;
    rand_seed(&rand, bench->options.seed);
    movers = 0;
    for (uint32_t id = 0; id < bench->options.connections; id++) {
        places[id] = STAYS;
        if (!fanout_begins_as_publisher(bench, id))
            order[movers++] = id;
    }
    for (uint32_t left = movers; left; left--) {
        uint32_t drawn = rand_below(&rand, left), id = order[drawn];
        order[drawn] = order[left - 1];
        places[id] = left - 1;
    }
}

static int prepare(struct bench *bench)
{
    struct options *options = &bench->options;
    options->duration_ns = (drops_of(options) + 1) * options->every_ns;
    uint32_t *order = calloc(options->connections, sizeof *order);
    drops = calloc(drops_of(options), sizeof *drops);
    places = calloc(options->connections, sizeof *places);
    if (order && places)
        draw_order(bench, order);
    int error = order && drops && places ? fanout_prepare(bench) : -ENOMEM;
    free(order);
    return error;
}

static int start(struct worker *worker)
{
    int error = rejoin_start(worker, sizeof(struct storm_worker));
    if (error)
        return error;
    struct storm_worker *mine = worker->extra;
    mine->ran_ns = calloc(drops_of(&worker->bench->options), sizeof *mine->ran_ns);
    return mine->ran_ns ? 0 : -ENOMEM;
}

// Everybody comes back once a repeat; a port rests for a minute.
static double reopens(const struct options *options)
{
    double repeat_s = (double)options->every_ns * waves_of(options) / 1e9;
    double repeats = PORT_RESTS_S / repeat_s + 1;
    return options->connections * (repeats < options->repeats ? repeats : options->repeats);
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
    const struct options *options = &worker->bench->options;
    uint32_t wave = number % waves_of(options);
    uint32_t from = wave_begin(options, wave), to = wave_begin(options, wave + 1);
    struct drop *drop = &drops[number];
    uint64_t unset = 0;
    mine->ran_ns[number] = worker->now_ns;
    atomic_compare_exchange_strong(&drop->begun_ns, &unset, worker->now_ns);
    for (uint32_t i = 0; i < worker->client_count; i++) {
        struct client *client = &worker->clients[i];
        uint32_t place = places[client->id];
        if (place < from || place >= to || !rejoin_may_go(worker, client))
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
    uint32_t count = drops_of(&bench->options);
    for (uint32_t i = 0; i < count && i < PRINTED_DROPS; i++) {
        uint64_t took_ns = recovery_ns(&drops[i]);
        if (!drops[i].hit)
            printf(" nobody dropped;");
        else if (took_ns == UINT64_MAX)
            printf(" %u of %u only;", drops[i].back, drops[i].hit);
        else
            printf(" %u in %.1f ms;", drops[i].hit, (double)took_ns / 1e6);
    }
    if (count > PRINTED_DROPS)
        printf(" and %u drops more, which --json lists", count - PRINTED_DROPS);
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
    .reopens = reopens,
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
