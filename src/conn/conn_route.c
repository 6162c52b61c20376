// SPDX-License-Identifier: MIT
#include "conn/conn_route.h"

#include "codec/utf8.h"

#include <string.h>

#define ROOM_PREFIX       "/room/"
#define ROOM_PREFIX_BYTES (sizeof ROOM_PREFIX - 1)

static bool is_echo(const struct http_parser *http)
{
    struct http_span path = http->request.path;
    return path.len == 5 && memcmp(http_text(http, path), "/echo", 5) == 0;
}

static bool is_room(const struct http_parser *http)
{
    struct http_span path = http->request.path;
    return path.len >= ROOM_PREFIX_BYTES &&
           memcmp(http_text(http, path), ROOM_PREFIX, ROOM_PREFIX_BYTES) == 0;
}

bool conn_route_is_websocket(const struct http_parser *http)
{
    return is_echo(http) || is_room(http);
}

static void refuse(struct conn_decision *decision, int status, const char *text)
{
    decision->status = status;
    decision->text = text;
}

static void route_room(const struct http_parser *http, struct conn_decision *decision)
{
    struct http_span path = http->request.path, query = http->request.query;
    struct conn_room_name *room = &decision->rooms[0];
    int len = http_percent_decode(http_text(http, path) + ROOM_PREFIX_BYTES,
                                  path.len - ROOM_PREFIX_BYTES, room->bytes, sizeof room->bytes);
    if (len < 1 || !utf8_valid(room->bytes, (size_t)len)) {
        refuse(decision, 400, "a room's name is 1 to 200 bytes of percent-encoded UTF-8");
        return;
    }
    size_t value_len;
    const char *self = http_query_find(http_text(http, query), query.len, "self", &value_len);
    if (self && !(value_len == 1 && (*self == '0' || *self == '1'))) {
        refuse(decision, 400, "self must be 0 or 1");
        return;
    }
    room->len = (uint8_t)len;
    decision->room_count = 1;
    decision->mode = CONN_ROOM;
    decision->exclude_self = self && *self == '0';
}

void conn_route(const struct http_parser *http, struct conn_decision *decision)
{
    if (is_echo(http))
        decision->mode = CONN_ECHO;
    else if (is_room(http))
        route_room(http, decision);
    else
        refuse(decision, 404, "there are WebSockets at /room/NAME and /echo");
}
