// SPDX-License-Identifier: MIT
//
// The slow path: what a link could not take at once waits in its backlog, which one send at a time
// works off.
#include "net/output.h"

#include "base/array.h"
#include "net/backlog.h"
#include "net/front.h"
#include "net/net.h"
#include "net/op.h"
#include "ring/ring.h"

#include <errno.h>

void output_out_of_memory(struct net *net, struct link *link)
{
    link_abort(net, link, CLOSE_REASON_INTERNAL);
}

void net_evict(struct net *net, struct link *link, enum close_reason reason)
{
    if (link->state != LINK_UP || link->evicted || !link->backlog)
        return;
    counter_add(&net->counters.evictions, 1);
    link->evicted = true;
    if (backlog_truncate(link->backlog, net->runs))
        output_forget(net, link); // what is newer must not close the gap
    net->ops->on_slow(net->context, link, reason);
}

void output_check_limits(struct net *net, struct link *link)
{
    if (link->backlog->messages > net->limits.outbound_frames)
        net_evict(net, link, CLOSE_REASON_SLOW_FRAMES);
    else if (link->backlog->bytes > net->limits.outbound_bytes)
        net_evict(net, link, CLOSE_REASON_SLOW_BYTES);
}

void output_kick(struct net *net, struct link *link)
{
    if (!list_linked(&link->node))
        list_push_back(link->state == LINK_ENDING ? &net->ending : &net->kicked, &link->node);
}

static struct backlog *need_backlog(struct net *net, struct link *link)
{
    if (!link->backlog && (link->backlog = backlog_create())) {
        counter_add(&net->counters.backlogs, 1);
        net->held_bytes += backlog_own_bytes(link->backlog);
    }
    return link->backlog;
}

// Owner: takes the reference. True when the backlog has it.
static bool added(struct net *net, struct link *link, struct run *run, int error, bool fresh)
{
    if (error) {
        run_unref(net->runs, run);
        output_out_of_memory(net, link);
        return false;
    }
    if (fresh && link->state == LINK_UP)
        net->ops->on_behind(net->context, link);
    output_kick(net, link);
    return true;
}

// At this end of the backlog, whose growth counts as held.
static int push(struct net *net, struct backlog *backlog,
                int (*end)(struct backlog *, struct run *, uint32_t, uint32_t), struct run *run,
                uint32_t sent_bytes)
{
    net->held_bytes -= backlog_own_bytes(backlog);
    int error = end(backlog, run, sent_bytes, (uint32_t)net->now_ms);
    net->held_bytes += backlog_own_bytes(backlog);
    return error;
}

bool output_push(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes)
{
    bool fresh = !link->backlog;
    struct backlog *backlog = need_backlog(net, link);
    int error = -ENOMEM;
    if (backlog)
        error = push(net, backlog, backlog_push, run, sent_bytes);
    return added(net, link, run, error, fresh);
}

void output_keep_sealed(struct net *net, struct link *link, struct run *run)
{
    bool fresh = !link->backlog;
    struct backlog *backlog = need_backlog(net, link);
    if (backlog) {
        CHECK(!backlog->sealed);
        backlog->sealed = run;
        backlog->sealed_sent_bytes = 0;
        backlog->sealed_ms = (uint32_t)net->now_ms;
    }
    (void)added(net, link, run, backlog ? 0 : -ENOMEM, fresh);
}

void output_keep_rest(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes)
{
    if (!link->backlog || link->backlog->count == 0) {
        (void)output_push(net, link, run, sent_bytes);
        return;
    }
    if (push(net, link->backlog, backlog_push_front, run, sent_bytes)) {
        run_unref(net->runs, run);
        output_out_of_memory(net, link);
    }
}

static void drop_backlog(struct net *net, struct link *link)
{
    net->held_bytes -= backlog_own_bytes(link->backlog);
    backlog_destroy(link->backlog, net->runs);
    link->backlog = NULL;
    counter_add(&net->counters.backlogs, (uint64_t)-1);
}

static bool worth_zerocopy(const struct net *net, const struct backlog *backlog)
{
    const struct run *run = backlog->entries[backlog->head].run;
    uint32_t threshold = net->limits.zerocopy_threshold_bytes;
    // One notification at a time: it names the link, not the send.
    return threshold && !backlog->notif_run && frame_registered(run->frame) &&
           run_len(run) - backlog->head_sent_bytes >= threshold;
}

// Seals what comes next, unless something sealed is left, and sends it.
static void start_sealed(struct net *net, struct link *link, uint64_t user_data)
{
    struct backlog *backlog = link->backlog;
    if (!backlog->sealed) {
        backlog->sealed_ms = backlog->count ? backlog_oldest_ms(backlog) : (uint32_t)net->now_ms;
        backlog->sealed_sent_bytes = 0;
        backlog->sealed = front_seal_backlog(net, link);
        if (!backlog->sealed)
            return;
    }
    link->inflight |= LINK_SEND;
    counter_add(&net->counters.sends_slow, 1);
    ring_send(net->ring, link->slot, run_bytes(backlog->sealed) + backlog->sealed_sent_bytes,
              run_len(backlog->sealed) - backlog->sealed_sent_bytes, user_data);
}

void output_start(struct net *net, struct link *link)
{
    struct backlog *backlog = link->backlog;
    if (!backlog || (link->inflight & LINK_SEND) || link->sent_tick == net->tick)
        return;
    uint64_t user_data = op_pack(OP_SEND, link->generation, link->slot);
    if (link->front) {
        start_sealed(net, link, user_data);
        return;
    }
    if (backlog->count == 0)
        return;
    link->inflight |= LINK_SEND;
    if (worth_zerocopy(net, backlog)) {
        struct run *run = backlog->entries[backlog->head].run;
        backlog->flight_count = 1;
        backlog->flight_zerocopy = true;
        backlog->notif_run = run_ref(run);
        link->inflight |= LINK_NOTIF;
        counter_add(&net->counters.sends_zerocopy, 1);
        ring_send_zc(net->ring, link->slot, run_bytes(run) + backlog->head_sent_bytes,
                     run_len(run) - backlog->head_sent_bytes, user_data);
        return;
    }
    backlog_gather(backlog, NET_FLIGHT_MAX_BYTES);
    counter_add(&net->counters.sends_slow, 1);
    ring_sendmsg(net->ring, link->slot, &backlog->message, user_data);
}

static void notified(struct net *net, struct link *link)
{
    link->inflight &= (uint8_t)~LINK_NOTIF;
    run_unref(net->runs, link->backlog->notif_run);
    link->backlog->notif_run = NULL;
}

static void advance(struct net *net, struct backlog *backlog, uint32_t sent_bytes)
{
    counter_add(&net->counters.bytes_out, sent_bytes);
    if (!backlog->sealed) {
        backlog_advance(backlog, sent_bytes, net->runs);
        return;
    }
    backlog->sealed_sent_bytes += sent_bytes;
    CHECK(backlog->sealed_sent_bytes <= run_len(backlog->sealed));
    if (backlog->sealed_sent_bytes < run_len(backlog->sealed))
        return;
    run_unref(net->runs, backlog->sealed);
    backlog->sealed = NULL;
}

void output_on_send(struct net *net, struct link *link, const struct ring_completion *c)
{
    struct backlog *backlog = link->backlog;
    if (c->flags & RING_NOTIF) {
        notified(net, link);
    } else {
        link->inflight &= (uint8_t)~LINK_SEND;
        // A zero-copy send that failed early is not followed by a notification.
        if (backlog->flight_zerocopy && !(c->flags & RING_MORE))
            notified(net, link);
        backlog->flight_zerocopy = false;
        advance(net, backlog, c->result > 0 ? (uint32_t)c->result : 0);
        if (c->result < 0 && c->result != -ECANCELED && c->result != -EINTR && c->result != -EAGAIN)
            link_abort(net, link, CLOSE_REASON_PEER_RESET);
    }
    if (link->state == LINK_CLOSING)
        return;
    if (backlog_empty(backlog) && !backlog->notif_run && !front_has_pending(net, link))
        drop_backlog(net, link);
    if (link->backlog || link->state == LINK_ENDING)
        output_kick(net, link);
}

// --- Zero-copy sends that outlive their links

bool output_disown(struct net *net, struct link *link)
{
    struct disowned *disowned = array_reserve(net->disowned, net->disowned_count,
                                              &net->disowned_capacity, 16, sizeof *disowned);
    if (!disowned)
        return false;
    net->disowned = disowned;
    disowned[net->disowned_count++] = (struct disowned){
        .user_data = op_pack(OP_SEND, link->generation, link->slot),
        .run = link->backlog->notif_run,
    };
    link->backlog->notif_run = NULL;
    link->inflight &= (uint8_t)~LINK_NOTIF;
    return true;
}

bool output_on_disowned(struct net *net, const struct ring_completion *c)
{
    for (uint32_t i = 0; i < net->disowned_count; i++) {
        if (net->disowned[i].user_data != c->user_data)
            continue;
        run_unref(net->runs, net->disowned[i].run);
        net->disowned[i] = net->disowned[--net->disowned_count];
        return true;
    }
    return false;
}

void net_drop_disowned(struct net *net)
{
    while (net->disowned_count)
        run_unref(net->runs, net->disowned[--net->disowned_count].run);
}

void output_drop(struct net *net, struct link *link)
{
    CHECK(!(link->inflight & (LINK_SEND | LINK_NOTIF)) && !link->outgoing);
    if (link->backlog)
        drop_backlog(net, link);
}
