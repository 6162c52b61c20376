// SPDX-License-Identifier: MIT
#include "server/pages.h"

#include "conn/conn_route.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/server.h"

#include <string.h>

// The page may do what it does and nothing else, whatever somebody writes into a room.
#define PAGE_HEADERS                                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "                    \
    "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; "              \
    "form-action 'none'; frame-ancestors 'none'\r\n"                                               \
    "Referrer-Policy: no-referrer\r\n"

static void text(struct conn_page *page, int status, const char *body)
{
    *page = (struct conn_page){.status = status, .body = body, .body_bytes = strlen(body)};
}

static void give_page(struct server *server, struct conn_page *page)
{
    (void)server;
    *page = (struct conn_page){.status = 200,
                               .content_type = "text/html; charset=utf-8",
                               .extra = PAGE_HEADERS,
                               .body = page_html,
                               .body_bytes = page_html_bytes};
}

static void give_health(struct server *server, struct conn_page *page)
{
    (void)server;
    text(page, 200, "ok\n");
}

static void give_readiness(struct server *server, struct conn_page *page)
{
    // Relaxed: nothing is read that depends on it.
    bool ready = atomic_load_explicit(&server->group.phase, memory_order_relaxed) == SHARD_RUNNING;
    text(page, ready ? 200 : 503, ready ? "ready\n" : "draining\n");
}

static void give_metrics(struct server *server, struct conn_page *page)
{
    size_t bytes;
    char *body = metrics_text(server, &bytes);
    if (!body) {
        text(page, 503, "out of memory\n");
        return;
    }
    *page = (struct conn_page){.status = 200,
                               .content_type = "text/plain; version=0.0.4; charset=utf-8",
                               .body = body,
                               .body_bytes = bytes,
                               .owned = body};
}

static const struct {
    const char *path;
    void (*give)(struct server *server, struct conn_page *page);
} pages[] = {
    {"/", give_page},
    {"/healthz", give_health},
    {"/readyz", give_readiness},
    {"/metrics", give_metrics},
};

static void page(void *context, struct conn *conn, struct conn_page *out)
{
    struct http_span path = conn->http->request.path;
    const char *text_of_path = http_text(conn->http, path);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strlen(pages[i].path) == path.len &&
            memcmp(pages[i].path, text_of_path, path.len) == 0) {
            pages[i].give(context, out);
            return;
        }
    if (conn_route_is_websocket(conn->http))
        text(out, 426, "this is a WebSocket: send an Upgrade\n");
    else
        text(out, 404,
             "there are /, /healthz, /readyz, /metrics, and WebSockets at /room/NAME and "
             "/echo\n");
}

static void upgrade(void *context, struct conn *conn, struct conn_decision *decision)
{
    (void)context;
    conn_route(conn->http, decision);
}

const struct conn_ops pages_ops = {.page = page, .upgrade = upgrade};
