// SPDX-License-Identifier: MIT
//
// usage: stress [SECONDS] [SEED]
#include "stress/stress.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 120000

struct ringcast *rc;
_Atomic bool stopping = true;
_Atomic uint64_t ids[SLOTS];
_Atomic uint64_t opened, ended, not_taken, released, posted, arrived;
_Atomic uint64_t probe_joined, probe_seen, probe_wanted, ticks[SHARDS];
struct poster posters[POSTERS];

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("not ok - ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(NULL);
    _exit(1);
}

// --- The instance

static void on_open(struct ringcast *of, ringcast_id id, void *connection)
{
    char text[MESSAGE_MAX];
    unsigned slot = (unsigned)(uintptr_t)connection - 1;
    int len = snprintf(text, sizeof text, "I %llx", (unsigned long long)id.value);
    // First of all it learns who it is; only then the others learn of it.
    if (ringcast_send_text(of, id, text, (size_t)len))
        fail("a connection that has just opened takes no message");
    atomic_fetch_add(&opened, 1);
    atomic_store(&ids[slot], id.value);
}

static void on_close(struct ringcast *of, ringcast_id id, void *connection,
                     const struct ringcast_end *end)
{
    (void)of, (void)connection;
    if (strncmp(end->reason, "slow", 4) == 0)
        fail("a client was evicted: %s", end->reason);
    atomic_fetch_add(id.value ? &ended : &not_taken, 1);
}

static void on_joined(struct ringcast *of, ringcast_id id, void *connection, const char *room,
                      size_t room_len, bool joined)
{
    (void)of, (void)id, (void)connection;
    if (!joined)
        fail("a join was not accepted");
    if (room_len == 5 && memcmp(room, "probe", 5) == 0)
        atomic_fetch_add(&probe_joined, 1);
}

static void on_tick(struct ringcast *of, unsigned shard, uint64_t now_ms)
{
    (void)of, (void)now_ms;
    if (!stopping)
        post_a_little(&posters[FOREIGN + shard]);
    publish_what_is_wanted();
    atomic_fetch_add(&ticks[shard], 1);
}

static void start(void)
{
    static const struct ringcast_callbacks callbacks = {
        .on_open = on_open, .on_close = on_close, .on_joined = on_joined, .on_tick = on_tick};
    struct ringcast_options options;
    char error[256];
    ringcast_options_init(&options, sizeof options);
    options.threads = SHARDS;
    options.callbacks = &callbacks;
    options.max_connections = 4 * 4 * SLOTS;
    options.max_rooms = 64;
    options.outbound_messages = 1 << 20;
    options.outbound_bytes = 1 << 30;
    options.outbound_age_ms = 0;
    options.inbox_commands = 256;
    options.inbox_bytes = 1 << 16;
    options.recv_buffers = 64;
    options.tick_interval_ms = 1;
    options.ping_interval_ms = 1000; // pings come between all that
    if (ringcast_create(&rc, &options, error, sizeof error) ||
        ringcast_start(rc, error, sizeof error))
        fail("%s", error);
}

// --- The verdict

static bool wait_until(bool (*true_now)(void))
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms++) {
        if (true_now())
            return true;
        usleep(1000);
    }
    return false;
}

static bool all_open(void)
{
    unsigned count = 0;
    for (unsigned slot = 0; slot < STABLE; slot++)
        count += atomic_load(&ids[slot]) != 0;
    return count == STABLE;
}

static bool all_arrived(void)
{
    return atomic_load(&arrived) == atomic_load(&posted);
}

static uint64_t registered(void)
{
    uint64_t count = STABLE;
    for (unsigned i = 0; i < POSTERS; i++)
        count += posters[i].registered;
    return count;
}

static bool all_taken(void)
{
    return opened + not_taken == registered();
}

static bool all_ended(void)
{
    return atomic_load(&ended) == atomic_load(&opened);
}

static bool all_counted(void)
{
    return ringcast_connection_count(rc) == atomic_load(&opened) - atomic_load(&ended);
}

// The receiving thread has ended: what the clients know is ours to read.
static void compare(void)
{
    for (unsigned slot = 0; slot < STABLE; slot++) {
        const struct client *client = &clients[slot];
        for (unsigned p = 0; p < POSTERS; p++) {
            if (client->broadcast[p] != posters[p].broadcasts)
                fail("client %u has %llu messages to everybody of poster %u, not %llu", slot,
                     (unsigned long long)client->broadcast[p], p,
                     (unsigned long long)posters[p].broadcasts);
            for (unsigned room = 0; room < ROOMS; room++)
                if (client->room[room][p] != posters[p].rooms[room])
                    fail("client %u has %llu messages of poster %u to room %u, not %llu", slot,
                         (unsigned long long)client->room[room][p], p, room,
                         (unsigned long long)posters[p].rooms[room]);
        }
        for (unsigned room = 0; room < ROOMS; room++)
            if (client->order[room] != clients[0].order[room] ||
                client->messages[room] != clients[0].messages[room])
                fail("clients 0 and %u have seen room %u in another order", slot, room);
    }
}

static void look_at_metrics(void)
{
    size_t len;
    char *text = ringcast_metrics(rc, &len);
    if (!text || !strstr(text, "\nringcast_websockets 0\n"))
        fail("connections are left");
    ringcast_free(text);
}

static void wait_for_ticks(void)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        uint64_t before = atomic_load(&ticks[shard]);
        while (atomic_load(&ticks[shard]) < before + 2)
            usleep(100);
    }
}

static void end(pthread_t receiver)
{
    stopping = true;
    for (unsigned i = 0; i < FOREIGN; i++)
        pthread_join(posters[i].thread, NULL);
    wait_for_ticks(); // and the shards see it too
    if (!wait_until(all_taken))
        fail("%llu registered, %llu opened", (unsigned long long)registered(),
             (unsigned long long)opened);
    if (!wait_until(all_arrived))
        fail("%llu messages posted, %llu arrived", (unsigned long long)posted,
             (unsigned long long)arrived);
    if (!wait_until(all_counted))
        fail("connection_count says %llu", (unsigned long long)ringcast_connection_count(rc));
    receiving = false;
    int64_t count = ringcast_close_all(rc, 1001, "the end");
    if (count < STABLE)
        fail("close_all says %lld", (long long)count);
    if (!wait_until(all_ended))
        fail("%llu connections opened, %llu ended", (unsigned long long)opened,
             (unsigned long long)ended);
    pthread_join(receiver, NULL);
    compare();
    look_at_metrics();
    ringcast_destroy(rc); // its own checks find what a shard has kept
}

static void report(void)
{
    struct poster sum = {.index = 0};
    for (unsigned i = 0; i < POSTERS; i++) {
        sum.lent += posters[i].lent;
        sum.refused += posters[i].refused;
        sum.closed += posters[i].closed;
        sum.joins_checked += posters[i].joins_checked;
    }
    if (released != sum.lent)
        fail("%llu lent, %llu released", (unsigned long long)sum.lent,
             (unsigned long long)released);
    printf("ok - %llu messages to rooms and everybody, at each of %d clients once and in order\n",
           (unsigned long long)posted, STABLE);
    printf("ok - %llu connections came and went\n", (unsigned long long)opened);
    printf("ok - %llu lent and released\n", (unsigned long long)released);
    printf("ok - %llu joins seen by the next publish\n", (unsigned long long)sum.joins_checked);
    printf("ok - nothing reached another connection (%llu posts refused, %llu closes)\n",
           (unsigned long long)sum.refused, (unsigned long long)sum.closed);
    printf("1..5\n");
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 60;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    pthread_t receiver;
    srand((unsigned)seed);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i].index = i;
        rand_seed(&posters[i].rand, seed * POSTERS + i);
    }
    start();
    for (unsigned slot = 0; slot < STABLE; slot++)
        CHECK(clients_connect(slot));
    CHECK(pthread_create(&receiver, NULL, receive_until_ended, NULL) == 0);
    if (!wait_until(all_open))
        fail("the clients that stay do not open");
    stopping = false;
    for (unsigned i = 0; i < FOREIGN; i++)
        CHECK(pthread_create(&posters[i].thread, NULL, post_until_stopped, &posters[i]) == 0);
    sleep(seconds);
    end(receiver);
    report();
    return 0;
}
