// SPDX-License-Identifier: MIT
//
// A chat with rooms and names:  chat [ADDRESS]
// /chat/ROOM?name=NAME is a WebSocket, /?name=NAME#ROOM a page that uses it.
#include <ringcast/ringcast.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char page[] =
    "<!doctype html><pre id=all></pre><input id=say autofocus><script>\n"
    "const room = location.hash.slice(1) || 'lobby', name = location.search || '?name=guest'\n"
    "const socket = new WebSocket(`ws://${location.host}/chat/${room}${name}`)\n"
    "socket.onmessage = event => all.append(event.data + '\\n')\n"
    "say.onchange = () => { socket.send(say.value); say.value = '' }</script>\n";

static struct ringcast *server;

struct member {
    char name[64], room[RINGCAST_ROOM_NAME_MAX_BYTES + 1];
};

static int tell(const struct member *who, const char *what, const char *text, size_t len)
{
    char line[1200]; // a name, a message, and what stands between them
    int bytes = snprintf(line, sizeof line, "%s%s%.*s", who->name, what, (int)len, text);
    return ringcast_broadcast_room_text(server, who->room, strlen(who->room), line, (size_t)bytes,
                                        (ringcast_id){0});
}

static void on_upgrade(struct ringcast *rc, const struct ringcast_request *request,
                       struct ringcast_decision *decision)
{
    size_t len;
    const char *path = ringcast_request_path(request, &len);
    struct member *member = calloc(1, sizeof *member);
    decision->connection = member; // on_close gives it back, unless it is refused here
    if (member && len > 6 && memcmp(path, "/chat/", 6) == 0 &&
        ringcast_percent_decode(path + 6, len - 6, member->room, sizeof member->room) > 0 &&
        ringcast_request_parameter(request, "name", member->name, sizeof member->name) > 0 &&
        ringcast_decision_join(decision, member->room, strlen(member->room)) == 0)
        return;
    free(member);
    decision->status = 400;
    decision->reason = "write /chat/ROOM?name=NAME";
}

static void on_http(struct ringcast *rc, const struct ringcast_request *request,
                    struct ringcast_answer *answer)
{
    *answer = (struct ringcast_answer){200, "text/html", NULL, page, sizeof page - 1, NULL};
}

static void on_open(struct ringcast *rc, ringcast_id id, void *member)
{
    (void)tell(member, " is here", "", 0);
}

static int on_message(struct ringcast *rc, ringcast_id id, void *member, enum ringcast_kind kind,
                      const void *bytes, size_t len)
{
    return tell(member, ": ", bytes, len); // -EAGAIN holds who talks too fast for the room
}

static void on_close(struct ringcast *rc, ringcast_id id, void *member,
                     const struct ringcast_end *end)
{
    if (id.value) // else it was never here
        (void)tell(member, " has gone", "", 0);
    free(member);
}

static void stop(int signal)
{
    ringcast_stop(server, 1000);
}

int main(int argc, char **argv)
{
    char error[256];
    struct ringcast_listener listener = {.address = argc > 1 ? argv[1] : "127.0.0.1:8080"};
    struct ringcast_callbacks on = {on_upgrade, on_http, on_open, on_message, .on_close = on_close};
    struct ringcast_options options;
    ringcast_options_init(&options, sizeof options);
    options.listeners = &listener;
    options.listener_count = 1;
    options.callbacks = &on;
    options.max_message_bytes = 1000;
    int failed = ringcast_create(&server, &options, error, sizeof error);
    if (!failed)
        signal(SIGINT, stop);
    if (failed || (failed = ringcast_run(server, error, sizeof error)))
        fprintf(stderr, "chat: %s\n", error);
    ringcast_destroy(server);
    return failed != 0;
}
