// SPDX-License-Identifier: MIT
#include "shard/inbox.h"

#include "codec/ws_write.h"
#include "shard/registry.h"
#include "shard/shard_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- Commands

static struct inbox_command *fill(struct inbox_command *command, enum inbox_kind kind,
                                  struct frame *frame, const void *text, size_t text_bytes)
{
    *command = (struct inbox_command){
        .kind = (uint8_t)kind, .frame = frame, .text_bytes = (uint32_t)text_bytes};
    if (text_bytes)
        memcpy(command->text, text, text_bytes);
    return command;
}

struct inbox_command *inbox_command_create(enum inbox_kind kind, uint8_t opcode, const void *bytes,
                                           size_t len, const void *text, size_t text_bytes)
{
    size_t command_bytes = sizeof(struct inbox_command) + text_bytes;
    if (!opcode) {
        struct inbox_command *command = malloc(command_bytes);
        if (!command)
            return NULL;
        command = fill(command, kind, NULL, text, text_bytes);
        command->cost_bytes = (uint32_t)command_bytes;
        return command;
    }
    // One piece of memory: the frame, and behind its bytes the command that brings it.
    size_t head_bytes = ws_header_bytes(len), align = _Alignof(struct inbox_command);
    struct frame *frame = frame_create_foreign(head_bytes + len + align + command_bytes);
    if (!frame)
        return NULL;
    ws_header_write(frame->data, (enum ws_opcode)opcode, len);
    if (len)
        memcpy(frame->data + head_bytes, bytes, len);
    frame->len = (uint32_t)(head_bytes + len);
    frame->opcode = opcode;
    uintptr_t behind = (uintptr_t)(frame->data + frame->len);
    void *place = frame->data + frame->len + ((align - behind % align) % align);
    struct inbox_command *command = fill(place, kind, frame, text, text_bytes);
    command->cost_bytes = frame->len + (uint32_t)command_bytes;
    command->in_frame = true;
    return command;
}

bool inbox_commands_create(struct inbox_command **commands, unsigned count, enum inbox_kind kind,
                           uint8_t opcode, const void *bytes, size_t len)
{
    commands[0] = inbox_command_create(kind, opcode, bytes, len, NULL, 0);
    unsigned made = commands[0] ? 1 : 0;
    for (; made && made < count; made++) {
        struct inbox_command *command = commands[made] =
            inbox_command_create(kind, 0, NULL, 0, NULL, 0);
        if (!command)
            break;
        command->frame = commands[0]->frame;
        frame_ref(command->frame, 1);
        command->cost_bytes = commands[0]->cost_bytes;
    }
    if (made == count)
        return true;
    while (made)
        inbox_command_destroy(commands[--made]);
    return false;
}

static void drop_adopted(struct inbox_adopt *adopt)
{
    if (!adopt)
        return;
    if (adopt->fd >= 0)
        close(adopt->fd);
    claims_destroy(adopt->claims);
    free(adopt);
}

void inbox_command_destroy(struct inbox_command *command)
{
    struct frame *frame = command->frame;
    drop_adopted(command->adopt);
    if (!command->in_frame)
        free(command);
    if (frame)
        frame_unref(NULL, frame);
}

// --- Posting

static bool reserve(struct inbox *inbox, uint32_t cost_bytes)
{
    // Relaxed: the counts bound, they publish nothing; posters may overshoot by one each for a
    // moment, and give it back.
    uint32_t commands = atomic_fetch_add_explicit(&inbox->commands, 1, memory_order_relaxed);
    uint64_t bytes = atomic_fetch_add_explicit(&inbox->bytes, cost_bytes, memory_order_relaxed);
    // One command larger than the bound passes when nothing else waits.
    return commands < inbox->limits.commands &&
           (bytes == 0 || bytes + cost_bytes <= inbox->limits.bytes);
}

static void give_back(struct inbox *inbox, uint32_t cost_bytes)
{
    // Relaxed: see reserve.
    atomic_fetch_sub_explicit(&inbox->commands, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&inbox->bytes, cost_bytes, memory_order_relaxed);
}

static void push(struct shard *shard, struct inbox_command *command)
{
    if (!mpsc_push(&shard->inbox.queue, &command->node))
        return; // who pushed the first one wakes the shard
    // The push pairs with the shard's last look before it sleeps: see mpsc.c and shard.c. As in
    // mail.c, who clears `sleeping` is the one to wake it.
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&shard->sleeping, memory_order_relaxed) &&
        atomic_exchange_explicit(&shard->sleeping, false, memory_order_relaxed))
        shard_interrupt(shard);
}

bool inbox_has_place(const struct shard *shard, size_t cost_bytes)
{
    const struct inbox *inbox = &shard->inbox;
    // Relaxed: see reserve.
    uint64_t bytes = atomic_load_explicit(&inbox->bytes, memory_order_relaxed);
    return atomic_load_explicit(&inbox->commands, memory_order_relaxed) < inbox->limits.commands &&
           (bytes == 0 || bytes + cost_bytes <= inbox->limits.bytes);
}

int inbox_post(struct shard *shard, struct inbox_command *command)
{
    if (reserve(&shard->inbox, command->cost_bytes)) {
        push(shard, command);
        return 0;
    }
    give_back(&shard->inbox, command->cost_bytes);
    return -EAGAIN;
}

int inbox_post_all(struct shard_group *group, struct inbox_command **commands)
{
    unsigned reserved = 0;
    bool fits = true;
    while (fits && reserved < group->count) {
        fits = reserve(&group->shards[reserved]->inbox, commands[reserved]->cost_bytes);
        reserved++;
    }
    for (unsigned i = 0; !fits && i < reserved; i++)
        give_back(&group->shards[i]->inbox, commands[i]->cost_bytes);
    for (unsigned i = 0; fits && i < group->count; i++)
        push(group->shards[i], commands[i]);
    return fits ? 0 : -EAGAIN;
}

bool shard_inbox_visible(const struct shard *shard)
{
    return !mpsc_empty(&shard->inbox.queue);
}

// --- Carrying out

static struct inbox_command *command_of(struct mpsc_node *node)
{
    return CONTAINER_OF(node, struct inbox_command, node);
}

// The message as a frame with one reference for the shard; NULL when memory has run out. What was
// lent is released.
static struct frame *take_frame(struct shard *shard, struct inbox_command *command)
{
    struct frame *frame = NULL;
    if (!command->lent.release) {
        frame = command->frame;
        frame_ref(frame, 1); // the command's own goes when the command does
        return frame;
    }
    (void)registry_frame(shard, (enum ws_opcode)command->opcode, command->lent.bytes,
                         command->lent.len, &frame);
    command->lent.release(command->lent.context);
    command->lent.release = NULL;
    return frame;
}

static void carry_out_frame(struct shard *shard, struct inbox_command *command)
{
    struct frame *frame = take_frame(shard, command);
    if (!frame) {
        counter_add(&shard->counters.inbox_lost, 1);
        return;
    }
    if (command->kind == INBOX_PUBLISH) {
        frame->exclude_id = command->id;
        if (hub_publish_name(&shard->hub, (const uint8_t *)command->text, command->name_len, frame))
            counter_add(&shard->counters.inbox_lost, 1);
    } else if (command->kind == INBOX_BROADCAST) {
        shard_charge_broadcast(shard->group, shard_broadcast_cost(frame));
        shard_broadcast(shard, frame);
    } else {
        shard_send_frame(shard, command->id, frame);
    }
}

static void carry_out(struct shard *shard, struct inbox_command *command)
{
    switch ((enum inbox_kind)command->kind) {
    case INBOX_PUBLISH:
    case INBOX_BROADCAST:
    case INBOX_SEND:
        carry_out_frame(shard, command);
        return;
    case INBOX_JOIN:
        (void)registry_join_room(shard, command->id, command->text, command->name_len);
        return;
    case INBOX_LEAVE:
        (void)registry_leave_room(shard, command->id, command->text, command->name_len);
        return;
    case INBOX_TOUCH:
        (void)registry_touch(shard, command->id);
        return;
    case INBOX_CLOSE:
        (void)registry_close(shard, command->id, command->code, command->text);
        return;
    case INBOX_CLOSE_ALL:
        (void)registry_close_all(shard, command->code, command->text);
        return;
    case INBOX_ADOPT:
        shard_adopt(shard, command);
        return;
    }
    UNREACHABLE();
}

void shard_obey(struct shard *shard, struct inbox_command *command)
{
    carry_out(shard, command);
    inbox_command_destroy(command);
}

static bool must_wait(const struct shard *shard, const struct inbox_command *command)
{
    if (command->kind == INBOX_BROADCAST)
        return shard_broadcasts_full(shard);
    if (command->kind == INBOX_ADOPT)
        return shard->adoption_count == SHARD_ADOPTIONS; // the next tick has place again
    return command->kind == INBOX_PUBLISH &&
           !hub_may_publish_name(&shard->hub, (const uint8_t *)command->text, command->name_len);
}

void shard_drain_inbox(struct shard *shard, uint32_t budget)
{
    struct inbox *inbox = &shard->inbox;
    while (budget--) {
        if (!inbox->taken && !(inbox->taken = mpsc_take_all(&inbox->queue)))
            return;
        struct inbox_command *command = command_of(inbox->taken);
        if (must_wait(shard, command)) {
            counter_add(&shard->counters.inbox_held, 1);
            return;
        }
        inbox->taken = command->node.next;
        counter_add(&shard->counters.inbox_commands, 1);
        give_back(inbox, command->cost_bytes);
        shard_obey(shard, command);
    }
}

void shard_drop_inbox(struct shard *shard)
{
    struct inbox *inbox = &shard->inbox;
    while (inbox->taken || (inbox->taken = mpsc_take_all(&inbox->queue))) {
        struct inbox_command *command = command_of(inbox->taken);
        inbox->taken = command->node.next;
        give_back(inbox, command->cost_bytes);
        if (command->lent.release)
            command->lent.release(command->lent.context);
        if (command->adopt)
            shard_tell_not_adopted(shard, command->adopt);
        inbox_command_destroy(command);
    }
}
