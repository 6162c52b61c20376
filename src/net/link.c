// SPDX-License-Identifier: MIT
#include "net/link.h"

#include "net/backlog.h"
#include "net/front.h"
#include "net/net.h"
#include "net/op.h"
#include "net/output.h"
#include "ring/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stash {
    uint32_t begin, end, capacity;
    uint8_t bytes[];
};

static uint64_t user_data(const struct link *link, enum op op)
{
    return op_pack(op, link->generation, link->slot);
}

// The link receives again when it is its turn, at the end of a tick.
static void want_recv(struct net *net, struct link *link)
{
    if (link->inflight & (LINK_RECV | LINK_TURN))
        return;
    link->inflight |= LINK_TURN;
    if (net->turn_count++ == 0)
        net->turn_first = link->slot;
    else
        net_link(net, net->turn_last)->next_turn = link->slot;
    net->turn_last = link->slot;
}

static bool may_receive(const struct link *link)
{
    return link_receives(link) && !link->paused && !link->eof;
}

static void arm_recv(struct net *net, struct link *link, bool once)
{
    CHECK(!(link->inflight & LINK_RECV));
    link->rearmed = link->inflight & LINK_CANCEL_RECV;
    link->inflight |= LINK_RECV;
    if (once)
        ring_recv_once(net->ring, link->slot, user_data(link, OP_RECV));
    else
        ring_recv(net->ring, link->slot, user_data(link, OP_RECV));
}

static void cancel_recv(struct net *net, struct link *link)
{
    if ((link->inflight & (LINK_RECV | LINK_CANCEL_RECV)) != LINK_RECV)
        return;
    link->inflight |= LINK_CANCEL_RECV;
    ring_cancel(net->ring, user_data(link, OP_RECV), user_data(link, OP_CANCEL_RECV));
}

void link_accepted(struct net *net, uint32_t file, const struct link_entry *entry)
{
    struct link *link = net_link(net, file);
    CHECK(link->state == LINK_FREE && link->inflight == 0);
    uint32_t generation = link->generation + 1;
    memset(link, 0, net->link_bytes);
    link->slot = file;
    link->generation = generation ? generation : 1;
    link->state = LINK_UP;
    link->heard_ms = (uint32_t)net->now_ms;
    link->sent_tick = net->tick - 1;
    net->open_count++;
    if (file >= net->high_slot)
        net->high_slot = file + 1;
    counter_add(&net->counters.accepts, 1);
    counter_add(&net->counters.connections, 1);
    want_recv(net, link);
    net->ops->on_open(net->context, link, entry);
    if (link->state == LINK_UP && (entry->tls || entry->proxy) && front_create(net, link, entry))
        output_out_of_memory(net, link);
}

// --- Pausing: what was received but may not be consumed yet is kept

static void set_reason(struct link *link, enum close_reason reason)
{
    if (link->reason == CLOSE_REASON_NONE)
        link->reason = (uint8_t)reason;
}

static bool stash_add(struct net *net, struct link *link, const uint8_t *bytes, size_t len)
{
    struct stash *stash = link->stash;
    size_t have = stash ? stash->end - stash->begin : 0;
    if (have + len > net->stash_max_bytes &&
        counter_read(&net->counters.stashed_bytes) + len > net->stash_shared_max_bytes)
        return false;
    if (!stash || stash->end + len > stash->capacity) {
        uint32_t capacity = 256;
        while (capacity < have + len)
            capacity *= 2;
        struct stash *larger = malloc(sizeof *larger + capacity);
        if (!larger)
            return false;
        if (have)
            memcpy(larger->bytes, stash->bytes + stash->begin, have);
        *larger = (struct stash){.end = (uint32_t)have, .capacity = capacity};
        net->held_bytes += (uint64_t)capacity - (stash ? stash->capacity : 0); // may shrink
        free(stash);
        link->stash = stash = larger;
    }
    memcpy(stash->bytes + stash->end, bytes, len);
    stash->end += (uint32_t)len;
    counter_add(&net->counters.stashed_bytes, len);
    return true;
}

static void stash_free(struct net *net, struct link *link)
{
    if (!link->stash)
        return;
    uint64_t left = link->stash->end - link->stash->begin;
    counter_add(&net->counters.stashed_bytes, -left);
    net->held_bytes -= link->stash->capacity;
    free(link->stash);
    link->stash = NULL;
}

uint64_t net_held_bytes(const struct net *net, const struct link *link)
{
    uint64_t bytes = link->stash ? link->stash->capacity : 0;
    if (link->backlog)
        bytes += backlog_held_bytes(link->backlog);
    return link->front ? bytes + front_held_bytes(net, link) : bytes;
}

void link_pause(struct net *net, struct link *link)
{
    if (link->paused)
        return;
    link->paused = true;
    counter_add(&net->counters.pauses, 1);
    cancel_recv(net, link);
}

static void keep(struct net *net, struct link *link, const uint8_t *bytes, size_t len)
{
    link_pause(net, link);
    if (!stash_add(net, link, bytes, len))
        link_abort(net, link, CLOSE_REASON_OVERLOADED);
}

void link_give(struct net *net, struct link *link, uint8_t *bytes, size_t len)
{
    if (!link_receives(link))
        return;
    if (link->paused) {
        keep(net, link, bytes, len);
        return;
    }
    size_t used = net->ops->on_bytes(net->context, link, bytes, len);
    CHECK(used <= len);
    if (used < len && link_receives(link))
        keep(net, link, bytes + used, len - used);
}

void link_end_of_stream(struct net *net, struct link *link)
{
    link->eof = true;
    if (link_receives(link) && !link->paused)
        net->ops->on_eof(net->context, link);
}

void link_resume(struct net *net, struct link *link)
{
    if (!link->paused || !link_receives(link))
        return;
    struct stash *stash = link->stash;
    if (stash) {
        size_t len = stash->end - stash->begin;
        size_t used = net->ops->on_bytes(net->context, link, stash->bytes + stash->begin, len);
        if (!link_receives(link))
            return;
        stash->begin += (uint32_t)used;
        counter_add(&net->counters.stashed_bytes, -(uint64_t)used);
        if (used < len)
            return;
        stash_free(net, link);
    }
    link->paused = false;
    if (link->eof)
        net->ops->on_eof(net->context, link);
    else
        want_recv(net, link);
    // When the cancelled receive is still on its way back, its completion asks again.
}

// --- Ending

static void end_now(struct net *net, struct link *link)
{
    if (link->ended)
        return;
    link->ended = true;
    list_remove(&link->node);
    net->ops->on_end(net->context, link);
}

// Gives the slot back once the kernel holds nothing of it any more but memory.
static void join(struct net *net, struct link *link)
{
    if (link->state != LINK_CLOSING || !link->ended || (link->inflight & ~LINK_NOTIF))
        return;
    if (link->inflight & LINK_NOTIF) {
        if (!output_disown(net, link))
            return;
        // So that the kernel lets go of the memory with the socket, and not when the peer has read.
        ring_reset(net->ring, link->slot, user_data(link, OP_RESET));
    }
    output_drop(net, link);
    front_drop(net, link);
    stash_free(net, link);
    link->inflight |= LINK_CLOSE;
    ring_close(net->ring, link->slot, user_data(link, OP_CLOSE));
}

static void closed(struct net *net, struct link *link)
{
    counter_add(&net->counters.closed[link->reason], 1);
    counter_add(&net->counters.connections, (uint64_t)-1);
    link->state = LINK_FREE;
    net->open_count--;
}

void link_abort(struct net *net, struct link *link, enum close_reason reason)
{
    if (link->state == LINK_FREE || link->state == LINK_CLOSING)
        return;
    set_reason(link, reason);
    if (list_linked(&link->node))
        list_remove(&link->node);
    link->state = LINK_CLOSING;
    list_push_back(&net->dying, &link->node);
}

void link_end(struct net *net, struct link *link, enum close_reason reason, bool linger)
{
    if (link->state != LINK_UP)
        return;
    set_reason(link, reason);
    link->linger = linger && !link->eof;
    link->state = LINK_ENDING;
    if (list_linked(&link->node)) // kicked: the send is started below by bury
        list_remove(&link->node);
    list_push_back(&net->ending, &link->node);
}

static void begin_close(struct net *net, struct link *link)
{
    cancel_recv(net, link);
    if ((link->inflight & (LINK_SEND | LINK_CANCEL_SEND)) == LINK_SEND) {
        link->inflight |= LINK_CANCEL_SEND;
        ring_cancel(net->ring, user_data(link, OP_SEND), user_data(link, OP_CANCEL_SEND));
    }
    end_now(net, link);
    join(net, link);
}

static void output_is_out(struct net *net, struct link *link)
{
    if (front_close(net, link))
        return; // in the next tick its close_notify is out
    if (!link->linger || link->eof) {
        link_abort(net, link, link->reason);
        return;
    }
    list_remove(&link->node);
    link->state = LINK_LINGERING;
    link->inflight |= LINK_SHUTDOWN;
    ring_shutdown(net->ring, link->slot, user_data(link, OP_SHUTDOWN));
    // What a paused link had kept is of no interest any more, but its end of stream is.
    stash_free(net, link);
    link->paused = false;
    want_recv(net, link);
}

// --- Turns

// Between two ticks all buffers are the kernel's, and it tries what is submitted before it goes on
// with what is armed: as many as there are buffers find one each. A multishot receive takes all it
// can get, so when they are many, or some have gone short, everybody gets one buffer in turn.
static void take_turns(struct net *net)
{
    uint32_t fair = net->starved ? 1 : net->recv_buffers / NET_RECV_BURST;
    bool once = net->turn_count > (fair ? fair : 1);
    uint32_t buffers = net->recv_buffers;
    net->starved = false;
    while (net->turn_count && buffers) {
        struct link *link = net_link(net, net->turn_first);
        net->turn_first = link->next_turn;
        net->turn_count--;
        link->inflight &= (uint8_t)~LINK_TURN;
        if (may_receive(link)) {
            arm_recv(net, link, once);
            buffers--;
        } else {
            join(net, link);
        }
    }
}

void net_bury(struct net *net)
{
    struct list_node *node = list_first(&net->ending);
    while (node) {
        struct list_node *next = node->next == &net->ending.head ? NULL : node->next;
        struct link *link = CONTAINER_OF(node, struct link, node);
        // An inline send of this very tick is only known to be whole after the next submission.
        if (net_output_done(link) && link->sent_tick != net->tick)
            output_is_out(net, link);
        else
            output_start(net, link);
        // Whose send is in flight has nothing to do until it completes (output_on_send).
        if (link->state == LINK_ENDING && (link->inflight & (LINK_SEND | LINK_NOTIF)))
            list_remove(&link->node);
        node = next;
    }
    while ((node = list_first(&net->dying)))
        begin_close(net, CONTAINER_OF(node, struct link, node));
    take_turns(net);
}

// --- Completions

static void receive(struct net *net, struct link *link, uint8_t *bytes, size_t len)
{
    if (link->front)
        front_receive(net, link, bytes, len);
    else
        link_give(net, link, bytes, len);
}

static void on_recv(struct net *net, struct link *link, const struct ring_completion *c)
{
    if (!(c->flags & RING_MORE))
        link->inflight &= (uint8_t)~LINK_RECV;
    if (c->flags & RING_BUFFER) {
        uint16_t id = ring_completion_buffer(c);
        if (c->result > 0) {
            link->heard_ms = (uint32_t)net->now_ms;
            counter_add(&net->counters.receives, 1);
            counter_add(&net->counters.bytes_in, (uint64_t)c->result);
            receive(net, link, ring_buffer(net->ring, id), (size_t)c->result);
        }
        ring_buffer_return(net->ring, id);
    }
    if (c->result == 0)
        link_end_of_stream(net, link);
    else if (c->result == -ENOBUFS) {
        counter_add(&net->counters.enobufs, 1);
        net->starved = true;
    } else if (c->result < 0 && c->result != -ECANCELED && c->result != -EINTR &&
               c->result != -EAGAIN)
        link_abort(net, link, CLOSE_REASON_PEER_RESET);
    if (may_receive(link))
        want_recv(net, link);
}

static void on_recv_cancelled(struct net *net, struct link *link, int32_t result)
{
    link->inflight &= (uint8_t)~LINK_CANCEL_RECV;
    // It was meant for an earlier receive than the one that is to end by now, or has not found it.
    if ((link->rearmed || result == -ENOENT) && (link->paused || link->state == LINK_CLOSING))
        cancel_recv(net, link);
    link->rearmed = false;
}

void link_on_completion(struct net *net, const struct ring_completion *c)
{
    if ((c->flags & RING_NOTIF) && output_on_disowned(net, c))
        return;
    struct link *link = net_link(net, op_slot(c->user_data));
    CHECK(link->state != LINK_FREE &&
          (link->generation & OP_GENERATION_MASK) == op_generation(c->user_data));
    switch (op_of(c->user_data)) {
    case OP_RECV:
        on_recv(net, link, c);
        break;
    case OP_SEND:
        output_on_send(net, link, c);
        break;
    case OP_CANCEL_RECV:
        on_recv_cancelled(net, link, c->result);
        break;
    case OP_CANCEL_SEND:
        link->inflight &= (uint8_t)~LINK_CANCEL_SEND;
        break;
    case OP_SHUTDOWN:
        link->inflight &= (uint8_t)~LINK_SHUTDOWN;
        break;
    case OP_CLOSE:
        link->inflight &= (uint8_t)~LINK_CLOSE;
        closed(net, link);
        return;
    default:
        UNREACHABLE();
    }
    join(net, link);
}
