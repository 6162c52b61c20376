// SPDX-License-Identifier: MIT
//
// The home's half of scenario fanout: which message goes out when, and by whom.
#include "load/fanout_state.h"

#define EXPIRE_NS UINT64_C(100000000)

static bool under_way(struct fanout *fanout, uint32_t room, uint64_t message)
{
    struct slot *slot = slot_of(fanout, room, message);
    return atomic_load_explicit(&slot->message, memory_order_relaxed) == message &&
           atomic_load_explicit(&slot->left, memory_order_acquire) != 0;
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

static uint32_t claim(struct fanout *fanout, uint32_t room_index, uint64_t message, uint64_t due_ns,
                      uint32_t no_self)
{
    struct room *room = &fanout->rooms[room_index];
    struct slot *slot = slot_of(fanout, room_index, message);
    lock_room(room);
    uint32_t receivers = atomic_load_explicit(&room->members, memory_order_relaxed) - no_self;
    if (receivers) {
        atomic_store_explicit(&slot->left, receivers, memory_order_relaxed);
        atomic_store_explicit(&slot->due_ns, due_ns, memory_order_relaxed);
        // Release: whoever sees the message in its slot sees the rest of the slot.
        atomic_store_explicit(&slot->message, message, memory_order_release);
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
    uint32_t receivers = claim(fanout, room, message, due_ns, options->no_self);
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
    worker_count(worker, expected, receivers);
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
            atomic_store(&slot->message, FANOUT_NO_MESSAGE);
            worker_count(worker, given_up, 1);
            fanout_tell_home(worker, room);
        }
    }
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
