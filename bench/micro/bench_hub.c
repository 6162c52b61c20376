// SPDX-License-Identifier: MIT
//
// What rooms cost, without sockets: joining and leaving, alone in a room and with many, and a
// message's way to its members. One shard, which is the home of all its rooms.
#include "base/clock.h"
#include "hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 10000
#define ROUNDS      100
#define MEMBERS     1000
#define MESSAGES    2000
#define SLICE       512

static struct memberships memberships[CONNECTIONS];
static struct hub hub;
static struct frame_pool frames;
static struct run_pool runs;
static uint64_t delivered;
static uint8_t names[CONNECTIONS][16];
static size_t name_lens[CONNECTIONS];

static struct memberships *memberships_of(void *context, uint32_t connection)
{
    (void)context;
    return &memberships[connection];
}

static uint32_t local_slot(void *context, uint64_t id)
{
    (void)context, (void)id;
    return SLAB_NONE;
}

static void joined(void *context, uint32_t connection, const struct room_name *name, bool accepted)
{
    (void)context, (void)connection, (void)name, (void)accepted;
}

static void deliver(void *context, uint32_t connection, struct run *run)
{
    (void)context, (void)connection, (void)run;
    delivered++;
}

static void post(void *context, uint16_t shard, const struct mail *mail)
{
    (void)context, (void)shard, (void)mail;
    UNREACHABLE(); // there is one shard
}

static bool crowded(void *context, uint16_t shard)
{
    (void)context, (void)shard;
    return false;
}

static void resumed(void *context)
{
    (void)context;
}

static void report(const char *name, uint64_t count, uint64_t spent_ns)
{
    printf("%-44s %8.1f ns\n", name, (double)spent_ns / (double)count);
}

// Connection c joins room c mod `rooms`, then all leave, in the order in which they came.
static void bench_joins(const char *title, uint32_t rooms)
{
    char line[80];
    uint64_t join_ns = 0, leave_ns = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = clock_thread_cpu_ns();
        for (uint32_t c = 0; c < CONNECTIONS; c++)
            CHECK(hub_join(&hub, c, names[c % rooms], name_lens[c % rooms]) == HUB_JOINED);
        uint64_t middle_ns = clock_thread_cpu_ns();
        for (uint32_t c = 0; c < CONNECTIONS; c++)
            hub_leave_all(&hub, c);
        join_ns += middle_ns - begin_ns;
        leave_ns += clock_thread_cpu_ns() - middle_ns;
    }
    snprintf(line, sizeof line, "join, %s", title);
    report(line, ROUNDS * CONNECTIONS, join_ns);
    snprintf(line, sizeof line, "leave, %s", title);
    report(line, ROUNDS * CONNECTIONS, leave_ns);
}

static void publish(uint32_t len)
{
    struct frame *frame = frame_create(&frames, len);
    CHECK(frame);
    memset(frame->data, 'x', len);
    frame->len = len;
    CHECK(hub_publish_name(&hub, names[0], name_lens[0], frame) == 0);
}

static void flush(void)
{
    struct hub_slice slice;
    do {
        hub_flush_begin(&hub);
        while (hub_next_slice(&hub, SLICE, &slice))
            delivered += slice.count;
    } while (hub_busy(&hub));
    (void)hub_next_slice(&hub, SLICE, &slice); // lets go of the last run
}

// `together` messages a tick, to all members of one room.
static void bench_messages(const char *title, uint32_t together)
{
    for (uint32_t c = 0; c < MEMBERS; c++)
        CHECK(hub_join(&hub, c, names[0], name_lens[0]) == HUB_JOINED);
    delivered = 0;
    uint64_t begin_ns = clock_thread_cpu_ns();
    for (uint32_t i = 0; i < MESSAGES; i += together) {
        for (uint32_t k = 0; k < together; k++)
            publish(102);
        flush();
    }
    report(title, MESSAGES, clock_thread_cpu_ns() - begin_ns);
    CHECK(delivered == (uint64_t)MESSAGES / together * MEMBERS);
    for (uint32_t c = 0; c < MEMBERS; c++)
        hub_leave_all(&hub, c);
}

int main(void)
{
    static const struct hub_ops ops = {
        .memberships = memberships_of,
        .local_slot = local_slot,
        .joined = joined,
        .deliver = deliver,
        .post = post,
        .crowded = crowded,
        .resumed = resumed,
    };
    struct hub_options options = {.shard_count = 1, .max_rooms = CONNECTIONS, .hash_key = {{1, 2}}};
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        name_lens[i] = (size_t)snprintf((char *)names[i], sizeof names[i], "room-%u", i);
    frame_pool_init(&frames, NULL, 0);
    run_pool_init(&runs, &frames);
    CHECK(hub_init(&hub, &options, &ops, NULL, &runs) == 0);
    bench_joins("10,000 connections in one room", 1);
    bench_joins("10 members in each room", CONNECTIONS / 10);
    bench_joins("alone in a room: made and freed", CONNECTIONS);
    bench_messages("publish and lay out, one a tick", 1);
    bench_messages("publish and lay out, 16 a tick: each", 16);
    hub_fini(&hub);
    run_pool_fini(&runs);
    frame_pool_fini(&frames);
    return 0;
}
