// SPDX-License-Identifier: MIT
#include "server/pages.h"

#include "server/page.h"
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The page may do what it does and nothing else, whatever somebody writes into a room.
#define PAGE_HEADERS                                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "                    \
    "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; "              \
    "form-action 'none'; frame-ancestors 'none'\r\n"                                               \
    "Referrer-Policy: no-referrer\r\n"

static void text(struct ringcast_answer *answer, int status, const char *body)
{
    *answer = (struct ringcast_answer){.status = status, .body = body, .body_bytes = strlen(body)};
}

static bool is_ready(const struct server *server)
{
    // Relaxed: nothing is read that depends on it.
    return atomic_load_explicit(&server->ready, memory_order_relaxed);
}

static void give_page(const struct server *server, struct ringcast_answer *answer)
{
    (void)server;
    *answer = (struct ringcast_answer){.status = 200,
                                       .content_type = "text/html; charset=utf-8",
                                       .headers = PAGE_HEADERS,
                                       .body = page_html,
                                       .body_bytes = page_html_bytes};
}

static void give_health(const struct server *server, struct ringcast_answer *answer)
{
    (void)server;
    text(answer, 200, "ok\n");
}

static void give_readiness(const struct server *server, struct ringcast_answer *answer)
{
    bool ready = is_ready(server);
    text(answer, ready ? 200 : 503, ready ? "ready\n" : "draining\n");
}

static void give_metrics(const struct server *server, struct ringcast_answer *answer)
{
    size_t len;
    char *body = NULL, *figures = ringcast_metrics(server->rc, &len);
    int bytes = figures
                    ? asprintf(&body,
                               "%s# HELP ringcast_ready Whether new clients are welcome: 1 or 0\n"
                               "# TYPE ringcast_ready gauge\n"
                               "ringcast_ready %d\n",
                               figures, is_ready(server))
                    : -1;
    ringcast_free(figures);
    if (bytes < 0) {
        text(answer, 503, "out of memory\n");
        return;
    }
    *answer = (struct ringcast_answer){.status = 200,
                                       .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                       .body = body,
                                       .body_bytes = (size_t)bytes,
                                       .owned = body};
}

static const struct {
    const char *path;
    void (*give)(const struct server *server, struct ringcast_answer *answer);
} pages[] = {
    {"/", give_page},
    {"/healthz", give_health},
    {"/readyz", give_readiness},
    {"/metrics", give_metrics},
};

// Where the library has WebSockets when nobody decides otherwise.
static bool is_websocket(const char *path, size_t len)
{
    return (len == 5 && memcmp(path, "/echo", 5) == 0) ||
           (len >= 6 && memcmp(path, "/room/", 6) == 0);
}

void pages_answer(struct ringcast *rc, const struct ringcast_request *request,
                  struct ringcast_answer *answer)
{
    size_t len;
    const char *path = ringcast_request_path(request, &len);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strlen(pages[i].path) == len && memcmp(pages[i].path, path, len) == 0) {
            pages[i].give(ringcast_user(rc), answer);
            return;
        }
    if (is_websocket(path, len))
        text(answer, 426, "this is a WebSocket: send an Upgrade\n");
    else
        text(answer, 404,
             "there are /, /healthz, /readyz, /metrics, and WebSockets at /room/NAME and "
             "/echo\n");
}
