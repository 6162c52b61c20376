// SPDX-License-Identifier: MIT
//
// Messages to all connections of a shard, in slices like a room's, oldest first.
#include "shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

void shard_broadcast(struct shard *shard, struct frame *frame)
{
    struct broadcasts *b = &shard->broadcasts;
    if (b->count == b->capacity) {
        uint32_t capacity = b->capacity ? b->capacity * 2 : 8;
        struct run **larger = realloc(b->runs, capacity * sizeof *larger);
        CHECK(larger); // without memory for a pointer no promise can be kept
        b->runs = larger;
        b->capacity = capacity;
    }
    struct run *run = run_create(&shard->runs, frame, 1);
    CHECK(run);
    b->runs[b->count++] = run;
    counter_add(&shard->counters.broadcasts, 1);
}

static void drop_first(struct shard *shard)
{
    struct broadcasts *b = &shard->broadcasts;
    run_unref(&shard->runs, b->runs[0]);
    memmove(b->runs, b->runs + 1, --b->count * sizeof *b->runs);
    b->cursor = 0;
}

void shard_flush_broadcasts(struct shard *shard, uint32_t budget)
{
    struct broadcasts *b = &shard->broadcasts;
    while (b->count && budget) {
        if (b->cursor >= shard->net.high_slot) {
            drop_first(shard);
            continue;
        }
        struct conn *conn = conn_of(&shard->conns, b->cursor++);
        if (conn->link.state == LINK_UP && conn->state == CONN_OPEN) {
            net_send_run(&shard->net, &conn->link, b->runs[0]);
            budget--;
        }
    }
}

void shard_drop_broadcasts(struct shard *shard)
{
    while (shard->broadcasts.count)
        drop_first(shard);
    free(shard->broadcasts.runs);
    shard->broadcasts = (struct broadcasts){.count = 0};
}
