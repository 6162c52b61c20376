// SPDX-License-Identifier: MIT
#include "shard/registry.h"

#include "codec/utf8.h"
#include "codec/ws_write.h"
#include "shard/shard_internal.h"

#include <errno.h>
#include <string.h>

struct conn *registry_find(struct shard *shard, uint64_t id)
{
    if (connection_id_shard(id) != shard->options.index)
        return NULL;
    struct conn *conn = (struct conn *)(void *)net_find(&shard->net, id);
    return conn && conn->state == CONN_OPEN ? conn : NULL;
}

bool registry_close(struct shard *shard, uint64_t id, uint16_t code, const char *text)
{
    struct conn *conn = registry_find(shard, id);
    if (conn)
        conn_close_with(&shard->conns, conn, CLOSE_REASON_SERVER, code, text);
    return conn;
}

bool registry_touch(struct shard *shard, uint64_t id)
{
    struct conn *conn = registry_find(shard, id);
    if (conn)
        conn_touch(&shard->conns, conn);
    return conn;
}

uint64_t registry_connection_count(const struct shard_group *group)
{
    uint64_t count = 0;
    for (uint16_t i = 0; i < group->count; i++)
        count += counter_read(&group->shards[i]->conns.counters.websockets);
    return count;
}

bool registry_name_valid(const char *name, size_t len)
{
    return len >= 1 && len <= ROOM_NAME_MAX_BYTES && utf8_valid((const uint8_t *)name, len);
}

// A member of several rooms collects what a tick has for it, instead of one send per room.
static void update_gather(struct conn *conn)
{
    conn->link.gather = conn->rooms.count > 1;
}

int registry_join_room(struct shard *shard, uint64_t id, const char *name, size_t name_len)
{
    if (!registry_name_valid(name, name_len))
        return -EINVAL;
    struct conn *conn = registry_find(shard, id);
    if (!conn)
        return -ESTALE;
    const uint8_t *bytes = (const uint8_t *)name;
    enum hub_join joined = hub_join(&shard->hub, conn->link.slot, bytes, name_len);
    update_gather(conn);
    if (joined != HUB_PENDING)
        conn_answer_join(&shard->conns, conn, bytes, name_len, joined == HUB_JOINED);
    return 0;
}

int registry_leave_room(struct shard *shard, uint64_t id, const char *name, size_t name_len)
{
    if (!registry_name_valid(name, name_len))
        return -EINVAL;
    struct conn *conn = registry_find(shard, id);
    if (!conn)
        return -ESTALE;
    if (!hub_leave(&shard->hub, conn->link.slot, (const uint8_t *)name, name_len))
        return -ENOENT;
    if (conn->mode == CONN_ROOM && conn->room != SLAB_NONE &&
        !hub_is_member(&shard->hub, conn->link.slot, conn->room)) {
        conn->room = SLAB_NONE; // what it sends from here on goes nowhere
        shard->conns.recheck = true;
    }
    update_gather(conn);
    return 0;
}

int registry_frame(struct shard *shard, enum ws_opcode opcode, const void *bytes, size_t len,
                   struct frame **out)
{
    if (len > FRAME_MAX_BYTES - FRAME_HEADROOM || (opcode == WS_TEXT && !utf8_valid(bytes, len)))
        return -EINVAL;
    size_t head_bytes = ws_header_bytes(len);
    struct frame *frame = frame_create(&shard->frames, (uint32_t)(head_bytes + len));
    if (!frame)
        return -ENOMEM;
    ws_header_write(frame->data, opcode, len);
    if (len)
        memcpy(frame->data + head_bytes, bytes, len);
    frame->len = (uint32_t)(head_bytes + len);
    frame->opcode = (uint8_t)opcode;
    *out = frame;
    return 0;
}

int registry_send(struct shard *shard, uint64_t id, enum ws_opcode opcode, const void *bytes,
                  size_t len)
{
    struct frame *frame;
    uint16_t to = connection_id_shard(id);
    if (to >= shard->group->count)
        return 0; // an id that never was: as good as stale
    if (shard_crowded(shard, to))
        return -EAGAIN;
    int error = registry_frame(shard, opcode, bytes, len, &frame);
    if (error)
        return error;
    shard_post(shard, to, &(struct mail){.kind = MAIL_SEND, .frame = frame, .id = id});
    return 0;
}

// The queues to some shard are long, or what waits is too much already.
static bool broadcasts_crowded(const struct shard *shard)
{
    const struct shard_group *group = shard->group;
    for (uint16_t to = 0; to < group->count; to++)
        if (shard_crowded(shard, to))
            return true;
    // Relaxed: a bound.
    return atomic_load_explicit(&group->broadcast_bytes, memory_order_relaxed) >=
           (uint64_t)BROADCASTS_MAX_BYTES * group->count;
}

int registry_broadcast(struct shard *shard, enum ws_opcode opcode, const void *bytes, size_t len)
{
    struct frame *frame;
    if (broadcasts_crowded(shard))
        return -EAGAIN;
    int error = registry_frame(shard, opcode, bytes, len, &frame);
    if (error)
        return error;
    frame_ref(frame, shard->group->count - 1U);
    shard_charge_broadcast(shard->group, shard_broadcast_cost(frame) * shard->group->count);
    for (uint16_t to = 0; to < shard->group->count; to++)
        shard_post(shard, to, &(struct mail){.kind = MAIL_BROADCAST, .frame = frame});
    return 0;
}

int registry_publish(struct shard *shard, const char *name, size_t name_len, enum ws_opcode opcode,
                     const void *bytes, size_t len, uint64_t exclude_id)
{
    struct frame *frame;
    if (!registry_name_valid(name, name_len))
        return -EINVAL;
    if (!hub_may_publish_name(&shard->hub, (const uint8_t *)name, name_len))
        return -EAGAIN;
    int error = registry_frame(shard, opcode, bytes, len, &frame);
    if (error)
        return error;
    frame->exclude_id = exclude_id;
    return hub_publish_name(&shard->hub, (const uint8_t *)name, name_len, frame);
}

int registry_command(struct shard *shard, struct inbox_command *command)
{
    uint16_t to = connection_id_shard(command->id);
    if (to >= shard->group->count) {
        inbox_command_destroy(command);
        return 0; // as above
    }
    if (shard_crowded(shard, to))
        return -EAGAIN;
    shard_post(shard, to, &(struct mail){.kind = MAIL_COMMAND, .command = command});
    return 0;
}

int registry_command_all(struct shard *shard, struct inbox_command **commands)
{
    const struct shard_group *group = shard->group;
    for (uint16_t to = 0; to < group->count; to++)
        if (shard_crowded(shard, to))
            return -EAGAIN;
    for (uint16_t to = 0; to < group->count; to++)
        shard_post(shard, to, &(struct mail){.kind = MAIL_COMMAND, .command = commands[to]});
    return 0;
}

struct shard *registry_home(const struct shard_group *group, const char *name, size_t name_len)
{
    return group
        ->shards[hub_home_shard(&group->hash_key, group->count, (const uint8_t *)name, name_len)];
}

uint32_t registry_sweep_idle(struct shard *shard, uint64_t now_ms, uint64_t *ids, uint32_t max)
{
    return conns_sweep(&shard->conns, now_ms, UINT32_MAX, ids, max);
}

uint32_t registry_close_all(struct shard *shard, uint16_t code, const char *text)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < shard->net.high_slot; slot++) {
        struct conn *conn = conn_of(&shard->conns, slot);
        if (conn->link.state != LINK_UP || conn->state != CONN_OPEN)
            continue;
        conn_close_with(&shard->conns, conn, CLOSE_REASON_SERVER, code, text);
        count++;
    }
    return count;
}
