// SPDX-License-Identifier: MIT
//
// The registry over two real shards, ticked in turn by one thread, with plain sockets as clients.
#include "shard/registry.h"

#include "base/clock.h"
#include "codec/ws_write.h"
#include "conn/conn_route.h"
#include "ring/sock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARDS  2
#define CLIENTS 4

static struct shard shards[SHARDS];
static struct shard_group group;
static uint64_t skew_ms; // moves the shards' clock on

static uint64_t skewed_ms(void)
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

static const struct conn_ops ops = {.page = page, .upgrade = upgrade};

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
        .conn_ops = &ops,
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

static void tick(int turns)
{
    while (turns--)
        for (int i = 0; i < SHARDS; i++) {
            shard_interrupt(&shards[i]); // a tick must not wait: there is only this thread
            (void)shard_tick(&shards[i]);
        }
}

static void start(void)
{
    group = (struct shard_group){.count = SHARDS, .drain_deadline_ms = 100};
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

static void stop(void)
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

// A client of this shard at /echo. The only connection there is not yet known is its id.
static int open_client(uint16_t shard, uint64_t *id)
{
    static const char request[] = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sock_address address;
    char answer[512];
    uint32_t slot = shards[shard].net.open_count;
    cr_assert(sock_local(shards[shard].options.listeners[0].fd, &address) == 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (const void *)&address.storage, address.bytes) == 0);
    cr_assert(send(fd, request, sizeof request - 1, 0) == sizeof request - 1);
    tick(6);
    ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    cr_assert(got > 12 && memcmp(answer, "HTTP/1.1 101", 12) == 0);
    *id = conn_id(&shards[shard].conns, conn_of(&shards[shard].conns, slot));
    return fd;
}

// What has arrived: the payloads of unfragmented frames up to 125 bytes, each ended by '|'.
static const char *received(int fd)
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

Test(registry, sends_to_one_connection_of_any_shard)
{
    start();
    uint64_t near_id, far_id;
    int near = open_client(0, &near_id), far = open_client(1, &far_id);
    cr_assert(registry_connection_count(&group) == 2);
    cr_assert(registry_send_text(&shards[0], near_id, "near", 4) == 0);
    cr_assert(registry_send_text(&shards[0], far_id, "far1", 4) == 0);
    cr_assert(registry_send_text(&shards[0], far_id, "far2", 4) == 0);
    cr_assert(strcmp(received(near), "near|") == 0);
    cr_assert(strcmp(received(far), "far1|far2|") == 0);
    cr_assert(registry_send_text(&shards[0], near_id, "\xff", 1) == -EINVAL);
    close(near);
    close(far);
    stop();
}

Test(registry, a_stale_id_reaches_nobody)
{
    start();
    uint64_t old_id, new_id;
    int old = open_client(0, &old_id);
    close(old);
    tick(6);
    int other = open_client(0, &new_id);
    cr_assert((uint32_t)old_id == (uint32_t)new_id, "the slot is to be the same one");
    cr_assert(old_id != new_id);
    cr_assert(registry_send_text(&shards[1], old_id, "lost", 4) == 0,
              "a dead receiver is no error");
    cr_assert(!registry_unregister(&shards[0], old_id));
    cr_assert(!registry_touch(&shards[0], old_id));
    cr_assert(registry_join_room(&shards[0], old_id, "r", 1) == HUB_REFUSED);
    cr_assert(!registry_leave_room(&shards[0], old_id, "r", 1));
    cr_assert(registry_send_text(&shards[1], 0, "nobody", 6) == 0);
    cr_assert(strcmp(received(other), "") == 0);
    close(other);
    stop();
}

// Rooms whose home is either shard, so that both ways are taken.
static const char *const rooms[] = {"a", "b", "c", "d", "e", "f"};

Test(registry, rooms_over_both_shards)
{
    start();
    uint64_t id[CLIENTS];
    int fd[CLIENTS];
    for (uint16_t i = 0; i < CLIENTS; i++)
        fd[i] = open_client(i % SHARDS, &id[i]);
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        for (int i = 0; i < CLIENTS; i++) {
            struct shard *own = &shards[i % SHARDS];
            cr_assert(registry_join_room(own, id[i], rooms[r], 1) != HUB_REFUSED);
            cr_assert(registry_join_room(own, id[i], rooms[r], 1) != HUB_REFUSED,
                      "joining twice changes nothing");
        }
        tick(4);
        cr_assert(registry_broadcast_room_text(&shards[0], rooms[r], 1, "to all", 6, 0) == 0);
        tick(4);
        cr_assert(registry_broadcast_room_text(&shards[1], rooms[r], 1, "not 3", 5, id[3]) == 0);
        for (int i = 0; i < CLIENTS; i++)
            cr_assert(strcmp(received(fd[i]), i == 3 ? "to all|" : "to all|not 3|") == 0,
                      "room %s, client %d", rooms[r], i);
    }
    cr_assert(registry_leave_room(&shards[0], id[0], "a", 1));
    cr_assert(!registry_leave_room(&shards[0], id[0], "a", 1));
    tick(4);
    cr_assert(registry_broadcast_room_text(&shards[1], "a", 1, "rest", 4, 0) == 0);
    cr_assert(strcmp(received(fd[0]), "") == 0);
    cr_assert(strcmp(received(fd[1]), "rest|") == 0);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    stop();
}

Test(registry, unregister_leaves_every_room_whatever_races_it)
{
    start();
    uint64_t gone_id, other_id;
    int gone = open_client(0, &gone_id), other = open_client(1, &other_id);
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++)
        cr_assert(registry_join_room(&shards[0], gone_id, rooms[r], 1) != HUB_REFUSED);
    cr_assert(registry_unregister(&shards[0], gone_id));
    cr_assert(!registry_leave_room(&shards[0], gone_id, "a", 1), "it is closing");
    cr_assert(registry_join_room(&shards[0], gone_id, "z", 1) == HUB_REFUSED);
    close(gone);
    tick(8);
    for (int i = 0; i < SHARDS; i++) {
        cr_assert(counter_read(&shards[i].hub.counters.rooms) == 0);
        cr_assert(counter_read(&shards[i].hub.counters.homes) == 0);
    }
    cr_assert(registry_connection_count(&group) == 1);
    close(other);
    stop();
}

Test(registry, broadcasts_reach_every_connection)
{
    start();
    uint64_t id[CLIENTS];
    int fd[CLIENTS];
    for (uint16_t i = 0; i < CLIENTS; i++)
        fd[i] = open_client(i % SHARDS, &id[i]);
    cr_assert(registry_broadcast_text(&shards[1], "one", 3) == 0);
    cr_assert(registry_broadcast_text(&shards[1], "two", 3) == 0);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert(strcmp(received(fd[i]), "one|two|") == 0);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    stop();
}

Test(registry, sweeps_the_idle_but_not_the_touched)
{
    start();
    uint64_t idle_id, touched_id, ids[4];
    int idle = open_client(0, &idle_id), touched = open_client(0, &touched_id);
    skew_ms = 59000;
    tick(1);
    cr_assert(registry_touch(&shards[0], touched_id));
    skew_ms = 61000;
    shards[0].net.now_ms = skewed_ms();
    cr_assert(registry_sweep_idle(&shards[0], skewed_ms(), ids, 4) == 1);
    cr_assert(ids[0] == idle_id);
    tick(4);
    cr_assert(registry_touch(&shards[0], touched_id), "the touched one is still there");
    cr_assert(!registry_touch(&shards[0], idle_id));
    close(idle);
    close(touched);
    stop();
}

Test(registry, close_all_says_how_many)
{
    start();
    uint64_t id;
    int first = open_client(0, &id), second = open_client(0, &id);
    cr_assert(registry_close_all(&shards[0], CLOSE_REASON_DRAINING) == 2);
    cr_assert(registry_close_all(&shards[0], CLOSE_REASON_DRAINING) == 0);
    tick(4);
    uint8_t in[128];
    ssize_t got = recv(first, in, sizeof in, MSG_DONTWAIT);
    cr_assert(got >= 4 && in[0] == 0x88 && in[2] == 1001 >> 8 && in[3] == (1001 & 0xff));
    close(first);
    close(second);
    stop();
}
