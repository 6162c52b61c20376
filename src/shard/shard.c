// SPDX-License-Identifier: MIT
//
// The tick. Read shard_tick first.
#include "shard/shard_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifndef SENDS_PER_TICK
#define SENDS_PER_TICK 512 // small ones, of fan-outs: others are served between two slices
#endif
#define MAIL_PER_TICK   4096 // mails from each peer
#define INBOX_PER_TICK  4096
#define TIMERS_PER_TICK 1024
#define REAPED_MAX      64 // ids named in the log
#define RETRY_MS        1  // until a full queue to a peer is tried again
#define ACCEPT_RETRY_MS 50 // until a full table is tried again
#define DRAIN_STEP_MS   10

int shard_init(struct shard *shard, const struct shard_options *options)
{
    memset(shard, 0, sizeof *shard);
    shard->options = *options;
    shard->group = options->group;
    shard->inbox.limits = options->inbox;
    shard->clock_ms = clock_monotonic_ms;
    shard->clock_unix_ms = clock_realtime_ms;
    shard->event_fd = eventfd(0, EFD_CLOEXEC);
    if (shard->event_fd < 0)
        return -errno;
    shard->completions = calloc(SHARD_REAP_BATCH, sizeof *shard->completions);
    if (!shard->completions)
        return -ENOMEM;
    for (uint16_t to = 0; to < shard->group->count; to++)
        if (to != options->index)
            shard->mailboxes[to].queue =
                &shard->group->queues[(uint32_t)options->index * shard->group->count + to];
    return 0;
}

static int start_ring(struct shard *shard)
{
    struct shard_options *o = &shard->options;
    o->ring.files = o->max_connections + SHARD_FILES_RESERVE;
    int error = ring_create(&shard->ring, &o->ring);
    if (error || !o->registered)
        return error;
    const struct shard *first = shard->group->shards[0];
    int clone_fd = first != shard && first->ring ? ring_fd(first->ring) : -1;
    error = ring_register_memory(shard->ring, o->registered, o->registered_bytes, clone_fd);
    shard->zerocopy = error == 0 && o->ring.features.send_zc;
    if (error && o->limits.zerocopy_threshold_bytes)
        log_warn("no registered send memory (%s), so no zero-copy sends: raise ulimit -l or lower "
                 "send_memory",
                 strerror(-error));
    return 0;
}

// --- What the control thread hands over while the shard runs

void shard_set_tls(struct shard *shard, struct tls_context *tls)
{
    // Acquire: one that the shard has not taken yet is ours again.
    struct tls_context *before =
        atomic_exchange_explicit(&shard->next_tls, NULL, memory_order_acquire);
    if (before && tls)
        tls_context_inherit(tls, before); // another shard may have taken its like by now
    if (before)
        tls_context_destroy(before);
    // Release: the shard sees the whole context.
    atomic_store_explicit(&shard->next_tls, tls, memory_order_release);
}

void shard_set_gate(struct shard *shard, struct gate *gate)
{
    // Acquire and release: as above.
    struct gate *before = atomic_exchange_explicit(&shard->next_gate, gate, memory_order_acq_rel);
    if (before)
        gate_destroy(before);
}

static void take_handed_over(struct shard *shard)
{
    // Relaxed: a look at every tick; the exchange that follows is what orders.
    if (atomic_load_explicit(&shard->next_tls, memory_order_relaxed)) {
        struct tls_context *tls =
            atomic_exchange_explicit(&shard->next_tls, NULL, memory_order_acquire);
        if (tls)
            net_set_tls(&shard->net, tls);
    }
    if (atomic_load_explicit(&shard->next_gate, memory_order_relaxed)) {
        struct gate *gate = atomic_exchange_explicit(&shard->next_gate, NULL, memory_order_acquire);
        if (gate)
            conns_set_gate(&shard->conns, gate);
    }
}

// --- The start

static int start_layers(struct shard *shard)
{
    struct shard_options *o = &shard->options;
    frame_pool_init(&shard->frames, o->send_memory, o->send_memory_bytes);
    run_pool_init(&shard->runs, &shard->frames);
    struct net_options net = {
        .ring = shard->ring,
        .runs = &shard->runs,
        .ops = &conn_link_ops,
        .context = &shard->conns,
        .limits = o->limits,
        .link_bytes = sizeof(struct conn),
        .capacity = o->ring.files,
        .max_links = o->max_connections,
        .recv_buffers = o->ring.recv_buffers,
        .recv_buffer_bytes = o->ring.recv_buffer_bytes,
    };
    for (unsigned i = 0; i < o->listener_count; i++)
        net.tls |= o->listeners[i].tls, net.proxy |= o->listeners[i].proxy;
    if (!shard->zerocopy)
        net.limits.zerocopy_threshold_bytes = 0;
    int error = net_init(&shard->net, &net);
    if (error)
        return error;
    struct hub_options hub = {.shard = o->index,
                              .shard_count = shard->group->count,
                              .max_rooms = o->max_rooms,
                              .hash_key = shard->group->hash_key};
    error = hub_init(&shard->hub, &hub, &shard_hub_ops, shard, &shard->runs);
    if (error) {
        net_fini(&shard->net);
        return error;
    }
    shard->conns.net = &shard->net;
    shard->conns.hub = &shard->hub;
    shard->conns.ops = o->conn_ops;
    shard->conns.context = o->conn_context;
    shard->conns.options = o->conn;
    shard->conns.shard = o->index;
    shard->net.now_ms = shard->clock_ms();
    shard->net.unix_ms = shard->clock_unix_ms();
    conns_init(&shard->conns, shard->net.now_ms);
    take_handed_over(shard);
    return 0;
}

int shard_start(struct shard *shard)
{
    int error = start_ring(shard);
    if (!error)
        error = start_layers(shard);
    if (error && shard->ring) {
        ring_destroy(shard->ring);
        shard->ring = NULL;
    }
    return error;
}

void shard_interrupt(struct shard *shard)
{
    uint64_t one = 1;
    // A full counter means that the shard is being woken anyway.
    ssize_t written = write(shard->event_fd, &one, sizeof one);
    (void)written;
}

// --- Waiting

static void at_most(int *wait_ms, uint64_t limit_ms)
{
    if (*wait_ms < 0 || (uint64_t)*wait_ms > limit_ms)
        *wait_ms = limit_ms > INT32_MAX ? INT32_MAX : (int)limit_ms;
}

static bool busy(const struct shard *shard)
{
    return hub_busy(&shard->hub) || net_busy(&shard->net) || shard->broadcasts.count ||
           shard->conns.recheck || shard->conns.answer_count ||
           !list_empty(&shard->conns.verifying);
}

static int wait_ms(const struct shard *shard)
{
    if (busy(shard))
        return 0;
    int wait_ms = RING_WAIT_FOREVER;
    uint64_t next_ms = wheel_next_ms(&shard->conns.wheel);
    if (next_ms != UINT64_MAX) {
        // Asked of the clock, not of the tick: the work since then counts.
        uint64_t now_ms = shard->clock_ms();
        at_most(&wait_ms, next_ms > now_ms ? next_ms - now_ms : 0);
    }
    if (shard_mail_waiting(shard) || shard->conns.retry_count || shard->inbox.taken ||
        shard->conns.full)
        at_most(&wait_ms, RETRY_MS);
    if (shard->options.tick_interval_ms)
        at_most(&wait_ms, shard->options.tick_interval_ms);
    if (shard->phase >= SHARD_DRAINING)
        at_most(&wait_ms, DRAIN_STEP_MS);
    else if (shard->accepts_armed < shard->options.listener_count * SHARD_ACCEPTS)
        at_most(&wait_ms, ACCEPT_RETRY_MS);
    return wait_ms;
}

static void enter(struct shard *shard)
{
    int wait = wait_ms(shard);
    if (wait) {
        // Sequentially consistent: pairs with the fence in wake(); whoever posts after our last
        // look at the queues sees that we sleep and wakes us.
        atomic_store_explicit(&shard->sleeping, true, memory_order_seq_cst);
        if (shard_mail_visible(shard) || shard_inbox_visible(shard)) {
            wait = 0;
            // Relaxed: a wake that comes all the same costs nothing but itself.
            atomic_store_explicit(&shard->sleeping, false, memory_order_relaxed);
        }
    }
    int error = ring_enter(shard->ring, wait);
    atomic_store_explicit(&shard->sleeping, false, memory_order_relaxed);
    if (error) {
        log_error("io_uring_enter failed for good: %s", strerror(-error));
        CHECK(!error);
    }
}

// --- The tick

static void arm_what_ended(struct shard *shard)
{
    if (!shard->event_armed) {
        shard->event_armed = true;
        ring_read_event(shard->ring, shard->event_fd, op_pack(OP_EVENT, 0, 0));
    }
    if (!shard->deaf)
        shard_arm_accepts(shard);
}

static void sweep(struct shard *shard)
{
    uint64_t ids[REAPED_MAX];
    uint32_t count =
        conns_sweep(&shard->conns, shard->net.now_ms, TIMERS_PER_TICK, ids, REAPED_MAX);
    if (count)
        log_info("reaped idle connections count=%u first=%016llx", count,
                 (unsigned long long)ids[0]);
}

// Every room with news gets a slice, within the budget of the tick; then one send per link that has
// more.
static void flush(struct shard *shard)
{
    struct hub_slice slice;
    uint32_t budget = SENDS_PER_TICK;
    hub_flush_begin(&shard->hub);
    while (budget && hub_next_slice(&shard->hub, budget, &slice)) {
        net_fan_out(&shard->net, slice.run, slice.entries, slice.count);
        budget -= slice.cost;
    }
    shard_flush_broadcasts(shard, SENDS_PER_TICK);
    net_flush(&shard->net);
}

static bool stopped(struct shard *shard)
{
    return shard->phase >= SHARD_DRAINING && shard->net.open_count == 0 &&
           shard->accepts_armed == 0 && shard->adoption_count == 0;
}

bool shard_tick(struct shard *shard)
{
    arm_what_ended(shard);
    enter(shard); // submits what the last tick queued, waits for something to do
    uint64_t began_ns = clock_monotonic_ns();
    // The tick's one look at the clocks.
    net_begin_tick(&shard->net, shard->clock_ms(), shard->clock_unix_ms());
    frame_pool_collect(&shard->frames);
    take_handed_over(shard);

    shard_reap(shard);                        // settle, release, then what the kernel finished
    net_handshakes(&shard->net);              // TLS that had to wait for its turn
    conns_verify(&shard->conns);              // tokens that had to wait for theirs
    shard_drain_mail(shard, MAIL_PER_TICK);   // what other shards posted
    shard_drain_inbox(shard, INBOX_PER_TICK); // what threads without a shard posted
    sweep(shard);                             // what is due
    shard_check_memory(shard);                // who holds too much
    conns_answer_joins(&shard->conns);        // what the hub has answered
    conns_resume_waiting(&shard->conns);      // publishers that may go on
    shard_follow_phase(shard);                // draining
    if (shard->options.on_tick)               // the program's turn
        shard->options.on_tick(shard->options.conn_context, shard);
    shard_flush_mail(shard); // a batch and at most one wake a peer, which is to work while we send
    flush(shard);            // the only phase that prepares sends
    net_bury(&shard->net);   // what has ended
    shard_flush_mail(shard); // what these two have posted

    counter_add(&shard->counters.ticks, 1);
    counter_add(&shard->counters.stalls, shard_mail_waiting(shard));
    histogram_add(&shard->counters.tick, clock_monotonic_ns() - began_ns);
    return !stopped(shard);
}

// --- The end

bool shard_settle_mail(struct shard *shard)
{
    bool moved = shard_mail_visible(shard);
    shard_drain_mail(shard, UINT32_MAX);
    net_drop_disowned(&shard->net);
    shard_drop_broadcasts(shard); // nobody is left; the frames may be another shard's
    for (uint16_t to = 0; to < shard->group->count; to++)
        if (to != shard->options.index && mailbox_flush(&shard->mailboxes[to]))
            moved = true;
    frame_pool_collect(&shard->frames);
    return moved;
}

void shard_fini(struct shard *shard)
{
    shard_drop_memory(shard);
    net_fini(&shard->net);
    hub_fini(&shard->hub);
    conns_fini(&shard->conns);
    run_pool_fini(&shard->runs);
    frame_pool_fini(&shard->frames);
    for (uint16_t to = 0; to < shard->group->count; to++)
        if (to != shard->options.index)
            mailbox_fini(&shard->mailboxes[to]);
    ring_destroy(shard->ring);
    shard_abandon(shard);
}

void shard_abandon(struct shard *shard)
{
    shard_set_tls(shard, NULL);
    shard_set_gate(shard, NULL);
    shard_drop_inbox(shard);
    free(shard->completions);
    if (shard->event_fd >= 0)
        close(shard->event_fd);
}
