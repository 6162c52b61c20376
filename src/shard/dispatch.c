// SPDX-License-Identifier: MIT
//
// From completions to handlers: the one switch over what the kernel finished.
#include "shard/shard_internal.h"

#include "base/log.h"
#include "net/op.h"

#include <errno.h>
#include <string.h>

static uint64_t accept_data(unsigned listener, unsigned n)
{
    return op_pack(OP_ACCEPT, n, listener);
}

static void arm_accepts(struct shard *shard, unsigned listener)
{
    // An accept into a full table would take a connection from the backlog only to drop it.
    for (unsigned n = 0; n < SHARD_ACCEPTS; n++) {
        if (shard->net.open_count + shard->accepts_armed >= shard->net.capacity)
            return;
        if (shard->accepting[listener] & 1U << n)
            continue;
        shard->accepting[listener] |= 1U << n;
        shard->accepts_armed++;
        ring_accept(shard->ring, shard->options.listeners[listener].fd, &shard->peers[listener][n],
                    accept_data(listener, n));
    }
}

void shard_arm_accepts(struct shard *shard)
{
    if (shard->accepts_armed < shard->options.listener_count * SHARD_ACCEPTS)
        for (unsigned i = 0; i < shard->options.listener_count; i++)
            if (shard->phase < SHARD_DRAINING || !shard->options.listeners[i].kept)
                arm_accepts(shard, i);
}

void shard_cancel_accepts(struct shard *shard, unsigned listener)
{
    for (unsigned n = 0; n < SHARD_ACCEPTS; n++)
        if (shard->accepting[listener] & 1U << n)
            ring_cancel(shard->ring, accept_data(listener, n),
                        op_pack(OP_CANCEL_ACCEPT, n, listener));
}

// Armed again by the tick, not here: a full table would spin.
static void on_accept(struct shard *shard, const struct ring_completion *c)
{
    unsigned listener = op_slot(c->user_data), n = op_generation(c->user_data);
    shard->accepting[listener] &= ~(1U << n);
    shard->accepts_armed--;
    if (c->result >= 0) {
        struct link_entry entry = {
            .full = shard->net.open_count >= shard->options.max_connections,
            .tls = shard->options.listeners[listener].tls,
            .proxy = shard->options.listeners[listener].proxy,
            .trusted = shard->options.listeners[listener].trusted,
        };
        ring_peer_read(&shard->peers[listener][n], &entry.address, &entry.port);
        link_accepted(&shard->net, (uint32_t)c->result, &entry);
        return;
    }
    if (c->result == -ECANCELED || shard->phase >= SHARD_DRAINING)
        return;
    counter_add(&shard->net.counters.accept_errors, 1);
    log_warn("accept failed: %s%s", strerror(-c->result),
             c->result == -ENFILE ? " (every place is taken: raise max_connections or ulimit -n)"
                                  : "");
}

static void dispatch(struct shard *shard, const struct ring_completion *c)
{
    switch (op_of(c->user_data)) {
    case OP_INLINE: // settled before
    case OP_CANCEL_ACCEPT:
    case OP_RESET: // the close behind it is what counts
        return;
    case OP_WAKE:
        // Being awake is all it was for. One of ours that failed comes back to us; the peer does
        // not say that it sleeps any more, so nobody else would wake it.
        if (c->result < 0)
            shard_interrupt(shard->group->shards[op_slot(c->user_data)]);
        return;
    case OP_ACCEPT:
        on_accept(shard, c);
        return;
    case OP_EVENT:
        shard->event_armed = false;
        return;
    case OP_ADOPT:
        shard_on_adopted(shard, c);
        return;
    case OP_RECV:
    case OP_SEND:
    case OP_CANCEL_RECV:
    case OP_CANCEL_SEND:
    case OP_SHUTDOWN:
    case OP_CLOSE:
        link_on_completion(&shard->net, c);
        return;
    case OP_NONE:
    case OP_COUNT:
        break;
    }
    UNREACHABLE();
}

// Two passes: the sends of the last flush are settled and their memory is released before anything
// new is queued. When more completions are left than fit, some of them may be of that flush, so its
// memory stays until all have been seen. A send that is settled so late makes a backlog behind
// which net_send_* must not put what is newer than what they have collected already. Nothing
// that is asked for on the way completes on it, so this ends.
void shard_reap(struct shard *shard)
{
    uint32_t count;
    do {
        count = ring_reap(shard->ring, shard->completions, SHARD_REAP_BATCH);
        for (uint32_t i = 0; i < count; i++)
            if (op_of(shard->completions[i].user_data) == OP_INLINE)
                net_settle(&shard->net, &shard->completions[i]);
        if (count < SHARD_REAP_BATCH)
            net_release(&shard->net);
        for (uint32_t i = 0; i < count; i++)
            dispatch(shard, &shard->completions[i]);
    } while (count == SHARD_REAP_BATCH);
}
