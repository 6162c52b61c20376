// SPDX-License-Identifier: MIT
//
// Messages to all connections of a shard, in slices like a room's, oldest first.
#include "base/array.h"
#include "shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

// Also the smallest message takes memory.
#define BOOKKEEPING_BYTES 256
#define VISITS_PER_SEND   16 // looks at slots that get nothing, for the price of a send

static uint64_t cost(uint32_t len)
{
    return len + BOOKKEEPING_BYTES;
}

uint64_t shard_broadcast_cost(const struct frame *frame)
{
    return cost(frame->len);
}

void shard_charge_broadcast(struct shard_group *group, uint64_t bytes)
{
    // Relaxed: it bounds, and publishes nothing.
    atomic_fetch_add_explicit(&group->broadcast_bytes, bytes, memory_order_relaxed);
}

bool shard_broadcasts_full(const struct shard *shard)
{
    return shard->broadcasts.bytes >= BROADCASTS_MAX_BYTES;
}

// NULL when memory has run out.
static struct run *append(struct shard *shard, struct frame *frame)
{
    struct broadcasts *b = &shard->broadcasts;
    struct run **runs = array_reserve(b->runs, b->count, &b->capacity, 8, sizeof *runs);
    if (!runs)
        return NULL;
    b->runs = runs;
    struct run *run = run_create(&shard->runs, frame, 1);
    if (run)
        b->runs[b->count++] = run;
    return run;
}

void shard_broadcast(struct shard *shard, struct frame *frame)
{
    uint64_t bytes = cost(frame->len);
    counter_add(&shard->counters.broadcasts, 1);
    if (append(shard, frame)) {
        shard->broadcasts.bytes += bytes;
        return;
    }
    // Nobody misses a message without knowing: all connections end.
    shard_charge_broadcast(shard->group, -bytes);
    frame_unref(&shard->frames, frame);
    shard_abort_all(shard, CLOSE_REASON_INTERNAL);
}

static void drop_first(struct shard *shard)
{
    struct broadcasts *b = &shard->broadcasts;
    uint64_t bytes = cost(run_len(b->runs[0]));
    b->bytes -= bytes;
    shard_charge_broadcast(shard->group, -bytes);
    run_unref(&shard->runs, b->runs[0]);
    memmove(b->runs, b->runs + 1, --b->count * sizeof *b->runs);
    b->cursor = 0;
}

// The highest slots are given up when they are free: whoever was here at the peak must not cost
// every later message. Here, because a close cannot afford the walk.
static uint64_t trim(struct net *net, uint64_t budget)
{
    while (budget && net->high_slot && net_link(net, net->high_slot - 1)->state == LINK_FREE) {
        net->high_slot--;
        budget--;
    }
    return budget;
}

void shard_flush_broadcasts(struct shard *shard, uint32_t budget)
{
    struct broadcasts *b = &shard->broadcasts;
    uint64_t left = (uint64_t)budget * VISITS_PER_SEND;
    if (b->count)
        left = trim(&shard->net, left);
    while (b->count && left) {
        if (b->cursor >= shard->net.high_slot) {
            drop_first(shard);
            continue;
        }
        uint64_t cost = 1;
        struct conn *conn = conn_of(&shard->conns, b->cursor++);
        if (conn->link.state == LINK_UP && conn->state == CONN_OPEN) {
            net_send_run(&shard->net, &conn->link, b->runs[0]);
            cost = (uint64_t)hub_send_cost(run_len(b->runs[0])) * VISITS_PER_SEND;
        }
        left -= cost < left ? cost : left;
    }
}

void shard_drop_broadcasts(struct shard *shard)
{
    while (shard->broadcasts.count)
        drop_first(shard);
    free(shard->broadcasts.runs);
    shard->broadcasts = (struct broadcasts){.count = 0};
}
