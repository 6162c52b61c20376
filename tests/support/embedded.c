// SPDX-License-Identifier: MIT
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 4096
#define PATIENCE_S 20
#define TICK_MS    2
#define OPEN_AGAIN 256 // until the kernel has chosen a certain shard

struct ringcast *rc;
char address[64];
struct ringcast_options options;
struct ringcast_callbacks callbacks;

static struct event events[EVENTS_MAX];
static size_t event_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

// What on_shard wants to be run.
static struct {
    int shard; // -1: nothing
    void (*function)(void *argument);
    void *argument;
} task = {.shard = -1};

static void keep(struct event event)
{
    event.shard = rc ? ringcast_shard(rc) : -1;
    pthread_mutex_lock(&lock);
    if (event_count < EVENTS_MAX)
        events[event_count++] = event;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

// --- Callbacks

static void copy(struct event *event, const void *text, size_t len)
{
    snprintf(event->text, sizeof event->text, "%.*s", (int)len, (const char *)text);
}

static void on_open(struct ringcast *of, ringcast_id id, void *connection)
{
    (void)of;
    keep((struct event){.kind = EVENT_OPEN, .id = id, .pointer = connection});
}

static int on_message(struct ringcast *of, ringcast_id id, void *connection,
                      enum ringcast_kind kind, const void *bytes, size_t len)
{
    (void)of;
    struct event event = {
        .kind = EVENT_MESSAGE, .id = id, .pointer = connection, .value = (int)kind};
    copy(&event, bytes, len);
    keep(event);
    return 0;
}

static void on_joined(struct ringcast *of, ringcast_id id, void *connection, const char *room,
                      size_t room_len, bool accepted)
{
    (void)of;
    struct event event = {.kind = EVENT_JOINED, .id = id, .pointer = connection, .value = accepted};
    copy(&event, room, room_len);
    keep(event);
}

static void on_close(struct ringcast *of, ringcast_id id, void *connection,
                     const struct ringcast_end *end)
{
    (void)of;
    struct event event = {.kind = EVENT_CLOSE, .id = id, .pointer = connection, .value = end->code};
    copy(&event, end->reason, strlen(end->reason));
    keep(event);
}

static void on_room_end(struct ringcast *of, const char *room, size_t room_len, void *pointer)
{
    (void)of;
    struct event event = {.kind = EVENT_ROOM_END, .pointer = pointer};
    copy(&event, room, room_len);
    keep(event);
}

static void on_tick(struct ringcast *of, unsigned shard, uint64_t now_ms)
{
    (void)of, (void)now_ms;
    pthread_mutex_lock(&lock);
    bool mine = task.shard == (int)shard;
    pthread_mutex_unlock(&lock);
    if (!mine)
        return;
    task.function(task.argument);
    pthread_mutex_lock(&lock);
    task.shard = -1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_log(void *user, enum ringcast_level level, const char *text)
{
    (void)user;
    struct event event = {.kind = EVENT_LOG, .value = (int)level};
    copy(&event, text, strlen(text));
    keep(event);
}

// /room/NAME and /echo as ever, everything else for the program.
static void on_upgrade(struct ringcast *of, const struct ringcast_request *request,
                       struct ringcast_decision *decision)
{
    (void)of;
    size_t len;
    const char *path = ringcast_request_path(request, &len);
    if (len > 6 && memcmp(path, "/room/", 6) == 0) {
        decision->mode = RINGCAST_TO_ROOM;
        (void)ringcast_decision_join(decision, path + 6, len - 6);
    } else if (len == 5 && memcmp(path, "/echo", 5) == 0) {
        decision->mode = RINGCAST_ECHO;
    }
}

// --- Life

void embedded_init(void)
{
    static const struct ringcast_listener listener = {.address = "127.0.0.1:0"};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &monotonic);
    callbacks = (struct ringcast_callbacks){.on_upgrade = on_upgrade,
                                            .on_open = on_open,
                                            .on_message = on_message,
                                            .on_joined = on_joined,
                                            .on_close = on_close,
                                            .on_tick = on_tick,
                                            .on_room_end = on_room_end};
    ringcast_options_init(&options, sizeof options);
    options.listeners = &listener;
    options.listener_count = 1;
    options.callbacks = &callbacks;
    options.threads = 2;
    options.max_connections = 200;
    options.max_rooms = 256;
    options.recv_buffers = 64;
    options.send_memory_bytes = 1 << 20;
    options.tick_interval_ms = TICK_MS;
    options.log = on_log;
}

void embedded_start(void)
{
    char error[256] = "";
    cr_assert_eq(ringcast_create(&rc, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_start(rc, error, sizeof error), 0, "%s", error);
    if (options.listener_count)
        cr_assert_eq(ringcast_local_address(rc, 0, address, sizeof address), 0);
}

void embedded_stop(void)
{
    ringcast_destroy(rc);
    rc = NULL;
}

// --- Waiting

static struct timespec deadline(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    return until;
}

static struct event *find(enum event_kind kind)
{
    for (size_t i = 0; i < event_count; i++)
        if (events[i].kind == kind && !events[i].taken)
            return &events[i];
    return NULL;
}

const struct event *expect_event(enum event_kind kind)
{
    struct timespec until = deadline();
    int late = 0;
    pthread_mutex_lock(&lock);
    struct event *event;
    while (!(event = find(kind)) && !late)
        late = pthread_cond_timedwait(&changed, &lock, &until);
    if (event)
        event->taken = true;
    pthread_mutex_unlock(&lock);
    cr_assert_not_null(event, "no such event");
    return event;
}

bool has_event(enum event_kind kind)
{
    pthread_mutex_lock(&lock);
    bool found = find(kind);
    pthread_mutex_unlock(&lock);
    return found;
}

void on_shard(unsigned shard, void (*function)(void *argument), void *argument)
{
    struct timespec until = deadline();
    int late = 0;
    pthread_mutex_lock(&lock);
    task.function = function;
    task.argument = argument;
    task.shard = (int)shard;
    while (task.shard >= 0 && !late)
        late = pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    cr_assert_eq(late, 0, "the shard does not turn");
}

// --- Clients

ringcast_id open_at(struct ws_client *client, const char *path)
{
    char answer[1024];
    ws_client_connect(client, address);
    int status = ws_client_upgrade(client, path, NULL, answer, sizeof answer);
    cr_assert_eq(status, 101, "%s", answer);
    return expect_event(EVENT_OPEN)->id;
}

ringcast_id open_on(struct ws_client *client, const char *path, unsigned shard)
{
    for (int i = 0; i < OPEN_AGAIN; i++) {
        ringcast_id id = open_at(client, path);
        if (ringcast_shard_of(id) == shard)
            return id;
        ws_client_close(client);
        (void)expect_event(EVENT_CLOSE);
    }
    cr_assert_fail("the kernel never chose that shard");
    return (ringcast_id){0};
}
