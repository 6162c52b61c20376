// SPDX-License-Identifier: MIT
//
// From a good request for a WebSocket to an open one: the gate, the program's decision, the rooms
// that are joined before the 101.
#include "conn/conn_internal.h"

#include "base/log.h"
#include "codec/utf8.h"
#include "codec/ws_handshake.h"

#include <string.h>

// --- Who gets in

static void count_refusal(struct conns *conns, const struct gate_answer *answer)
{
    if (answer->status == 401 || answer->status == 400)
        counter_add(&conns->counters.tokens_refused, 1);
    else if (answer->bad_subject)
        counter_add(&conns->counters.subjects_refused, 1);
    else if (answer->status == 403)
        counter_add(&conns->counters.origins_refused, 1);
}

bool conn_take_claims(struct conns *conns, struct conn *conn, struct claims *claims)
{
    if (!conn_need_edge(conn)) {
        claims_destroy(claims);
        return false;
    }
    conn->edge->claims = claims;
    if (!claims->exp_s)
        return true;
    uint64_t leeway_s = conns->gate ? conns->gate->leeway_s : 0;
    uint64_t end_ms = (claims->exp_s + leeway_s) * 1000, now_ms = conns->net->unix_ms;
    conn->edge->expires_ms = conns->net->now_ms + (end_ms > now_ms ? end_ms - now_ms : 0);
    return true;
}

static bool let_in(struct conns *conns, struct conn *conn)
{
    struct claims *claims;
    if (!conns->gate)
        return true;
    struct gate_client client = {conn->has_tls, net_subject(conns->net, &conn->link),
                                 net_subject_expires_s(conns->net, &conn->link)};
    struct gate_answer answer =
        gate_judge(conns->gate, conn->http, &client, conns->net->unix_ms / 1000, &claims);
    if (answer.status) {
        char address[CONN_ADDRESS_BYTES];
        count_refusal(conns, &answer);
        log_info("handshake refused client=%s status=%d reason=%s", conn_address(conn, address),
                 answer.status, answer.reason);
        // RFC 6750, section 3.1: who has shown no token is not told of an error.
        conn_http_refuse_with(conns, conn, answer.status,
                              answer.bad_token
                                  ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"
                                  : conn_http_headers(answer.status),
                              answer.text);
        return false;
    }
    if (!claims)
        return true;
    counter_add(&conns->counters.tokens_accepted, 1);
    if (conn_take_claims(conns, conn, claims))
        return true;
    conn_http_refuse(conns, conn, 503, "the server is out of memory");
    return false;
}

// --- Rooms

static bool may_enter(const struct conn *conn, const struct conn_room_name *room)
{
    const struct claims *claims = conn->edge ? conn->edge->claims : NULL;
    return !claims || claims_may_read(claims, (const char *)room->bytes, room->len);
}

static bool may_write(const struct conn *conn, const struct conn_room_name *room)
{
    const struct claims *claims = conn->edge ? conn->edge->claims : NULL;
    return !claims || claims_may_write(claims, (const char *)room->bytes, room->len);
}

// Joins all of them, or leaves the others again. Sets how many answers are to come.
static bool join_rooms(struct conns *conns, struct conn *conn, const struct conn_decision *decision)
{
    for (unsigned i = 0; i < decision->room_count; i++) {
        const struct conn_room_name *room = &decision->rooms[i];
        CHECK(room->len >= 1 && room->len <= ROOM_NAME_MAX_BYTES);
        uint32_t before = conn->rooms.count;
        enum hub_join joined = hub_join(conns->hub, conn->link.slot, room->bytes, room->len);
        if (joined == HUB_REFUSED) {
            hub_leave_all(conns->hub, conn->link.slot);
            conn->joins_pending = 0;
            return false;
        }
        // The same room twice is one membership, and one answer.
        if (joined == HUB_PENDING && conn->rooms.count > before)
            conn->joins_pending++;
    }
    conn->link.gather = conn->rooms.count > 1;
    return true;
}

static void refuse(struct conns *conns, struct conn *conn, int status, const char *text)
{
    if (conn->adopted) // it has had its 101 from somebody else
        link_abort(conns->net, &conn->link, CLOSE_REASON_OVERLOADED);
    else
        conn_http_refuse(conns, conn, status, text);
}

// What was asked for has been done.
static void enter(struct conns *conns, struct conn *conn)
{
    if (!conn->adopted && conns->draining) {
        conn->state = CONN_HTTP;
        refuse(conns, conn, 503, CONN_GOING_AWAY);
        return;
    }
    if (!conn->adopted)
        conn_http_switch(conns, conn);
    else
        conn_set_open(conns, conn);
    if (conns->draining)
        (void)conn_drain(conns, conn);
}

static void enter_rooms(struct conns *conns, struct conn *conn,
                        const struct conn_decision *decision)
{
    for (unsigned i = 0; i < decision->room_count; i++)
        if (!may_enter(conn, &decision->rooms[i])) {
            counter_add(&conns->counters.rooms_refused, 1);
            refuse(conns, conn, 403, "the token does not open this room");
            return;
        }
    if (!join_rooms(conns, conn, decision)) {
        refuse(conns, conn, 503, "there is no place for another room");
        return;
    }
    if (decision->mode == CONN_ROOM) {
        conn->room = memberships_at(&conn->rooms, 0)->room;
        conn->read_only = !may_write(conn, &decision->rooms[0]);
    }
    if (conn->joins_pending)
        conn->state = CONN_JOINING;
    else
        enter(conns, conn);
}

void conn_joined(struct conns *conns, struct conn *conn, const struct room_name *name,
                 bool accepted)
{
    if (conn->state == CONN_OPEN)
        conn_answer_join(conns, conn, name->bytes, name->len, accepted);
    if (conn->state != CONN_JOINING || conn->link.state != LINK_UP)
        return;
    if (!accepted)
        conn->join_failed = true;
    if (--conn->joins_pending == 0)
        conn_answer_all_joins(conns, conn);
}

void conn_enter_joined(struct conns *conns, struct conn *conn)
{
    if (conn->state != CONN_JOINING)
        return;
    if (conn->join_failed) {
        conn->state = CONN_HTTP;
        refuse(conns, conn, 503, "there is no place for another room");
    } else {
        enter(conns, conn);
    }
    link_resume(conns->net, &conn->link);
}

// --- The decision

static void follow(struct conns *conns, struct conn *conn, const struct conn_decision *decision)
{
    CHECK(decision->mode != CONN_ROOM || decision->room_count > 0);
    conn->mode = (uint8_t)decision->mode;
    conn->exclude_self = decision->exclude_self;
    enter_rooms(conns, conn, decision);
}

static void decide(struct conns *conns, struct conn *conn)
{
    struct conn_decision decision = {.mode = CONN_PROGRAM};
    if (!let_in(conns, conn))
        return;
    conns->ops->upgrade(conns->context, conn, &decision);
    if (decision.status) {
        conn_http_refuse(conns, conn, decision.status, decision.text);
        return;
    }
    conn->user = decision.user;
    follow(conns, conn, &decision);
}

void conn_upgrade(struct conns *conns, struct conn *conn)
{
    if (!conns->gate || !gate_verifies(conns->gate, conn->http)) {
        decide(conns, conn);
    } else if (conns->verifications && list_empty(&conns->verifying)) {
        conns->verifications--;
        decide(conns, conn);
    } else {
        counter_add(&conns->counters.tokens_deferred, 1);
        conn->state = CONN_VERIFYING;
        list_push_back(&conns->verifying, &conn->verifying);
    }
}

void conn_stop_verifying(struct conn *conn)
{
    list_remove(&conn->verifying);
    conn->state = CONN_HTTP;
}

void conns_verify(struct conns *conns)
{
    struct list_node *node;
    while (conns->verifications && (node = list_first(&conns->verifying))) {
        struct conn *conn = CONTAINER_OF(node, struct conn, verifying);
        conn_stop_verifying(conn);
        if (conn->link.state != LINK_UP)
            continue; // ended meanwhile
        conns->verifications--;
        if (conns->draining)
            conn_http_refuse(conns, conn, 503, CONN_GOING_AWAY);
        else
            decide(conns, conn);
        link_resume(conns->net, &conn->link);
    }
    conns->verifications = CONN_VERIFICATIONS_PER_TICK;
}

void conn_adopt(struct conns *conns, struct conn *conn, const struct conn_decision *decision,
                struct claims *claims)
{
    conn->adopted = true;
    conn->user = decision->user;
    if (conn->link.state != LINK_UP || conn->verdict != ADDRESS_WELCOME) {
        claims_destroy(claims);
        link_abort(conns->net, &conn->link, CLOSE_REASON_ADDRESS_LIMIT);
        return;
    }
    if (claims && !conn_take_claims(conns, conn, claims))
        link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL);
    else if (claims && claims->exp_s && conn->edge->expires_ms <= conns->net->now_ms)
        link_abort(conns->net, &conn->link, CLOSE_REASON_TOKEN_EXPIRED);
    else
        follow(conns, conn, decision);
}

void conn_http_switch(struct conns *conns, struct conn *conn)
{
    char out[WS_SWITCHING_MAX_BYTES];
    size_t len = ws_switching_write(out, http_text(conn->http, conn->http->request.ws_key));
    net_send_bytes(conns->net, &conn->link, out, len, NULL, 0);
    conn_set_open(conns, conn);
}
