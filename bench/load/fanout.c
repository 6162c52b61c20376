// SPDX-License-Identifier: MIT
//
// Scenario fanout: connections are members of rooms, and every message goes to all members of its
// room.
//
// Messages of a room are numbered n = 0, 1, 2 …; its P publishers send in turn, so n belongs to
// publisher n mod P and is its number n / P. All publishers of a room live on one worker, the
// room's home, which alone decides when the next message goes out:
//
//   closed loop  message n goes out when message n - window has reached every member
//   open loop    by the clock, the rooms of a worker in turn
//
// A slot follows each message that is under way: how many members have not got it yet. Members on
// all workers count it down, once per reaped batch, and whoever counts the last one tells the
// room's home by a bit and, when that sleeps, a wake-up. With one outstanding message this is the
// loop of a broadcast whose next round begins when everybody has the last one.
//
// Bounds: SLOTS_MAX slots in all. An open loop holds a message back when its slot is still in use,
// which takes a backlog of many messages; its latency counts from when it was due all the same.
#include "load/client.h"
#include "load/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX   262144
#define NO_MESSAGE  UINT64_MAX
#define EXPIRE_NS   UINT64_C(100000000)
#define HELD_UP_NS  UINT64_C(200000)
#define TICK_BUDGET 1024 // publishes a tick

struct slot {
    _Atomic uint64_t message; // which one it follows
    _Atomic uint64_t due_ns;
    _Atomic uint32_t left; // members that have not got it
};

struct room {
    _Atomic uint64_t published; // written by the home
    _Atomic uint32_t members;   // open connections
};

// Shared by the workers.
struct fanout {
    struct room *rooms;
    struct slot *slots;         // slots_per_room for each room
    struct client **publishers; // `publishers` for each room
    uint32_t slots_per_room;    // power of two
};

// What one worker has counted of a slot since the last settle.
struct tally {
    uint64_t message, seen_ns;
    uint32_t count;
};

struct fanout_worker {
    struct verify verify; // stream = client's index × publishers + publisher
    struct tally *tallies;
    uint32_t *touched; // slots with a tally
    uint32_t touched_count;
    _Atomic uint64_t *ready; // bit r/T: room r may have place in its window
    uint32_t home_rooms;     // rooms index, index + T, index + 2T …
    struct pace pace;
    uint64_t next_expire_ns;
    bool started;
};

static uint32_t room_of(const struct worker *worker, uint32_t home_index)
{
    return worker->index + home_index * worker->bench->thread_count;
}

static struct slot *slot_of(struct fanout *fanout, uint32_t room, uint64_t message)
{
    return &fanout->slots[room * fanout->slots_per_room + (message & (fanout->slots_per_room - 1))];
}

// --- Set-up

static uint32_t slots_per_room(const struct options *options)
{
    uint32_t wanted = options->rate > 0 ? SLOTS_MAX / options->rooms : options->window, slots = 1;
    if (options->rate > 0 && wanted > 4096)
        wanted = 4096;
    while (slots < wanted)
        slots *= 2;
    return slots;
}

static int prepare(struct bench *bench)
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
    fanout->publishers =
        calloc((size_t)options->rooms * options->publishers, sizeof(struct client *));
    if (!fanout->rooms || !fanout->slots || !fanout->publishers)
        return -ENOMEM;
    for (size_t i = 0; i < slots; i++)
        fanout->slots[i].message = NO_MESSAGE;
    for (uint32_t id = 0; id < options->connections; id++)
        fanout->rooms[id % options->rooms].members++;
    return 0;
}

// Publisher p of a room is its member p × T, which lives on the room's home.
static void note_publishers(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint32_t threads = worker->bench->thread_count;
    for (uint32_t i = 0; i < worker->client_count; i++) {
        struct client *client = &worker->clients[i];
        uint32_t member = client->id / options->rooms;
        if (member % threads == 0 && member / threads < options->publishers)
            fanout->publishers[client->room * options->publishers + member / threads] = client;
    }
}

static int start(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint32_t threads = worker->bench->thread_count;
    struct fanout_worker *mine = calloc(1, sizeof *mine);
    if (!mine)
        return -ENOMEM;
    worker->state = mine;
    size_t slots = (size_t)options->rooms * fanout->slots_per_room;
    if (worker->index < options->rooms)
        mine->home_rooms = (options->rooms - worker->index + threads - 1) / threads;
    mine->tallies = calloc(slots, sizeof *mine->tallies);
    mine->touched = calloc(slots, sizeof *mine->touched);
    mine->ready = calloc(mine->home_rooms / 64 + 1, sizeof *mine->ready);
    if (!mine->tallies || !mine->touched || !mine->ready)
        return -ENOMEM;
    note_publishers(worker);
    return verify_init(&mine->verify, worker->client_count * options->publishers);
}

// --- Counting down

static void tell_home(struct worker *worker, uint32_t room)
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
    if (atomic_load_explicit(&slot->message, memory_order_acquire) != message)
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

static void settle(struct worker *worker)
{
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    for (uint32_t i = 0; i < mine->touched_count; i++) {
        struct slot *slot = &fanout->slots[mine->touched[i]];
        struct tally *tally = &mine->tallies[mine->touched[i]];
        uint32_t count = tally->count;
        tally->count = 0;
        if (atomic_load_explicit(&slot->message, memory_order_relaxed) != tally->message ||
            atomic_fetch_sub(&slot->left, count) != count)
            continue;
        uint64_t due_ns = atomic_load_explicit(&slot->due_ns, memory_order_relaxed);
        if (bench_measures(worker->bench, due_ns))
            hdr_add(&worker->last, tally->seen_ns - due_ns);
        tell_home(worker, mine->touched[i] / fanout->slots_per_room);
    }
    mine->touched_count = 0;
}

static void message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes)
{
    const struct options *options = &worker->bench->options;
    struct fanout_worker *mine = worker->state;
    struct stamp stamp;
    if (!stamp_find(bytes, have, worker->bench->run, options->binary, &worker->stamp_offset,
                    &stamp)) {
        worker_count(worker, other, 1);
        return;
    }
    if (total_bytes != options->size_bytes || stamp.publisher >= options->publishers) {
        worker_count(worker, damaged, 1);
        return;
    }
    if (stamp.room != client->room) {
        worker_count(worker, misplaced, 1);
        return;
    }
    uint32_t stream = client->index * options->publishers + stamp.publisher;
    if (verify_arrived(&mine->verify, stream, stamp.sequence) == VERIFY_DOUBLED)
        return;
    worker_count(worker, delivered, 1);
    if (bench_measures(worker->bench, stamp.due_ns))
        hdr_add(&worker->latency, worker->now_ns - stamp.due_ns);
    count_arrival(worker, client->room,
                  (uint64_t)stamp.sequence * options->publishers + stamp.publisher);
}

// --- Publishing

static bool under_way(struct fanout *fanout, uint32_t room, uint64_t message)
{
    struct slot *slot = slot_of(fanout, room, message);
    return atomic_load_explicit(&slot->message, memory_order_relaxed) == message &&
           atomic_load_explicit(&slot->left, memory_order_acquire) != 0;
}

static bool may_publish(struct worker *worker, uint32_t room, const struct client *publisher)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint64_t message = atomic_load_explicit(&fanout->rooms[room].published, memory_order_relaxed);
    uint32_t window = options->rate > 0 ? fanout->slots_per_room : options->window;
    if (message >= window && under_way(fanout, room, message - window))
        return false;
    return publisher->state == CLIENT_OPEN && !client_backlogged(publisher);
}

// The room's next message, when there is place for it.
static bool publish(struct worker *worker, uint32_t room_index, uint64_t due_ns)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct room *room = &fanout->rooms[room_index];
    uint64_t message = atomic_load_explicit(&room->published, memory_order_relaxed);
    uint32_t turn = (uint32_t)(message % options->publishers);
    struct client *publisher = fanout->publishers[room_index * options->publishers + turn];
    if (!may_publish(worker, room_index, publisher))
        return false;
    uint32_t receivers = atomic_load(&room->members) - options->no_self;
    struct slot *slot = slot_of(fanout, room_index, message);
    atomic_store_explicit(&slot->left, receivers, memory_order_relaxed);
    atomic_store_explicit(&slot->due_ns, due_ns, memory_order_relaxed);
    // Release: whoever sees the message in its slot sees the rest of the slot.
    atomic_store_explicit(&slot->message, message, memory_order_release);
    atomic_store(&room->published, message + 1);
    struct stamp stamp = {
        .run = worker->bench->run,
        .room = room_index,
        .publisher = turn,
        .sequence = (uint32_t)(message / options->publishers),
        .due_ns = due_ns,
    };
    client_send_stamp(worker, publisher, &stamp);
    worker_count(worker, published, 1);
    worker_count(worker, expected, receivers);
    return true;
}

static void fill_windows(struct worker *worker)
{
    struct fanout_worker *mine = worker->state;
    for (uint32_t word = 0; word <= mine->home_rooms / 64; word++) {
        if (!atomic_load(&mine->ready[word])) // after `asleep` was said: see run_rounds
            continue;
        uint64_t bits = atomic_exchange(&mine->ready[word], 0);
        for (; bits; bits &= bits - 1) {
            uint32_t room = room_of(worker, word * 64 + (uint32_t)__builtin_ctzll(bits));
            while (publish(worker, room, worker->now_ns))
                ;
        }
    }
}

static uint64_t publish_due(struct worker *worker)
{
    struct fanout_worker *mine = worker->state;
    for (uint32_t budget = TICK_BUDGET; mine->home_rooms; budget--) {
        uint64_t due_ns = pace_due_ns(&mine->pace);
        if (due_ns > worker->now_ns || budget == 0)
            return due_ns;
        if (!publish(worker, room_of(worker, (uint32_t)(mine->pace.done % mine->home_rooms)),
                     due_ns)) {
            worker_count(worker, held_back, 1);
            return worker->now_ns + HELD_UP_NS;
        }
        if (bench_measures(worker->bench, due_ns))
            hdr_add(&worker->lag, worker->now_ns - due_ns);
        mine->pace.done++;
    }
    return UINT64_MAX;
}

static void begin(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout_worker *mine = worker->state;
    mine->started = true;
    for (uint32_t i = 0; i < mine->home_rooms; i++)
        atomic_fetch_or(&mine->ready[i / 64], UINT64_C(1) << i % 64);
    uint64_t load_ns = atomic_load(&worker->bench->load_ns);
    mine->pace = pace_make(load_ns, options->rate * mine->home_rooms / options->rooms);
    // Threads take turns rather than sending at the same moment.
    mine->pace.start_ns +=
        (uint64_t)(worker->index * (options->rate > 0 ? 1e9 / options->rate : 0));
}

// Lets the window go on without messages that somebody will never get.
static void expire(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    if (worker->now_ns < mine->next_expire_ns)
        return;
    mine->next_expire_ns = worker->now_ns + EXPIRE_NS;
    for (uint32_t i = 0; i < mine->home_rooms; i++) {
        uint32_t room = room_of(worker, i);
        uint64_t end = atomic_load(&fanout->rooms[room].published);
        uint64_t message = end > fanout->slots_per_room ? end - fanout->slots_per_room : 0;
        for (; message < end; message++) {
            struct slot *slot = slot_of(fanout, room, message);
            if (!under_way(fanout, room, message) ||
                worker->now_ns < atomic_load(&slot->due_ns) + options->lost_after_ns)
                continue;
            atomic_store(&slot->message, NO_MESSAGE);
            worker_count(worker, given_up, 1);
            tell_home(worker, room);
        }
    }
}

static uint64_t tick(struct worker *worker)
{
    struct fanout_worker *mine = worker->state;
    settle(worker);
    if (!worker_loading(worker))
        return UINT64_MAX;
    if (!mine->started)
        begin(worker);
    expire(worker);
    if (worker->bench->options.rate > 0)
        return publish_due(worker);
    fill_windows(worker);
    return UINT64_MAX;
}

// --- The end

static uint32_t published_by(const struct fanout *fanout, const struct options *options,
                             uint32_t room, uint32_t publisher)
{
    uint64_t published = atomic_load(&fanout->rooms[room].published);
    return (uint32_t)((published + options->publishers - 1 - publisher) / options->publishers);
}

// A member that is gone gets nothing any more: its share of what is under way is not waited for.
static void lost(struct worker *worker, struct client *client)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct fanout_worker *mine = worker->state;
    atomic_fetch_sub(&fanout->rooms[client->room].members, 1);
    for (uint32_t p = 0; p < options->publishers; p++) {
        uint32_t end = published_by(fanout, options, client->room, p);
        uint32_t stream = client->index * options->publishers + p;
        uint32_t sequence = mine->verify.next[stream];
        if (sequence < end)
            worker_count(worker, excused, end - sequence);
        if (end > fanout->slots_per_room && sequence < end - fanout->slots_per_room)
            sequence = end - fanout->slots_per_room;
        for (; sequence < end; sequence++)
            count_arrival(worker, client->room, (uint64_t)sequence * options->publishers + p);
    }
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
            if (client->state != CLIENT_OPEN)
                end = mine->verify.next[stream];
            struct fanout *fanout = worker->bench->state;
            bool own = fanout->publishers[client->room * options->publishers + p] == client;
            if (!(own && options->no_self))
                verdict->missing += verify_missing(&mine->verify, stream, end);
        }
    }
    verdict->doubled += counter_read(&mine->verify.doubled);
    verdict->reordered += counter_read(&mine->verify.reordered);
    verdict->forgotten += counter_read(&mine->verify.forgotten);
}

static void judge(struct bench *bench, struct verdict *verdict)
{
    for (uint32_t i = 0; i < bench->thread_count; i++)
        judge_worker(&bench->workers[i], verdict);
}

const struct scenario scenario_fanout = {
    .name = "fanout",
    .default_path = "/room/{room}",
    .loads = true,
    .by_room = true,
    .prepare = prepare,
    .start = start,
    .message = message,
    .lost = lost,
    .tick = tick,
    .judge = judge,
};
