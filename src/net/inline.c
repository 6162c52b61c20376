// SPDX-License-Identifier: MIT
//
// Inline sends: the records of what a tick's flush gave to the kernel, until the next submission
// has told what fell short of it.
#include "net/output.h"

#include "net/backlog.h"
#include "net/net.h"
#include "net/op.h"
#include "ring/ring.h"

#include <errno.h>
#include <stdlib.h>

// Returns the larger array, or NULL when memory has run out; the old one is as it was then.
static void *grow(void *array, uint32_t *capacity, size_t item_bytes)
{
    uint32_t more = *capacity ? *capacity * 2 : 1024;
    void *larger = realloc(array, more * item_bytes);
    if (larger)
        *capacity = more;
    return larger;
}

bool output_hold(struct net *net, struct run *run)
{
    if (net->held_count == net->held_capacity) {
        struct run **larger = grow(net->held, &net->held_capacity, sizeof *net->held);
        if (!larger) {
            run_unref(net->runs, run);
            return false;
        }
        net->held = larger;
    }
    net->held[net->held_count++] = run;
    return true;
}

static bool reserve_record(struct net *net)
{
    if (net->sent_count < net->sent_capacity)
        return true;
    struct sent_record *larger = grow(net->sent, &net->sent_capacity, sizeof *net->sent);
    if (larger)
        net->sent = larger;
    return larger;
}

void output_inline(struct net *net, struct link *link, const uint8_t *bytes, uint32_t len,
                   struct run *run, uint32_t messages)
{
    CHECK_HOT(link->sent_tick != net->tick && !(link->inflight & LINK_SEND));
    if (!reserve_record(net)) {
        output_out_of_memory(net, link);
        return;
    }
    net->sent[net->sent_count] = (struct sent_record){
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
