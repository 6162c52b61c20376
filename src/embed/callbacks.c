// SPDX-License-Identifier: MIT
//
// What connections ask of the program, in the words of ringcast.h.
#include "embed/embed.h"

#include "conn/conn_route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAPED_MAX         65536
#define ANSWER_EXTRA_BYTES 768 // of headers and content type, which have to fit one head

static ringcast_id id_of(const struct ringcast *rc, const struct conn *conn)
{
    return embed_id(conn_id(&embed_own_shard(rc)->conns, conn));
}

// --- Decisions

const char *embed_decide(const struct ringcast_decision *from, struct conn_decision *to)
{
    if (from->status != 0 && (from->status < 400 || from->status > 599))
        return "status must be 0 or 400 to 599";
    if (from->mode > RINGCAST_ECHO)
        return "mode must be one of enum ringcast_mode";
    if (from->room_count > RINGCAST_ROOMS_AT_ONCE)
        return "room_count is above RINGCAST_ROOMS_AT_ONCE";
    if (from->mode == RINGCAST_TO_ROOM && from->status == 0 && from->room_count == 0)
        return "RINGCAST_TO_ROOM needs a room";
    static const enum conn_mode modes[] = {CONN_PROGRAM, CONN_ROOM, CONN_ECHO};
    to->status = from->status;
    to->mode = modes[from->mode];
    to->exclude_self = from->exclude_self;
    to->user = from->connection;
    to->room_count = (unsigned)from->room_count;
    for (size_t i = 0; i < from->room_count; i++) {
        const struct ringcast_room_name *room = &from->rooms[i];
        if (!registry_name_valid(room->bytes, room->len))
            return "a room's name is not 1 to 200 bytes of UTF-8";
        to->rooms[i].len = room->len;
        memcpy(to->rooms[i].bytes, room->bytes, room->len);
    }
    return NULL;
}

// A pointer whose connection is never opened.
static void give_back(struct ringcast *rc, void *user, const char *reason)
{
    const struct ringcast_end end = {.code = 1006, .reason = reason};
    if (rc->callbacks.on_close)
        rc->callbacks.on_close(rc, embed_id(0), user, &end);
}

static void on_upgrade(void *context, struct conn *conn, struct conn_decision *out)
{
    // The sentence outlives the callback, whose memory it may be.
    static _Thread_local char reason[EMBED_ERROR_BYTES];
    struct ringcast *rc = context;
    struct ringcast_request request = {.conn = conn};
    struct ringcast_decision decision;
    if (!rc->callbacks.on_upgrade) {
        conn_route(conn->http, out);
        return;
    }
    memset(&decision, 0, sizeof decision);
    rc->callbacks.on_upgrade(rc, &request, &decision);
    snprintf(reason, sizeof reason, "%s", decision.reason ? decision.reason : "not here");
    out->text = reason;
    const char *wrong = embed_decide(&decision, out);
    if (wrong) {
        log_error("on_upgrade's decision: %s", wrong);
        if (decision.status == 0 && decision.connection)
            give_back(rc, decision.connection, "not_opened");
        *out = (struct conn_decision){.status = 500, .text = "the program has decided nonsense"};
    }
}

// --- Pages

static const char *wrong_answer(const struct ringcast_answer *answer)
{
    size_t extra = answer->headers ? strlen(answer->headers) : 0;
    if (answer->status < 200 || answer->status > 599)
        return "status must be 200 to 599";
    if (answer->content_type)
        extra += strlen(answer->content_type);
    if (extra > ANSWER_EXTRA_BYTES)
        return "headers or content_type are too long";
    return answer->body_bytes > RINGCAST_MESSAGE_MAX_BYTES ? "body is above 1 GiB" : NULL;
}

static void on_page(void *context, struct conn *conn, struct conn_page *page)
{
    static const char failed[] = "the program's answer is not valid\n";
    struct ringcast *rc = context;
    struct ringcast_request request = {.conn = conn};
    struct ringcast_answer answer = {.status = 404};
    if (!rc->callbacks.on_http)
        return;
    rc->callbacks.on_http(rc, &request, &answer);
    const char *wrong = wrong_answer(&answer);
    *page = (struct conn_page){.status = answer.status,
                               .content_type = answer.content_type,
                               .extra = answer.headers,
                               .body = answer.body,
                               .body_bytes = answer.body_bytes,
                               .owned = answer.owned};
    if (wrong) {
        log_error("on_http's answer: %s", wrong);
        *page = (struct conn_page){
            .status = 500, .body = failed, .body_bytes = sizeof failed - 1, .owned = answer.owned};
    }
}

// --- Connections

static void on_opened(void *context, struct conn *conn)
{
    struct ringcast *rc = context;
    if (rc->callbacks.on_open)
        rc->callbacks.on_open(rc, id_of(rc, conn), conn->user);
}

static int on_message(void *context, struct conn *conn, enum ws_opcode opcode, const uint8_t *bytes,
                      size_t len)
{
    struct ringcast *rc = context;
    enum ringcast_kind kind = opcode == WS_TEXT ? RINGCAST_TEXT : RINGCAST_BINARY;
    if (!rc->callbacks.on_message)
        return 0;
    int result = rc->callbacks.on_message(rc, id_of(rc, conn), conn->user, kind, bytes, len);
    // What fails otherwise would fail again, for ever.
    return result == -EAGAIN || result == -ENOMEM ? result : 0;
}

static void on_joined(void *context, struct conn *conn, const struct room_name *name, bool accepted)
{
    struct ringcast *rc = context;
    if (rc->callbacks.on_joined)
        rc->callbacks.on_joined(rc, id_of(rc, conn), conn->user, (const char *)name->bytes,
                                name->len, accepted);
}

static void on_closed(void *context, struct conn *conn)
{
    struct ringcast *rc = context;
    enum close_reason reason = (enum close_reason)conn->link.reason;
    struct ringcast_end end = {.code = conn->close_code ? conn->close_code : 1006,
                               .reason = close_reason_info(reason)->name};
    if (reason == CLOSE_REASON_IDLE)
        embed_remember(rc, id_of(rc, conn).value);
    if (rc->callbacks.on_close)
        rc->callbacks.on_close(rc, id_of(rc, conn), conn->user, &end);
}

static void on_not_adopted(void *context, void *user)
{
    give_back(context, user, "not_adopted");
}

static void on_not_opened(void *context, void *user)
{
    give_back(context, user, "not_opened");
}

static void on_room_ended(void *context, const struct room_name *name, void *user)
{
    struct ringcast *rc = context;
    if (rc->callbacks.on_room_end)
        rc->callbacks.on_room_end(rc, (const char *)name->bytes, name->len, user);
}

const struct conn_ops embed_conn_ops = {
    .upgrade = on_upgrade,
    .page = on_page,
    .opened = on_opened,
    .message = on_message,
    .joined = on_joined,
    .closed = on_closed,
    .not_adopted = on_not_adopted,
    .not_opened = on_not_opened,
    .room_ended = on_room_ended,
};

void embed_on_tick(void *context, struct shard *shard)
{
    struct ringcast *rc = context;
    rc->callbacks.on_tick(rc, shard->options.index, shard->net.now_ms);
}

// --- Who was reaped

void embed_remember(struct ringcast *rc, uint64_t id)
{
    // Relaxed: a bound. Beyond it ids are forgotten: nobody asks for them.
    if (atomic_load_explicit(&rc->reaped_count, memory_order_relaxed) >= REAPED_MAX)
        return;
    struct embed_reaped *reaped = malloc(sizeof *reaped);
    if (!reaped)
        return;
    reaped->id = id;
    atomic_fetch_add_explicit(&rc->reaped_count, 1, memory_order_relaxed);
    (void)mpsc_push(&rc->reaped, &reaped->node);
}

// The oldest one, or NULL. Under sweep_lock.
static struct embed_reaped *next_reaped(struct ringcast *rc)
{
    if (!rc->sweeping)
        rc->sweeping = mpsc_take_all(&rc->reaped);
    struct mpsc_node *node = rc->sweeping;
    if (node)
        rc->sweeping = node->next;
    return node ? CONTAINER_OF(node, struct embed_reaped, node) : NULL;
}

size_t ringcast_sweep_idle(struct ringcast *rc, ringcast_id *ids, size_t max)
{
    size_t count = 0;
    struct embed_reaped *reaped;
    pthread_mutex_lock(&rc->sweep_lock); // shards do not take it
    while (count < max && (reaped = next_reaped(rc))) {
        ids[count++] = embed_id(reaped->id);
        atomic_fetch_sub_explicit(&rc->reaped_count, 1, memory_order_relaxed); // as above
        free(reaped);
    }
    pthread_mutex_unlock(&rc->sweep_lock);
    return count;
}

void embed_forget_all(struct ringcast *rc)
{
    struct embed_reaped *reaped;
    while ((reaped = next_reaped(rc)))
        free(reaped);
}
