// SPDX-License-Identifier: MIT
//
// The home's half of scenario fanout: which message goes out when, and by whom.
#include "load/fanout_state.h"

#define EXPIRE_NS UINT64_C(100000000)

static bool under_way(struct fanout *fanout, uint32_t room, uint64_t message)
{
    struct slot *slot = slot_of(fanout, room, message);
    return slot_waits(atomic_load_explicit(&slot->state, memory_order_acquire), message);
}

// The connection that sends for publisher `turn`: when its own is gone, another member's of this
// worker takes its place for good.
static struct client *sender_of(struct worker *worker, uint32_t room, uint32_t turn)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    struct client **place = &fanout->publishers[room * options->publishers + turn];
    for (uint32_t i = 0; i < worker->client_count && (*place)->state != CLIENT_OPEN; i++) {
        struct client *other = &worker->clients[i];
        if (other->room == room && other->state == CLIENT_OPEN && !other->slow)
            *place = other;
    }
    return (*place)->state == CLIENT_OPEN ? *place : NULL;
}

static bool has_place(struct worker *worker, uint32_t room, uint64_t message)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint32_t window = options->rate > 0 ? fanout->slots_per_room : options->window;
    return message < window || !under_way(fanout, room, message - window);
}

// Who gets the room's next message is settled under the lock. Returns how many they are.
static uint32_t claim(struct worker *worker, uint32_t room_index, uint64_t message, uint64_t due_ns)
{
    struct bench *bench = worker->bench;
    struct fanout *fanout = bench->state;
    struct room *room = &fanout->rooms[room_index];
    struct slot *slot = slot_of(fanout, room_index, message);
    uint32_t no_self = bench->options.no_self;
    lock_room(room);
    uint32_t receivers = atomic_load_explicit(&room->members, memory_order_relaxed) - no_self;
    if (receivers) {
        for (uint32_t i = 0; i < bench->thread_count; i++)
            worker_expect(worker, i,
                          *members_on(bench, room_index, i) - (i == worker->index ? no_self : 0));
        atomic_store_explicit(&slot->due_ns, due_ns, memory_order_relaxed);
        // Release: whoever sees the message in its slot sees when it was due.
        atomic_store_explicit(&slot->state, slot_state(message, receivers), memory_order_release);
        atomic_store(&room->published, message + 1);
    }
    unlock_room(room);
    return receivers;
}

// The room's next message, when there is place for it.
static enum open_loop_sent publish(struct worker *worker, uint32_t room, uint64_t due_ns)
{
    const struct options *options = &worker->bench->options;
    struct fanout *fanout = worker->bench->state;
    uint64_t message = atomic_load_explicit(&fanout->rooms[room].published, memory_order_relaxed);
    uint32_t turn = (uint32_t)(message % options->publishers);
    struct client *sender = sender_of(worker, room, turn);
    if (!sender)
        return OPEN_LOOP_NOBODY;
    if (client_backlogged(sender) || !has_place(worker, room, message))
        return OPEN_LOOP_LATER;
    uint32_t receivers = claim(worker, room, message, due_ns);
    if (!receivers)
        return OPEN_LOOP_NOBODY;
    struct stamp stamp = {
        .run = worker->bench->run,
        .room = room,
        .publisher = turn,
        .sequence = (uint32_t)(message / options->publishers),
        .due_ns = due_ns,
    };
    if (options->no_self) {
        struct fanout_worker *mine = worker->state;
        (void)verify_arrived(&mine->verify, sender->index * options->publishers + turn,
                             stamp.sequence);
    }
    client_send_stamp(worker, sender, &stamp);
    worker_count(worker, published, 1);
    return OPEN_LOOP_SENT;
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
            while (publish(worker, room, worker->now_ns) == OPEN_LOOP_SENT)
                ;
        }
    }
}

enum open_loop_sent fanout_send_due(struct worker *worker, uint32_t home_index, uint64_t due_ns)
{
    return publish(worker, room_of(worker, home_index), due_ns);
}

static void begin(struct worker *worker)
{
    const struct options *options = &worker->bench->options;
    struct fanout_worker *mine = worker->state;
    mine->started = true;
    for (uint32_t i = 0; i < mine->home_rooms; i++)
        atomic_fetch_or(&mine->ready[i / 64], UINT64_C(1) << i % 64);
    uint64_t load_ns = atomic_load(&worker->bench->load_ns);
    // Threads take turns rather than sending at the same moment.
    uint64_t turn_ns = (uint64_t)(worker->index * (options->rate > 0 ? 1e9 / options->rate : 0));
    open_loop_start(&mine->loop, load_ns + turn_ns,
                    options->rate * mine->home_rooms / options->rooms);
}

// Ends the wait for a message that somebody has not got. It is as late as it is now, at least.
static bool give_up(struct worker *worker, uint32_t room, uint64_t message)
{
    uint64_t due_ns;
    if (!slot_count_down(slot_of(worker->bench->state, room, message), message, UINT32_MAX,
                         &due_ns))
        return false;
    worker_count(worker, incomplete, 1);
    if (bench_measures(worker->bench, due_ns))
        hdr_add(&worker->last, age_ns(worker->now_ns, due_ns));
    return true;
}

// Gives up what has been under way for that long. Returns how many they were.
static uint32_t give_up_older(struct worker *worker, uint32_t room, uint64_t limit_ns)
{
    struct fanout *fanout = worker->bench->state;
    uint64_t end = atomic_load(&fanout->rooms[room].published);
    uint64_t message = end > fanout->slots_per_room ? end - fanout->slots_per_room : 0;
    uint32_t count = 0;
    for (; message < end; message++)
        if (under_way(fanout, room, message) &&
            age_ns(worker->now_ns, slot_of(fanout, room, message)->due_ns) >= limit_ns)
            count += give_up(worker, room, message);
    return count;
}

// Lets the window go on without messages that somebody will never get.
static void expire(struct worker *worker)
{
    struct fanout_worker *mine = worker->state;
    if (worker->now_ns < mine->next_expire_ns)
        return;
    mine->next_expire_ns = worker->now_ns + EXPIRE_NS;
    for (uint32_t i = 0; i < mine->home_rooms; i++) {
        uint32_t room = room_of(worker, i);
        uint32_t count = give_up_older(worker, room, worker->bench->options.lost_after_ns);
        worker_count(worker, given_up, count);
        if (count)
            fanout_tell_home(worker, room);
    }
}

void fanout_give_up(struct worker *worker)
{
    const struct fanout_worker *mine = worker->state;
    for (uint32_t i = 0; i < mine->home_rooms; i++)
        (void)give_up_older(worker, room_of(worker, i), 0);
}

uint64_t fanout_tick(struct worker *worker)
{
    struct fanout_worker *mine = worker->state;
    fanout_settle(worker);
    bool loading = worker_loading(worker);
    if (!mine->started)
        begin(worker);
    if (loading || counter_read(&worker->owed))
        expire(worker);
    if (worker->bench->options.rate > 0)
        return open_loop_tick(&mine->loop, worker);
    if (loading)
        fill_windows(worker);
    return UINT64_MAX;
}

bool fanout_publishes(const struct worker *worker, const struct client *client)
{
    const struct fanout *fanout = worker->bench->state;
    uint32_t count = worker->bench->options.publishers;
    if (client->room % worker->bench->thread_count != worker->index)
        return false; // the room's home, where its publishers are, is another worker
    for (uint32_t i = 0; i < count; i++)
        if (fanout->publishers[client->room * count + i] == client)
            return true;
    return false;
}
