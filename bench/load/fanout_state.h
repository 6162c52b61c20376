// SPDX-License-Identifier: MIT
//
// What the two halves of scenario fanout share. The scenario: connections are members of rooms, and
// every message goes to all members of its room.
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
// Bounds: a closed loop has as many slots as its windows have messages; an open loop has at most
// SLOTS_MAX in all, but one for each room. It holds a message back when its slot is still in use,
// which takes a backlog of many messages; its latency counts from when it was due all the same.
#pragma once

#include "load/client.h"
#include "load/fanout.h"
#include "load/open_loop.h"
#include "load/verify.h"

#define FANOUT_SLOTS_MAX 262144

// Which message it follows and who waits for it are one word: what comes late for a message that
// has been given up must not be taken off the next one's members.
struct slot {
    _Atomic uint64_t state;  // lower half of the message's number, members that have not got it
    _Atomic uint64_t due_ns; // written only while nobody is waited for
};

struct room {
    _Atomic uint64_t published; // written by the home
    _Atomic uint32_t members;   // open connections
    _Atomic bool locked;        // a publish, a join or a leave is going on
};

// Shared by the workers.
struct fanout {
    struct room *rooms;
    struct slot *slots;         // slots_per_room for each room
    _Atomic uint32_t *members;  // open connections of each room on each thread
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
    uint32_t *joined;     // per stream: the first number that the member has to get
    uint64_t missing;     // of members that have left
    struct tally *tallies;
    uint32_t *touched; // slots with a tally
    uint32_t touched_count;
    _Atomic uint64_t *ready; // bit r/T: room r may have place in its window
    uint32_t home_rooms;     // rooms index, index + T, index + 2T …
    struct open_loop loop;   // stream = room by home index
    uint64_t next_expire_ns;
    bool started;
};

static inline uint32_t room_of(const struct worker *worker, uint32_t home_index)
{
    return worker->index + home_index * worker->bench->thread_count;
}

static inline struct slot *slot_of(struct fanout *fanout, uint32_t room, uint64_t message)
{
    return &fanout->slots[room * fanout->slots_per_room + (message & (fanout->slots_per_room - 1))];
}

static inline _Atomic uint32_t *members_on(const struct bench *bench, uint32_t room,
                                           uint32_t thread)
{
    struct fanout *fanout = bench->state;
    return &fanout->members[(size_t)room * bench->thread_count + thread];
}

static inline uint64_t slot_state(uint64_t message, uint32_t left)
{
    return message << 32 | left;
}

// Somebody has not got the message yet.
static inline bool slot_waits(uint64_t state, uint64_t message)
{
    return (uint32_t)(state >> 32) == (uint32_t)message && (uint32_t)state != 0;
}

// Some members have got the message, or will not. Returns true, and when it was due, to the one
// caller after whom nobody is waited for. Thread: any worker's.
static inline bool slot_count_down(struct slot *slot, uint64_t message, uint32_t count,
                                   uint64_t *due_ns)
{
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire), next;
    do {
        if (!slot_waits(state, message))
            return false;
        uint32_t left = (uint32_t)state;
        *due_ns = atomic_load_explicit(&slot->due_ns, memory_order_relaxed);
        next = slot_state(message, count < left ? left - count : 0);
        // Release: the home must not write due_ns again before it has been read here.
    } while (!atomic_compare_exchange_weak_explicit(&slot->state, &state, next,
                                                    memory_order_acq_rel, memory_order_acquire));
    return (uint32_t)next == 0;
}

// A few instructions are done under it, by the home and by members that come or go.
static inline void lock_room(struct room *room)
{
    while (atomic_exchange_explicit(&room->locked, true, memory_order_acquire))
        ;
}

static inline void unlock_room(struct room *room)
{
    atomic_store_explicit(&room->locked, false, memory_order_release);
}

// Tells the room's home that a message may be due. Thread: any worker's.
void fanout_tell_home(struct worker *worker, uint32_t room);

// The open loop's next message of a room.
enum open_loop_sent fanout_send_due(struct worker *worker, uint32_t home_index, uint64_t due_ns);

// Ends the wait for what is still under way. Thread: the main one, when all workers have ended and
// settled.
void fanout_give_up(struct worker *worker);

// Gives what the worker has counted in this tick to the slots.
void fanout_settle(struct worker *worker);
