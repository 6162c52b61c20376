// SPDX-License-Identifier: MIT
//
// Inline sends: the records of what a tick's flush gave to the kernel, until the next submission
// has told what fell short of it.
#include "net/output.h"

#include "base/array.h"
#include "net/backlog.h"
#include "net/net.h"
#include "net/op.h"
#include "ring/ring.h"

#include <errno.h>

#define FIRST_ITEMS 1024 // of both arrays: one for each send of a tick

bool output_hold(struct net *net, struct run *run)
{
    struct run **held =
        array_reserve(net->held, net->held_count, &net->held_capacity, FIRST_ITEMS, sizeof *held);
    if (!held) {
        run_unref(net->runs, run);
        return false;
    }
    net->held = held;
    held[net->held_count++] = run;
    return true;
}

void output_inline(struct net *net, struct link *link, const uint8_t *bytes, uint32_t len,
                   struct run *run, uint32_t messages)
{
    CHECK_HOT(link->sent_tick != net->tick && !(link->inflight & LINK_SEND));
    struct sent_record *sent =
        array_reserve(net->sent, net->sent_count, &net->sent_capacity, FIRST_ITEMS, sizeof *sent);
    if (!sent) {
        output_out_of_memory(net, link);
        return;
    }
    net->sent = sent;
    sent[net->sent_count] = (struct sent_record){
        .bytes = bytes, .run = run, .len = len, .slot = link->slot, .messages = messages};
    link->sent_tick = net->tick;
    ring_send_inline(net->ring, link->slot, bytes, len,
                     op_pack(OP_INLINE, net->tick, net->sent_count));
    net->sent_count++;
}

struct arena *output_other_arena(struct net *net)
{
    return net->arena == &net->arenas[0] ? &net->arenas[1] : &net->arenas[0];
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
        output_keep_rest(net, link, run_ref(sent->run), done);
        return;
    }
    struct run *rest = run_copy(net->runs, sent->bytes + done, sent->len - done, sent->messages);
    if (!rest) {
        output_out_of_memory(net, link);
        return;
    }
    if (link->front) {
        output_keep_sealed(net, link, rest);
        return;
    }
    output_keep_rest(net, link, rest, 0);
}

void net_release(struct net *net)
{
    for (uint32_t i = 0; i < net->held_count; i++)
        run_unref(net->runs, net->held[i]);
    net->held_count = 0;
    net->sent_count = 0;
    arena_reset(output_other_arena(net));
}
