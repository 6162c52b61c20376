// SPDX-License-Identifier: MIT
//
// The registry on all three ways: from a thread that has no shard, from the connection's own, from
// another one.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const ringcast_id nobody;
static struct ws_client client, other;

// A call of the registry, and what it returned.
static struct {
    void (*act)(void);
    ringcast_id id, except;
    int64_t result;
} call;

TestSuite(post, .init = embedded_init);

static void run(void *argument)
{
    (void)argument;
    call.act();
}

enum way { FOREIGN, OWN, REMOTE, WAYS };

// Acts on call.id, in the way that is asked for.
static int64_t act(enum way way, void (*function)(void))
{
    unsigned shard = ringcast_shard_of(call.id);
    call.act = function;
    if (way == FOREIGN)
        function();
    else
        on_shard(way == OWN ? shard : 1 - shard, run, NULL);
    return call.result;
}

// --- One connection

static void send_two(void)
{
    call.result = ringcast_send_text(rc, call.id, "hello", 5);
    if (!call.result)
        call.result = ringcast_send_binary(rc, call.id, "bytes", 5);
}

static void send_nothing(void)
{
    call.result = ringcast_send_text(rc, call.id, NULL, 0);
}

static void touch(void)
{
    call.result = ringcast_touch(rc, call.id);
}

static void unregister(void)
{
    call.result = ringcast_unregister(rc, call.id);
}

static void close_with_reason(void)
{
    call.result = ringcast_close(rc, call.id, 4321, "because");
}

Test(post, reaches_one_connection_on_every_way)
{
    embedded_start();
    for (enum way way = FOREIGN; way < WAYS; way++) {
        call.id = open_at(&client, "/program");
        cr_assert_eq(act(way, send_two), 0);
        cr_assert_str_eq(ws_client_text(&client), "hello");
        cr_assert_str_eq(ws_client_text(&client), "bytes");
        cr_assert_eq(act(way, send_nothing), 0);
        cr_assert_str_eq(ws_client_text(&client), "");
        cr_assert_eq(act(way, touch), 0);
        cr_assert_eq(act(way, close_with_reason), 0);
        cr_assert_str_eq(ws_client_text(&client), "close 4321 because");
        ws_client_send(&client, WS_CLOSE, "\x10\xe1", 2);
        cr_assert_eq(expect_event(EVENT_CLOSE)->value, 4321);
        ws_client_close(&client);

        // Known to be stale on its own shard, silently nothing elsewhere.
        int64_t stale = way == OWN ? -ESTALE : 0;
        cr_assert_eq(act(way, send_two), stale);
        cr_assert_eq(act(way, touch), stale);
        cr_assert_eq(act(way, unregister), stale);
    }
    embedded_stop();
}

Test(post, unregister_says_1000)
{
    embedded_start();
    call.id = open_at(&client, "/program");
    cr_assert_eq(act(FOREIGN, unregister), 0);
    cr_assert_str_eq(ws_client_text(&client), "close 1000");
    embedded_stop();
}

Test(post, an_id_that_never_was_is_stale)
{
    embedded_start();
    const ringcast_id never = {0x7f00000100000000};
    cr_assert_eq(ringcast_send_text(rc, nobody, "x", 1), -ESTALE);
    cr_assert_eq(ringcast_send_text(rc, never, "x", 1), -ESTALE);
    cr_assert_eq(ringcast_touch(rc, never), -ESTALE);
    cr_assert_eq(ringcast_join_room(rc, nobody, "x", 1), -ESTALE);
    embedded_stop();
}

Test(post, what_is_wrong_is_told_at_once)
{
    char long_name[201], long_reason[125];
    memset(long_name, 'x', sizeof long_name);
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[124] = 0;
    embedded_start();
    ringcast_id id = open_at(&client, "/program");
    cr_assert_eq(ringcast_send_text(rc, id, "\xff", 1), -EINVAL);
    cr_assert_eq(ringcast_broadcast_text(rc, "\xff", 1), -EINVAL);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "\xff", 1, nobody), -EINVAL);
    cr_assert_eq(ringcast_send_binary(rc, id, "x", RINGCAST_MESSAGE_MAX_BYTES + 1UL), -EINVAL);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "", 0, "x", 1, nobody), -EINVAL);
    cr_assert_eq(ringcast_broadcast_room_text(rc, long_name, 201, "x", 1, nobody), -EINVAL);
    cr_assert_eq(ringcast_join_room(rc, id, "\xff", 1), -EINVAL);
    cr_assert_eq(ringcast_leave_room(rc, id, "", 0), -EINVAL);
    cr_assert_eq(ringcast_close(rc, id, 1005, NULL), -EINVAL);
    cr_assert_eq(ringcast_close(rc, id, 1000, "\xff"), -EINVAL);
    cr_assert_eq(ringcast_close(rc, id, 1000, long_reason), -EINVAL);
    cr_assert_eq(ringcast_close_all(rc, 999, NULL), -EINVAL);
    cr_assert_eq(ringcast_send_lent(rc, id, &(struct ringcast_payload){.kind = RINGCAST_TEXT}),
                 -EINVAL);
    cr_assert_eq(ringcast_send_text(rc, id, "still open", 10), 0);
    cr_assert_str_eq(ws_client_text(&client), "still open");
    embedded_stop();
}

// --- Rooms

static void join(void)
{
    call.result = ringcast_join_room(rc, call.id, "r", 1);
}

static void leave(void)
{
    call.result = ringcast_leave_room(rc, call.id, "r", 1);
}

static void publish(void)
{
    call.result = ringcast_broadcast_room_text(rc, "r", 1, "news", 4, call.except);
    if (!call.result)
        call.result = ringcast_broadcast_room_binary(rc, "r", 1, "more", 4, nobody);
}

Test(post, rooms_are_joined_published_to_and_left_on_every_way)
{
    embedded_start();
    (void)open_at(&other, "/room/r");
    for (enum way way = FOREIGN; way < WAYS; way++) {
        call.id = open_at(&client, "/program");
        call.except = nobody;
        cr_assert_eq(act(way, join), 0);
        const struct event *joined = expect_event(EVENT_JOINED);
        cr_assert_eq(joined->id.value, call.id.value);
        cr_assert_str_eq(joined->text, "r");
        cr_assert_eq(joined->value, 1);
        cr_assert_eq(act(way, publish), 0);
        cr_assert_str_eq(ws_client_text(&client), "news");
        cr_assert_str_eq(ws_client_text(&client), "more");
        call.except = call.id;
        cr_assert_eq(act(way, publish), 0);
        cr_assert_str_eq(ws_client_text(&client), "more", "not what leaves it out");
        cr_assert_eq(act(way, leave), 0);
        cr_assert_eq(act(way, leave), way == OWN ? -ENOENT : 0);
        cr_assert_eq(act(way, publish), 0);
        cr_assert_eq(act(way, send_two), 0);
        cr_assert_str_eq(ws_client_text(&client), "hello", "nothing of the room any more");
        for (int i = 0; i < 3; i++) {
            cr_assert_str_eq(ws_client_text(&other), "news");
            cr_assert_str_eq(ws_client_text(&other), "more");
        }
        ws_client_close(&client);
    }
    embedded_stop();
}

Test(post, a_room_that_nobody_is_in_takes_everything)
{
    embedded_start();
    cr_assert_eq(ringcast_broadcast_room_text(rc, "empty", 5, "x", 1, nobody), 0);
    embedded_stop();
}

Test(post, no_place_for_another_room_is_told_by_on_joined)
{
    options.max_rooms = 1;
    options.threads = 1;
    embedded_start();
    ringcast_id id = open_at(&client, "/program");
    cr_assert_eq(ringcast_join_room(rc, id, "a", 1), 0);
    cr_assert_eq(expect_event(EVENT_JOINED)->value, 1);
    cr_assert_eq(ringcast_join_room(rc, id, "b", 1), 0);
    cr_assert_eq(expect_event(EVENT_JOINED)->value, 0);
    embedded_stop();
}

// --- Everybody

static void broadcast(void)
{
    call.result = ringcast_broadcast_text(rc, "to all", 6);
    if (!call.result)
        call.result = ringcast_broadcast_binary(rc, "again", 5);
}

static void close_all(void)
{
    call.result = ringcast_close_all(rc, 1012, "restart");
}

Test(post, reaches_everybody_on_every_way)
{
    embedded_start();
    for (enum way way = FOREIGN; way < REMOTE; way++) {
        call.id = open_on(&client, "/program", 0);
        (void)open_on(&other, "/program", 1);
        cr_assert_eq(act(way, broadcast), 0);
        for (int i = 0; i < 2; i++) {
            cr_assert_str_eq(ws_client_text(i ? &other : &client), "to all");
            cr_assert_str_eq(ws_client_text(i ? &other : &client), "again");
        }
        cr_assert_eq(act(way, close_all), 2);
        cr_assert_str_eq(ws_client_text(&client), "close 1012 restart");
        cr_assert_str_eq(ws_client_text(&other), "close 1012 restart");
        ws_client_close(&client);
        ws_client_close(&other);
        (void)expect_event(EVENT_CLOSE);
        (void)expect_event(EVENT_CLOSE);
    }
    embedded_stop();
}

Test(post, whoever_sleeps_is_woken)
{
    callbacks.on_tick = NULL;
    options.tick_interval_ms = 0;
    options.ping_interval_ms = options.idle_timeout_ms = 0;
    embedded_start();
    ringcast_id id = open_at(&client, "/room/r");
    for (int i = 0; i < 50; i++) {
        usleep(2000); // asleep, for ever if nobody wakes it
        cr_assert_eq(ringcast_send_text(rc, id, "to one", 6), 0);
        cr_assert_str_eq(ws_client_text(&client), "to one");
        usleep(2000);
        cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "to the room", 11, nobody), 0);
        cr_assert_str_eq(ws_client_text(&client), "to the room");
    }
    embedded_stop();
}

// --- Bounds

Test(post, a_full_inbox_says_so_and_takes_nothing)
{
    char error[256];
    options.threads = 1;
    options.inbox_commands = 8;
    options.inbox_bytes = 4096;
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    for (int i = 0; i < 8; i++) // nobody carries them out yet
        cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "x", 1, nobody), 0);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "x", 1, nobody), -EAGAIN);
    cr_assert_eq(ringcast_touch(rc, (ringcast_id){1ULL << 32}), -EAGAIN);
    cr_assert_eq(ringcast_broadcast_text(rc, "x", 1), -EAGAIN);
    cr_assert_eq(ringcast_close_all(rc, 1000, NULL), -EAGAIN);
    cr_assert_eq(ringcast_start(rc, error, sizeof error), 0, "%s", error);
    int result = -EAGAIN;
    for (int i = 0; i < 1000 && result == -EAGAIN; i++) {
        usleep(1000);
        result = ringcast_broadcast_text(rc, "x", 1);
    }
    cr_assert_eq(result, 0, "there is place again");
    embedded_stop();
}

Test(post, bytes_are_bounded_too_but_one_message_always_passes)
{
    static char large[100000];
    char error[256];
    options.threads = 1;
    options.inbox_bytes = 4096;
    memset(large, 'x', sizeof large);
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, large, sizeof large, nobody), 0);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "x", 1, nobody), -EAGAIN);
    embedded_stop();
}

static int64_t broadcasts_taken;

static void broadcast_without_end(void *argument)
{
    static char large[65536];
    (void)argument;
    memset(large, 'x', sizeof large);
    for (broadcasts_taken = 0; broadcasts_taken < 10000; broadcasts_taken++)
        if (ringcast_broadcast_text(rc, large, sizeof large))
            return;
}

Test(post, messages_to_everybody_are_bounded_on_a_shards_thread)
{
    embedded_start();
    on_shard(0, broadcast_without_end, NULL);
    cr_assert_gt(broadcasts_taken, 10);
    cr_assert_lt(broadcasts_taken, 1000);
    int64_t first = broadcasts_taken;
    usleep(50000);
    on_shard(0, broadcast_without_end, NULL);
    cr_assert_geq(broadcasts_taken, first - 1, "what was sent counts no more");
    embedded_stop();
}

// --- What is lent

static _Atomic int releases;
static char context;

static void release(void *of)
{
    cr_expect_eq(of, &context);
    releases++;
}

static struct ringcast_payload lent(const char *text)
{
    return (struct ringcast_payload){.kind = RINGCAST_TEXT,
                                     .bytes = text,
                                     .len = strlen(text),
                                     .release = release,
                                     .context = &context};
}

static void send_lent(void)
{
    struct ringcast_payload payload = lent("lent");
    call.result = ringcast_send_lent(rc, call.id, &payload);
}

static void publish_lent(void)
{
    struct ringcast_payload payload = lent("lent");
    call.result = ringcast_broadcast_room_lent(rc, "r", 1, &payload, nobody);
}

static void wait_for_releases(int count)
{
    for (int i = 0; i < 2000 && releases < count; i++)
        usleep(1000);
    cr_assert_eq(releases, count);
}

Test(post, what_is_lent_is_released_once_on_every_way)
{
    embedded_start();
    int expected = 0;
    for (enum way way = FOREIGN; way < WAYS; way++) {
        call.id = open_at(&client, "/room/r");
        cr_assert_eq(act(way, send_lent), 0);
        cr_assert_str_eq(ws_client_text(&client), "lent");
        wait_for_releases(++expected);
        cr_assert_eq(act(way, publish_lent), 0);
        cr_assert_str_eq(ws_client_text(&client), "lent");
        wait_for_releases(++expected);
        ws_client_close(&client);
        (void)expect_event(EVENT_CLOSE);
        // Nobody gets it: on its own shard that is known, and it stays the caller's.
        cr_assert_eq(act(way, send_lent), way == OWN ? -ESTALE : 0);
        if (way != OWN)
            wait_for_releases(++expected);
    }
    embedded_stop();
    cr_assert_eq(releases, expected);
}

Test(post, what_is_lent_and_not_taken_stays_the_callers)
{
    char error[256];
    options.inbox_commands = 1;
    options.threads = 1;
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    struct ringcast_payload payload = lent("x"), wrong = lent("\xff");
    cr_assert_eq(ringcast_broadcast_room_lent(rc, "r", 1, &wrong, nobody), -EINVAL);
    cr_assert_eq(ringcast_broadcast_room_lent(rc, "r", 1, &payload, nobody), 0);
    cr_assert_eq(ringcast_broadcast_room_lent(rc, "r", 1, &payload, nobody), -EAGAIN);
    cr_assert_eq(releases, 0);
    embedded_stop();
    cr_assert_eq(releases, 1, "what was still in the inbox, by destroy");
}
