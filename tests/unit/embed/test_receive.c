// SPDX-License-Identifier: MIT
//
// Who sends more than there is room for is held, and the others do not notice.
#include "support/embedded.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES      8192
#define MESSAGE_BYTES 1024
#define FLOODERS      12
#define FLOOD_BYTES   (64 * 1024)

static struct ws_client publisher, reader;

static void *publish(void *argument)
{
    static const uint8_t head[] = {0x82, 0xfe, MESSAGE_BYTES >> 8, MESSAGE_BYTES & 255, 0, 0, 0, 0};
    size_t frame_bytes = sizeof head + MESSAGE_BYTES, len = frame_bytes * MESSAGES, sent = 0;
    uint8_t *frames = calloc(MESSAGES, frame_bytes);
    cr_assert(frames);
    for (size_t i = 0; i < MESSAGES; i++)
        memcpy(frames + i * frame_bytes, head, sizeof head);
    ssize_t taken;
    while (sent < len && (taken = send(publisher.fd, frames + sent, len - sent, MSG_NOSIGNAL)) > 0)
        sent += (size_t)taken;
    free(frames);
    *(bool *)argument = sent == len;
    return NULL;
}

static size_t read_bytes(size_t expected)
{
    static uint8_t trash[1 << 18];
    struct timeval patience = {.tv_sec = 10};
    size_t total = reader.have;
    ssize_t got;
    setsockopt(reader.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    // A ring that is gone may still interrupt the thread that made it.
    while (total < expected &&
           ((got = recv(reader.fd, trash, sizeof trash, 0)) > 0 || (got < 0 && errno == EINTR)))
        total += got > 0 ? (size_t)got : 0;
    return total;
}

// /echo, and else to room "a": at /quiet own messages do not come back.
static void decide(struct ringcast *of, const struct ringcast_request *request,
                   struct ringcast_decision *decision)
{
    (void)of;
    size_t len;
    const char *path = ringcast_request_path(request, &len);
    bool echo = len == 5 && memcmp(path, "/echo", 5) == 0;
    decision->mode = echo ? RINGCAST_ECHO : RINGCAST_TO_ROOM;
    decision->exclude_self = len == 6 && memcmp(path, "/quiet", 6) == 0;
    if (!echo)
        (void)ringcast_decision_join(decision, "a", 1);
}

static void start(uint32_t recv_buffers, uint32_t recv_buffer_bytes)
{
    callbacks.on_upgrade = decide;
    options.threads = 1;
    options.recv_buffers = recv_buffers;
    options.recv_buffer_bytes = recv_buffer_bytes;
    options.outbound_messages = 1U << 30;
    options.outbound_bytes = 1U << 30;
    embedded_start();
}

static void hold_a_publisher(uint32_t recv_buffer_bytes)
{
    pthread_t thread;
    bool sent = false;
    start(1024, recv_buffer_bytes);
    (void)open_at(&reader, "/room");
    (void)open_at(&publisher, "/quiet");
    pthread_create(&thread, NULL, publish, &sent);
    size_t expected = (size_t)MESSAGES * (MESSAGE_BYTES + 4);
    size_t got = read_bytes(expected);
    cr_assert_eq(got, expected, "%zu of %zu", got, expected);
    pthread_join(thread, NULL);
    cr_assert(sent);
    size_t len;
    char *metrics = ringcast_metrics(rc, &len);
    cr_assert(metrics);
    cr_assert_null(strstr(metrics, "\nringcast_pauses_total 0\n"), "it was to be held");
    free(metrics);
    embedded_stop();
}

Test(receive, a_held_publisher_loses_nothing, .init = embedded_init)
{
    hold_a_publisher(4096);
}

Test(receive, nor_with_large_buffers, .init = embedded_init)
{
    hold_a_publisher(16 * 1024);
}

Test(receive, nor_with_the_largest, .init = embedded_init)
{
    hold_a_publisher(64 * 1024);
}

// --- Few buffers, and many who want them

static atomic_bool over;

static void *flood(void *argument)
{
    struct ws_client *flooders = argument;
    uint8_t *bytes = calloc(1, FLOOD_BYTES);
    size_t sent[FLOODERS] = {0};
    static const uint8_t head[] = {0x82, 0xfe, 0xff, 0xf8, 0, 0, 0, 0}; // with it FLOOD_BYTES
    cr_assert(bytes);
    memcpy(bytes, head, sizeof head);
    while (!atomic_load(&over))
        for (int i = 0; i < FLOODERS; i++) {
            ssize_t taken =
                send(flooders[i].fd, bytes + sent[i], FLOOD_BYTES - sent[i], MSG_DONTWAIT);
            if (taken > 0)
                sent[i] = (sent[i] + (size_t)taken) % FLOOD_BYTES;
        }
    free(bytes);
    return NULL;
}

Test(receive, everybody_gets_a_turn_at_two_buffers, .init = embedded_init)
{
    static struct ws_client flooders[FLOODERS], probe;
    pthread_t thread;
    start(2, 512);
    (void)open_at(&probe, "/echo");
    for (int i = 0; i < FLOODERS; i++)
        (void)open_at(&flooders[i], "/quiet");
    pthread_create(&thread, NULL, flood, flooders);
    for (int i = 0; i < 20; i++) {
        ws_client_send(&probe, WS_TEXT, "me too", 6);
        cr_assert_str_eq(ws_client_text(&probe), "me too");
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    embedded_stop();
}
