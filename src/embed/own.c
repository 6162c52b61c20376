// SPDX-License-Identifier: MIT
//
// Connections and rooms of the calling shard.
#include "embed/embed.h"

#include <errno.h>

void *ringcast_connection(struct ringcast *rc, ringcast_id id)
{
    struct shard *shard = embed_own_shard(rc);
    const struct conn *conn = shard ? registry_find(shard, id.value) : NULL;
    return conn ? conn->user : NULL;
}

int ringcast_set_connection(struct ringcast *rc, ringcast_id id, void *connection)
{
    struct shard *shard = embed_own_shard(rc);
    if (!shard || connection_id_shard(id.value) != shard->options.index)
        return -EPERM;
    struct conn *conn = registry_find(shard, id.value);
    if (!conn)
        return -ESTALE;
    conn->user = connection;
    return 0;
}

static struct room *find_room(struct ringcast *rc, const char *room, size_t room_len)
{
    struct shard *shard = embed_own_shard(rc);
    if (!shard || !registry_name_valid(room, room_len))
        return NULL;
    return hub_find_room(&shard->hub, (const uint8_t *)room, room_len);
}

void *ringcast_room(struct ringcast *rc, const char *room, size_t room_len)
{
    const struct room *found = find_room(rc, room, room_len);
    return found ? found->user : NULL;
}

int ringcast_set_room(struct ringcast *rc, const char *room, size_t room_len, void *pointer)
{
    if (!embed_own_shard(rc))
        return -EPERM;
    struct room *found = find_room(rc, room, room_len);
    if (!found)
        return -ENOENT;
    found->user = pointer;
    return 0;
}

int ringcast_room_each(struct ringcast *rc, const char *room, size_t room_len,
                       bool (*visit)(void *context, ringcast_id id, void *connection),
                       void *context)
{
    struct shard *shard = embed_own_shard(rc);
    if (!shard)
        return -EPERM;
    const struct room *found = find_room(rc, room, room_len);
    if (!found || found->state != ROOM_ACTIVE)
        return 0; // nobody's join has been acknowledged
    int visited = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct conn *conn = conn_of(&shard->conns, found->entries[i].connection);
        if (conn->state != CONN_OPEN)
            continue; // its handshake waits for another room
        visited++;
        if (!visit(context, embed_id(conn_id(&shard->conns, conn)), conn->user))
            break;
    }
    return visited;
}
