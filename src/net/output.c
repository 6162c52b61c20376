// SPDX-License-Identifier: MIT
//
// Everything that is sent leaves here. Three ways, at most one of them per link and tick:
//  - the fan-out gives a run straight to an inline send of each member that has nothing else to
//  send;
//  - `outgoing` collects what else is for a link in this tick; the flush makes one inline send of
//  it;
//  - the backlog takes all that comes while an earlier send is not finished; one send at a time,
//  with a
//    completion, works it off.
#include "net/output.h"

#include "net/backlog.h"
#include "net/net.h"
#include "net/op.h"
#include "ring/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX_BYTES (64 * 1024) // copying pieces together is cheaper than gathering up to here

// One piece of what a link is to send at the flush.
struct segment {
    struct segment *next;
    const uint8_t *bytes;
    struct run *run; // a reference, or NULL: scratch memory
    uint32_t len;
    uint32_t messages;
};

struct outgoing {
    struct outgoing *next; // in the list of dirty links
    struct link *link;
    struct segment *last;
    uint32_t count;
    uint64_t bytes;
    struct segment first;
};

bool net_output_done(const struct link *link)
{
    return !link->outgoing && !link->backlog;
}

static void out_of_memory(struct net *net, struct link *link)
{
    link_abort(net, link, CLOSE_REASON_INTERNAL);
}

// --- Records of the tick's inline sends

static void *grow(void *array, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 1024;
    void *larger = realloc(array, *capacity * item_bytes);
    CHECK(larger); // a few dozen bytes per connection at the most
    return larger;
}

static void hold(struct net *net, struct run *run)
{
    net->held = grow(net->held, net->held_count, &net->held_capacity, sizeof *net->held);
    net->held[net->held_count++] = run;
}

// The run, if any, must be held until the release.
static void send_inline(struct net *net, struct link *link, const uint8_t *bytes, uint32_t len,
                        struct run *run, uint32_t messages)
{
    CHECK_HOT(link->sent_tick != net->tick && !(link->inflight & LINK_SEND));
    net->sent = grow(net->sent, net->sent_count, &net->sent_capacity, sizeof *net->sent);
    net->sent[net->sent_count] = (struct sent_record){
        .bytes = bytes, .run = run, .len = len, .slot = link->slot, .messages = messages};
    link->sent_tick = net->tick;
    ring_send_inline(net->ring, link->slot, bytes, len,
                     op_pack(OP_INLINE, net->tick, net->sent_count));
    net->sent_count++;
}

// --- The backlog

void net_evict(struct net *net, struct link *link, enum close_reason reason)
{
    if (link->state != LINK_UP || link->evicted || !link->backlog)
        return;
    counter_add(&net->counters.evictions, 1);
    link->evicted = true;
    backlog_truncate(link->backlog, net->runs);
    net->ops->on_slow(net->context, link, reason);
}

static void check_limits(struct net *net, struct link *link)
{
    if (link->backlog->messages > net->limits.outbound_frames)
        net_evict(net, link, CLOSE_REASON_SLOW_FRAMES);
    else if (link->backlog->bytes > net->limits.outbound_bytes)
        net_evict(net, link, CLOSE_REASON_SLOW_BYTES);
}

// Owner: takes the reference.
static bool push(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes)
{
    bool fresh = !link->backlog;
    if (fresh && (link->backlog = backlog_create()))
        counter_add(&net->counters.backlogs, 1);
    if (!link->backlog || backlog_push(link->backlog, run, sent_bytes, (uint32_t)net->now_ms)) {
        run_unref(net->runs, run);
        out_of_memory(net, link);
        return false;
    }
    if (fresh && link->state == LINK_UP)
        net->ops->on_behind(net->context, link);
    if (!list_linked(&link->node))
        list_push_back(&net->kicked, &link->node);
    return true;
}

// The rest of an inline send that fell short: it comes before all that was queued since.
static void keep_rest(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes)
{
    if (!link->backlog || link->backlog->count == 0) {
        (void)push(net, link, run, sent_bytes);
        return;
    }
    if (backlog_push_front(link->backlog, run, sent_bytes, (uint32_t)net->now_ms)) {
        run_unref(net->runs, run);
        out_of_memory(net, link);
    }
}

static void drop_backlog(struct net *net, struct link *link)
{
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

void output_start(struct net *net, struct link *link)
{
    struct backlog *backlog = link->backlog;
    if (!backlog || backlog->count == 0 || (link->inflight & LINK_SEND) ||
        link->sent_tick == net->tick)
        return;
    uint64_t user_data = op_pack(OP_SEND, link->generation, link->slot);
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
        if (c->result > 0)
            counter_add(&net->counters.bytes_out, (uint64_t)c->result);
        backlog_advance(backlog, c->result > 0 ? (uint32_t)c->result : 0, net->runs);
        if (c->result < 0 && c->result != -ECANCELED && c->result != -EINTR && c->result != -EAGAIN)
            link_abort(net, link, CLOSE_REASON_PEER_RESET);
    }
    if (link->state == LINK_CLOSING)
        return;
    if (backlog->count == 0 && !backlog->notif_run)
        drop_backlog(net, link);
    else if (!list_linked(&link->node))
        list_push_back(&net->kicked, &link->node);
}

void output_drop(struct net *net, struct link *link)
{
    CHECK(!(link->inflight & (LINK_SEND | LINK_NOTIF)) && !link->outgoing);
    if (link->backlog)
        drop_backlog(net, link);
}

// --- Queueing

static struct segment *add_segment(struct net *net, struct link *link)
{
    struct outgoing *outgoing = link->outgoing;
    struct segment *segment;
    if (!outgoing) {
        outgoing = arena_alloc(net->arena, sizeof *outgoing, _Alignof(struct outgoing));
        if (!outgoing)
            return NULL;
        *outgoing = (struct outgoing){.link = link};
        link->outgoing = outgoing;
        *net->dirty_last = outgoing;
        net->dirty_last = &outgoing->next;
        segment = &outgoing->first;
    } else {
        segment = arena_alloc(net->arena, sizeof *segment, _Alignof(struct segment));
        if (!segment)
            return NULL;
        outgoing->last->next = segment;
    }
    outgoing->last = segment;
    outgoing->count++;
    *segment = (struct segment){.messages = 0};
    return segment;
}

// True when what is to be sent now must wait behind what was sent before.
static bool must_wait(const struct net *net, const struct link *link)
{
    return link->backlog || link->sent_tick == net->tick;
}

static void copy2(uint8_t *to, const void *head, size_t head_bytes, const void *body,
                  size_t body_bytes)
{
    if (head_bytes)
        memcpy(to, head, head_bytes);
    if (body_bytes)
        memcpy(to + head_bytes, body, body_bytes);
}

static void push_bytes(struct net *net, struct link *link, const void *head, size_t head_bytes,
                       const void *body, size_t body_bytes)
{
    struct frame *frame = frame_create(net->runs->frames, (uint32_t)(head_bytes + body_bytes));
    if (!frame) {
        out_of_memory(net, link);
        return;
    }
    copy2(frame->data, head, head_bytes, body, body_bytes);
    frame->len = (uint32_t)(head_bytes + body_bytes);
    struct run *run = run_create(net->runs, frame, 1);
    if (!run) {
        frame_unref(net->runs->frames, frame);
        out_of_memory(net, link);
        return;
    }
    if (push(net, link, run, 0))
        check_limits(net, link);
}

void net_send_bytes(struct net *net, struct link *link, const void *head, size_t head_bytes,
                    const void *body, size_t body_bytes)
{
    size_t len = head_bytes + body_bytes;
    if (link->state != LINK_UP || len == 0)
        return;
    counter_add(&net->counters.deliveries, 1);
    if (must_wait(net, link)) {
        push_bytes(net, link, head, head_bytes, body, body_bytes);
        return;
    }
    struct segment *last = link->outgoing ? link->outgoing->last : NULL;
    if (last && !last->run && arena_extend(net->arena, last->bytes + last->len, len)) {
        copy2(net->arena->cursor - len, head, head_bytes, body, body_bytes);
    } else {
        // The bytes come behind the segment, so that the next ones can be laid behind them.
        struct segment *segment = add_segment(net, link);
        uint8_t *bytes = segment ? arena_alloc(net->arena, len, 1) : NULL;
        if (!bytes) {
            out_of_memory(net, link);
            return;
        }
        copy2(bytes, head, head_bytes, body, body_bytes);
        segment->bytes = bytes;
        last = segment;
    }
    last->len += (uint32_t)len;
    last->messages++;
    link->outgoing->bytes += len;
}

void net_send_run(struct net *net, struct link *link, struct run *run)
{
    if (link->state != LINK_UP)
        return;
    counter_add(&net->counters.deliveries, run->messages);
    if (must_wait(net, link)) {
        if (push(net, link, run_ref(run), 0))
            check_limits(net, link);
        return;
    }
    struct segment *segment = add_segment(net, link);
    if (!segment) {
        out_of_memory(net, link);
        return;
    }
    segment->run = run_ref(run);
    segment->bytes = run_bytes(run);
    segment->len = run_len(run);
    segment->messages = run->messages;
    link->outgoing->bytes += segment->len;
}

void net_fan_out(struct net *net, struct run *run, struct room_entry *entries, uint32_t count)
{
    bool copied = !net->limits.zerocopy_threshold_bytes || !frame_registered(run->frame) ||
                  run_len(run) < net->limits.zerocopy_threshold_bytes;
    uint32_t direct = 0;
    hold(net, run_ref(run));
    for (uint32_t i = 0; i < count; i++) {
        struct link *link = net_link(net, entries[i].connection);
        if (entries[i].skip)
            entries[i].skip = 0;
        else if (!copied || link->outgoing || link->gather || must_wait(net, link))
            net_send_run(net, link, run);
        else if (link->state == LINK_UP) {
            send_inline(net, link, run_bytes(run), run_len(run), run, run->messages);
            direct++;
        }
    }
    counter_add(&net->counters.sends, direct);
    counter_add(&net->counters.bytes_out, (uint64_t)direct * run_len(run));
    counter_add(&net->counters.deliveries, (uint64_t)direct * run->messages);
}

// --- The flush

static void drop_segments(struct net *net, struct outgoing *outgoing)
{
    for (struct segment *s = &outgoing->first; s; s = s->next)
        if (s->run)
            run_unref(net->runs, s->run);
}

static void send_one(struct net *net, struct link *link, const struct segment *segment)
{
    counter_add(&net->counters.sends, 1);
    counter_add(&net->counters.bytes_out, segment->len);
    if (segment->run)
        hold(net, segment->run);
    send_inline(net, link, segment->bytes, segment->len, segment->run, segment->messages);
}

static void send_joined(struct net *net, struct link *link, struct outgoing *outgoing)
{
    uint8_t *joined = arena_alloc(net->arena, outgoing->bytes, 1);
    if (!joined) {
        drop_segments(net, outgoing);
        out_of_memory(net, link);
        return;
    }
    struct segment all = {.bytes = joined};
    for (struct segment *s = &outgoing->first; s; s = s->next) {
        memcpy(joined + all.len, s->bytes, s->len);
        all.len += s->len;
        all.messages += s->messages;
    }
    drop_segments(net, outgoing);
    send_one(net, link, &all);
}

// Large pieces are not worth copying: the backlog gathers them.
static void send_gathered(struct net *net, struct link *link, struct outgoing *outgoing)
{
    for (struct segment *s = &outgoing->first; s; s = s->next) {
        struct run *run = s->run ? s->run : run_copy(net->runs, s->bytes, s->len, s->messages);
        if (!run)
            out_of_memory(net, link);
        else if (link->state == LINK_CLOSING)
            run_unref(net->runs, run);
        else
            (void)push(net, link, run, 0);
    }
}

static bool zerocopy(const struct net *net, const struct segment *segment)
{
    return net->limits.zerocopy_threshold_bytes && segment->run &&
           segment->len >= net->limits.zerocopy_threshold_bytes &&
           frame_registered(segment->run->frame);
}

static void flush_link(struct net *net, struct outgoing *outgoing)
{
    struct link *link = outgoing->link;
    link->outgoing = NULL;
    if (link->state != LINK_UP && link->state != LINK_ENDING)
        drop_segments(net, outgoing);
    else if (must_wait(net, link) || zerocopy(net, &outgoing->first))
        send_gathered(net, link, outgoing);
    else if (outgoing->count == 1)
        send_one(net, link, &outgoing->first);
    else if (outgoing->bytes <= GATHER_MAX_BYTES)
        send_joined(net, link, outgoing);
    else
        send_gathered(net, link, outgoing);
}

static struct arena *other_arena(struct net *net)
{
    return net->arena == &net->arenas[0] ? &net->arenas[1] : &net->arenas[0];
}

void net_flush(struct net *net)
{
    struct outgoing *outgoing = net->dirty_first;
    net->dirty_first = NULL;
    net->dirty_last = &net->dirty_first;
    while (outgoing) {
        struct outgoing *next = outgoing->next;
        flush_link(net, outgoing);
        outgoing = next;
    }
    // What is queued from here on must survive the release of what has just been sent.
    net->arena = other_arena(net);
    // Links with a backlog that got no send in this tick. Those that did are looked at in the next
    // one.
    struct list waiting;
    list_init(&waiting);
    struct list_node *node;
    while ((node = list_first(&net->kicked))) {
        struct link *link = CONTAINER_OF(node, struct link, node);
        list_remove(node);
        output_start(net, link);
        if (link->backlog && link->backlog->count && !(link->inflight & LINK_SEND))
            list_push_back(&waiting, node);
    }
    while ((node = list_first(&waiting))) {
        list_remove(node);
        list_push_back(&net->kicked, node);
    }
}

void net_settle(struct net *net, const struct ring_completion *c)
{
    uint32_t index = op_slot(c->user_data);
    CHECK(index < net->sent_count);
    const struct sent_record *sent = &net->sent[index];
    struct link *link = net_link(net, sent->slot);
    if (c->result == (int32_t)sent->len)
        return; // a kernel without silent sends
    CHECK(c->result < (int32_t)sent->len);
    if (link->state != LINK_UP && link->state != LINK_ENDING)
        return;
    if (c->result < 0 && c->result != -EAGAIN && c->result != -EINTR) {
        link_abort(net, link, CLOSE_REASON_PEER_RESET);
        return;
    }
    uint32_t done = c->result > 0 ? (uint32_t)c->result : 0;
    counter_add(&net->counters.sends_inline_short, 1);
    counter_add(&net->counters.bytes_out, -(uint64_t)(sent->len - done));
    if (sent->run) {
        keep_rest(net, link, run_ref(sent->run), done);
        return;
    }
    struct run *rest = run_copy(net->runs, sent->bytes + done, sent->len - done, sent->messages);
    if (!rest) {
        out_of_memory(net, link);
        return;
    }
    keep_rest(net, link, rest, 0);
    if (link->backlog)
        link->backlog->head_is_rest = done > 0;
}

void net_release(struct net *net)
{
    for (uint32_t i = 0; i < net->held_count; i++)
        run_unref(net->runs, net->held[i]);
    net->held_count = 0;
    net->sent_count = 0;
    arena_reset(other_arena(net));
}
