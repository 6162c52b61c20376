// SPDX-License-Identifier: MIT
//
// Sockets that another server has upgraded.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ws_client client;
static int pair[2];

static void setup(void)
{
    embedded_init();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    client.fd = pair[0];
}

TestSuite(registering, .init = setup);

static bool is_closed(int fd)
{
    return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

Test(registering, a_socket_becomes_a_connection)
{
    static char mine;
    struct ringcast_decision decision = {.mode = RINGCAST_TO_ROOM, .connection = &mine};
    cr_assert_eq(ringcast_decision_join(&decision, "r", 1), 0);
    embedded_start();
    cr_assert_eq(
        ringcast_register(rc, pair[1], &(struct ringcast_registration){.decision = &decision}), 0);
    const struct event *open = expect_event(EVENT_OPEN);
    cr_assert_eq(open->pointer, &mine);
    cr_assert(is_closed(pair[1]), "it is the library's");
    cr_assert_eq(ringcast_connection_count(rc), 1);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "a member", 8, (ringcast_id){0}), 0);
    cr_assert_str_eq(ws_client_text(&client), "a member");
    ws_client_send(&client, WS_TEXT, "says", 4);
    cr_assert_str_eq(ws_client_text(&client), "says");
    cr_assert_eq(ringcast_close(rc, open->id, 1000, "done"), 0);
    cr_assert_str_eq(ws_client_text(&client), "close 1000 done");
    embedded_stop();
}

Test(registering, nothing_at_all_means_all_messages_for_the_program)
{
    embedded_start();
    cr_assert_eq(ringcast_register(rc, pair[1], NULL), 0);
    ws_client_send(&client, WS_TEXT, "hello", 5);
    cr_assert_str_eq(expect_event(EVENT_MESSAGE)->text, "hello");
    embedded_stop();
}

Test(registering, what_the_other_server_has_read_too_much_comes_first)
{
    // "early", masked by zeros.
    static const uint8_t early[] = {0x81, 0x85, 0, 0, 0, 0, 'e', 'a', 'r', 'l', 'y'};
    embedded_start();
    ws_client_send(&client, WS_TEXT, "late", 4);
    cr_assert_eq(ringcast_register(
                     rc, pair[1],
                     &(struct ringcast_registration){.early = early, .early_bytes = sizeof early}),
                 0);
    cr_assert_str_eq(expect_event(EVENT_MESSAGE)->text, "early");
    cr_assert_str_eq(expect_event(EVENT_MESSAGE)->text, "late");
    embedded_stop();
}

static char subject[64], claims[128];
static void (*keep_event)(struct ringcast *of, ringcast_id id, void *connection);

static void keep_claims(struct ringcast *of, ringcast_id id, void *connection)
{
    snprintf(subject, sizeof subject, "%s", ringcast_subject(of, id));
    snprintf(claims, sizeof claims, "%s", ringcast_claims(of, id));
    keep_event(of, id, connection);
}

Test(registering, claims_say_who_it_is_and_where_it_may_go)
{
    static const char json[] = "{\"sub\":\"ada\",\"rooms\":[\"open\"]}";
    keep_event = callbacks.on_open;
    callbacks.on_open = keep_claims;
    struct ringcast_decision decision = {.mode = RINGCAST_TO_ROOM};
    cr_assert_eq(ringcast_decision_join(&decision, "closed", 6), 0);
    embedded_start();
    struct ringcast_registration registration = {.decision = &decision, .claims = json};
    cr_assert_eq(ringcast_register(rc, pair[1], &registration), 0);
    cr_assert_str_eq(ws_client_text(&client), "(end)", "this room is not one of its");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    client.fd = pair[0];
    memset(&decision, 0, sizeof decision);
    decision.mode = RINGCAST_ECHO;
    cr_assert_eq(ringcast_register(rc, pair[1], &registration), 0);
    ws_client_send(&client, WS_TEXT, "x", 1);
    cr_assert_str_eq(ws_client_text(&client), "x");
    (void)expect_event(EVENT_OPEN);
    cr_assert_str_eq(subject, "ada");
    cr_assert_str_eq(claims, json);
    embedded_stop();
}

Test(registering, what_is_wrong_stays_the_callers)
{
    struct ringcast_decision refuse = {.status = 403}, no_room = {.mode = RINGCAST_TO_ROOM};
    embedded_start();
    int plain = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ringcast_register(rc, -1, NULL), -EINVAL);
    cr_assert_eq(ringcast_register(rc, plain, NULL), -EINVAL, "not connected");
    cr_assert_eq(ringcast_register(rc, datagrams, NULL), -EINVAL);
    const struct ringcast_registration wrong[] = {
        {.decision = &refuse},
        {.decision = &no_room},
        {.claims = "no JSON"},
        {.claims = "{\"rooms\":7}"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(ringcast_register(rc, pair[1], &wrong[i]), -EINVAL);
    cr_assert_not(is_closed(pair[1]));
    embedded_stop();
}

Test(registering, no_place_is_told_by_on_close_without_an_id)
{
    static char mine;
    struct ringcast_decision decision = {.connection = &mine};
    struct ringcast_registration registration = {.decision = &decision};
    options.max_connections = 1;
    options.threads = 1;
    options.listener_count = 0;
    embedded_start();
    cr_assert_eq(ringcast_register(rc, pair[1], NULL), 0);
    (void)expect_event(EVENT_OPEN);
    int second[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, second), 0);
    cr_assert_eq(ringcast_register(rc, second[1], &registration), 0);
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->id.value, 0);
    cr_assert_eq(end->pointer, &mine);
    cr_assert_str_eq(end->text, "not_adopted");
    cr_assert(is_closed(second[1]));
    embedded_stop();
}

// The other end of a connection of this machine to itself.
static int accepted(struct ws_client *of)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    char where[32];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&any, &len), 0);
    snprintf(where, sizeof where, "127.0.0.1:%u", ntohs(any.sin_port));
    ws_client_connect(of, where);
    int fd = accept(listener, NULL, NULL);
    close(listener);
    return fd;
}

Test(registering, limits_by_address_hold_for_them_too)
{
    static struct ws_client second;
    static char mine;
    struct ringcast_decision decision = {.connection = &mine};
    struct ringcast_registration registration = {.decision = &decision};
    options.address_connections = 1;
    embedded_start();
    cr_assert_eq(ringcast_register(rc, accepted(&client), NULL), 0);
    (void)expect_event(EVENT_OPEN);
    cr_assert_eq(ringcast_register(rc, accepted(&second), &registration), 0);
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->id.value, 0);
    cr_assert_eq(end->pointer, &mine);
    cr_assert_str_eq(ws_client_text(&second), "(end)");
    embedded_stop();
}

Test(registering, too_many_of_one_address_at_a_time_are_all_told)
{
    static struct ws_client clients[40];
    static char mine;
    struct ringcast_decision decision = {.connection = &mine};
    struct ringcast_registration registration = {.decision = &decision};
    options.address_connections_per_second = 1;
    embedded_start();
    for (int i = 0; i < 40; i++)
        cr_assert_eq(ringcast_register(rc, accepted(&clients[i]), &registration), 0);
    for (int i = 0; i < 30; i++) {
        const struct event *end = expect_event(EVENT_CLOSE);
        cr_assert(end->id.value == 0 && end->pointer == &mine);
    }
    embedded_stop();
}

Test(registering, as_many_at_once_as_there_is_place_for)
{
    char error[256];
    options.threads = 1;
    options.max_connections = 1000;
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    for (int i = 0; i < 600; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        cr_assert_eq(ringcast_register(rc, pair[1], NULL), 0);
    }
    cr_assert_eq(ringcast_start(rc, error, sizeof error), 0, "%s", error);
    for (int i = 0; i < 600; i++)
        (void)expect_event(EVENT_OPEN);
    cr_assert_eq(ringcast_connection_count(rc), 600);
    embedded_stop();
}

Test(registering, what_waits_in_the_inbox_is_told_by_destroy)
{
    static char mine;
    char error[256];
    struct ringcast_decision decision = {.connection = &mine};
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(
        ringcast_register(rc, pair[1], &(struct ringcast_registration){.decision = &decision}), 0);
    embedded_stop();
    cr_assert_eq(expect_event(EVENT_CLOSE)->pointer, &mine);
    cr_assert(is_closed(pair[1]));
}

Test(registering, a_full_inbox_leaves_the_socket_to_the_caller)
{
    char error[256];
    options.inbox_commands = 1;
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_broadcast_text(rc, "x", 1), 0);
    cr_assert_eq(ringcast_register(rc, pair[1], NULL), -EAGAIN);
    cr_assert_not(is_closed(pair[1]));
    embedded_stop();
}

// Registers so many sockets and returns how many of them are opened; the others are handed back.
static unsigned opened_of(unsigned count)
{
    int sockets[64][2];
    cr_assert_leq(count, 64);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets[i]), 0);
        cr_assert_eq(ringcast_register(rc, sockets[i][1], NULL), 0);
    }
    unsigned opened = 0, refused = 0;
    while (opened + refused < count) {
        if (has_event(EVENT_OPEN)) {
            (void)expect_event(EVENT_OPEN);
            opened++;
        } else if (has_event(EVENT_CLOSE)) {
            cr_assert_str_eq(expect_event(EVENT_CLOSE)->text, "not_adopted");
            refused++;
        } else {
            usleep(1000);
        }
    }
    for (unsigned i = 0; i < count; i++)
        close(sockets[i][0]);
    return opened;
}

Test(registering, those_on_their_way_count_against_the_limit_and_free_places_do_not)
{
    options.threads = 1;
    options.max_connections = 10; // fewer than accepts that are armed
    embedded_start();
    cr_assert_eq(opened_of(60), 10);
    embedded_stop();
}

Test(registering, a_token_that_has_ended_is_not_taken_in)
{
    struct ringcast_registration registration = {.claims = "{\"exp\":1000000000}"};
    embedded_start();
    cr_assert_eq(ringcast_register(rc, pair[1], &registration), 0);
    cr_assert_str_eq(expect_event(EVENT_CLOSE)->text, "not_adopted");
    cr_assert_not(has_event(EVENT_OPEN));
    embedded_stop();
}

static void ask_everything(struct ringcast *of, ringcast_id id, void *connection,
                           const struct ringcast_end *end)
{
    (void)id, (void)connection;
    cr_expect_str_eq(end->reason, "not_adopted");
    cr_expect_eq(ringcast_connection_count(of), 0);
    cr_expect_eq(ringcast_broadcast_text(of, "x", 1), 0);
    ++*(unsigned *)ringcast_user(of);
}

Test(registering, what_destroy_hands_back_may_ask_all_shards)
{
    unsigned handed_back = 0;
    int second[2];
    char error[256];
    callbacks.on_close = ask_everything;
    options.user = &handed_back;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, second), 0);
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_register(rc, pair[1], NULL), 0);
    cr_assert_eq(ringcast_register(rc, second[1], NULL), 0);
    embedded_stop(); // it was never started
    cr_assert_eq(handed_back, 2);
}
