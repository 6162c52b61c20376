// SPDX-License-Identifier: MIT
#include "support/two_shards.h"

#include "base/clock.h"
#include "conn/conn_route.h"
#include "ring/sock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct shard shards[SHARDS];
struct shard_group group;
uint64_t skew_ms;

uint64_t skewed_ms(void)
{
    return clock_monotonic_ms() + skew_ms;
}

static void page(void *context, struct conn *conn, struct conn_page *out)
{
    (void)context, (void)conn, (void)out;
}

static void upgrade(void *context, struct conn *conn, struct conn_decision *decision)
{
    (void)context;
    conn_route(conn->http, decision);
}

struct conn_ops two_shards_ops = {.page = page, .upgrade = upgrade};

static struct shard_options options(uint16_t index)
{
    struct sock_address address;
    char error[160];
    struct shard_options o = {
        .index = index,
        .group = &group,
        .ring = {.sq_entries = 64, .cq_entries = 512, .recv_buffers = 16, .recv_buffer_bytes = 512},
        .limits = {.outbound_frames = 64, .outbound_bytes = 1 << 20},
        .conn = {.max_message_bytes = 1 << 16,
                 .idle_timeout_ms = 60000,
                 .handshake_timeout_ms = 10000,
                 .close_timeout_ms = 1000},
        .conn_ops = &two_shards_ops,
        .inbox = {.commands = 64, .bytes = 4096},
        .max_connections = 16,
        .max_rooms = 64,
        .listener_count = 1,
    };
    cr_assert(ring_probe(&o.ring.features, error, sizeof error) == 0, "%s", error);
    cr_assert(sock_parse("127.0.0.1:0", &address, error, sizeof error) == 0);
    o.listeners[0].fd = sock_listen(&address, 16);
    cr_assert(o.listeners[0].fd >= 0);
    return o;
}

void tick(int turns)
{
    while (turns--)
        for (int i = 0; i < SHARDS; i++) {
            shard_interrupt(&shards[i]); // a tick must not wait: there is only this thread
            (void)shard_tick(&shards[i]);
        }
}

void start(void)
{
    group = (struct shard_group){.count = SHARDS, .drain_end_ms = UINT64_MAX};
    group.queues = aligned_alloc(CACHE_LINE_BYTES, sizeof(struct spsc) * SHARDS * SHARDS);
    for (int i = 0; i < SHARDS * SHARDS; i++)
        cr_assert(spsc_init(&group.queues[i], 64) == 0);
    for (uint16_t i = 0; i < SHARDS; i++) {
        struct shard_options o = options(i);
        group.shards[i] = &shards[i];
        cr_assert(shard_init(&shards[i], &o) == 0);
        shards[i].clock_ms = skewed_ms;
        cr_assert(shard_start(&shards[i]) == 0);
    }
    tick(1);
}

void stop(void)
{
    atomic_store(&group.phase, SHARD_STOPPING);
    // A shutdown is done by a kernel thread: it may take a moment.
    for (int i = 0; i < 2000 && shards[0].net.open_count + shards[1].net.open_count; i++) {
        tick(1);
        usleep(100);
    }
    tick(2);
    bool moved = true;
    while (moved) {
        moved = false;
        for (int i = 0; i < SHARDS; i++)
            moved |= shard_settle_mail(&shards[i]);
    }
    for (int i = 0; i < SHARDS; i++) {
        close(shards[i].options.listeners[0].fd);
        shard_fini(&shards[i]); // CHECKs that every slot, room and frame is back
    }
    for (int i = 0; i < SHARDS * SHARDS; i++)
        spsc_fini(&group.queues[i]);
    free(group.queues);
}

int open_client_at(uint16_t shard, const char *path, uint64_t *id)
{
    char request[512], answer[512];
    struct sock_address address;
    uint32_t slot = shards[shard].net.open_count;
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       path);
    cr_assert(sock_local(shards[shard].options.listeners[0].fd, &address) == 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (const void *)&address.storage, address.bytes) == 0);
    cr_assert(send(fd, request, (size_t)len, 0) == len);
    tick(6);
    ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    cr_assert(got > 12 && memcmp(answer, "HTTP/1.1 101", 12) == 0);
    *id = conn_id(&shards[shard].conns, conn_of(&shards[shard].conns, slot));
    return fd;
}

int open_client(uint16_t shard, uint64_t *id)
{
    return open_client_at(shard, "/echo", id);
}

const char *received(int fd)
{
    static char out[1024];
    uint8_t in[1024];
    size_t len = 0;
    tick(6);
    ssize_t got = recv(fd, in, sizeof in, MSG_DONTWAIT);
    for (ssize_t at = 0; at + 2 <= got; at += 2 + in[at + 1]) {
        memcpy(out + len, in + at + 2, in[at + 1]);
        len += in[at + 1];
        out[len++] = '|';
    }
    out[len] = 0;
    return out;
}
