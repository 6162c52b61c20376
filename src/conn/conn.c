// SPDX-License-Identifier: MIT
//
// The life of a connection: opened, ended, and what its link tells.
#include "conn/conn.h"

#include "base/log.h"
#include "codec/proxy_parse.h"
#include "conn/conn_internal.h"

#include <stdio.h>
#include <stdlib.h>

void conns_init(struct conns *conns, uint64_t now_ms)
{
    wheel_init(&conns->wheel, now_ms);
    list_init(&conns->verifying);
    conns->verifications = CONN_VERIFICATIONS_PER_TICK;
}

void conns_set_gate(struct conns *conns, struct gate *gate)
{
    if (conns->gate)
        gate_destroy(conns->gate);
    conns->gate = gate;
}

void conns_fini(struct conns *conns)
{
    CHECK(conns->open_count == 0);
    conns_set_gate(conns, NULL);
    for (uint32_t i = 0; i < conns->answer_count; i++)
        free(conns->answers[i].name);
    free(conns->answers);
    free(conns->waiting);
}

static struct conn *conn_of_link(struct link *link)
{
    return CONTAINER_OF(link, struct conn, link);
}

// --- Ending

static void drop_head(struct conns *conns, struct conn *conn)
{
    conns->head_count -= conn->http != NULL;
    free(conn->http);
    conn->http = NULL;
}

void conn_drop_message(struct conns *conns, struct conn *conn)
{
    if (conn->message)
        frame_unref(conns->hub->runs->frames, conn->message);
    conn->message = NULL;
}

void conn_end(struct conns *conns, struct conn *conn, enum close_reason reason, bool linger)
{
    link_end(conns->net, &conn->link, reason, linger);
    conn_arm(conns, conn, conns->options.close_timeout_ms);
    if (conn->state >= CONN_OPEN) {
        if (conn->counted)
            conn_drop_message(conns, conn);
        conn->state = CONN_GONE;
    }
}

void conn_fail(struct conns *conns, struct conn *conn, enum close_reason reason)
{
    const struct close_reason_info *info = close_reason_info(reason);
    if (conn->state == CONN_OPEN)
        conn_ws_send_close(conns, conn, info->code, info->text);
    conn_end(conns, conn, reason, true);
}

void conn_close(struct conns *conns, struct conn *conn, enum close_reason reason)
{
    const struct close_reason_info *info = close_reason_info(reason);
    conn_close_with(conns, conn, reason, info->code, info->text);
}

void conn_close_with(struct conns *conns, struct conn *conn, enum close_reason reason,
                     uint16_t code, const char *text)
{
    if (conn->state != CONN_OPEN) {
        if (conn->state < CONN_OPEN)
            link_abort(conns->net, &conn->link, reason);
        return;
    }
    conn_ws_send_close(conns, conn, code, text);
    if (conn->link.reason == CLOSE_REASON_NONE)
        conn->link.reason = (uint8_t)reason;
    conn->state = CONN_CLOSE_SENT;
    conn->waiting = false;
    conn_drop_message(conns, conn);
    hub_leave_all(conns->hub, conn->link.slot); // no message may follow the Close frame
    conn_arm(conns, conn, conns->options.close_timeout_ms);
    if (conn->link.paused) // a publisher that waits would not hear the peer's answer
        conn_end(conns, conn, reason, true);
}

// --- The edge

struct conn_edge *conn_need_edge(struct conn *conn)
{
    if (!conn->edge && (conn->edge = calloc(1, sizeof *conn->edge)))
        conn->edge->address_cell = ADDRESS_UNCOUNTED;
    return conn->edge;
}

static void drop_edge(struct conns *conns, struct conn *conn)
{
    if (!conn->edge)
        return;
    if (conns->options.addresses)
        address_limits_leave(conns->options.addresses, conn->edge->address_cell);
    claims_destroy(conn->edge->claims);
    free(conn->edge);
    conn->edge = NULL;
}

const char *conn_address(const struct conn *conn, char text[CONN_ADDRESS_BYTES])
{
    char ip[IP_TEXT_BYTES];
    bool v4 = ip_is_v4(conn->peer);
    snprintf(text, CONN_ADDRESS_BYTES, v4 ? "%s:%u" : "[%s]:%u", ip_format(conn->peer, ip),
             conn->peer_port);
    return text;
}

// Counts the connection under its client's address. It is refused in words where that costs
// little; a TLS handshake would cost more than who comes too fast is worth.
void conn_enter_address(struct conns *conns, struct conn *conn)
{
    uint32_t cell;
    const struct conn_options *o = &conns->options;
    if (!o->addresses)
        return;
    if (!conn_need_edge(conn)) {
        link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL);
        return;
    }
    enum address_verdict verdict =
        address_limits_enter(o->addresses, conn->peer, conns->net->now_ms, &cell);
    conn->edge->address_cell = cell;
    conn->verdict = (uint8_t)verdict;
    if (verdict == ADDRESS_WELCOME)
        return;
    char text[CONN_ADDRESS_BYTES];
    counter_add(&conns->counters.address_refusals, 1);
    log_info("over the limits of its address client=%s", conn_address(conn, text));
    if (verdict == ADDRESS_ABUSIVE || (verdict == ADDRESS_TOO_FAST && conn->has_tls))
        link_abort(conns->net, &conn->link, CLOSE_REASON_ADDRESS_LIMIT);
}

// --- What the link tells

static void on_open(void *context, struct link *link, const struct link_entry *entry)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    conn->full = entry->full;
    conn->room = SLAB_NONE;
    conn->has_tls = entry->tls;
    conn->peer = entry->address;
    conn->peer_port = entry->port;
    conn_arm(conns, conn, conns->options.handshake_timeout_ms);
    if (conns->draining)
        (void)conn_drain(conns, conn);
    if (!entry->proxy) {
        conn_enter_address(conns, conn);
    } else if (!entry->trusted &&
               (!conns->options.proxies || !ip_nets_contain(conns->options.proxies, conn->peer))) {
        char text[CONN_ADDRESS_BYTES];
        log_warn("not in proxy_networks, so no PROXY header is taken from it: %s",
                 conn_address(conn, text));
        counter_add(&conns->counters.proxies_refused, 1);
        link_abort(conns->net, link, CLOSE_REASON_PROXY);
    }
}

static void on_proxied(void *context, struct link *link, const struct proxy_endpoints *endpoints)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    // The balancer itself, asking how we are, is not a client. Nor is, as far as pages go, who has
    // no address: version 1 has no other word for the former.
    conn->nameless = endpoints->unknown;
    if (endpoints->local)
        return;
    conn->peer = endpoints->source;
    conn->peer_port = endpoints->source_port;
    conn_enter_address(conns, conn);
}

void conn_set_open(struct conns *conns, struct conn *conn)
{
    drop_head(conns, conn);
    conn->state = CONN_OPEN;
    conn->counted = true;
    conns->open_count++;
    counter_add(&conns->counters.handshakes, 1);
    counter_add(&conns->counters.websockets, 1);
    ws_parser_init(&conn->parser);
    conn->ping_ms = (uint32_t)conns->net->now_ms;
    (void)conn_arm_open(conns, conn);
    if (conns->ops->opened)
        conns->ops->opened(conns->context, conn);
}

static size_t on_bytes(void *context, struct link *link, uint8_t *bytes, size_t len)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    size_t used = 0;
    if (conn->state == CONN_HTTP && link->state == LINK_UP)
        used = conn_http_bytes(conns, conn, bytes, len);
    if (link->state == LINK_UP && (conn->state == CONN_VERIFYING || conn->state == CONN_JOINING))
        return used;
    if (conn->state == CONN_OPEN || conn->state == CONN_CLOSE_SENT)
        return used + conn_ws_bytes(conns, conn, bytes + used, len - used);
    return len; // nothing is expected any more
}

static void on_eof(void *context, struct link *link)
{
    struct conns *conns = context;
    if (link->state == LINK_UP)
        conn_end(conns, conn_of_link(link), CLOSE_REASON_PEER_EOF, false);
    else if (link->state == LINK_LINGERING)
        link_abort(conns->net, link, link->reason);
    // ENDING: what is queued is still sent; the link closes by itself then.
}

static void on_failed(void *context, struct link *link, enum close_reason reason, const char *why)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    char text[CONN_ADDRESS_BYTES];
    if (reason == CLOSE_REASON_PROXY) {
        log_info("PROXY header refused client=%s: %s", conn_address(conn, text), why);
        link_abort(conns->net, link, reason);
    } else {
        log_info("TLS failed client=%s: %s", conn_address(conn, text), why);
        conn_end(conns, conn, reason, true);
    }
}

static void on_slow(void *context, struct link *link, enum close_reason reason)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    char text[CONN_ADDRESS_BYTES];
    log_info("slow client evicted id=%016llx client=%s reason=%s",
             (unsigned long long)conn_id(conns, conn), conn_address(conn, text),
             close_reason_info(reason)->name);
    conn_fail(conns, conn, reason);
}

static void on_behind(void *context, struct link *link)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    if (conn->state == CONN_OPEN && conns->options.outbound_age_ms)
        (void)conn_arm_open(conns, conn);
}

static void on_end(void *context, struct link *link)
{
    struct conns *conns = context;
    struct conn *conn = conn_of_link(link);
    wheel_disarm(&conns->wheel, &conn->timer);
    hub_leave_all(conns->hub, link->slot);
    if (conn->state == CONN_VERIFYING)
        conn_stop_verifying(conn);
    if (conn->state < CONN_OPEN || (conn->state == CONN_GONE && !conn->counted))
        drop_head(conns, conn);
    else
        conn_drop_message(conns, conn);
    free(conn->control);
    conn->control = NULL;
    if (conn->retry)
        conns->retry_count--;
    conn->retry = false;
    if (conn->counted) {
        if (conns->ops->closed)
            conns->ops->closed(conns->context, conn);
        conns->open_count--;
        counter_add(&conns->counters.websockets, (uint64_t)-1);
    } else if (conn->adopted && conns->ops->not_adopted) {
        conns->ops->not_adopted(conns->context, conn->user);
    } else if (!conn->adopted && conn->user && conns->ops->not_opened) {
        conns->ops->not_opened(conns->context, conn->user);
    }
    conn->state = CONN_GONE;
    drop_edge(conns, conn);
    char text[CONN_ADDRESS_BYTES];
    if (close_reason_info(link->reason)->is_error && log_level() == LOG_DEBUG)
        log_debug("connection closed id=%016llx client=%s reason=%s",
                  (unsigned long long)conn_id(conns, conn), conn_address(conn, text),
                  close_reason_info(link->reason)->name);
}

const struct link_ops conn_link_ops = {
    .on_open = on_open,
    .on_proxied = on_proxied,
    .on_bytes = on_bytes,
    .on_eof = on_eof,
    .on_failed = on_failed,
    .on_slow = on_slow,
    .on_behind = on_behind,
    .on_end = on_end,
};
