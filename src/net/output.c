// SPDX-License-Identifier: MIT
//
// Everything that is sent leaves here. Three ways, at most one of them per link and tick:
//  - the fan-out gives a run straight to an inline send of each member that has nothing else to
//    send;
//  - `outgoing` collects what else is for a link in this tick; the flush makes one inline send of
//    it;
//  - the backlog (slow.c) takes all that comes while an earlier send is not finished.
#include "net/output.h"

#include "net/backlog.h"
#include "net/front.h"
#include "net/net.h"

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

// --- Queueing

// The link's collection of this tick, begun when there is none. NULL when memory has run out.
static struct outgoing *need_outgoing(struct net *net, struct link *link)
{
    if (link->outgoing)
        return link->outgoing;
    struct outgoing *outgoing =
        arena_alloc(net->arena, sizeof *outgoing, _Alignof(struct outgoing));
    if (!outgoing)
        return NULL;
    *outgoing = (struct outgoing){.link = link};
    link->outgoing = outgoing;
    *net->dirty_last = outgoing;
    net->dirty_last = &outgoing->next;
    return outgoing;
}

static struct segment *add_segment(struct net *net, struct link *link)
{
    struct outgoing *outgoing = need_outgoing(net, link);
    if (!outgoing)
        return NULL;
    struct segment *segment = &outgoing->first;
    if (outgoing->count) {
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
static bool is_behind(const struct net *net, const struct link *link)
{
    return link->backlog || link->sent_tick == net->tick;
}

// True when it goes to the backlog now. What the tick has collected already has to be in front of
// it: a backlog that comes into being after that (a send that fell short was settled late) gets
// both at the flush.
static bool must_wait(const struct net *net, const struct link *link)
{
    return !link->outgoing && is_behind(net, link);
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
        output_out_of_memory(net, link);
        return;
    }
    copy2(frame->data, head, head_bytes, body, body_bytes);
    frame->len = (uint32_t)(head_bytes + body_bytes);
    struct run *run = run_create(net->runs, frame, 1);
    if (!run) {
        frame_unref(net->runs->frames, frame);
        output_out_of_memory(net, link);
        return;
    }
    if (output_push(net, link, run, 0))
        output_check_limits(net, link);
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
            output_out_of_memory(net, link);
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
        if (output_push(net, link, run_ref(run), 0))
            output_check_limits(net, link);
        return;
    }
    struct segment *segment = add_segment(net, link);
    if (!segment) {
        output_out_of_memory(net, link);
        return;
    }
    segment->run = run_ref(run);
    segment->bytes = run_bytes(run);
    segment->len = run_len(run);
    segment->messages = run->messages;
    link->outgoing->bytes += segment->len;
}

void output_touch(struct net *net, struct link *link)
{
    if (link->state != LINK_UP && link->state != LINK_ENDING)
        return;
    if (link->backlog)
        output_kick(net, link);
    else if (!need_outgoing(net, link))
        output_out_of_memory(net, link);
}

// One member's copy of a run. Returns the length of what is sent.
static uint32_t fan_out_sealed(struct net *net, struct link *link, const struct run *run)
{
    uint32_t len;
    const uint8_t *sealed = front_seal(net, link, run_bytes(run), run_len(run), &len);
    if (!sealed)
        return 0;
    output_inline(net, link, sealed, len, NULL, run->messages);
    return len;
}

void net_fan_out(struct net *net, struct run *run, struct room_entry *entries, uint32_t count)
{
    bool copied = !net->limits.zerocopy_threshold_bytes || !frame_registered(run->frame) ||
                  run_len(run) < net->limits.zerocopy_threshold_bytes;
    bool sealable = run_len(run) <= FRONT_INLINE_MAX_BYTES;
    uint32_t direct = 0;
    uint64_t bytes = 0;
    bool held = output_hold(net, run_ref(run));
    for (uint32_t i = 0; i < count; i++) {
        struct link *link = net_link(net, entries[i].connection);
        if (entries[i].skip)
            entries[i].skip = 0;
        else if (!held)
            output_out_of_memory(net, link);
        else if (!copied || link->outgoing || link->gather || is_behind(net, link) ||
                 (link->front && !sealable))
            net_send_run(net, link, run);
        else if (link->state == LINK_UP && link->front) {
            bytes += fan_out_sealed(net, link, run);
            direct++;
        } else if (link->state == LINK_UP) {
            output_inline(net, link, run_bytes(run), run_len(run), run, run->messages);
            bytes += run_len(run);
            direct++;
        }
    }
    counter_add(&net->counters.sends, direct);
    counter_add(&net->counters.bytes_out, bytes);
    counter_add(&net->counters.deliveries, (uint64_t)direct * run->messages);
}

// --- The flush

static void drop_segments(struct net *net, struct outgoing *outgoing)
{
    for (struct segment *s = &outgoing->first; s; s = s->next)
        if (s->run)
            run_unref(net->runs, s->run);
}

void output_forget(struct net *net, struct link *link)
{
    struct outgoing *outgoing = link->outgoing;
    if (!outgoing)
        return;
    drop_segments(net, outgoing);
    outgoing->count = 0;
    outgoing->bytes = 0;
    outgoing->first = (struct segment){.messages = 0};
}

static void send_one(struct net *net, struct link *link, const struct segment *segment)
{
    counter_add(&net->counters.sends, 1);
    counter_add(&net->counters.bytes_out, segment->len);
    if (segment->run && !output_hold(net, segment->run)) {
        output_out_of_memory(net, link);
        return;
    }
    output_inline(net, link, segment->bytes, segment->len, segment->run, segment->messages);
}

// Lays all pieces end to end. NULL when memory has run out.
static const uint8_t *join(struct net *net, const struct outgoing *outgoing)
{
    uint8_t *joined = arena_alloc(net->arena, outgoing->bytes, 1);
    if (!joined)
        return NULL;
    size_t len = 0;
    for (const struct segment *s = &outgoing->first; s; s = s->next) {
        memcpy(joined + len, s->bytes, s->len);
        len += s->len;
    }
    return joined;
}

static uint32_t messages_of(const struct outgoing *outgoing)
{
    uint32_t messages = 0;
    for (const struct segment *s = &outgoing->first; s; s = s->next)
        messages += s->messages;
    return messages;
}

static void send_joined(struct net *net, struct link *link, struct outgoing *outgoing)
{
    struct segment all = {.bytes = join(net, outgoing),
                          .len = (uint32_t)outgoing->bytes,
                          .messages = messages_of(outgoing)};
    drop_segments(net, outgoing);
    if (all.bytes)
        send_one(net, link, &all);
    else
        output_out_of_memory(net, link);
}

// Large pieces are not worth copying: the backlog gathers them.
static void send_gathered(struct net *net, struct link *link, struct outgoing *outgoing)
{
    for (struct segment *s = &outgoing->first; s && outgoing->count; s = s->next) {
        struct run *run = s->run ? s->run : run_copy(net->runs, s->bytes, s->len, s->messages);
        if (!run)
            output_out_of_memory(net, link);
        else if (link->state == LINK_CLOSING)
            run_unref(net->runs, run);
        else
            (void)output_push(net, link, run, 0);
    }
}

static bool zerocopy(const struct net *net, const struct link *link, const struct segment *segment)
{
    return !link->front && net->limits.zerocopy_threshold_bytes && segment->run &&
           segment->len >= net->limits.zerocopy_threshold_bytes &&
           frame_registered(segment->run->frame);
}

// With TLS: all pieces in one record, which is sealed here and now.
static void send_sealed(struct net *net, struct link *link, struct outgoing *outgoing)
{
    struct segment all = {.bytes = outgoing->first.bytes, .messages = messages_of(outgoing)};
    if (outgoing->count > 1)
        all.bytes = join(net, outgoing);
    if (all.bytes || outgoing->count == 0)
        all.bytes = front_seal(net, link, all.bytes, outgoing->bytes, &all.len);
    else
        output_out_of_memory(net, link);
    drop_segments(net, outgoing);
    if (all.bytes)
        send_one(net, link, &all);
}

static void flush_link(struct net *net, struct outgoing *outgoing)
{
    struct link *link = outgoing->link;
    bool was_behind = link->backlog;
    link->outgoing = NULL;
    if (link->state != LINK_UP && link->state != LINK_ENDING)
        drop_segments(net, outgoing);
    else if (is_behind(net, link) || zerocopy(net, link, &outgoing->first))
        send_gathered(net, link, outgoing);
    else if (link->front && outgoing->bytes <= FRONT_INLINE_MAX_BYTES)
        send_sealed(net, link, outgoing);
    else if (link->front)
        send_gathered(net, link, outgoing);
    else if (outgoing->count == 1)
        send_one(net, link, &outgoing->first);
    else if (outgoing->count && outgoing->bytes <= GATHER_MAX_BYTES)
        send_joined(net, link, outgoing);
    else
        send_gathered(net, link, outgoing);
    if (was_behind && link->backlog) // a tick's worth alone is not slowness
        output_check_limits(net, link);
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
    net->arena = output_other_arena(net);
    // Links with a backlog that got no send in this tick. Those that did are looked at in the next
    // one.
    struct list waiting;
    list_init(&waiting);
    struct list_node *node;
    while ((node = list_first(&net->kicked))) {
        struct link *link = CONTAINER_OF(node, struct link, node);
        list_remove(node);
        output_start(net, link);
        if (link->backlog && !backlog_empty(link->backlog) && !(link->inflight & LINK_SEND) &&
            !list_linked(node)) // it is when the link had to be aborted
            list_push_back(&waiting, node);
    }
    while ((node = list_first(&waiting))) {
        list_remove(node);
        list_push_back(&net->kicked, node);
    }
}
