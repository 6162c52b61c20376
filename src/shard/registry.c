// SPDX-License-Identifier: MIT
#include "shard/registry.h"

#include "codec/utf8.h"
#include "codec/ws_write.h"
#include "shard/shard_internal.h"

#include <errno.h>
#include <string.h>

static struct conn *find(struct shard *shard, uint64_t id)
{
    if (connection_id_shard(id) != shard->options.index)
        return NULL;
    struct conn *conn = (struct conn *)(void *)net_find(&shard->net, id);
    return conn && conn->state == CONN_OPEN ? conn : NULL;
}

uint64_t registry_register(struct shard *shard, uint32_t file)
{
    struct link_entry entry = {.full = shard->net.open_count >= shard->options.max_connections};
    link_accepted(&shard->net, file, &entry);
    return entry.full ? 0 : conn_id(&shard->conns, conn_of(&shard->conns, file));
}

bool registry_unregister(struct shard *shard, uint64_t id)
{
    struct conn *conn = find(shard, id);
    if (conn)
        conn_close(&shard->conns, conn, CLOSE_REASON_SERVER);
    return conn;
}

bool registry_touch(struct shard *shard, uint64_t id)
{
    struct conn *conn = find(shard, id);
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

static bool valid_name(const char *name, size_t len)
{
    return len >= 1 && len <= ROOM_NAME_MAX_BYTES && utf8_valid((const uint8_t *)name, len);
}

// A member of several rooms collects what a tick has for it, instead of one send per room.
static void update_gather(struct conn *conn)
{
    conn->link.gather = conn->rooms.count > 1;
}

enum hub_join registry_join_room(struct shard *shard, uint64_t id, const char *name,
                                 size_t name_len)
{
    struct conn *conn = find(shard, id);
    if (!conn || !valid_name(name, name_len))
        return HUB_REFUSED;
    enum hub_join joined = hub_join(&shard->hub, conn->link.slot, (const uint8_t *)name, name_len);
    update_gather(conn);
    return joined;
}

bool registry_leave_room(struct shard *shard, uint64_t id, const char *name, size_t name_len)
{
    struct conn *conn = find(shard, id);
    if (!conn || !valid_name(name, name_len))
        return false;
    bool left = hub_leave(&shard->hub, conn->link.slot, (const uint8_t *)name, name_len);
    if (left && !hub_is_member(&shard->hub, conn->link.slot, conn->room)) {
        conn->room = SLAB_NONE; // what it sends from here on goes nowhere
        shard->conns.recheck = true;
    }
    update_gather(conn);
    return left;
}

static int text_frame(struct shard *shard, const char *text, size_t len, struct frame **out)
{
    if (len > UINT32_MAX / 2 || !utf8_valid((const uint8_t *)text, len))
        return -EINVAL;
    size_t head_bytes = ws_header_bytes(len);
    struct frame *frame = frame_create(&shard->frames, (uint32_t)(head_bytes + len));
    if (!frame)
        return -ENOMEM;
    ws_header_write(frame->data, WS_TEXT, len);
    if (len)
        memcpy(frame->data + head_bytes, text, len);
    frame->len = (uint32_t)(head_bytes + len);
    frame->opcode = WS_TEXT;
    *out = frame;
    return 0;
}

int registry_send_text(struct shard *shard, uint64_t id, const char *text, size_t len)
{
    struct frame *frame;
    int error = text_frame(shard, text, len, &frame);
    if (error)
        return error;
    uint16_t to = connection_id_shard(id);
    if (to >= shard->group->count) {
        frame_unref(&shard->frames, frame);
        return 0; // an id that never was: as good as stale
    }
    shard_post(shard, to, &(struct mail){.kind = MAIL_SEND, .frame = frame, .id = id});
    return 0;
}

int registry_broadcast_text(struct shard *shard, const char *text, size_t len)
{
    struct frame *frame;
    int error = text_frame(shard, text, len, &frame);
    if (error)
        return error;
    frame_ref(frame, shard->group->count - 1U);
    for (uint16_t to = 0; to < shard->group->count; to++)
        shard_post(shard, to, &(struct mail){.kind = MAIL_BROADCAST, .frame = frame});
    return 0;
}

int registry_broadcast_room_text(struct shard *shard, const char *name, size_t name_len,
                                 const char *text, size_t len, uint64_t exclude_id)
{
    struct frame *frame;
    if (!valid_name(name, name_len))
        return -EINVAL;
    int error = text_frame(shard, text, len, &frame);
    if (error)
        return error;
    frame->exclude_id = exclude_id;
    hub_publish_name(&shard->hub, (const uint8_t *)name, name_len, frame);
    return 0;
}

uint32_t registry_sweep_idle(struct shard *shard, uint64_t now_ms, uint64_t *ids, uint32_t max)
{
    return conns_sweep(&shard->conns, now_ms, UINT32_MAX, ids, max);
}

uint32_t registry_close_all(struct shard *shard, enum close_reason reason)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < shard->net.high_slot; slot++) {
        struct conn *conn = conn_of(&shard->conns, slot);
        if (conn->link.state != LINK_UP || conn->state != CONN_OPEN)
            continue;
        conn_close(&shard->conns, conn, reason);
        count++;
    }
    return count;
}
