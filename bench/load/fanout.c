// SPDX-License-Identifier: MIT
//
// The members' half of scenario fanout: what arrives, who comes and goes, and the verdict.
#include "load/arrival.h"
#include "load/fanout_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- Set-up

static uint32_t slots_per_room(const struct options *options)
{
    uint32_t wanted = options->rate > 0 ? FANOUT_SLOTS_MAX / options->rooms : options->window,
             slots = 1;
    if (options->rate > 0 && wanted > 4096)
        wanted = 4096;
    while (slots < wanted)
        slots *= 2;
    return slots;
}

int fanout_prepare(struct bench *bench)
{
    const struct options *options = &bench->options;
    struct fanout *fanout = calloc(1, sizeof *fanout);
    if (!fanout)
        return -ENOMEM;
    bench->state = fanout;
    fanout->slots_per_room = slots_per_room(options);
    size_t slots = (size_t)options->rooms * fanout->slots_per_room;
    fanout->rooms = calloc(options->rooms, sizeof *fanout->rooms);
    fanout->slots = calloc(slots, sizeof *fanout->slots);
    fanout->members = calloc((size_t)options->rooms * bench->thread_count, sizeof *fanout->members);
    fanout->publishers =
        calloc((size_t)options->rooms * options->publishers, sizeof(struct client *));
    bool all = fanout->rooms && fanout->slots && fanout->members && fanout->publishers;
    return all ? 0 : -ENOMEM;
}

// Publisher p of a room is its member p × T, which lives on the room's home.
bool fanout_begins_as_publisher(const struct bench *bench, uint32_t id)
{
    uint32_t member = id / bench->options.rooms;
    return member % bench->thread_count == 0 &&
           member / bench->thread_count < bench->options.publishers;
}

static void note_publishers(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint32_t threads = worker->bench->thread_count;
    for (uint32_t i = 0; i < worker->client_count; i++) {
        struct client *client = &worker->clients[i];
        uint32_t turn = client->id / options->rooms / threads;
        if (fanout_begins_as_publisher(worker->bench, client->id))
            fanout->publishers[client->room * options->publishers + turn] = client;
    }
}

int fanout_start(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint32_t threads = worker->bench->thread_count;
    struct fanout_worker *mine = calloc(1, sizeof *mine);
    if (!mine)
        return -ENOMEM;
    worker->state = mine;
    worker->verify = &mine->verify;
    size_t slots = (size_t)options->rooms * fanout->slots_per_room;
    if (worker->index < options->rooms)
        mine->home_rooms = (options->rooms - worker->index + threads - 1) / threads;
    mine->tallies = calloc(slots, sizeof *mine->tallies);
    mine->touched = calloc(slots, sizeof *mine->touched);
    mine->ready = calloc(mine->home_rooms / 64 + 1, sizeof *mine->ready);
    mine->joined =
        calloc((size_t)worker->client_count * options->publishers + 1, sizeof *mine->joined);
    if (!mine->tallies || !mine->touched || !mine->ready || !mine->joined)
        return -ENOMEM;
    note_publishers(worker);
    int error = open_loop_init(&mine->loop, mine->home_rooms, fanout_send_due);
    return error ? error : verify_init(&mine->verify, worker->client_count * options->publishers);
}

// --- Counting down

void fanout_tell_home(struct worker *worker, uint32_t room)
{
    struct worker *home = &worker->bench->workers[room % worker->bench->thread_count];
    struct fanout_worker *theirs = home->state;
    uint32_t bit = room / worker->bench->thread_count;
    atomic_fetch_or(&theirs->ready[bit / 64], UINT64_C(1) << bit % 64);
    worker_wake(worker, home);
}

static void count_arrival(struct worker *worker, uint32_t room, uint64_t message)
{
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    struct slot *slot = slot_of(fanout, room, message);
    if (!slot_waits(atomic_load_explicit(&slot->state, memory_order_relaxed), message))
        return; // given up
    uint32_t place = (uint32_t)(slot - fanout->slots);
    struct tally *tally = &mine->tallies[place];
    if (tally->count == 0)
        mine->touched[mine->touched_count++] = place;
    else if (tally->message != message)
        tally->count = 0;
    tally->message = message;
    tally->seen_ns = worker->now_ns;
    tally->count++;
}

void fanout_settle(struct worker *worker)
{
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    for (uint32_t i = 0; i < mine->touched_count; i++) {
        struct tally *tally = &mine->tallies[mine->touched[i]];
        uint32_t count = tally->count;
        uint64_t due_ns;
        tally->count = 0;
        if (!slot_count_down(&fanout->slots[mine->touched[i]], tally->message, count, &due_ns))
            continue;
        if (bench_measures(worker->bench, due_ns))
            hdr_add(&worker->last, age_ns(tally->seen_ns, due_ns));
        fanout_tell_home(worker, mine->touched[i] / fanout->slots_per_room);
    }
    mine->touched_count = 0;
}

void fanout_message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes)
{
    const struct options *options = &worker->bench->options;
    struct fanout_worker *mine = worker->state;
    struct stamp stamp;
    if (!arrival_read(worker, bytes, have, total_bytes, &stamp))
        return;
    if (stamp.publisher >= options->publishers) {
        worker_count(worker, damaged, 1);
        return;
    }
    if (stamp.room != client->room) {
        worker_count(worker, misplaced, 1);
        return;
    }
    uint32_t stream = client->index * options->publishers + stamp.publisher;
    if (!verify_is_next(&mine->verify, stream, stamp.sequence) &&
        stamp.sequence < mine->joined[stream]) {
        worker_count(worker, early, 1);
        return;
    }
    if (verify_arrived(&mine->verify, stream, stamp.sequence) == VERIFY_DOUBLED)
        return;
    if (client->slow) {
        worker_count(worker, slow_delivered, 1);
        return;
    }
    arrival_count(worker, &stamp);
    count_arrival(worker, client->room,
                  (uint64_t)stamp.sequence * options->publishers + stamp.publisher);
}

// --- The end

static uint32_t published_by(const struct fanout *fanout, const struct options *options,
                             uint32_t room, uint32_t publisher)
{
    uint64_t published = atomic_load(&fanout->rooms[room].published);
    return (uint32_t)((published + options->publishers - 1 - publisher) / options->publishers);
}

// What is published from now on is this member's too. What is under way may or may not reach it.
void fanout_opened(struct worker *worker, struct client *client)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    struct room *room = &fanout->rooms[client->room];
    lock_room(room);
    // Nobody waits for slow members.
    atomic_fetch_add_explicit(&room->members, !client->slow, memory_order_relaxed);
    atomic_fetch_add_explicit(members_on(worker->bench, client->room, worker->index), !client->slow,
                              memory_order_relaxed);
    for (uint32_t p = 0; p < options->publishers; p++) {
        uint32_t stream = client->index * options->publishers + p;
        mine->joined[stream] = published_by(fanout, options, client->room, p);
        verify_restart(&mine->verify, stream, mine->joined[stream]);
    }
    unlock_room(room);
    if (worker_loading(worker))
        fanout_tell_home(worker, client->room);
}

// A member that is gone gets nothing any more: its share of what is under way is not waited for.
void fanout_lost(struct worker *worker, struct client *client)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    struct room *room = &fanout->rooms[client->room];
    if (client->slow)
        return;
    lock_room(room);
    atomic_fetch_sub_explicit(&room->members, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(members_on(worker->bench, client->room, worker->index), 1,
                              memory_order_relaxed);
    uint64_t published = atomic_load_explicit(&room->published, memory_order_relaxed);
    unlock_room(room);
    for (uint32_t p = 0; p < options->publishers; p++) {
        uint32_t end = (uint32_t)((published + options->publishers - 1 - p) / options->publishers);
        uint32_t stream = client->index * options->publishers + p;
        uint32_t sequence = mine->verify.next[stream];
        mine->missing += verify_missing(&mine->verify, stream, sequence);
        verify_restart(&mine->verify, stream, sequence);
        if (sequence < end)
            worker_count(worker, excused, end - sequence);
        if (end > fanout->slots_per_room && sequence < end - fanout->slots_per_room)
            sequence = end - fanout->slots_per_room;
        for (; sequence < end; sequence++)
            count_arrival(worker, client->room, (uint64_t)sequence * options->publishers + p);
    }
    fanout_tell_home(worker, client->room);
}

static void count_unsent(struct worker *worker, uint32_t home_index, uint64_t due_ns)
{
    const struct fanout *fanout = worker->bench->state;
    uint32_t members = fanout->rooms[room_of(worker, home_index)].members;
    arrival_never(worker, due_ns, members - (members && worker->bench->options.no_self));
    if (bench_measures(worker->bench, due_ns))
        hdr_add(&worker->last, age_ns(worker->now_ns, due_ns));
}

static void judge_worker(struct worker *worker, struct verdict *verdict)
{
    const struct options *options = &worker->bench->options;
    struct fanout_worker *mine = worker->state;
    for (uint32_t i = 0; i < worker->client_count; i++) {
        struct client *client = &worker->clients[i];
        for (uint32_t p = 0; p < options->publishers; p++) {
            uint32_t stream = i * options->publishers + p;
            uint32_t end = published_by(worker->bench->state, options, client->room, p);
            if (client->state != CLIENT_OPEN || client->slow)
                end = mine->verify.next[stream];
            verdict->missing += verify_missing(&mine->verify, stream, end);
        }
    }
    fanout_give_up(worker);
    open_loop_end(&mine->loop, worker, count_unsent);
    verdict->missing += mine->missing + counter_read(&mine->verify.forgotten);
    verdict->doubled += counter_read(&mine->verify.doubled);
    verdict->reordered += counter_read(&mine->verify.reordered);
    verdict->forgotten += counter_read(&mine->verify.forgotten);
}

void fanout_judge(struct bench *bench, struct verdict *verdict)
{
    for (uint32_t i = 0; i < bench->thread_count; i++)
        fanout_settle(&bench->workers[i]);
    for (uint32_t i = 0; i < bench->thread_count; i++)
        judge_worker(&bench->workers[i], verdict);
}

const struct scenario scenario_fanout = {
    .name = "fanout",
    .default_path = "/room/{room}",
    .loads = true,
    .by_room = true,
    .prepare = fanout_prepare,
    .start = fanout_start,
    .message = fanout_message,
    .opened = fanout_opened,
    .lost = fanout_lost,
    .tick = fanout_tick,
    .judge = fanout_judge,
};
