// SPDX-License-Identifier: MIT
//
// How a shard ends: it stops accepting once nobody waits for it any more, says goodbye at a pace
// that spreads the reconnects, answers who is still asking, and at the deadline closes what is
// left.
#include "shard/shard_internal.h"

#include "base/log.h"

#define LISTEN_MS 1000 // for those who had connected already, when more come all the time

static void begin(struct shard *shard, enum shard_phase phase)
{
    shard->phase = phase;
    shard->phase_since_ms = shard->net.now_ms;
    shard->drain_cursor = shard->drain_closed = 0;
    shard->drain_total = shard->net.open_count;
    if (phase >= SHARD_DRAINING) {
        shard->conns.draining = true;
        log_info("draining connections=%u", shard->drain_total);
    }
}

static void end_listening(struct shard *shard, unsigned listener)
{
    const struct shard_listener *l = &shard->options.listeners[listener];
    shard_cancel_accepts(shard, listener);
    if (!l->kept)
        ring_listener_end(l->fd);
}

// Who has connected before we stop listening would get a reset: they are taken in and told.
static void stop_listening(struct shard *shard, bool late)
{
    bool waiting = false;
    if (shard->deaf)
        return;
    for (unsigned i = 0; i < shard->options.listener_count; i++) {
        const struct shard_listener *l = &shard->options.listeners[i];
        waiting |= !l->kept && ring_listener_has(l->fd);
    }
    if (waiting && !late)
        return;
    shard->deaf = true;
    for (unsigned i = 0; i < shard->options.listener_count; i++)
        end_listening(shard, i);
}

static uint64_t end_ms(const struct shard *shard)
{
    // Relaxed: the phase publishes it, and an end that is made earlier later may be seen later.
    return atomic_load_explicit(&shard->group->drain_end_ms, memory_order_relaxed);
}

// Four fifths of the time are for saying goodbye, the rest for the answers.
static uint32_t closes_due(const struct shard *shard)
{
    uint64_t passed_ms = shard->net.now_ms - shard->phase_since_ms, end = end_ms(shard);
    uint64_t pace_ms = end > shard->phase_since_ms ? (end - shard->phase_since_ms) / 5 * 4 : 0;
    if (passed_ms >= pace_ms)
        return UINT32_MAX;
    return (uint32_t)((uint64_t)shard->drain_total * passed_ms / pace_ms) + 1;
}

static void close_some(struct shard *shard)
{
    uint32_t due = closes_due(shard);
    while (shard->drain_closed < due && shard->drain_cursor < shard->net.high_slot) {
        struct conn *conn = conn_of(&shard->conns, shard->drain_cursor++);
        if (conn->link.state != LINK_UP)
            continue;
        shard->drain_closed += conn_drain(&shard->conns, conn);
    }
}

void shard_abort_all(struct shard *shard, enum close_reason reason)
{
    for (uint32_t slot = 0; slot < shard->net.high_slot; slot++)
        link_abort(&shard->net, net_link(&shard->net, slot), reason);
}

void shard_follow_phase(struct shard *shard)
{
    // Acquire pairs with the release of who ends us: what it wrote before (the end) is seen.
    enum shard_phase phase =
        (enum shard_phase)atomic_load_explicit(&shard->group->phase, memory_order_acquire);
    if (phase != shard->phase)
        begin(shard, phase);
    if (phase < SHARD_DRAINING)
        return;
    uint64_t passed_ms = shard->net.now_ms - shard->phase_since_ms;
    bool late = phase == SHARD_STOPPING || shard->net.now_ms >= end_ms(shard);
    stop_listening(shard, late || passed_ms >= LISTEN_MS);
    close_some(shard);
    if (late)
        shard_abort_all(shard, CLOSE_REASON_DRAINING);
}
