// SPDX-License-Identifier: MIT
//
// Several hubs with a fake post between them: mails of one pair keep their order, pairs are served
// at random. Members record what they get; the oracle is the order in which each room's home
// published.
#include "hub/hub.h"

#include "base/rand.h"
#include "hub/connection_id.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS    3
#define MEMBERS   12 // connections per shard
#define ROOMS     4
#define QUEUE_MAX 4096
#define LOG_MAX   4096

struct member {
    struct memberships rooms;
    bool acknowledged;
    uint32_t got[ROOMS], got_count[ROOMS]; // last sequence number, and how many
    uint32_t expected_from[ROOMS];         // what was published when the join was acknowledged
};

struct world {
    struct frame_pool frames[SHARDS];
    struct run_pool runs[SHARDS];
    struct hub hubs[SHARDS];
    struct member members[SHARDS][MEMBERS];
    struct mail queue[SHARDS][SHARDS][QUEUE_MAX];
    uint32_t head[SHARDS][SHARDS], tail[SHARDS][SHARDS];
    uint32_t published[ROOMS];
    uint32_t crowded_mask, resumes;
    struct rand rand;
};

static struct world *w;

static uint16_t shard_of(void *context)
{
    return (uint16_t)((struct hub *)context - w->hubs);
}

static struct memberships *memberships(void *context, uint32_t connection)
{
    return &w->members[shard_of(context)][connection].rooms;
}

static uint32_t local_slot(void *context, uint64_t id)
{
    return connection_id_shard(id) == shard_of(context) ? connection_id_slot(id) : SLAB_NONE;
}

static void joined(void *context, uint32_t connection, const struct room_name *name, bool accepted)
{
    cr_assert(name->len > 0);
    w->members[shard_of(context)][connection].acknowledged = accepted;
}

static void take(struct member *member, const struct run *run)
{
    const uint8_t *bytes = run_bytes(run);
    for (uint32_t at = 0; at < run_len(run); at += 8) {
        uint32_t room, sequence;
        memcpy(&room, bytes + at, 4);
        memcpy(&sequence, bytes + at + 4, 4);
        cr_assert(sequence > member->got[room], "reordered or doubled");
        member->got[room] = sequence;
        member->got_count[room]++;
    }
}

static void deliver(void *context, uint32_t connection, struct run *run)
{
    take(&w->members[shard_of(context)][connection], run);
}

static void give_up(void *context, uint32_t connection)
{
    (void)context;
    cr_assert(connection == SLAB_NONE, "there is memory enough");
}

static void post(void *context, uint16_t to, const struct mail *mail)
{
    uint16_t from = shard_of(context);
    cr_assert(w->tail[from][to] < QUEUE_MAX);
    w->queue[from][to][w->tail[from][to]++] = *mail;
}

static bool crowded(void *context, uint16_t to)
{
    (void)context;
    return w->crowded_mask >> to & 1;
}

static void resumed(void *context)
{
    (void)context;
    w->resumes++;
}

static void room_ended(void *context, const struct room_name *name, void *user)
{
    (void)context;
    cr_assert(name->len > 0);
    ++*(uint32_t *)user;
}

static const struct hub_ops ops = {.memberships = memberships,
                                   .local_slot = local_slot,
                                   .joined = joined,
                                   .deliver = deliver,
                                   .give_up = give_up,
                                   .post = post,
                                   .crowded = crowded,
                                   .resumed = resumed,
                                   .room_ended = room_ended};

static void set_up(void)
{
    w = calloc(1, sizeof *w);
    for (uint16_t s = 0; s < SHARDS; s++) {
        struct hub_options options = {
            .shard = s, .shard_count = SHARDS, .max_rooms = 64, .hash_key = {{1, 2}}};
        frame_pool_init(&w->frames[s], NULL, 0);
        run_pool_init(&w->runs[s], &w->frames[s]);
        cr_assert(hub_init(&w->hubs[s], &options, &ops, &w->hubs[s], &w->runs[s]) == 0);
    }
}

static bool deliver_one_mail(uint32_t from, uint32_t to)
{
    if (w->head[from][to] == w->tail[from][to])
        return false;
    struct mail mail = w->queue[from][to][w->head[from][to]++];
    if (w->head[from][to] == w->tail[from][to])
        w->head[from][to] = w->tail[from][to] = 0;
    hub_receive(&w->hubs[to], (uint16_t)from, &mail);
    return true;
}

static bool flush(uint32_t shard, uint32_t budget)
{
    struct hub_slice slice;
    struct hub *hub = &w->hubs[shard];
    hub_flush_begin(hub);
    while (budget && hub_next_slice(hub, budget, &slice)) {
        cr_assert_leq(slice.cost, budget);
        budget -= slice.cost;
        for (uint32_t i = 0; i < slice.count; i++) {
            if (!slice.entries[i].skip)
                take(&w->members[shard][slice.entries[i].connection], slice.run);
            slice.entries[i].skip = 0;
        }
    }
    return hub_busy(hub);
}

static void settle(void)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (uint32_t from = 0; from < SHARDS; from++)
            for (uint32_t to = 0; to < SHARDS; to++)
                while (deliver_one_mail(from, to))
                    moved = true;
        for (uint32_t s = 0; s < SHARDS; s++)
            moved |= flush(s, 100);
    }
}

static void tear_down(void)
{
    w->crowded_mask = 0;
    for (uint32_t s = 0; s < SHARDS; s++)
        for (uint32_t m = 0; m < MEMBERS; m++)
            hub_leave_all(&w->hubs[s], m);
    settle();
    for (uint32_t s = 0; s < SHARDS; s++) {
        cr_assert(counter_read(&w->hubs[s].counters.rooms) == 0);
        cr_assert(counter_read(&w->hubs[s].counters.homes) == 0);
        cr_assert(counter_read(&w->hubs[s].counters.memberships) == 0);
        flush(s, 1);
        hub_fini(&w->hubs[s]);
    }
    for (uint32_t s = 0; s < SHARDS; s++)
        run_pool_fini(&w->runs[s]);
    for (uint32_t s = 0; s < SHARDS; s++)
        frame_pool_collect(&w->frames[s]);
    for (uint32_t s = 0; s < SHARDS; s++)
        frame_pool_fini(&w->frames[s]);
    free(w);
}

static enum hub_join join(uint32_t shard, uint32_t member, uint32_t room)
{
    uint8_t name = (uint8_t)('a' + room);
    return hub_join(&w->hubs[shard], member, &name, 1);
}

static bool leave(uint32_t shard, uint32_t member, uint32_t room)
{
    uint8_t name = (uint8_t)('a' + room);
    return hub_leave(&w->hubs[shard], member, &name, 1);
}

static struct frame *message(uint32_t shard, uint32_t room, uint32_t sequence, uint64_t exclude_id)
{
    struct frame *frame = frame_create(&w->frames[shard], 8);
    memcpy(frame->data, &room, 4);
    memcpy(frame->data + 4, &sequence, 4);
    frame->len = 8;
    frame->exclude_id = exclude_id;
    return frame;
}

static void publish(uint32_t shard, uint32_t room, uint64_t exclude_id)
{
    uint8_t name = (uint8_t)('a' + room);
    struct frame *frame = message(shard, room, ++w->published[room], exclude_id);
    cr_assert(hub_publish_name(&w->hubs[shard], &name, 1, frame) == 0);
}

Test(hub, every_member_gets_every_message_once, .init = set_up, .fini = tear_down)
{
    for (uint32_t s = 0; s < SHARDS; s++)
        for (uint32_t m = 0; m < MEMBERS; m++)
            for (uint32_t r = 0; r < ROOMS; r++)
                cr_assert(join(s, m, r) != HUB_REFUSED);
    settle();
    for (int i = 0; i < 50; i++)
        for (uint32_t r = 0; r < ROOMS; r++) {
            publish((r + 1) % SHARDS, r, 0); // one publisher per room: its order is the room's
            if (i % 3 == 0)
                flush(r % SHARDS, 5);
        }
    settle();
    for (uint32_t s = 0; s < SHARDS; s++)
        for (uint32_t m = 0; m < MEMBERS; m++)
            for (uint32_t r = 0; r < ROOMS; r++)
                cr_assert(w->members[s][m].got_count[r] == 50);
}

Test(hub, leaves_out_who_is_excluded, .init = set_up, .fini = tear_down)
{
    for (uint32_t s = 0; s < SHARDS; s++)
        for (uint32_t m = 0; m < 3; m++)
            cr_assert(join(s, m, 0) != HUB_REFUSED);
    settle();
    for (uint32_t i = 0; i < 40; i++)
        publish(1, 0, i % 2 ? connection_id(1, 1, 2) : 0);
    settle();
    for (uint32_t s = 0; s < SHARDS; s++)
        for (uint32_t m = 0; m < 3; m++)
            cr_assert(w->members[s][m].got_count[0] == (s == 1 && m == 2 ? 20U : 40U));
}

Test(hub, joining_twice_and_leaving_what_one_is_not_in, .init = set_up, .fini = tear_down)
{
    cr_assert(!leave(0, 0, 0));
    cr_assert(join(0, 0, 0) != HUB_REFUSED);
    settle();
    cr_assert(join(0, 0, 0) == HUB_JOINED);
    cr_assert(w->members[0][0].rooms.count == 1);
    cr_assert(leave(0, 0, 0) && !leave(0, 0, 0));
}

Test(hub, refuses_rooms_past_the_limit, .init = set_up, .fini = tear_down)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t name[2] = {'n', (uint8_t)i};
        refused += hub_join(&w->hubs[0], 0, name, 2) == HUB_REFUSED;
    }
    cr_assert(refused == 100 - 64);
    settle();
    cr_assert(w->members[0][0].rooms.count == 64);
}

// Joins, leaves, publishes, mails and slices in a random order. A member that joined, was
// acknowledged and stayed must have everything published since; take() checks order and doubles all
// along.
static void random_walk(uint64_t seed)
{
    rand_seed(&w->rand, seed);
    for (int step = 0; step < 4000; step++) {
        uint32_t s = rand_below(&w->rand, SHARDS), m = rand_below(&w->rand, MEMBERS);
        uint32_t r = rand_below(&w->rand, ROOMS);
        switch (rand_below(&w->rand, 8)) {
        case 0:
            cr_assert(join(s, m, r) != HUB_REFUSED);
            break;
        case 1:
            (void)leave(s, m, r);
            break;
        case 2:
            publish((r + 1) % SHARDS, r, 0);
            break;
        case 3:
            publish((r + 1) % SHARDS, r, connection_id((uint16_t)s, 1, m));
            break;
        case 4:
            flush(s, 1 + rand_below(&w->rand, 8));
            break;
        default:
            deliver_one_mail(s, rand_below(&w->rand, SHARDS));
        }
        if (step % 500 == 0)
            settle();
    }
    settle();
}

Test(hub, random_walks, .init = set_up, .fini = tear_down)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        random_walk(seed);
        uint32_t before[SHARDS][MEMBERS][ROOMS];
        for (uint32_t s = 0; s < SHARDS; s++)
            for (uint32_t m = 0; m < MEMBERS; m++)
                for (uint32_t r = 0; r < ROOMS; r++) {
                    cr_assert(join(s, m, r) != HUB_REFUSED);
                    before[s][m][r] = w->members[s][m].got_count[r];
                }
        settle();
        for (uint32_t r = 0; r < ROOMS; r++)
            for (int i = 0; i < 5; i++)
                publish((r + 1) % SHARDS, r, 0);
        settle();
        for (uint32_t s = 0; s < SHARDS; s++)
            for (uint32_t m = 0; m < MEMBERS; m++)
                for (uint32_t r = 0; r < ROOMS; r++)
                    cr_assert(w->members[s][m].got_count[r] == before[s][m][r] + 5);
    }
}

static uint32_t room_slot(uint32_t shard, uint32_t member)
{
    return memberships_at(&w->members[shard][member].rooms, 0)->room;
}

Test(hub, publishers_wait_while_a_site_lags, .init = set_up, .fini = tear_down)
{
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(join(s, 0, 0) != HUB_REFUSED);
    settle();
    // Nobody flushes on any shard, so the room's messages pile up there.
    for (uint32_t i = 0; i < HUB_PENDING_FRAMES + 2; i++) {
        publish(0, 0, 0);
        for (uint32_t from = 0; from < SHARDS; from++)
            for (uint32_t to = 0; to < SHARDS; to++)
                while (deliver_one_mail(from, to))
                    ;
    }
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(!hub_may_publish(&w->hubs[s], room_slot(s, 0)), "shard %u must be told", s);
    uint32_t before = w->resumes;
    settle();
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(hub_may_publish(&w->hubs[s], room_slot(s, 0)));
    cr_assert(w->resumes > before);
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(w->members[s][0].got_count[0] == HUB_PENDING_FRAMES + 2, "nothing is dropped");
}

Test(hub, publishers_wait_while_a_queue_is_long, .init = set_up, .fini = tear_down)
{
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(join(s, 0, 0) != HUB_REFUSED);
    settle();
    w->crowded_mask = (1U << SHARDS) - 1;
    publish(0, 0, 0);
    settle();
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(!hub_may_publish(&w->hubs[s], room_slot(s, 0)));
    // One who joins meanwhile is told as well.
    cr_assert(join(1, 5, 0) == HUB_JOINED);
    w->crowded_mask = 0;
    settle(); // the home looks again
    settle(); // its mails arrive
    for (uint32_t s = 0; s < SHARDS; s++)
        cr_assert(hub_may_publish(&w->hubs[s], room_slot(s, 0)));
}

Test(hub, large_messages_make_short_slices, .init = set_up, .fini = tear_down)
{
    uint32_t home = hub_home_shard(&w->hubs[0].options.hash_key, SHARDS, (const uint8_t *)"a", 1);
    struct hub *hub = &w->hubs[home];
    struct hub_slice slice;
    for (uint32_t m = 0; m < 5; m++)
        cr_assert(join(home, m, 0) == HUB_JOINED);
    struct frame *frame = frame_create(&w->frames[home], 3 * HUB_SEND_BYTES);
    memset(frame->data, 0, frame->len = 3 * HUB_SEND_BYTES);
    cr_assert(hub_publish_name(hub, (const uint8_t *)"a", 1, frame) == 0);
    static const struct {
        uint32_t budget, count, cost;
    } slices[] = {{9, 2, 8}, {1, 1, 1}, {100, 2, 8}};
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        hub_flush_begin(hub);
        cr_assert(hub_next_slice(hub, slices[i].budget, &slice));
        cr_assert(slice.count == slices[i].count && slice.cost == slices[i].cost);
    }
    cr_assert(!hub_next_slice(hub, 1, &slice));
    cr_assert(!hub_busy(hub));
}
