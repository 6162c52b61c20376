// SPDX-License-Identifier: MIT
//
// What it costs a thread without a shard to publish to a room: its CPU time for a post, and how
// long until a member has the message. With 1 and 8 such threads, each message copied or lent.
//
// The member is the other end of a socket pair, read by a thread of its own. `paced`: a message
// every millisecond and thread, so that the shard sleeps and has to be woken; `bursts`: as many at
// once as BURST, then a wait until the member has them all. Each message says when it was posted;
// what that look at the clock costs is measured too, and taken off.
#include "ringcast/ringcast.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PUBLISHERS_MAX 8
#define PAYLOAD_BYTES  100
#define FRAME_BYTES    (2 + PAYLOAD_BYTES)
#define BURST          64
#define BURSTS         500 // of each thread
#define PACED          1000
#define SAMPLES_MAX    (PUBLISHERS_MAX * BURST * BURSTS)

static struct ringcast *rc;
static _Atomic uint64_t received;
static uint64_t *samples_ns; // of the member's messages, in the order of their arrival
static pthread_barrier_t together;

struct publisher {
    pthread_t thread;
    bool lend, paced;
    uint64_t post_ns, posts, refused;
    uint8_t payloads[BURST][PAYLOAD_BYTES];
};

// --- The member

static void take_frame(const uint8_t *frame)
{
    uint64_t sent_ns, number = atomic_load(&received);
    CHECK(frame[0] == 0x82 && frame[1] == PAYLOAD_BYTES);
    memcpy(&sent_ns, frame + 2, sizeof sent_ns);
    samples_ns[number % SAMPLES_MAX] = clock_monotonic_ns() - sent_ns;
    atomic_store(&received, number + 1);
}

static void *receive(void *argument)
{
    static uint8_t bytes[64 * 1024];
    size_t have = 0;
    ssize_t got;
    int fd = *(int *)argument;
    while ((got = recv(fd, bytes + have, sizeof bytes - have, 0)) > 0) {
        size_t at = 0;
        have += (size_t)got;
        for (; have - at >= FRAME_BYTES; at += FRAME_BYTES)
            take_frame(bytes + at);
        memmove(bytes, bytes + at, have - at);
        have -= at;
    }
    return NULL;
}

// --- The publishers

static void keep(void *payload)
{
    (void)payload; // it is ours, and will be written again only when the burst has arrived
}

static void stamp(uint8_t *bytes)
{
    uint64_t now_ns = clock_monotonic_ns();
    memcpy(bytes, &now_ns, sizeof now_ns);
}

static int post(bool lend, uint8_t *bytes)
{
    struct ringcast_payload payload = {
        .kind = RINGCAST_BINARY, .bytes = bytes, .len = PAYLOAD_BYTES, .release = keep};
    stamp(bytes);
    if (lend)
        return ringcast_broadcast_room_lent(rc, "room", 4, &payload, (ringcast_id){0});
    return ringcast_broadcast_room_binary(rc, "room", 4, payload.bytes, payload.len,
                                          (ringcast_id){0});
}

static void post_burst(struct publisher *publisher, unsigned count)
{
    uint64_t began_ns = clock_thread_cpu_ns();
    for (unsigned done = 0; done < count;) {
        int result = post(publisher->lend, publisher->payloads[done]);
        CHECK(result == 0 || result == -EAGAIN);
        done += result == 0;
        publisher->refused += result != 0;
    }
    publisher->post_ns += clock_thread_cpu_ns() - began_ns;
    publisher->posts += count;
}

static void *publish(void *argument)
{
    struct publisher *publisher = argument;
    unsigned rounds = publisher->paced ? PACED : BURSTS;
    for (unsigned round = 0; round < rounds; round++) {
        post_burst(publisher, publisher->paced ? 1 : BURST);
        if (publisher->paced)
            usleep(1000);
        else
            pthread_barrier_wait(&together); // with the one who waits for all of them to arrive
    }
    return NULL;
}

// --- Runs

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double stamp_ns(void)
{
    enum { TIMES = 100000 };
    static uint8_t bytes[8];
    uint64_t began_ns = clock_thread_cpu_ns();
    for (int i = 0; i < TIMES; i++)
        stamp(bytes);
    return (double)(clock_thread_cpu_ns() - began_ns) / TIMES;
}

static void report(const struct publisher *publishers, unsigned count, uint64_t messages)
{
    uint64_t post_ns = 0, refused = 0;
    for (unsigned i = 0; i < count; i++) {
        post_ns += publishers[i].post_ns;
        refused += publishers[i].refused;
    }
    double stamps = (double)(messages + refused) * stamp_ns();
    qsort(samples_ns, messages, sizeof *samples_ns, by_size);
    printf("%u publisher%s %s %s  %8.1f ns/post  member after p50 %7.1f us, p99 %7.1f us  "
           "(refused %llu)\n",
           count, count == 1 ? ", " : "s,", publishers->paced ? "paced, " : "bursts,",
           publishers->lend ? "lent  " : "copied", ((double)post_ns - stamps) / (double)messages,
           (double)samples_ns[messages / 2] / 1e3, (double)samples_ns[messages * 99 / 100] / 1e3,
           (unsigned long long)refused);
}

static void wait_for(uint64_t count)
{
    while (atomic_load(&received) < count)
        usleep(20);
}

static void run(unsigned count, bool paced, bool lend)
{
    static struct publisher publishers[PUBLISHERS_MAX];
    uint64_t each = paced ? PACED : BURST * BURSTS;
    memset(publishers, 0, sizeof publishers);
    atomic_store(&received, 0);
    CHECK(pthread_barrier_init(&together, NULL, count + 1) == 0);
    for (unsigned i = 0; i < count; i++) {
        publishers[i].paced = paced;
        publishers[i].lend = lend;
        CHECK(pthread_create(&publishers[i].thread, NULL, publish, &publishers[i]) == 0);
    }
    for (unsigned round = 1; !paced && round <= BURSTS; round++) {
        wait_for((uint64_t)round * BURST * count);
        pthread_barrier_wait(&together);
    }
    for (unsigned i = 0; i < count; i++)
        CHECK(pthread_join(publishers[i].thread, NULL) == 0);
    wait_for(each * count);
    report(publishers, count, each * count);
    pthread_barrier_destroy(&together);
}

static void start(int fd)
{
    struct ringcast_options options;
    struct ringcast_decision decision = {.status = 0};
    char error[256];
    ringcast_options_init(&options, sizeof options);
    options.threads = 1;
    options.max_connections = 16;
    if (ringcast_create(&rc, &options, error, sizeof error) ||
        ringcast_start(rc, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    CHECK(ringcast_decision_join(&decision, "room", 4) == 0);
    CHECK(ringcast_register(rc, fd, &(struct ringcast_registration){.decision = &decision}) == 0);
    while (ringcast_connection_count(rc) == 0)
        usleep(1000);
}

int main(void)
{
    int pair[2];
    pthread_t member;
    samples_ns = calloc(SAMPLES_MAX, sizeof *samples_ns);
    CHECK(samples_ns && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(pthread_create(&member, NULL, receive, &pair[0]) == 0);
    start(pair[1]);
    for (int lend = 0; lend < 2; lend++)
        for (unsigned count = 1; count <= PUBLISHERS_MAX; count += PUBLISHERS_MAX - 1) {
            run(count, false, lend);
            run(count, true, lend);
        }
    ringcast_destroy(rc);
    CHECK(pthread_join(member, NULL) == 0);
    free(samples_ns);
    return 0;
}
