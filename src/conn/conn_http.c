// SPDX-License-Identifier: MIT
//
// The HTTP side of a connection: upgrades to /room/NAME and /echo, pages for everything else.
#include "conn/conn_internal.h"

#include "base/log.h"
#include "codec/http_write.h"
#include "codec/utf8.h"
#include "codec/ws_handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(struct conns *conns, struct conn *conn, const struct conn_page *page,
                   bool head_only)
{
    char head[HTTP_ANSWER_HEAD_MAX_BYTES];
    struct http_answer a = {.status = page->status,
                            .content_type = page->content_type,
                            .extra = page->extra,
                            .body_bytes = page->body_bytes,
                            .head_only = head_only};
    size_t head_bytes = http_answer_head_write(head, sizeof head, &a);
    net_send_bytes(conns->net, &conn->link, head, head_bytes, page->body,
                   head_only ? 0 : page->body_bytes);
    free(page->owned);
}

void conn_http_refuse(struct conns *conns, struct conn *conn, int status, const char *text)
{
    static const char upgrade[] = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    struct conn_page page = {.status = status, .body = text, .body_bytes = strlen(text)};
    if (status == 426)
        page.extra = upgrade;
    else if (status == 405)
        page.extra = "Allow: GET, HEAD\r\n";
    else if (status == 503 || status == 429)
        page.extra = "Retry-After: 1\r\n";
    else if (status == 401)
        page.extra = "WWW-Authenticate: Bearer\r\n";
    counter_add(&conns->counters.http_errors, 1);
    answer(conns, conn, &page, conn->http->request.method == HTTP_HEAD);
    // The rest of the request may still be on its way; closing at once could reset our answer away.
    conn_end(conns, conn, CLOSE_REASON_HTTP_ERROR, true);
}

static void refuse_with(struct conns *conns, struct conn *conn, int status, const char *error)
{
    char text[256];
    snprintf(text, sizeof text, "%s\n", error);
    conn_http_refuse(conns, conn, status, text);
}

static bool is_path(const struct http_parser *http, const char *path)
{
    return http->request.path.len == strlen(path) &&
           memcmp(http_text(http, http->request.path), path, http->request.path.len) == 0;
}

#define ROOM_PREFIX       "/room/"
#define ROOM_PREFIX_BYTES (sizeof ROOM_PREFIX - 1)

static bool is_room(const struct http_parser *http)
{
    return http->request.path.len >= ROOM_PREFIX_BYTES &&
           memcmp(http_text(http, http->request.path), ROOM_PREFIX, ROOM_PREFIX_BYTES) == 0;
}

// --- Upgrades

void conn_http_switch(struct conns *conns, struct conn *conn)
{
    char out[WS_SWITCHING_MAX_BYTES];
    size_t len = ws_switching_write(out, http_text(conn->http, conn->http->request.ws_key));
    net_send_bytes(conns->net, &conn->link, out, len, NULL, 0);
    conn_set_open(conns, conn);
}

static void join_room(struct conns *conns, struct conn *conn)
{
    const struct http_parser *http = conn->http;
    struct http_span path = http->request.path;
    uint8_t name[ROOM_NAME_MAX_BYTES];
    int len = http_percent_decode(http_text(http, path) + ROOM_PREFIX_BYTES,
                                  path.len - ROOM_PREFIX_BYTES, name, sizeof name);
    if (len < 1 || !utf8_valid(name, (size_t)len)) {
        conn_http_refuse(conns, conn, 400,
                         "a room's name is 1 to 200 bytes of percent-encoded UTF-8\n");
        return;
    }
    size_t value_len;
    const char *self = http_query_find(http_text(http, http->request.query),
                                       http->request.query.len, "self", &value_len);
    if (self && !(value_len == 1 && (*self == '0' || *self == '1'))) {
        conn_http_refuse(conns, conn, 400, "self must be 0 or 1\n");
        return;
    }
    const struct claims *claims = conn->edge ? conn->edge->claims : NULL;
    if (claims && !claims_may_read(claims, (const char *)name, (size_t)len)) {
        counter_add(&conns->counters.rooms_refused, 1);
        conn_http_refuse(conns, conn, 403, "the token does not open this room\n");
        return;
    }
    conn->read_only = claims && !claims_may_write(claims, (const char *)name, (size_t)len);
    conn->mode = CONN_ROOM;
    conn->exclude_self = self && *self == '0';
    enum hub_join joined = hub_join(conns->hub, conn->link.slot, name, (size_t)len);
    if (joined != HUB_REFUSED)
        conn->room = memberships_at(&conn->rooms, 0)->room;
    if (joined == HUB_REFUSED)
        conn_http_refuse(conns, conn, 503, "there is no place for another room\n");
    else if (joined == HUB_JOINED)
        conn_http_switch(conns, conn);
    else
        conn->state = CONN_JOINING;
}

void conn_joined(struct conns *conns, struct conn *conn, bool accepted)
{
    if (conn->state != CONN_JOINING || conn->link.state != LINK_UP)
        return;
    if (accepted) {
        conn_http_switch(conns, conn);
    } else {
        conn->state = CONN_HTTP;
        conn_http_refuse(conns, conn, 503, "there is no place for another room\n");
    }
    link_resume(conns->net, &conn->link);
}

// --- Who gets in

static void count_refusal(struct conns *conns, const struct gate_answer *answer)
{
    if (answer->status == 401 || answer->status == 400)
        counter_add(&conns->counters.tokens_refused, 1);
    else if (answer->status == 403)
        counter_add(&conns->counters.origins_refused, 1);
}

// The connection gets its claims, and ends when they do.
static bool take_claims(struct conns *conns, struct conn *conn, struct claims *claims)
{
    if (!conn_need_edge(conn)) {
        claims_destroy(claims);
        conn_http_refuse(conns, conn, 503, "the server is out of memory\n");
        return false;
    }
    conn->edge->claims = claims;
    counter_add(&conns->counters.tokens_accepted, 1);
    if (!claims->exp_s)
        return true;
    uint64_t end_ms = (claims->exp_s + conns->gate->leeway_s) * 1000, now_ms = conns->net->unix_ms;
    conn->edge->expires_ms = conns->net->now_ms + (end_ms > now_ms ? end_ms - now_ms : 0);
    return true;
}

static bool let_in(struct conns *conns, struct conn *conn)
{
    struct claims *claims;
    if (!conns->gate)
        return true;
    struct gate_answer answer =
        gate_judge(conns->gate, conn->http, net_subject(conns->net, &conn->link),
                   conns->net->unix_ms / 1000, &claims);
    if (answer.status) {
        char client[CONN_ADDRESS_BYTES];
        count_refusal(conns, &answer);
        log_info("handshake refused client=%s status=%d reason=%s", conn_address(conn, client),
                 answer.status, answer.reason);
        refuse_with(conns, conn, answer.status, answer.text);
        return false;
    }
    return !claims || take_claims(conns, conn, claims);
}

static void upgrade(struct conns *conns, struct conn *conn)
{
    if (is_path(conn->http, "/echo")) {
        conn->mode = CONN_ECHO;
        conn_http_switch(conns, conn);
    } else if (is_room(conn->http)) {
        join_room(conns, conn);
    } else {
        conn_http_refuse(conns, conn, 404, "there are WebSockets at /room/NAME and /echo\n");
    }
}

// --- Pages

static void page(struct conns *conns, struct conn *conn)
{
    const struct http_request *request = &conn->http->request;
    if (is_path(conn->http, "/echo") || is_room(conn->http)) {
        conn_http_refuse(conns, conn, 426, "this is a WebSocket: send an Upgrade\n");
        return;
    }
    struct conn_page page = {.status = 404};
    conns->ops->page(conns->context, http_text(conn->http, request->path), request->path.len,
                     &page);
    if (page.status == 404) {
        conn_http_refuse(conns, conn, 404,
                         "there are /, /healthz, /readyz, /metrics, and WebSockets at "
                         "/room/NAME and /echo\n");
        return;
    }
    if (request->method == HTTP_OTHER_METHOD) {
        free(page.owned);
        conn_http_refuse(conns, conn, 405, "only GET and HEAD are answered here\n");
        return;
    }
    counter_add(&conns->counters.http_requests, 1);
    answer(conns, conn, &page, request->method == HTTP_HEAD);
    // A body or a pipelined request may follow; closing at once could reset our answer away.
    conn_end(conns, conn, CLOSE_REASON_HTTP_DONE, true);
}

static void handle(struct conns *conns, struct conn *conn)
{
    int status = 400;
    const char *error = "";
    enum ws_handshake_result result = ws_handshake_check(conn->http, &status, &error);
    if (conn->verdict == ADDRESS_TOO_MANY)
        conn_http_refuse(conns, conn, 429, "too many connections from your address\n");
    else if (conn->verdict == ADDRESS_TOO_FAST)
        conn_http_refuse(conns, conn, 429, "too many new connections from your address\n");
    else if (result == WS_HANDSHAKE_NOT_UPGRADE)
        page(conns, conn);
    else if (result == WS_HANDSHAKE_BAD)
        refuse_with(conns, conn, status, error);
    else if (conns->draining)
        conn_http_refuse(conns, conn, 503, "this server is going away\n");
    else if (conn->full)
        conn_http_refuse(conns, conn, 503, "this server is full: raise max_connections\n");
    else if (let_in(conns, conn))
        upgrade(conns, conn);
}

size_t conn_http_bytes(struct conns *conns, struct conn *conn, uint8_t *bytes, size_t len)
{
    if (!conn->http) {
        conn->http = malloc(sizeof *conn->http);
        if (!conn->http) {
            link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL);
            return len;
        }
        http_parser_init(conn->http);
    }
    const uint8_t *cursor = bytes;
    int status = 400;
    const char *error = "";
    switch (http_parse(conn->http, &cursor, bytes + len, &status, &error)) {
    case HTTP_INCOMPLETE:
        break;
    case HTTP_BAD:
        refuse_with(conns, conn, status, error);
        return len;
    case HTTP_COMPLETE:
        handle(conns, conn);
        break;
    }
    return (size_t)(cursor - bytes);
}
