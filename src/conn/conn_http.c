// SPDX-License-Identifier: MIT
//
// The HTTP side of a connection: its request, and the answer to it.
#include "conn/conn_internal.h"

#include "codec/http_write.h"
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

const char *conn_http_headers(int status)
{
    switch (status) {
    case 401:
        return "WWW-Authenticate: Bearer\r\n";
    case 405:
        return "Allow: GET, HEAD\r\n";
    case 426:
        return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    case 429:
    case 503:
        return "Retry-After: 1\r\n";
    default:
        return NULL;
    }
}

void conn_http_refuse_with(struct conns *conns, struct conn *conn, int status, const char *headers,
                           const char *sentence)
{
    char text[256];
    int len = snprintf(text, sizeof text, "%.*s\n", (int)sizeof text - 2, sentence);
    struct conn_page page = {
        .status = status, .extra = headers, .body = text, .body_bytes = (size_t)len};
    counter_add(&conns->counters.http_errors, 1);
    answer(conns, conn, &page, conn->http->request.method == HTTP_HEAD);
    // The rest of the request may still be on its way; closing at once could reset our answer away.
    conn_end(conns, conn, CLOSE_REASON_HTTP_ERROR, true);
}

void conn_http_refuse(struct conns *conns, struct conn *conn, int status, const char *sentence)
{
    conn_http_refuse_with(conns, conn, status, conn_http_headers(status), sentence);
}

// --- Pages

static void page(struct conns *conns, struct conn *conn)
{
    const struct http_request *request = &conn->http->request;
    struct conn_page page = {.status = 404, .body = "there is nothing here\n", .body_bytes = 22};
    conns->ops->page(conns->context, conn, &page);
    if (page.status < 400 && request->method == HTTP_OTHER_METHOD) {
        free(page.owned);
        conn_http_refuse(conns, conn, 405, "only GET and HEAD are answered here");
        return;
    }
    bool refused = page.status >= 400;
    counter_add(refused ? &conns->counters.http_errors : &conns->counters.http_requests, 1);
    if (!page.extra)
        page.extra = conn_http_headers(page.status);
    answer(conns, conn, &page, request->method == HTTP_HEAD);
    // A body or a pipelined request may follow; closing at once could reset our answer away.
    conn_end(conns, conn, refused ? CLOSE_REASON_HTTP_ERROR : CLOSE_REASON_HTTP_DONE, true);
}

static void handle(struct conns *conns, struct conn *conn)
{
    int status = 400;
    const char *error = "";
    enum ws_handshake_result result = ws_handshake_check(conn->http, &status, &error);
    // All that a balancer has no address of count under its own.
    if (result == WS_HANDSHAKE_OK && conn->nameless)
        conn_enter_address(conns, conn);
    if (conn->link.state != LINK_UP)
        return;
    if (conn->verdict == ADDRESS_TOO_MANY)
        conn_http_refuse(conns, conn, 429, "too many connections from your address");
    else if (conn->verdict == ADDRESS_TOO_FAST)
        conn_http_refuse(conns, conn, 429, "too many new connections from your address");
    else if (result == WS_HANDSHAKE_NOT_UPGRADE)
        page(conns, conn);
    else if (result == WS_HANDSHAKE_BAD)
        conn_http_refuse(conns, conn, status, error);
    else if (conns->draining)
        conn_http_refuse(conns, conn, 503, CONN_GOING_AWAY);
    else if (conn->full)
        conn_http_refuse(conns, conn, 503, "this server is full: raise max_connections");
    else
        conn_upgrade(conns, conn);
}

size_t conn_http_bytes(struct conns *conns, struct conn *conn, uint8_t *bytes, size_t len)
{
    if (!conn->http) {
        conn->http = malloc(sizeof *conn->http);
        if (!conn->http) {
            link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL);
            return len;
        }
        conns->head_count++;
        http_parser_init(conn->http);
    }
    const uint8_t *cursor = bytes;
    int status = 400;
    const char *error = "";
    switch (http_parse(conn->http, &cursor, bytes + len, &status, &error)) {
    case HTTP_INCOMPLETE:
        break;
    case HTTP_BAD:
        conn_http_refuse(conns, conn, status, error);
        return len;
    case HTTP_COMPLETE:
        handle(conns, conn);
        break;
    }
    return (size_t)(cursor - bytes);
}
