// SPDX-License-Identifier: MIT
//
// The bound on what clients make all shards hold. Each shard adds what it holds to the group's sum,
// in steps; over the bound those who hold the most are evicted, and until that has helped nobody
// may begin or go on with a message. Below it all of this is two comparisons a tick.
#include "shard/shard_internal.h"

#ifndef MEMORY_STEP_BYTES
#define MEMORY_STEP_BYTES (64 * 1024) // changes below this are not told to the group
#endif

// Tells the group what this shard holds, and returns what all do.
static uint64_t tell(struct shard *shard)
{
    uint64_t held = conns_held_bytes(&shard->conns), told = shard->held_told;
    if (held > told + MEMORY_STEP_BYTES || told > held + MEMORY_STEP_BYTES || held == 0) {
        shard->held_told = held;
        // Relaxed, here and below: a bound, which publishes nothing.
        if (held != told)
            atomic_fetch_add_explicit(&shard->group->held_bytes, held - told, memory_order_relaxed);
    }
    return atomic_load_explicit(&shard->group->held_bytes, memory_order_relaxed);
}

// This shard's part of bringing the sum to seven eighths of the bound. Who holds no more than
// everybody might is left alone: if only those were left, the sum would be below.
static void evict(struct shard *shard, uint64_t total, uint64_t bound)
{
    uint64_t excess = total - bound / 8 * 7;
    double part = (double)shard->held_told / (double)total;
    uint64_t clients = (uint64_t)shard->options.max_connections * shard->group->count;
    conns_evict(&shard->conns, (uint64_t)((double)excess * part) + 1, bound / 2 / clients);
    frame_pool_collect(&shard->frames);
}

// A shard that sleeps may be the one that holds it all.
static void wake_others(const struct shard *shard)
{
    for (uint16_t i = 0; i < shard->group->count; i++)
        if (i != shard->options.index)
            shard_interrupt(shard->group->shards[i]);
}

void shard_check_memory(struct shard *shard)
{
    uint64_t bound = shard->group->held_max_bytes, total = tell(shard);
    if (!bound)
        return;
    bool full = total > bound;
    // The walk over all clients is for once a millisecond.
    if (full && shard->full_ms != shard->net.now_ms) {
        counter_add(&shard->counters.memory_full, 1);
        shard->full_ms = shard->net.now_ms;
        evict(shard, total, bound);
        full = tell(shard) > bound;
        if (full)
            wake_others(shard);
    }
    if (shard->conns.full && !full)
        shard->conns.recheck = true;
    shard->conns.full = full;
}

void shard_drop_memory(struct shard *shard)
{
    atomic_fetch_sub_explicit(&shard->group->held_bytes, shard->held_told, memory_order_relaxed);
    shard->held_told = 0;
}
