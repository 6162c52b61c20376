// SPDX-License-Identifier: MIT
//
// What shards post to each other: delivering it, and waking who sleeps.
#include "shard/shard_internal.h"

#include "net/op.h"

#include <string.h>

#define BATCH 64

static struct spsc *queue_between(const struct shard_group *group, uint16_t from, uint16_t to)
{
    return &group->queues[(uint32_t)from * group->count + to];
}

bool shard_mail_visible(struct shard *shard)
{
    for (uint16_t from = 0; from < shard->group->count; from++)
        if (from != shard->options.index &&
            !spsc_empty(queue_between(shard->group, from, shard->options.index)))
            return true;
    return false;
}

void shard_send_frame(struct shard *shard, uint64_t id, struct frame *frame)
{
    struct link *link = net_find(&shard->net, id);
    const struct conn *conn = (const struct conn *)(const void *)link;
    struct run *run = conn && conn->state == CONN_OPEN ? run_create(&shard->runs, frame, 1) : NULL;
    if (!run) {
        frame_unref(&shard->frames, frame);
        return;
    }
    net_send_run(&shard->net, link, run);
    run_unref(&shard->runs, run);
}

static void handle(struct shard *shard, uint16_t from, const struct mail *mail)
{
    if (mail->kind == MAIL_BROADCAST)
        shard_broadcast(shard, mail->frame);
    else if (mail->kind == MAIL_SEND)
        shard_send_frame(shard, mail->id, mail->frame);
    else if (mail->kind == MAIL_COMMAND)
        shard_obey(shard, mail->command);
    else
        hub_receive(&shard->hub, from, mail);
}

static bool drain_from(struct shard *shard, uint16_t from, uint32_t budget)
{
    struct spsc *queue = queue_between(shard->group, from, shard->options.index);
    struct spsc_item items[BATCH];
    uint32_t count;
    while (budget >= BATCH && (count = spsc_pop(queue, items, BATCH)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            struct mail mail;
            memcpy(&mail, &items[i], sizeof mail);
            handle(shard, from, &mail);
        }
        counter_add(&shard->counters.mails_received, count);
        budget -= count;
    }
    return budget < BATCH;
}

bool shard_drain_mail(struct shard *shard, uint32_t budget)
{
    bool more = false;
    for (uint16_t from = 0; from < shard->group->count; from++)
        if (from != shard->options.index)
            more |= drain_from(shard, from, budget);
    return more;
}

void shard_post(struct shard *shard, uint16_t to, const struct mail *mail)
{
    counter_add(&shard->counters.mails_sent, 1);
    if (to == shard->options.index)
        handle(shard, to, mail);
    else
        mailbox_post(&shard->mailboxes[to], mail);
}

static void wake(struct shard *shard, struct shard *peer)
{
    // Pairs with the peer's store of `sleeping` before it looks at its queues for the last time:
    // either it sees our mails there, or we see that it sleeps.
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&peer->sleeping, memory_order_relaxed) ||
        !atomic_exchange_explicit(&peer->sleeping, false, memory_order_relaxed))
        return;
    counter_add(&shard->counters.wakes_sent, 1);
    if (shard->options.ring.features.msg_ring)
        ring_wake(shard->ring, ring_fd(peer->ring), op_pack(OP_WAKE, 0, peer->options.index));
    else
        shard_interrupt(peer);
}

void shard_flush_mail(struct shard *shard)
{
    uint64_t waiting = 0;
    for (uint16_t to = 0; to < shard->group->count; to++) {
        struct mailbox *mailbox = &shard->mailboxes[to];
        if (to == shard->options.index)
            continue;
        bool crowded = mailbox_crowded(mailbox);
        if (mailbox_flush(mailbox))
            wake(shard, shard->group->shards[to]);
        if (crowded && !mailbox_crowded(mailbox))
            shard->conns.recheck = true;
        waiting += mailbox->count;
    }
    counter_set(&shard->counters.mails_waiting, waiting);
}

bool shard_crowded(const struct shard *shard, uint16_t to)
{
    return to != shard->options.index && mailbox_crowded(&shard->mailboxes[to]);
}

bool shard_mail_waiting(const struct shard *shard)
{
    return counter_read(&shard->counters.mails_waiting) > 0;
}

// --- What the hub asks of its shard

static struct memberships *memberships(void *context, uint32_t connection)
{
    struct shard *shard = context;
    return &conn_of(&shard->conns, connection)->rooms;
}

static uint32_t local_slot(void *context, uint64_t id)
{
    struct shard *shard = context;
    if (connection_id_shard(id) != shard->options.index)
        return SLAB_NONE;
    return net_find(&shard->net, id) ? connection_id_slot(id) : SLAB_NONE;
}

static void joined(void *context, uint32_t connection, const struct room_name *name, bool accepted)
{
    struct shard *shard = context;
    conn_joined(&shard->conns, conn_of(&shard->conns, connection), name, accepted);
}

static void deliver(void *context, uint32_t connection, struct run *run)
{
    struct shard *shard = context;
    net_send_run(&shard->net, net_link(&shard->net, connection), run);
}

static void give_up(void *context, uint32_t connection)
{
    struct shard *shard = context;
    link_abort(&shard->net, net_link(&shard->net, connection), CLOSE_REASON_INTERNAL);
}

static void post(void *context, uint16_t to, const struct mail *mail)
{
    shard_post(context, to, mail);
}

static bool crowded(void *context, uint16_t to)
{
    return shard_crowded(context, to);
}

static void resumed(void *context)
{
    struct shard *shard = context;
    shard->conns.recheck = true;
}

static void room_ended(void *context, const struct room_name *name, void *user)
{
    struct shard *shard = context;
    const struct conn_ops *ops = shard->options.conn_ops;
    if (ops->room_ended)
        ops->room_ended(shard->options.conn_context, name, user);
}

const struct hub_ops shard_hub_ops = {
    .memberships = memberships,
    .local_slot = local_slot,
    .joined = joined,
    .deliver = deliver,
    .give_up = give_up,
    .post = post,
    .crowded = crowded,
    .resumed = resumed,
    .room_ended = room_ended,
};
