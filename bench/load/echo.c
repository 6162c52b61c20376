// SPDX-License-Identifier: MIT
//
// Scenario echo: every message comes back to the connection that sent it. Closed loop: each
// connection keeps `window` messages in flight. Open loop: by the clock, the connections in turn.
#include "load/arrival.h"
#include "load/open_loop.h"
#include "load/verify.h"

#include <errno.h>
#include <stdlib.h>

#define EXPIRE_NS UINT64_C(100000000)

struct echo_worker {
    struct verify verify;  // stream = client's index
    uint32_t *sent;        // per client: numbers given out
    uint64_t *sent_ns;     // per client: the last time
    struct open_loop loop; // stream = client's index
    uint64_t next_expire_ns;
    bool started;
};

static void send_one(struct worker *worker, struct client *client, uint64_t due_ns)
{
    struct echo_worker *mine = worker->state;
    struct stamp stamp = {
        .run = worker->bench->run,
        .publisher = client->id,
        .sequence = mine->sent[client->index]++,
        .due_ns = due_ns,
    };
    mine->sent_ns[client->index] = worker->now_ns;
    client_send_stamp(worker, client, &stamp);
    worker_count(worker, published, 1);
    worker_expect(worker, worker->index, 1);
}

// A gap in what came back is taken as lost: the window goes on.
static void fill_window(struct worker *worker, struct client *client)
{
    struct echo_worker *mine = worker->state;
    uint32_t window = worker->bench->options.window;
    while (client->state == CLIENT_OPEN &&
           mine->sent[client->index] - mine->verify.next[client->index] < window)
        send_one(worker, client, worker->now_ns);
}

static void message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes)
{
    struct echo_worker *mine = worker->state;
    struct stamp stamp;
    if (!arrival_read(worker, bytes, have, total_bytes, &stamp))
        return;
    if (stamp.room != 0 || stamp.publisher != client->id) {
        worker_count(worker, misplaced, 1);
        return;
    }
    if (stamp.sequence >= mine->sent[client->index]) {
        worker_count(worker, damaged, 1);
        return;
    }
    if (verify_arrived(&mine->verify, client->index, stamp.sequence) == VERIFY_DOUBLED)
        return;
    arrival_count(worker, &stamp);
    if (worker->bench->options.rate == 0 && worker_loading(worker))
        fill_window(worker, client);
}

static enum open_loop_sent send_due(struct worker *worker, uint32_t stream, uint64_t due_ns)
{
    struct client *client = &worker->clients[stream];
    if (client->state != CLIENT_OPEN)
        return OPEN_LOOP_NOBODY;
    if (client_backlogged(client))
        return OPEN_LOOP_LATER;
    send_one(worker, client, due_ns);
    return OPEN_LOOP_SENT;
}

static int start(struct worker *worker)
{
    struct echo_worker *mine = calloc(1, sizeof *mine);
    if (!mine)
        return -ENOMEM;
    worker->state = mine;
    worker->verify = &mine->verify;
    mine->sent = calloc(worker->client_count + 1, sizeof *mine->sent);
    mine->sent_ns = calloc(worker->client_count + 1, sizeof *mine->sent_ns);
    if (!mine->sent || !mine->sent_ns)
        return -ENOMEM;
    int error = open_loop_init(&mine->loop, worker->client_count, send_due);
    return error ? error : verify_init(&mine->verify, worker->client_count);
}

static void begin(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct echo_worker *mine = worker->state;
    mine->started = true;
    open_loop_start(&mine->loop, atomic_load(&worker->bench->load_ns),
                    options->rate * worker->client_count / options->connections);
    for (uint32_t i = 0; i < worker->client_count && options->rate == 0; i++)
        fill_window(worker, &worker->clients[i]);
}

// Goes on where nothing has come back for so long that it is lost.
static void expire(struct worker *worker)
{
    struct echo_worker *mine = worker->state;
    uint64_t limit_ns = worker->bench->options.lost_after_ns;
    if (worker->now_ns < mine->next_expire_ns)
        return;
    mine->next_expire_ns = worker->now_ns + EXPIRE_NS;
    for (uint32_t i = 0; i < worker->client_count; i++) {
        bool waiting = mine->sent[i] != mine->verify.next[i];
        if (waiting && worker->now_ns - mine->sent_ns[i] > limit_ns &&
            worker->clients[i].state == CLIENT_OPEN) {
            worker_count(worker, given_up, 1);
            send_one(worker, &worker->clients[i], worker->now_ns);
        }
    }
}

static uint64_t tick(struct worker *worker)
{
    struct echo_worker *mine = worker->state;
    bool open = worker->bench->options.rate > 0;
    if (!open && !worker_loading(worker))
        return UINT64_MAX;
    if (!mine->started)
        begin(worker);
    if (open)
        return open_loop_tick(&mine->loop, worker);
    expire(worker);
    return UINT64_MAX;
}

static void lost(struct worker *worker, struct client *client)
{
    struct echo_worker *mine = worker->state;
    worker_count(worker, excused, mine->sent[client->index] - mine->verify.next[client->index]);
}

static void count_unsent(struct worker *worker, uint32_t stream, uint64_t due_ns)
{
    (void)stream;
    arrival_never(worker, due_ns, 1);
}

static void judge(struct bench *bench, struct verdict *verdict)
{
    for (uint32_t w = 0; w < bench->thread_count; w++) {
        struct worker *worker = &bench->workers[w];
        struct echo_worker *mine = worker->state;
        for (uint32_t i = 0; i < worker->client_count; i++) {
            bool open = worker->clients[i].state == CLIENT_OPEN;
            verdict->missing +=
                verify_missing(&mine->verify, i, open ? mine->sent[i] : mine->verify.next[i]);
        }
        open_loop_end(&mine->loop, worker, count_unsent);
        verdict->missing += counter_read(&mine->verify.forgotten);
        verdict->doubled += counter_read(&mine->verify.doubled);
        verdict->reordered += counter_read(&mine->verify.reordered);
        verdict->forgotten += counter_read(&mine->verify.forgotten);
    }
}

const struct scenario scenario_echo = {
    .name = "echo",
    .default_path = "/echo",
    .loads = true,
    .start = start,
    .message = message,
    .lost = lost,
    .tick = tick,
    .judge = judge,
};
