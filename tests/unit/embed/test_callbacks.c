// SPDX-License-Identifier: MIT
//
// What the program is asked and told: requests, decisions, answers, messages, ends.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ws_client client;
static char answer[4096];

TestSuite(callbacks, .init = embedded_init);

static int upgrade(const char *path, const char *headers)
{
    ws_client_connect(&client, address);
    return ws_client_upgrade(&client, path, headers, answer, sizeof answer);
}

static int request(const char *method, const char *path)
{
    ws_client_connect(&client, address);
    int status = ws_client_request(&client, method, path, answer, sizeof answer);
    ws_client_close(&client);
    return status;
}

// --- Requests

static char seen[1024];

static const char *header(const struct ringcast_request *of, const char *name)
{
    static char text[4][128];
    static unsigned turn;
    size_t len;
    const char *value = ringcast_request_header(of, name, &len);
    char *out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "%.*s", value ? (int)len : 6, value ? value : "(none)");
    return out;
}

static void look(struct ringcast *of, const struct ringcast_request *from,
                 struct ringcast_decision *decision)
{
    size_t method_len, path_len, query_len;
    char peer[RINGCAST_ADDRESS_BYTES], value[8], other[8];
    const char *method = ringcast_request_method(from, &method_len);
    const char *path = ringcast_request_path(from, &path_len);
    const char *query = ringcast_request_query(from, &query_len);
    snprintf(seen, sizeof seen, "%.*s %.*s %.*s a=%d b=%d c=%d,%s d=%d %s %s %.9s user=%s",
             (int)method_len, method, (int)path_len, path, (int)query_len, query,
             ringcast_request_parameter(from, "a", other, sizeof other),
             ringcast_request_parameter(from, "b", other, sizeof other),
             ringcast_request_parameter(from, "c", value, sizeof value), value,
             ringcast_request_parameter(from, "d", other, sizeof other), header(from, "x-test"),
             header(from, "x-none"), ringcast_request_peer(from, peer),
             (const char *)ringcast_user(of));
    decision->connection = seen;
    cr_expect_null(ringcast_request_subject(from));
    cr_expect_null(ringcast_request_claims(from));
}

Test(callbacks, a_request_can_be_read)
{
    callbacks.on_upgrade = look;
    options.user = "the program";
    embedded_start();
    cr_assert_eq(upgrade("/some%20path?b=1%zz&c=x%2By&d=12345678", "X-TEST: \t of many words \r\n"),
                 101);
    const struct event *open = expect_event(EVENT_OPEN);
    cr_assert_str_eq(seen, "GET /some%20path b=1%zz&c=x%2By&d=12345678 a=-2 b=-22 c=3,x+y d=-22 "
                           "of many words (none) 127.0.0.1 user=the program");
    cr_assert_eq(open->pointer, seen);
    cr_assert_eq((unsigned)open->shard, ringcast_shard_of(open->id));
    embedded_stop();
}

// --- Decisions

static struct ringcast_decision decided;

static void decide(struct ringcast *of, const struct ringcast_request *from,
                   struct ringcast_decision *decision)
{
    (void)of, (void)from;
    *decision = decided;
}

static int decided_status(void)
{
    int status = upgrade("/x", NULL);
    ws_client_close(&client);
    return status;
}

Test(callbacks, a_decision_refuses)
{
    callbacks.on_upgrade = decide;
    embedded_start();
    decided = (struct ringcast_decision){.status = 403, .reason = "as above"};
    cr_assert_eq(decided_status(), 403);
    cr_assert(strstr(answer, "as above\n"), "%s", answer);
    decided = (struct ringcast_decision){.status = 599};
    cr_assert_eq(decided_status(), 599);
    cr_assert_not(has_event(EVENT_OPEN));
    cr_assert_not(has_event(EVENT_CLOSE), "what was never open does not close");
    embedded_stop();
}

Test(callbacks, a_pointer_comes_back_when_its_connection_is_never_opened)
{
    static char mine;
    callbacks.on_upgrade = decide;
    options.max_rooms = 1;
    embedded_start();
    decided = (struct ringcast_decision){.status = 403, .connection = &mine};
    cr_assert_eq(decided_status(), 403);
    cr_assert_not(has_event(EVENT_CLOSE), "what the program refuses it has not handed over");
    decided = (struct ringcast_decision){.connection = &mine};
    (void)ringcast_decision_join(&decided, "a", 1);
    (void)ringcast_decision_join(&decided, "b", 1);
    cr_assert_eq(decided_status(), 503, "there is place for one room");
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->id.value, 0);
    cr_assert_eq(end->pointer, &mine);
    cr_assert_str_eq(end->text, "not_opened");
    cr_assert_not(has_event(EVENT_OPEN));
    embedded_stop();
}

Test(callbacks, nonsense_is_refused_and_logged)
{
    callbacks.on_upgrade = decide;
    embedded_start();
    (void)expect_event(EVENT_LOG);
    static const struct ringcast_decision wrong[] = {
        {.status = 200},
        {.mode = (enum ringcast_mode)7},
        {.mode = RINGCAST_TO_ROOM},
        {.room_count = 17},
        {.room_count = 1},
        {.room_count = 1, .rooms = {{.len = 1, .bytes = "\xff"}}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        decided = wrong[i];
        cr_assert_eq(decided_status(), 500);
        const struct event *line = expect_event(EVENT_LOG);
        cr_assert_eq(line->value, RINGCAST_ERROR);
        cr_assert(strstr(line->text, "on_upgrade's decision: "), "%s", line->text);
    }
    static char mine;
    decided = (struct ringcast_decision){.mode = RINGCAST_TO_ROOM, .connection = &mine};
    cr_assert_eq(decided_status(), 500);
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->pointer, &mine, "it was handed over");
    cr_assert_eq(end->id.value, 0);
    embedded_stop();
}

Test(callbacks, rooms_of_the_decision_are_joined_before_the_answer)
{
    callbacks.on_upgrade = decide;
    memset(&decided, 0, sizeof decided);
    for (unsigned i = 0; i < RINGCAST_ROOMS_AT_ONCE; i++) {
        char name[16];
        snprintf(name, sizeof name, "room %u", i);
        cr_assert_eq(ringcast_decision_join(&decided, name, strlen(name)), 0);
    }
    cr_assert_eq(ringcast_decision_join(&decided, "x", 1), -ENOSPC);
    cr_assert_eq(ringcast_decision_join(&decided, "", 0), -EINVAL);
    decided.mode = RINGCAST_ECHO;
    embedded_start();
    cr_assert_eq(upgrade("/x", NULL), 101);
    for (unsigned i = 0; i < RINGCAST_ROOMS_AT_ONCE; i++) {
        char name[16];
        snprintf(name, sizeof name, "room %u", i);
        cr_assert_eq(ringcast_broadcast_room_text(rc, name, strlen(name), name, strlen(name),
                                                  (ringcast_id){0}),
                     0);
        cr_assert_str_eq(ws_client_text(&client), name);
    }
    ws_client_send(&client, WS_BINARY, "echo", 4);
    cr_assert_str_eq(ws_client_text(&client), "echo");
    embedded_stop();
}

Test(callbacks, without_on_upgrade_there_are_rooms_and_echo)
{
    callbacks.on_upgrade = NULL;
    embedded_start();
    cr_assert_eq(upgrade("/echo", NULL), 101);
    ws_client_close(&client);
    cr_assert_eq(upgrade("/room/a%20b?self=0", NULL), 101);
    ws_client_close(&client);
    cr_assert_eq(upgrade("/elsewhere", NULL), 404);
    embedded_stop();
}

// --- Ordinary requests

static struct ringcast_answer page;

static void give(struct ringcast *of, const struct ringcast_request *from,
                 struct ringcast_answer *out)
{
    (void)of, (void)from;
    *out = page;
}

Test(callbacks, pages_are_given)
{
    callbacks.on_http = give;
    embedded_start();
    char *owned = strdup("made for this one");
    page = (struct ringcast_answer){.status = 200,
                                    .content_type = "text/x-test",
                                    .headers = "X-More: yes\r\n",
                                    .body = owned,
                                    .body_bytes = strlen(owned),
                                    .owned = owned};
    cr_assert_eq(request("GET", "/"), 200);
    cr_assert(strstr(answer, "Content-Type: text/x-test\r\n") &&
                  strstr(answer, "X-More: yes\r\n") && strstr(answer, "\r\n\r\nmade for this one"),
              "%s", answer);
    page = (struct ringcast_answer){.status = 200};
    cr_assert_eq(request("POST", "/"), 405);
    page = (struct ringcast_answer){.status = 204};
    cr_assert_eq(request("HEAD", "/"), 204);
    page = (struct ringcast_answer){.status = 404};
    cr_assert_eq(request("GET", "/"), 404);
    embedded_stop();
}

Test(callbacks, a_page_that_is_nonsense_is_told)
{
    static char headers[2000];
    callbacks.on_http = give;
    embedded_start();
    page = (struct ringcast_answer){.status = 99};
    cr_assert_eq(request("GET", "/"), 500);
    memset(headers, 'x', sizeof headers - 1);
    page = (struct ringcast_answer){.status = 200, .headers = headers};
    cr_assert_eq(request("GET", "/"), 500);
    embedded_stop();
}

Test(callbacks, without_on_http_there_is_nothing)
{
    embedded_start();
    cr_assert_eq(request("GET", "/"), 404);
    embedded_stop();
}

// --- Messages and ends

Test(callbacks, messages_come_whole_and_in_order)
{
    embedded_start();
    ringcast_id id = open_at(&client, "/program");
    ws_client_send(&client, WS_TEXT, "one", 3);
    ws_client_send(&client, WS_BINARY, "two", 3);
    const struct event *one = expect_event(EVENT_MESSAGE), *two = expect_event(EVENT_MESSAGE);
    cr_assert_eq(one->id.value, id.value);
    cr_assert_str_eq(one->text, "one");
    cr_assert_eq(one->value, RINGCAST_TEXT);
    cr_assert_str_eq(two->text, "two");
    cr_assert_eq(two->value, RINGCAST_BINARY);
    embedded_stop();
}

static _Atomic int refusals;

static int not_now(struct ringcast *of, ringcast_id id, void *connection, enum ringcast_kind kind,
                   const void *bytes, size_t len)
{
    (void)connection, (void)kind;
    if (refusals-- > 0)
        return -EAGAIN;
    return ringcast_send_text(of, id, bytes, len);
}

Test(callbacks, a_message_that_is_not_taken_is_offered_again)
{
    callbacks.on_message = not_now;
    refusals = 5;
    embedded_start();
    (void)open_at(&client, "/program");
    ws_client_send(&client, WS_TEXT, "first", 5);
    ws_client_send(&client, WS_TEXT, "second", 6);
    cr_assert_str_eq(ws_client_text(&client), "first");
    cr_assert_str_eq(ws_client_text(&client), "second");
    cr_assert_leq(refusals, -2);
    embedded_stop();
}

static int fails(struct ringcast *of, ringcast_id id, void *connection, enum ringcast_kind kind,
                 const void *bytes, size_t len)
{
    (void)of, (void)id, (void)connection, (void)kind, (void)bytes, (void)len;
    refusals++;
    return refusals == 1 ? -ESTALE : refusals == 2 ? -EINVAL : 1;
}

Test(callbacks, what_can_never_be_taken_is_not_offered_again)
{
    callbacks.on_message = fails;
    embedded_start();
    (void)open_at(&client, "/program");
    for (int i = 0; i < 3; i++)
        ws_client_send(&client, WS_TEXT, "x", 1);
    ws_client_send(&client, WS_CLOSE, "\x03\xe8", 2);
    cr_assert_eq(expect_event(EVENT_CLOSE)->value, 1000, "it was read on");
    cr_assert_eq(refusals, 3);
    embedded_stop();
}

static struct {
    const char *peer;
    int sent, closed;
    uint64_t count;
} at_end;

static void (*keep_end)(struct ringcast *of, ringcast_id id, void *connection,
                        const struct ringcast_end *end);

static void look_back(struct ringcast *of, ringcast_id id, void *connection,
                      const struct ringcast_end *end)
{
    char peer[RINGCAST_ADDRESS_BYTES];
    at_end.peer = ringcast_peer(of, id, peer);
    at_end.sent = ringcast_send_text(of, id, "x", 1);
    at_end.closed = ringcast_close(of, id, 1000, NULL);
    at_end.count = ringcast_connection_count(of);
    keep_end(of, id, connection, end);
}

Test(callbacks, at_its_end_a_connection_is_stale_but_counted)
{
    keep_end = callbacks.on_close;
    callbacks.on_close = look_back;
    for (int way = 0; way < 3; way++) {
        embedded_start();
        ringcast_id id = open_at(&client, "/program");
        memset(&at_end, 0, sizeof at_end);
        if (way == 0)
            ws_client_close(&client);
        else if (way == 1)
            cr_assert_eq(ringcast_close(rc, id, 1000, NULL), 0);
        else
            ringcast_stop(rc, 0);
        if (way == 1)
            ws_client_close(&client);
        (void)expect_event(EVENT_CLOSE);
        cr_assert_null(at_end.peer);
        cr_assert(at_end.sent == -ESTALE && at_end.closed == -ESTALE, "way %d", way);
        cr_assert_eq(at_end.count, 1);
        embedded_stop();
    }
}

Test(callbacks, the_end_says_who_wanted_it)
{
    embedded_start();
    (void)open_at(&client, "/program");
    ws_client_send(&client, WS_CLOSE,
                   "\x0f\xa0"
                   "done",
                   6);
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->value, 4000);
    cr_assert_str_eq(end->text, "normal");
    ws_client_close(&client);
    (void)open_at(&client, "/program");
    ws_client_close(&client);
    end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->value, 1006);
    cr_assert_str_eq(end->text, "peer_eof");
    (void)open_at(&client, "/program");
    ws_client_send(&client, WS_TEXT, "\xff", 1);
    end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->value, 1007);
    cr_assert_str_eq(end->text, "not_utf8");
    embedded_stop();
}

// --- What callbacks do

static void (*in_callback)(struct ringcast *of, ringcast_id id);
static void (*keep_open)(struct ringcast *of, ringcast_id id, void *connection);
static char room_name[16];

static void act_and_keep(struct ringcast *of, ringcast_id id, void *connection)
{
    in_callback(of, id);
    keep_open(of, id, connection);
}

static void just_close(struct ringcast *of, ringcast_id id)
{
    cr_expect_eq(ringcast_close(of, id, 4000, "not you"), 0);
}

static void just_leave(struct ringcast *of, ringcast_id id)
{
    cr_expect_eq(ringcast_leave_room(of, id, room_name, strlen(room_name)), 0);
}

static void leave_and_join(struct ringcast *of, ringcast_id id)
{
    just_leave(of, id);
    cr_expect_eq(ringcast_join_room(of, id, room_name, strlen(room_name)), 0);
    cr_expect_eq(ringcast_join_room(of, id, "another", 7), 0);
}

static void close_everybody(struct ringcast *of, ringcast_id id)
{
    (void)id;
    cr_expect_geq(ringcast_close_all(of, 4000, NULL), 1);
}

static void expect_closed(struct ws_client *of)
{
    enum ws_opcode opcode;
    char text[256];
    int len = ws_client_receive(of, 10000, &opcode, text, sizeof text);
    cr_assert(len >= 2 && opcode == WS_CLOSE);
    ws_client_close(of);
    (void)expect_event(EVENT_CLOSE);
}

// Rooms whose home is this shard or the other one: then on_open comes with the home's answer.
Test(callbacks, on_open_may_close_leave_and_join)
{
    static const struct {
        void (*act)(struct ringcast *of, ringcast_id id);
        bool closes;
    } ways[] = {
        {just_close, true}, {just_leave, false}, {leave_and_join, false}, {close_everybody, true}};
    keep_open = callbacks.on_open;
    callbacks.on_open = act_and_keep;
    callbacks.on_upgrade = decide;
    embedded_start();
    for (unsigned i = 0; i < 64; i++) {
        in_callback = ways[i % 4].act;
        snprintf(room_name, sizeof room_name, "room %u", i / 4);
        decided = (struct ringcast_decision){0};
        cr_assert_eq(ringcast_decision_join(&decided, room_name, strlen(room_name)), 0);
        (void)open_at(&client, "/x");
        if (!ways[i % 4].closes) // its own end, so that the next round finds nobody
            ws_client_send(&client, WS_CLOSE, "\x03\xe8", 2);
        expect_closed(&client);
    }
    embedded_stop();
}

static _Atomic unsigned nth;

static void close_every_second(struct ringcast *of, ringcast_id id)
{
    if (nth++ % 2)
        just_close(of, id);
}

// All of them wait for the same answer of the room's home.
Test(callbacks, members_that_wait_together_are_all_opened_whatever_the_others_do)
{
    enum { MEMBERS = 12 };
    keep_open = callbacks.on_open;
    callbacks.on_open = act_and_keep;
    in_callback = close_every_second;
    embedded_start();
    for (unsigned round = 0; round < 16; round++) {
        struct ringcast_decision decision = {.mode = RINGCAST_TO_PROGRAM};
        struct ringcast_registration registration = {.decision = &decision};
        int pairs[MEMBERS][2];
        snprintf(room_name, sizeof room_name, "room %u", round);
        cr_assert_eq(ringcast_decision_join(&decision, room_name, strlen(room_name)), 0);
        for (int i = 0; i < MEMBERS; i++) {
            cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
            cr_assert_eq(ringcast_register(rc, pairs[i][1], &registration), 0);
        }
        for (int i = 0; i < MEMBERS; i++)
            (void)expect_event(EVENT_OPEN);
        for (int i = 0; i < MEMBERS; i++)
            close(pairs[i][0]);
        for (int i = 0; i < MEMBERS; i++)
            (void)expect_event(EVENT_CLOSE);
    }
    embedded_stop();
}

static int close_who_says_so(struct ringcast *of, ringcast_id id, void *connection,
                             enum ringcast_kind kind, const void *bytes, size_t len)
{
    (void)connection, (void)kind, (void)bytes, (void)len;
    cr_expect_eq(ringcast_leave_room(of, id, room_name, strlen(room_name)), 0);
    return ringcast_close(of, id, 4000, "bad message");
}

// Such a message is there already when the answer of the room's home comes.
Test(callbacks, on_message_may_leave_and_close_on_what_came_with_the_handshake)
{
    static const uint8_t early[] = {0x81, 0x81, 0, 0, 0, 0, '!'};
    callbacks.on_message = close_who_says_so;
    embedded_start();
    for (unsigned i = 0; i < 16; i++) {
        struct ringcast_decision decision = {.mode = RINGCAST_TO_PROGRAM};
        struct ringcast_registration registration = {
            .decision = &decision, .early = early, .early_bytes = sizeof early};
        int pair[2];
        snprintf(room_name, sizeof room_name, "room %u", i);
        cr_assert_eq(ringcast_decision_join(&decision, room_name, strlen(room_name)), 0);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        cr_assert_eq(ringcast_register(rc, pair[1], &registration), 0);
        client = (struct ws_client){.fd = pair[0]};
        expect_closed(&client);
    }
    embedded_stop();
}
