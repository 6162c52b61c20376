// SPDX-License-Identifier: MIT
//
// Publishers that wait: for their room, for the program to take a message, for memory.
#include "base/array.h"
#include "conn/conn_internal.h"

#include <string.h>

void conn_hold(struct conns *conns, struct conn *conn)
{
    link_pause(conns->net, &conn->link);
    if (conn->waiting)
        return;
    uint64_t *waiting = array_reserve(conns->waiting, conns->waiting_count,
                                      &conns->waiting_capacity, 64, sizeof *waiting);
    if (!waiting) {
        conn_fail(conns, conn, CLOSE_REASON_OVERLOADED);
        return;
    }
    conns->waiting = waiting;
    conn->waiting = true;
    waiting[conns->waiting_count++] = conn_id(conns, conn);
    counter_add(&conns->counters.publishers_held, 1);
}

void conns_resume_waiting(struct conns *conns)
{
    if (!conns->recheck && !conns->retry_count)
        return;
    conns->recheck = false;
    uint32_t count = conns->waiting_count, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = conns->waiting[i];
        struct conn *conn = (struct conn *)(void *)net_find(conns->net, id);
        if (!conn || !conn->waiting)
            continue;
        if ((conn->room != SLAB_NONE && !hub_may_publish(conns->hub, conn->room)) ||
            (conn->retry && !conn_ws_retry(conns, conn))) {
            conns->waiting[kept++] = id;
            continue;
        }
        if (!conn->waiting)
            continue; // the program has closed it
        if (conns->full) {
            conns->waiting[kept++] = id;
            continue;
        }
        conn->waiting = false;
        conn->message_ms = (uint32_t)conns->net->now_ms;
        link_resume(conns->net, &conn->link); // may wait anew: appended behind `count`
    }
    uint32_t added = conns->waiting_count - count;
    if (added)
        memmove(conns->waiting + kept, conns->waiting + count, added * sizeof *conns->waiting);
    conns->waiting_count = kept + added;
}
