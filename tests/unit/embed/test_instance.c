// SPDX-License-Identifier: MIT
//
// An instance's life: made, started, stopped, freed, several at once, and what is wrong with
// options.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static char error[256];

TestSuite(instance, .init = embedded_init);

static int create(void)
{
    return ringcast_create(&rc, &options, error, sizeof error);
}

Test(instance, serves_between_start_and_stop)
{
    static struct ws_client client;
    embedded_start();
    cr_assert_eq(ringcast_shard_count(rc), 2);
    cr_assert_eq(ringcast_shard(rc), -1, "this thread is no shard's");
    cr_assert_eq(ringcast_capacity(rc), 200);
    cr_assert_not(ringcast_ended(rc));
    (void)open_at(&client, "/echo");
    cr_assert_eq(ringcast_connection_count(rc), 1);
    ws_client_send(&client, WS_TEXT, "hello", 5);
    cr_assert_str_eq(ws_client_text(&client), "hello");
    ringcast_stop(rc, 0);
    ringcast_wait(rc);
    cr_assert(ringcast_ended(rc));
    cr_assert_eq(ringcast_connection_count(rc), 0);
    cr_assert_str_eq(expect_event(EVENT_CLOSE)->text, "draining");
    embedded_stop();
}

Test(instance, says_goodbye_when_it_has_time)
{
    static struct ws_client client;
    embedded_start();
    (void)open_at(&client, "/echo");
    ringcast_stop(rc, 5000);
    cr_assert_str_eq(ws_client_text(&client), "close 1001 server is going away");
    ws_client_send(&client, WS_CLOSE, "\x03\xe9", 2);
    ringcast_wait(rc);
    const struct event *end = expect_event(EVENT_CLOSE);
    cr_assert_eq(end->value, 1001);
    cr_assert_str_eq(end->text, "draining");
    embedded_stop();
}

static void *run(void *argument)
{
    (void)argument;
    return (void *)(intptr_t)ringcast_run(rc, error, sizeof error);
}

Test(instance, run_blocks_until_somebody_stops_it)
{
    pthread_t thread;
    void *result;
    cr_assert_eq(create(), 0, "%s", error);
    cr_assert_not(ringcast_ended(rc));
    pthread_create(&thread, NULL, run, NULL);
    usleep(20000);
    ringcast_stop(rc, 0);
    pthread_join(thread, &result);
    cr_assert_null(result, "%s", error);
    cr_assert(ringcast_ended(rc));
    embedded_stop();
}

static void stop_by_signal(int signal)
{
    (void)signal;
    ringcast_stop(rc, 0);
}

Test(instance, may_be_stopped_from_a_signal_handler)
{
    signal(SIGALRM, stop_by_signal);
    cr_assert_eq(create(), 0, "%s", error);
    alarm(1);
    cr_assert_eq(ringcast_run(rc, error, sizeof error), 0);
    embedded_stop();
}

Test(instance, stopped_before_it_starts_it_ends_at_once)
{
    cr_assert_eq(create(), 0, "%s", error);
    ringcast_stop(rc, 0);
    cr_assert_eq(ringcast_run(rc, error, sizeof error), 0);
    embedded_stop();
}

Test(instance, never_started_it_can_be_destroyed)
{
    cr_assert_eq(create(), 0, "%s", error);
    embedded_stop();
    ringcast_destroy(NULL);
}

Test(instance, starts_once)
{
    embedded_start();
    cr_assert_eq(ringcast_start(rc, error, sizeof error), -EINVAL);
    cr_assert(strstr(error, "only once"), "%s", error);
    embedded_stop();
}

Test(instance, what_cannot_start_says_why_and_can_be_destroyed)
{
    options.threads = 4;
    cr_assert_eq(create(), 0, "%s", error);
    rlim_t last;
    do {
        last = (rlim_t)dup(0);
    } while (last < 500); // more than the tables of the rings
    // The first two rings exist, the last two cannot.
    struct rlimit limit = {.rlim_cur = last + 3, .rlim_max = last + 3};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_lt(ringcast_start(rc, error, sizeof error), 0);
    cr_assert(strstr(error, "cannot start shard 2"), "%s", error);
    embedded_stop();
}

Test(instance, several_live_in_one_process)
{
    static struct ws_client client, other_client;
    struct ringcast *other;
    char other_address[64], answer[512];
    embedded_start();
    cr_assert_eq(ringcast_create(&other, &options, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_start(other, error, sizeof error), 0, "%s", error);
    cr_assert_eq(ringcast_local_address(other, 0, other_address, sizeof other_address), 0);
    cr_assert_str_neq(address, other_address);
    (void)open_at(&client, "/room/r");
    ws_client_connect(&other_client, other_address);
    cr_assert_eq(ws_client_upgrade(&other_client, "/room/r", NULL, answer, sizeof answer), 101);
    (void)expect_event(EVENT_OPEN);
    cr_assert_eq(ringcast_connection_count(rc), 1);
    cr_assert_eq(ringcast_connection_count(other), 1);
    cr_assert_eq(ringcast_broadcast_room_text(other, "r", 1, "to the other", 12, (ringcast_id){0}),
                 0);
    cr_assert_eq(ringcast_broadcast_room_text(rc, "r", 1, "to the one", 10, (ringcast_id){0}), 0);
    cr_assert_str_eq(ws_client_text(&client), "to the one");
    cr_assert_str_eq(ws_client_text(&other_client), "to the other");
    ringcast_destroy(other);
    ws_client_send(&client, WS_TEXT, "still here", 10);
    cr_assert_str_eq(ws_client_text(&client), "still here");
    embedded_stop();
}

// --- Options

static void expect_wrong(const char *words)
{
    cr_assert_lt(create(), 0);
    cr_assert(strstr(error, words), "%s", error);
}

Test(instance, options_that_are_wrong_are_told)
{
    struct ringcast_options good = options;
#define WRONG(change, words)                                                                       \
    options = good;                                                                                \
    change;                                                                                        \
    expect_wrong(words)
    WRONG(options.size = 0, "ringcast_options_init");
    WRONG(options.size += 8, "newer than the library");
    WRONG(options.threads = 65, "threads");
    WRONG(options.listener_count = 9, "listener_count");
    WRONG(options.max_rooms = 0, "max_rooms");
    WRONG(options.max_message_bytes = 0, "max_message_bytes");
    WRONG(options.recv_buffers = 100, "recv_buffers");
    WRONG(options.recv_buffer_bytes = 1, "recv_buffer_bytes");
    WRONG(options.outbound_messages = 0, "outbound_messages");
    WRONG(options.inbox_bytes = 0, "inbox_bytes");
    WRONG(options.close_timeout_ms = 0, "close_timeout_ms");
    WRONG(options.ping_interval_ms = options.idle_timeout_ms, "ping_interval_ms");
    WRONG(options.proxy_networks = "nowhere", "nowhere");
#undef WRONG
}

Test(instance, addresses_that_are_wrong_are_told)
{
    struct ringcast_listener listener = {.address = "127.0.0.1:http"};
    options.listeners = &listener;
    expect_wrong("http");
    listener.address = "192.0.2.1:0";
    expect_wrong("does not have this address");
    listener = (struct ringcast_listener){.fd = 0};
    expect_wrong("does not listen");
}

Test(instance, an_older_program_gets_defaults_for_what_it_does_not_know)
{
    struct ringcast_options all, some;
    memset(&all, 0xAA, sizeof all);
    ringcast_options_init(&all, sizeof all);
    memset(&some, 0xAA, sizeof some);
    ringcast_options_init(&some, offsetof(struct ringcast_options, inbox_commands));
    cr_assert_eq(some.idle_timeout_ms, all.idle_timeout_ms);
    cr_assert_eq(some.inbox_commands, 0xAAAAAAAA, "not its memory");
    some.listener_count = 0;
    some.callbacks = NULL;
    some.threads = 1;
    cr_assert_eq(ringcast_create(&rc, &some, error, sizeof error), 0, "%s", error);
    embedded_stop();
}

Test(instance, needs_neither_listeners_nor_callbacks)
{
    options.listener_count = 0;
    options.callbacks = NULL;
    embedded_start();
    cr_assert_eq(ringcast_local_address(rc, 0, address, sizeof address), -ENOENT);
    cr_assert_eq(ringcast_broadcast_text(rc, "nobody", 6), 0);
    embedded_stop();
}

Test(instance, a_listener_with_tls_needs_certificates)
{
    struct ringcast_listener listener = {.address = "127.0.0.1:0", .tls = true};
    options.listeners = &listener;
    if (!ringcast_tls_available())
        return;
    cr_assert_eq(create(), 0, "%s", error);
    cr_assert_eq(ringcast_start(rc, error, sizeof error), -EINVAL);
    cr_assert(strstr(error, "ringcast_set_tls"), "%s", error);
    struct ringcast_tls tls = {.certificate_count = 0};
    cr_assert_eq(ringcast_set_tls(rc, &tls, error, sizeof error), -EINVAL);
    cr_assert(strstr(error, "certificates"), "%s", error);
    embedded_stop();
}

// --- What is told of it

Test(instance, lines_go_to_the_programs_log_and_nowhere_else)
{
    int out[2];
    cr_assert_eq(pipe(out), 0);
    int err = dup(2);
    dup2(out[1], 2);
    embedded_start();
    cr_assert(strstr(expect_event(EVENT_LOG)->text, "io_uring probed"));
    ringcast_set_log_level(rc, RINGCAST_OFF);
    ringcast_stop(rc, 1);
    embedded_stop();
    dup2(err, 2);
    close(out[1]);
    char line[64];
    cr_assert_eq(read(out[0], line, sizeof line), 0, "nothing is printed");
    cr_assert_not(has_event(EVENT_LOG), "nor told at level off");
}

Test(instance, is_alive_while_its_loops_turn)
{
    embedded_start();
    (void)ringcast_alive(rc);
    usleep(100000);
    cr_assert(ringcast_alive(rc));
    embedded_stop();
}

Test(instance, metrics_count_what_it_has)
{
    static struct ws_client client;
    size_t len;
    embedded_start();
    (void)open_at(&client, "/echo");
    char *text = ringcast_metrics(rc, &len);
    cr_assert_eq(strlen(text), len);
    cr_assert(strstr(text, "\nringcast_websockets 1\n"));
    cr_assert(strstr(text, "ringcast_build_info{version=\"" RINGCAST_VERSION "\"} 1\n"));
    ringcast_free(text);
    embedded_stop();
}

static _Atomic uint64_t skew_ms;

static uint64_t skewed_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + skew_ms;
}

Test(instance, reaps_by_the_programs_clock_and_says_whom)
{
    static struct ws_client client;
    ringcast_id ids[4];
    options.clock_ms = skewed_ms;
    options.ping_interval_ms = 0;
    options.idle_timeout_ms = 60000;
    embedded_start();
    ringcast_id id = open_at(&client, "/echo");
    cr_assert_eq(ringcast_sweep_idle(rc, ids, 4), 0);
    skew_ms = 61000;
    cr_assert_str_eq(ws_client_text(&client), "close 1001 nothing heard for too long");
    ws_client_close(&client);
    cr_assert_str_eq(expect_event(EVENT_CLOSE)->text, "idle");
    cr_assert_eq(ringcast_sweep_idle(rc, ids, 0), 0);
    cr_assert_eq(ringcast_sweep_idle(rc, ids, 4), 1);
    cr_assert_eq(ids[0].value, id.value);
    cr_assert_eq(ringcast_sweep_idle(rc, ids, 4), 0, "each once");
    embedded_stop();
}
