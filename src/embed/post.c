// SPDX-License-Identifier: MIT
//
// The registry, from any thread. Three ways lead to a connection or room:
//
//   on its own shard's thread   at once                     registry.h
//   on another shard's thread   a mail, in line with all    registry.h
//   on a foreign thread         a command in the inbox      inbox.h
#include "embed/embed.h"

#include "codec/utf8.h"

#include <errno.h>
#include <string.h>

#define REASON_MAX_BYTES 123 // of a Close frame

uint64_t ringcast_connection_count(const struct ringcast *rc)
{
    return registry_connection_count(&rc->group);
}

// --- Commands for one connection

static int post(struct shard *shard, struct inbox_command *command)
{
    if (!command)
        return -ENOMEM;
    int result = inbox_post(shard, command);
    if (result)
        inbox_command_destroy(command);
    return result;
}

// True when the connection is not this thread's: then *result says whether `kind` was posted.
static bool elsewhere(struct ringcast *rc, ringcast_id id, enum inbox_kind kind, uint16_t code,
                      const char *text, size_t text_bytes, int *result)
{
    struct shard *own = embed_own_shard(rc);
    uint16_t to = connection_id_shard(id.value);
    if (id.value == 0 || to >= rc->group.count) {
        *result = -ESTALE;
        return true;
    }
    if (own && own->options.index == to)
        return false;
    struct inbox_command *command = inbox_command_create(kind, 0, NULL, 0, text, text_bytes);
    *result = -ENOMEM;
    if (!command)
        return true;
    command->id = id.value;
    command->code = code;
    command->name_len = kind == INBOX_CLOSE ? 0 : (uint8_t)text_bytes;
    if (!own) {
        *result = post(rc->group.shards[to], command);
        return true;
    }
    *result = registry_command(own, command);
    if (*result)
        inbox_command_destroy(command);
    return true;
}

static int check_close(uint16_t code, const char *reason)
{
    size_t len = reason ? strlen(reason) : 0;
    bool good = ws_close_code_legal(code) && len <= REASON_MAX_BYTES &&
                utf8_valid((const uint8_t *)reason, len);
    return good ? 0 : -EINVAL;
}

int ringcast_close(struct ringcast *rc, ringcast_id id, uint16_t code, const char *reason)
{
    int result = check_close(code, reason);
    const char *text = reason ? reason : "";
    if (!result && !elsewhere(rc, id, INBOX_CLOSE, code, text, strlen(text) + 1, &result))
        result = registry_close(embed_own_shard(rc), id.value, code, text) ? 0 : -ESTALE;
    return result;
}

int ringcast_unregister(struct ringcast *rc, ringcast_id id)
{
    return ringcast_close(rc, id, 1000, NULL);
}

int ringcast_touch(struct ringcast *rc, ringcast_id id)
{
    int result;
    if (!elsewhere(rc, id, INBOX_TOUCH, 0, NULL, 0, &result))
        result = registry_touch(embed_own_shard(rc), id.value) ? 0 : -ESTALE;
    return result;
}

int ringcast_join_room(struct ringcast *rc, ringcast_id id, const char *room, size_t room_len)
{
    int result;
    if (!registry_name_valid(room, room_len))
        return -EINVAL;
    if (!elsewhere(rc, id, INBOX_JOIN, 0, room, room_len, &result))
        result = registry_join_room(embed_own_shard(rc), id.value, room, room_len);
    return result;
}

int ringcast_leave_room(struct ringcast *rc, ringcast_id id, const char *room, size_t room_len)
{
    int result;
    if (!registry_name_valid(room, room_len))
        return -EINVAL;
    if (!elsewhere(rc, id, INBOX_LEAVE, 0, room, room_len, &result))
        result = registry_leave_room(embed_own_shard(rc), id.value, room, room_len);
    return result;
}

// --- To every connection

static int64_t close_others(struct ringcast *rc, struct shard *own, uint16_t code, const char *text)
{
    struct inbox_command *commands[SHARD_MAX];
    uint16_t count = rc->group.count, made = 0;
    for (; made < count; made++) {
        commands[made] = inbox_command_create(INBOX_CLOSE_ALL, 0, NULL, 0, text, strlen(text) + 1);
        if (!commands[made])
            break;
        commands[made]->id = connection_id(made, 0, 0);
        commands[made]->code = code;
    }
    int result = made < count ? -ENOMEM : 0;
    if (!result)
        result = own ? registry_command_all(own, commands) : inbox_post_all(&rc->group, commands);
    while (result && made)
        inbox_command_destroy(commands[--made]);
    return result;
}

int64_t ringcast_close_all(struct ringcast *rc, uint16_t code, const char *reason)
{
    int64_t result = check_close(code, reason);
    int64_t count = (int64_t)ringcast_connection_count(rc);
    if (!result)
        result = close_others(rc, embed_own_shard(rc), code, reason ? reason : "");
    return result ? result : count;
}

static enum ws_opcode opcode_of(enum ringcast_kind kind)
{
    return kind == RINGCAST_TEXT ? WS_TEXT : WS_BINARY;
}

static bool is_message(enum ringcast_kind kind, size_t len)
{
    return len <= RINGCAST_MESSAGE_MAX_BYTES && (kind == RINGCAST_TEXT || kind == RINGCAST_BINARY);
}

static int broadcast(struct ringcast *rc, enum ringcast_kind kind, const void *bytes, size_t len)
{
    struct inbox_command *commands[SHARD_MAX];
    struct shard *own = embed_own_shard(rc);
    uint16_t count = rc->group.count;
    int result;
    if (!is_message(kind, len))
        return -EINVAL;
    if (own)
        return registry_broadcast(own, opcode_of(kind), bytes, len);
    if (kind == RINGCAST_TEXT && !utf8_valid(bytes, len))
        return -EINVAL;
    for (uint16_t i = 0; i < count; i++)
        if (!inbox_has_place(rc->group.shards[i], len))
            return -EAGAIN; // before the work of a copy
    if (!inbox_commands_create(commands, count, INBOX_BROADCAST, (uint8_t)opcode_of(kind), bytes,
                               len))
        return -ENOMEM;
    result = inbox_post_all(&rc->group, commands);
    while (result && count)
        inbox_command_destroy(commands[--count]);
    return result;
}

int ringcast_broadcast_text(struct ringcast *rc, const char *text, size_t len)
{
    return broadcast(rc, RINGCAST_TEXT, text, len);
}

int ringcast_broadcast_binary(struct ringcast *rc, const void *bytes, size_t len)
{
    return broadcast(rc, RINGCAST_BINARY, bytes, len);
}

// --- To one connection, to a room

// Posts a message from a thread that has no shard.
static int post_message(struct shard *shard, const struct ringcast_payload *payload,
                        const struct inbox_command *like, const char *text, size_t text_bytes)
{
    uint8_t opcode = (uint8_t)opcode_of(payload->kind);
    bool lent = payload->release;
    if (payload->kind == RINGCAST_TEXT && !utf8_valid(payload->bytes, payload->len))
        return -EINVAL;
    if (!inbox_has_place(shard, payload->len))
        return -EAGAIN; // before the work of a copy
    struct inbox_command *command =
        inbox_command_create((enum inbox_kind)like->kind, lent ? 0 : opcode, payload->bytes,
                             payload->len, text, text_bytes);
    if (!command)
        return -ENOMEM;
    command->id = like->id;
    command->opcode = opcode;
    command->name_len = (uint8_t)text_bytes;
    if (lent) {
        command->lent =
            (struct inbox_lent){payload->bytes, payload->len, payload->release, payload->context};
        command->cost_bytes += (uint32_t)payload->len;
    }
    return post(shard, command);
}

// What was lent has been copied when it was taken.
static int taken(int result, const struct ringcast_payload *payload)
{
    if (!result && payload->release)
        payload->release(payload->context);
    return result;
}

static int send_message(struct ringcast *rc, ringcast_id id, const struct ringcast_payload *payload)
{
    struct shard *own = embed_own_shard(rc);
    uint16_t to = connection_id_shard(id.value);
    if (!is_message(payload->kind, payload->len))
        return -EINVAL;
    if (id.value == 0 || to >= rc->group.count)
        return -ESTALE;
    if (!own)
        return post_message(rc->group.shards[to], payload,
                            &(struct inbox_command){.kind = INBOX_SEND, .id = id.value}, NULL, 0);
    if (own->options.index == to && !registry_find(own, id.value))
        return -ESTALE;
    return taken(
        registry_send(own, id.value, opcode_of(payload->kind), payload->bytes, payload->len),
        payload);
}

static int publish(struct ringcast *rc, const char *room, size_t room_len,
                   const struct ringcast_payload *payload, ringcast_id except)
{
    struct shard *own = embed_own_shard(rc);
    if (!is_message(payload->kind, payload->len) || !registry_name_valid(room, room_len))
        return -EINVAL;
    if (own)
        return taken(registry_publish(own, room, room_len, opcode_of(payload->kind), payload->bytes,
                                      payload->len, except.value),
                     payload);
    return post_message(registry_home(&rc->group, room, room_len), payload,
                        &(struct inbox_command){.kind = INBOX_PUBLISH, .id = except.value}, room,
                        room_len);
}

int ringcast_send_text(struct ringcast *rc, ringcast_id id, const char *text, size_t len)
{
    return send_message(rc, id, &(struct ringcast_payload){RINGCAST_TEXT, text, len, NULL, NULL});
}

int ringcast_send_binary(struct ringcast *rc, ringcast_id id, const void *bytes, size_t len)
{
    return send_message(rc, id,
                        &(struct ringcast_payload){RINGCAST_BINARY, bytes, len, NULL, NULL});
}

int ringcast_broadcast_room_text(struct ringcast *rc, const char *room, size_t room_len,
                                 const char *text, size_t len, ringcast_id except)
{
    return publish(rc, room, room_len,
                   &(struct ringcast_payload){RINGCAST_TEXT, text, len, NULL, NULL}, except);
}

int ringcast_broadcast_room_binary(struct ringcast *rc, const char *room, size_t room_len,
                                   const void *bytes, size_t len, ringcast_id except)
{
    return publish(rc, room, room_len,
                   &(struct ringcast_payload){RINGCAST_BINARY, bytes, len, NULL, NULL}, except);
}

int ringcast_send_lent(struct ringcast *rc, ringcast_id id, const struct ringcast_payload *payload)
{
    return payload->release ? send_message(rc, id, payload) : -EINVAL;
}

int ringcast_broadcast_room_lent(struct ringcast *rc, const char *room, size_t room_len,
                                 const struct ringcast_payload *payload, ringcast_id except)
{
    return payload->release ? publish(rc, room, room_len, payload, except) : -EINVAL;
}
