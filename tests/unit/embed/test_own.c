// SPDX-License-Identifier: MIT
//
// Connections and rooms of the calling shard.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct ws_client client, other;
static char pointer, room_pointer;
static ringcast_id id;

TestSuite(own, .init = embedded_init);

// What was seen on the shard.
static struct {
    void *before, *after, *room_before, *room_after;
    int set, set_stale, set_room, set_no_room, set_remote;
    char peer[RINGCAST_ADDRESS_BYTES];
    const char *subject;
} seen;

static void use_pointers(void *argument)
{
    (void)argument;
    seen.before = ringcast_connection(rc, id);
    seen.set = ringcast_set_connection(rc, id, &pointer);
    seen.after = ringcast_connection(rc, id);
    seen.set_stale = ringcast_set_connection(rc, (ringcast_id){id.value + (1ULL << 32)}, NULL);
    seen.set_remote = ringcast_set_connection(rc, (ringcast_id){id.value ^ 1ULL << 56}, NULL);
    seen.room_before = ringcast_room(rc, "r", 1);
    seen.set_room = ringcast_set_room(rc, "r", 1, &room_pointer);
    seen.room_after = ringcast_room(rc, "r", 1);
    seen.set_no_room = ringcast_set_room(rc, "none", 4, &room_pointer);
    (void)ringcast_peer(rc, id, seen.peer);
    seen.subject = ringcast_subject(rc, id);
}

Test(own, connections_and_rooms_have_pointers)
{
    embedded_start();
    id = open_at(&client, "/room/r");
    on_shard(ringcast_shard_of(id), use_pointers, NULL);
    cr_assert(seen.before == NULL && seen.set == 0 && seen.after == &pointer);
    cr_assert_eq(seen.set_stale, -ESTALE);
    cr_assert_eq(seen.set_remote, -EPERM);
    cr_assert(seen.room_before == NULL && seen.set_room == 0 && seen.room_after == &room_pointer);
    cr_assert_eq(seen.set_no_room, -ENOENT);
    cr_assert_eq(strncmp(seen.peer, "127.0.0.1:", 10), 0);
    cr_assert_null(seen.subject);
    ws_client_close(&client);
    cr_assert_eq(expect_event(EVENT_CLOSE)->pointer, &pointer);
    const struct event *end = expect_event(EVENT_ROOM_END);
    cr_assert_str_eq(end->text, "r");
    cr_assert_eq(end->pointer, &room_pointer);
    embedded_stop();
}

Test(own, other_threads_are_told_that_it_is_not_theirs)
{
    embedded_start();
    id = open_at(&client, "/room/r");
    cr_assert_null(ringcast_connection(rc, id));
    cr_assert_eq(ringcast_set_connection(rc, id, &pointer), -EPERM);
    cr_assert_null(ringcast_room(rc, "r", 1));
    cr_assert_eq(ringcast_set_room(rc, "r", 1, NULL), -EPERM);
    cr_assert_eq(ringcast_room_each(rc, "r", 1, NULL, NULL), -EPERM);
    cr_assert_null(ringcast_subject(rc, id));
    cr_assert_null(ringcast_claims(rc, id));
    embedded_stop();
}

static struct {
    ringcast_id ids[8];
    int count, max, result;
} visits;

static bool visit(void *context, ringcast_id member, void *connection)
{
    (void)connection;
    cr_expect_eq(context, (void *)&visits);
    visits.ids[visits.count++] = member;
    return visits.count < visits.max;
}

static void visit_all(void *argument)
{
    visits.count = 0;
    visits.result = ringcast_room_each(rc, argument, strlen(argument), visit, &visits);
}

Test(own, members_of_a_room_are_visited_on_their_shard)
{
    embedded_start();
    id = open_on(&client, "/room/r", 0);
    ringcast_id remote = open_on(&other, "/room/r", 1);
    static struct ws_client third;
    ringcast_id second = open_on(&third, "/room/r", 0);
    visits.max = 8;
    on_shard(0, visit_all, "r");
    cr_assert_eq(visits.result, 2);
    cr_assert_eq(visits.ids[0].value + visits.ids[1].value, id.value + second.value);
    on_shard(1, visit_all, "r");
    cr_assert(visits.result == 1 && visits.ids[0].value == remote.value);
    on_shard(0, visit_all, "none");
    cr_assert_eq(visits.result, 0);
    visits.max = 1;
    on_shard(0, visit_all, "r");
    cr_assert_eq(visits.result, 1, "as far as visit wants");
    embedded_stop();
}
