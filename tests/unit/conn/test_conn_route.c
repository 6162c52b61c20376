// SPDX-License-Identifier: MIT
#include "conn/conn_route.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *target;
    int status;
    enum conn_mode mode;
    const char *room; // NULL: none
    bool exclude_self;
} cases[] = {
    {"/echo", 0, CONN_ECHO, NULL, false},
    {"/echo?x=1", 0, CONN_ECHO, NULL, false},
    {"/room/a", 0, CONN_ROOM, "a", false},
    {"/room/a?self=1", 0, CONN_ROOM, "a", false},
    {"/room/a?self=0", 0, CONN_ROOM, "a", true},
    {"/room/a?x=y&self=0", 0, CONN_ROOM, "a", true},
    {"/room/caf%C3%A9%20x", 0, CONN_ROOM, "caf\xc3\xa9 x", false},
    {"/room/a/b", 0, CONN_ROOM, "a/b", false},
    {"/room/", 400, CONN_PROGRAM, NULL, false},
    {"/room/%ff", 400, CONN_PROGRAM, NULL, false},
    {"/room/%4", 400, CONN_PROGRAM, NULL, false},
    {"/room/a?self=2", 400, CONN_PROGRAM, NULL, false},
    {"/room/a?self=", 400, CONN_PROGRAM, NULL, false},
    {"/room/a?self=00", 400, CONN_PROGRAM, NULL, false},
    {"/room", 404, CONN_PROGRAM, NULL, false},
    {"/echo/", 404, CONN_PROGRAM, NULL, false},
    {"/", 404, CONN_PROGRAM, NULL, false},
};

static struct http_parser parser;

static void parse(const char *target)
{
    char head[1024];
    int status, len = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    const char *error = "";
    const uint8_t *cursor = (const uint8_t *)head;
    http_parser_init(&parser);
    cr_assert_eq(http_parse(&parser, &cursor, cursor + len, &status, &error), HTTP_COMPLETE, "%s",
                 error);
}

Test(conn_route, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conn_decision decision = {.mode = CONN_PROGRAM};
        parse(cases[i].target);
        conn_route(&parser, &decision);
        cr_expect_eq(decision.status, cases[i].status, "%s: %d", cases[i].target, decision.status);
        cr_expect_eq(decision.status != 0, decision.text != NULL, "%s", cases[i].target);
        if (decision.status)
            continue;
        cr_expect_eq(decision.mode, cases[i].mode, "%s", cases[i].target);
        cr_expect_eq(decision.exclude_self, cases[i].exclude_self, "%s", cases[i].target);
        cr_expect_eq(decision.room_count, cases[i].room ? 1 : 0, "%s", cases[i].target);
        if (!cases[i].room)
            continue;
        cr_expect_eq(decision.rooms[0].len, strlen(cases[i].room));
        cr_expect_arr_eq(decision.rooms[0].bytes, cases[i].room, decision.rooms[0].len);
    }
}

Test(conn_route, names_up_to_their_limit)
{
    char target[256] = "/room/";
    struct conn_decision decision = {.mode = CONN_PROGRAM};
    memset(target + 6, 'x', 201);
    parse(target);
    conn_route(&parser, &decision);
    cr_expect_eq(decision.status, 400);
    decision.status = 0;
    target[6 + 200] = 0;
    parse(target);
    conn_route(&parser, &decision);
    cr_expect_eq(decision.status, 0);
    cr_expect_eq(decision.rooms[0].len, 200);
}

Test(conn_route, knows_its_paths)
{
    parse("/echo");
    cr_expect(conn_route_is_websocket(&parser));
    parse("/room/");
    cr_expect(conn_route_is_websocket(&parser));
    parse("/rooms");
    cr_expect_not(conn_route_is_websocket(&parser));
}
