// SPDX-License-Identifier: MIT
//
// Who makes us hold how much, and who has to go when all of them together are too many.
#include "conn/conn_internal.h"

#include "base/log.h"

#define WEIGHTS 64 // classes of clients: by the power of two of what they hold

uint64_t conns_held_bytes(const struct conns *conns)
{
    const struct run_pool *runs = conns->hub->runs;
    return counter_read(&runs->frames->heap_bytes) + runs->foreign_bytes + conns->net->held_bytes +
           conns->head_count * sizeof(struct http_parser);
}

static uint64_t held_by(const struct conns *conns, const struct conn *conn)
{
    uint64_t bytes = net_held_bytes(conns->net, &conn->link);
    if (conn->state < CONN_OPEN)
        return bytes + (conn->http ? sizeof *conn->http : 0);
    if (conn->counted && conn->message && !frame_registered(conn->message))
        bytes += sizeof *conn->message + conn->message->capacity;
    return bytes;
}

static unsigned weight_of(uint64_t bytes)
{
    return 63U - (unsigned)__builtin_clzll(bytes | 1);
}

static void evict(struct conns *conns, struct conn *conn, uint64_t bytes)
{
    char text[CONN_ADDRESS_BYTES];
    counter_add(&conns->counters.memory_evictions, 1);
    log_info("too much memory is held for clients: evicted id=%016llx client=%s bytes=%llu",
             (unsigned long long)conn_id(conns, conn), conn_address(conn, text),
             (unsigned long long)bytes);
    if (conn->state < CONN_OPEN || conn->link.state != LINK_UP) {
        // No word for it, or it has had its word and holds on to what is in flight.
        link_abort(conns->net, &conn->link, CLOSE_REASON_MEMORY);
        return;
    }
    net_evict(conns->net, &conn->link, CLOSE_REASON_MEMORY);
    if (conn->link.state == LINK_UP)
        conn_fail(conns, conn, CLOSE_REASON_MEMORY);
}

void conns_evict(struct conns *conns, uint64_t excess_bytes, uint64_t least_bytes)
{
    uint64_t sums[WEIGHTS] = {0}, above = 0, freed = 0;
    for (uint32_t slot = 0; slot < conns->net->high_slot; slot++) {
        const struct conn *conn = conn_of(conns, slot);
        uint64_t bytes = link_receives(&conn->link) ? held_by(conns, conn) : 0;
        if (bytes > least_bytes)
            sums[weight_of(bytes)] += bytes;
    }
    unsigned lightest = WEIGHTS - 1;
    while (lightest && above + sums[lightest] < excess_bytes)
        above += sums[lightest--];
    // All that are heavier than the lightest class that must go, and of that as many as it takes.
    for (uint32_t slot = 0; slot < conns->net->high_slot; slot++) {
        struct conn *conn = conn_of(conns, slot);
        uint64_t bytes = link_receives(&conn->link) ? held_by(conns, conn) : 0;
        if (bytes <= least_bytes || weight_of(bytes) < lightest ||
            (weight_of(bytes) == lightest && above + freed >= excess_bytes))
            continue;
        if (weight_of(bytes) == lightest)
            freed += bytes;
        evict(conns, conn, bytes);
    }
}
