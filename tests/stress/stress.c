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
#define ENDINGS     10 // of instances that are posted to meanwhile

struct ringcast *rc;
_Atomic bool stopping = true, checking_joins = true;
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

// --- What callbacks do

static _Atomic uint64_t rooms_marked, rooms_ended;

static struct poster *poster_here(void)
{
    return &posters[FOREIGN + (unsigned)ringcast_shard(rc)];
}

static bool is_stable(const void *connection)
{
    return (uintptr_t)connection - 1 < STABLE;
}

// Whatever the API has, to this connection and to others.
static void act_on(ringcast_id id, const void *connection)
{
    struct poster *poster = poster_here();
    if (stopping || is_stable(connection))
        return;
    char name = (char)('a' + rand_below(&poster->rand, ROOMS));
    switch (rand_below(&poster->rand, 8)) {
    case 0:
        (void)ringcast_close(rc, id, 4001, NULL);
        break;
    case 1:
        (void)ringcast_leave_room(rc, id, &name, 1);
        break;
    case 2:
        (void)ringcast_leave_room(rc, id, &name, 1);
        (void)ringcast_join_room(rc, id, &name, 1);
        break;
    case 3:
        (void)ringcast_unregister(rc, id);
        (void)ringcast_join_room(rc, id, &name, 1);
        break;
    default:
        break;
    }
    post_a_little(poster);
}

static bool visit(void *context, ringcast_id id, void *connection)
{
    ++*(int *)context;
    if (id.value == 0 || (uintptr_t)connection - 1 >= SLOTS)
        fail("a member that nobody knows");
    return true;
}

// The members of a room, and a pointer for it.
static void look_at_a_room(struct poster *poster)
{
    char name = (char)('a' + rand_below(&poster->rand, ROOMS));
    int count = 0;
    if (ringcast_room_each(rc, &name, 1, visit, &count) != count)
        fail("a room counts its members wrongly");
    if (!ringcast_room(rc, &name, 1) && ringcast_set_room(rc, &name, 1, &rooms_marked) == 0)
        atomic_fetch_add(&rooms_marked, 1);
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
    act_on(id, connection);
}

static int on_message(struct ringcast *of, ringcast_id id, void *connection,
                      enum ringcast_kind kind, const void *bytes, size_t len)
{
    if (kind != RINGCAST_TEXT || len != 1 || *(const char *)bytes != '?')
        fail("a message that nobody sent");
    if (ringcast_connection(of, id) != connection)
        fail("a connection has another pointer");
    act_on(id, connection);
    return 0;
}

static void on_room_end(struct ringcast *of, const char *room, size_t room_len, void *pointer)
{
    (void)of, (void)room, (void)room_len;
    if (pointer != &rooms_marked)
        fail("a room has another pointer");
    atomic_fetch_add(&rooms_ended, 1);
}

static void on_close(struct ringcast *of, ringcast_id id, void *connection,
                     const struct ringcast_end *end)
{
    (void)of;
    if (id.value)
        act_on(id, connection);
    if (strncmp(end->reason, "slow", 4) == 0)
        fail("a client was evicted: %s", end->reason);
    atomic_fetch_add(id.value ? &ended : &not_taken, 1);
}

static void on_joined(struct ringcast *of, ringcast_id id, void *connection, const char *room,
                      size_t room_len, bool joined)
{
    (void)of;
    if (!joined)
        fail("a join was not accepted");
    act_on(id, connection);
    if (room_len == 5 && memcmp(room, "probe", 5) == 0)
        atomic_fetch_add(&probe_joined, 1);
}

static void on_tick(struct ringcast *of, unsigned shard, uint64_t now_ms)
{
    (void)of, (void)now_ms;
    if (!stopping) {
        post_a_little(&posters[FOREIGN + shard]);
        look_at_a_room(&posters[FOREIGN + shard]);
    }
    publish_what_is_wanted();
    atomic_fetch_add(&ticks[shard], 1);
}

static void start(void)
{
    static const struct ringcast_callbacks callbacks = {.on_open = on_open,
                                                        .on_message = on_message,
                                                        .on_close = on_close,
                                                        .on_joined = on_joined,
                                                        .on_tick = on_tick,
                                                        .on_room_end = on_room_end};
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
    receiving = staying = false;
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
    if (rooms_marked != rooms_ended)
        fail("%llu rooms had pointers, %llu were handed back", (unsigned long long)rooms_marked,
             (unsigned long long)rooms_ended);
}

static struct poster sum_of_posters(void)
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
    return sum;
}

static void report(void)
{
    struct poster sum = sum_of_posters();
    printf("ok - %llu messages to rooms and everybody, at each of %d clients once and in order\n",
           (unsigned long long)posted, STABLE);
    printf("ok - %llu connections came and went\n", (unsigned long long)opened);
    printf("ok - %llu lent and released\n", (unsigned long long)released);
    printf("ok - %llu joins seen by the next publish\n", (unsigned long long)sum.joins_checked);
    printf("ok - nothing reached another connection (%llu posts refused, %llu closes)\n",
           (unsigned long long)sum.refused, (unsigned long long)sum.closed);
}

// --- A run

static void forget_all(uint64_t seed)
{
    memset(posters, 0, sizeof posters);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i].index = i;
        rand_seed(&posters[i].rand, seed * POSTERS + i);
    }
    for (unsigned slot = 0; slot < SLOTS; slot++)
        ids[slot] = 0;
    opened = ended = not_taken = released = posted = arrived = 0;
    probe_joined = probe_seen = probe_wanted = 0;
    rooms_marked = rooms_ended = 0;
    receiving = staying = true;
}

static pthread_t begin(uint64_t seed)
{
    pthread_t receiver;
    forget_all(seed);
    start();
    for (unsigned slot = 0; slot < STABLE; slot++)
        CHECK(clients_connect(slot));
    CHECK(pthread_create(&receiver, NULL, receive_until_ended, NULL) == 0);
    if (!wait_until(all_open))
        fail("the clients that stay do not open");
    stopping = false;
    for (unsigned i = 0; i < FOREIGN; i++)
        CHECK(pthread_create(&posters[i].thread, NULL, post_until_stopped, &posters[i]) == 0);
    return receiver;
}

// Everybody goes on posting while the instance ends, and behind that.
static void end_while_posting(pthread_t receiver)
{
    staying = false;
    ringcast_stop(rc, 300);
    ringcast_wait(rc);
    usleep(10000);
    stopping = true;
    for (unsigned i = 0; i < FOREIGN; i++)
        pthread_join(posters[i].thread, NULL);
    ringcast_destroy(rc);
    receiving = false;
    pthread_join(receiver, NULL);
    clients_forget();
    (void)sum_of_posters();
    if (!all_taken() || !all_ended() || rooms_marked != rooms_ended)
        fail("%llu registered, %llu opened, %llu handed back, %llu ended; %llu rooms, %llu ended",
             (unsigned long long)registered(), (unsigned long long)opened,
             (unsigned long long)not_taken, (unsigned long long)ended,
             (unsigned long long)rooms_marked, (unsigned long long)rooms_ended);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 60;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    srand((unsigned)seed);
    pthread_t receiver = begin(seed);
    sleep(seconds);
    end(receiver);
    report();
    checking_joins = false;
    for (unsigned i = 1; i <= ENDINGS; i++) {
        receiver = begin(seed + i);
        usleep(100000);
        end_while_posting(receiver);
    }
    printf("ok - %d ends among posts, nothing lost that was handed over\n1..6\n", ENDINGS);
    return 0;
}
