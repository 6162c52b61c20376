// SPDX-License-Identifier: MIT
#include "stress/stress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US 60000000

static const ringcast_id nobody;

// What may be answered; true when it was accepted.
static bool accepted(struct poster *poster, const char *what, int result)
{
    if (result == -EAGAIN)
        poster->refused++;
    else if (result && result != -ESTALE && result != -ENOENT)
        fail("%s: %s", what, strerror(-result));
    return result == 0;
}

static ringcast_id anyone(struct poster *poster, unsigned *slot)
{
    *slot = (unsigned)rand_below(&poster->rand, SLOTS);
    return (ringcast_id){atomic_load(&ids[*slot])};
}

static void release(void *text)
{
    free(text);
    atomic_fetch_add(&released, 1);
}

// Every second one is binary, every fifth one lent.
static int send_number(struct poster *poster, ringcast_id id, uint64_t number, const char *text,
                       size_t len)
{
    if (number % 5)
        return number % 2 ? ringcast_send_binary(rc, id, text, len)
                          : ringcast_send_text(rc, id, text, len);
    struct ringcast_payload payload = {.kind = number % 2 ? RINGCAST_BINARY : RINGCAST_TEXT,
                                       .bytes = text,
                                       .len = len,
                                       .release = release,
                                       .context = strdup(text)};
    payload.bytes = payload.context;
    int result = ringcast_send_lent(rc, id, &payload);
    if (result)
        free(payload.context);
    else
        poster->lent++;
    return result;
}

static void send_direct(struct poster *poster)
{
    char text[MESSAGE_MAX];
    unsigned slot;
    ringcast_id id = anyone(poster, &slot);
    if (id.value == 0)
        return;
    if (poster->direct[slot].id != id.value) {
        poster->direct[slot].id = id.value;
        poster->direct[slot].sent = 0;
    }
    uint64_t number = poster->direct[slot].sent + 1;
    int len = snprintf(text, sizeof text, "D %u %llu %llx", poster->index,
                       (unsigned long long)number, (unsigned long long)id.value);
    if (accepted(poster, "send", send_number(poster, id, number, text, (size_t)len)))
        poster->direct[slot].sent++;
}

static void broadcast(struct poster *poster)
{
    char text[MESSAGE_MAX];
    int len = snprintf(text, sizeof text, "B %u %llu", poster->index,
                       (unsigned long long)poster->broadcasts + 1);
    if (!accepted(poster, "broadcast", ringcast_broadcast_text(rc, text, (size_t)len)))
        return;
    poster->broadcasts++;
    atomic_fetch_add(&posted, 1);
}

static void publish(struct poster *poster, bool lend)
{
    char text[MESSAGE_MAX];
    unsigned room = (unsigned)rand_below(&poster->rand, ROOMS), slot;
    char name = (char)('a' + room);
    // Those who stay are never left out: they count.
    ringcast_id except = anyone(poster, &slot);
    if (slot < STABLE)
        except = nobody;
    int len = snprintf(text, sizeof text, "R %u %llu %u", poster->index,
                       (unsigned long long)poster->rooms[room] + 1, room);
    int result;
    if (lend) {
        struct ringcast_payload payload = {RINGCAST_TEXT, strdup(text), (size_t)len, release, NULL};
        payload.context = (void *)(uintptr_t)payload.bytes;
        result = ringcast_broadcast_room_lent(rc, &name, 1, &payload, except);
        if (result)
            free(payload.context);
        else
            poster->lent++;
    } else {
        result = ringcast_broadcast_room_text(rc, &name, 1, text, (size_t)len, except);
    }
    if (!accepted(poster, "publish", result))
        return;
    poster->rooms[room]++;
    atomic_fetch_add(&posted, 1);
}

static void come_and_go(struct poster *poster)
{
    unsigned slot;
    ringcast_id id = anyone(poster, &slot);
    char name = (char)('a' + rand_below(&poster->rand, ROOMS));
    if (slot < STABLE)
        return;
    switch (rand_below(&poster->rand, 8)) {
    case 0:
    case 1:
        (void)accepted(poster, "join", ringcast_join_room(rc, id, &name, 1));
        return;
    case 2:
        (void)accepted(poster, "leave", ringcast_leave_room(rc, id, &name, 1));
        return;
    case 3:
        (void)accepted(poster, "touch", ringcast_touch(rc, id));
        return;
    case 4:
        poster->closed += accepted(poster, "unregister", ringcast_unregister(rc, id));
        return;
    case 5:
        poster->closed += accepted(poster, "close", ringcast_close(rc, id, 4000, "go"));
        return;
    default:
        poster->registered += clients_connect(slot);
        return;
    }
}

void post_one(struct poster *poster)
{
    ringcast_id reaped[4];
    switch (rand_below(&poster->rand, 16)) {
    case 0:
        broadcast(poster);
        return;
    case 1:
    case 2:
    case 3:
    case 4:
        publish(poster, false);
        return;
    case 5:
        publish(poster, true);
        return;
    case 6:
        if (ringcast_connection_count(rc) > SLOTS || ringcast_sweep_idle(rc, reaped, 4))
            fail("more connections than there are, or one reaped that was not idle");
        return;
    case 7:
    case 8:
        come_and_go(poster);
        return;
    default:
        send_direct(poster);
        return;
    }
}

// Not faster than the first client receives: what is queued for a client is bounded.
static bool too_many(void)
{
    return atomic_load(&posted) - atomic_load(&arrived) > OUTSTANDING;
}

void *post_until_stopped(void *argument)
{
    struct poster *poster = argument;
    while (!stopping) {
        if (too_many())
            usleep(100);
        else if (poster->index == 0 && checking_joins && rand_below(&poster->rand, 16) == 0)
            check_a_join(poster);
        else
            post_one(poster);
    }
    return NULL;
}

void post_a_little(struct poster *poster)
{
    for (int i = 0; i < 4 && !stopping && !too_many(); i++)
        post_one(poster);
}

// --- Joins

static _Atomic uint64_t probe_id;

static bool wait_for(const _Atomic uint64_t *number, uint64_t wanted)
{
    for (int waited_us = 0; waited_us < PATIENCE_US; waited_us += 100) {
        if (atomic_load(number) == wanted)
            return true;
        usleep(100);
    }
    return false;
}

static bool publish_probe(uint64_t number)
{
    char text[MESSAGE_MAX];
    int len = snprintf(text, sizeof text, "J %llu %llx", (unsigned long long)number,
                       (unsigned long long)atomic_load(&probe_id));
    int result = ringcast_broadcast_room_text(rc, "probe", 5, text, (size_t)len, nobody);
    if (result && result != -EAGAIN)
        fail("publish: %s", strerror(-result));
    return result == 0;
}

void publish_what_is_wanted(void)
{
    uint64_t number = atomic_load(&probe_wanted);
    if (number && atomic_compare_exchange_strong(&probe_wanted, &number, 0) &&
        !publish_probe(number))
        atomic_store(&probe_wanted, number); // some shard's next tick
}

// A client that stays enters a room of its own, and leaves it again: what is published between the
// acknowledgement and the next leave it has to see, and nothing of before or after.
void check_a_join(struct poster *poster)
{
    unsigned slot = 1 + (unsigned)rand_below(&poster->rand, STABLE - 1);
    ringcast_id id = {atomic_load(&ids[slot])};
    unsigned long long number = poster->joins_checked + 1;
    if (id.value == 0 || !accepted(poster, "join", ringcast_join_room(rc, id, "probe", 5)))
        return;
    atomic_store(&probe_id, id.value);
    if (!wait_for(&probe_joined, number))
        fail("join %llu is not acknowledged", number);
    if (number % 2)
        atomic_store(&probe_wanted, number); // by a shard
    while (number % 2 == 0 && !publish_probe(number))
        usleep(100);
    if (!wait_for(&probe_seen, number))
        fail("a publish behind the acknowledgement of join %llu is not seen", number);
    while (!accepted(poster, "leave", ringcast_leave_room(rc, id, "probe", 5)))
        usleep(100);
    poster->joins_checked++;
}
