// SPDX-License-Identifier: MIT
//
// What time does to a connection: handshakes that take too long, pings, silence, messages that do
// not end, tokens that do, and the drain.
#include "conn/conn_internal.h"

#include "net/backlog.h"

#define DRAIN_SILENCE_MS 1000 // so long we wait for the next byte of a request

void conn_arm(struct conns *conns, struct conn *conn, uint64_t in_ms)
{
    wheel_arm(&conns->wheel, &conn->timer, conns->net->now_ms + in_ms);
}

// --- Open

static uint32_t since(const struct conns *conns, uint32_t then_ms)
{
    return (uint32_t)conns->net->now_ms - then_ms;
}

static void at_most(uint64_t *wait_ms, uint64_t other_ms)
{
    if (other_ms < *wait_ms)
        *wait_ms = other_ms;
}

// What an open connection has to do now; sets how long it may sleep. False when it is being closed.
static bool check_open(struct conns *conns, struct conn *conn, uint64_t *wait_ms)
{
    const struct conn_options *o = &conns->options;
    if (conn->link.paused) { // we are not listening: silence is not the client's
        conn_touch(conns, conn);
        conn->message_ms = (uint32_t)conns->net->now_ms;
    }
    uint32_t idle_ms = since(conns, conn->link.heard_ms);
    if (o->idle_timeout_ms) {
        if (idle_ms >= o->idle_timeout_ms)
            return false;
        at_most(wait_ms, o->idle_timeout_ms - idle_ms);
    }
    if (conn->message && o->message_timeout_ms) {
        uint32_t age_ms = since(conns, conn->message_ms);
        if (age_ms >= o->message_timeout_ms) {
            conn_fail(conns, conn, CLOSE_REASON_MESSAGE_TIMEOUT);
            return true;
        }
        at_most(wait_ms, o->message_timeout_ms - age_ms);
    }
    if (conn->edge && conn->edge->expires_ms) {
        if (conns->net->now_ms >= conn->edge->expires_ms) {
            conn_fail(conns, conn, CLOSE_REASON_TOKEN_EXPIRED);
            return true;
        }
        at_most(wait_ms, conn->edge->expires_ms - conns->net->now_ms);
    }
    const struct backlog *backlog = conn->link.backlog;
    if (o->outbound_age_ms && backlog && !backlog_empty(backlog)) {
        uint32_t age_ms = since(conns, backlog_oldest_ms(backlog));
        if (age_ms >= o->outbound_age_ms) {
            net_evict(conns->net, &conn->link, CLOSE_REASON_SLOW_AGE);
            return true;
        }
        at_most(wait_ms, o->outbound_age_ms - age_ms);
    }
    if (o->ping_interval_ms) {
        uint32_t pinged_ms = since(conns, conn->ping_ms);
        uint32_t quiet_ms = idle_ms < pinged_ms ? idle_ms : pinged_ms;
        if (quiet_ms >= o->ping_interval_ms) {
            conn_ws_send_ping(conns, conn);
            quiet_ms = 0;
        }
        at_most(wait_ms, o->ping_interval_ms - quiet_ms);
    }
    return true;
}

void conn_watch_message(struct conns *conns, struct conn *conn)
{
    uint32_t timeout_ms = conns->options.message_timeout_ms;
    conn->message_ms = (uint32_t)conns->net->now_ms;
    // Mostly the timer comes sooner anyhow, and looks.
    if (timeout_ms && conn->timer.due_ms > conns->net->now_ms + timeout_ms)
        conn_arm(conns, conn, timeout_ms);
}

bool conn_arm_open(struct conns *conns, struct conn *conn)
{
    uint64_t wait_ms = UINT32_MAX / 4;
    if (!check_open(conns, conn, &wait_ms))
        return false;
    if (conn->state == CONN_OPEN)
        conn_arm(conns, conn, wait_ms);
    return true;
}

// --- Not open yet

static uint64_t drain_patience_ms(const struct conns *conns, const struct conn *conn)
{
    uint32_t silent_ms = (uint32_t)conns->net->now_ms - conn->link.heard_ms;
    return silent_ms < DRAIN_SILENCE_MS ? DRAIN_SILENCE_MS - silent_ms : 0;
}

static void refuse_late(struct conns *conns, struct conn *conn, int status, const char *sentence)
{
    enum close_reason reason =
        conns->draining ? CLOSE_REASON_DRAINING : CLOSE_REASON_HANDSHAKE_TIMEOUT;
    if (conn->state == CONN_HTTP && conn->link.state == LINK_UP && conn->http) {
        conn_http_refuse(conns, conn, status, sentence);
        conn->link.reason = (uint8_t)reason;
    } else {
        link_abort(conns->net, &conn->link, reason);
    }
}

// Time is up for one that is not open yet.
static void end_handshake(struct conns *conns, struct conn *conn)
{
    bool waited = conn->state == CONN_VERIFYING;
    if (conns->draining && conn->link.state == LINK_UP && drain_patience_ms(conns, conn)) {
        conn_arm(conns, conn, drain_patience_ms(conns, conn));
        return;
    }
    if (waited)
        conn_stop_verifying(conn);
    if (conns->draining)
        refuse_late(conns, conn, 503, CONN_GOING_AWAY);
    else if (waited)
        refuse_late(conns, conn, 503, "too many tokens are to be verified: try again later");
    else
        refuse_late(conns, conn, 408, "the request took too long");
}

bool conn_drain(struct conns *conns, struct conn *conn)
{
    if (conn->state >= CONN_OPEN)
        conn_close(conns, conn, CLOSE_REASON_DRAINING);
    else
        conn_arm(conns, conn, drain_patience_ms(conns, conn));
    return conn->state >= CONN_OPEN;
}

// --- The wheel

// True when the connection was reaped for being idle.
static bool on_timer(struct conns *conns, struct conn *conn)
{
    switch ((enum conn_state)conn->state) {
    case CONN_HTTP:
    case CONN_VERIFYING:
    case CONN_JOINING:
        end_handshake(conns, conn);
        return false;
    case CONN_OPEN:
        if (conn_arm_open(conns, conn))
            return false;
        counter_add(&conns->counters.idle_reaped, 1);
        conn_fail(conns, conn, CLOSE_REASON_IDLE);
        return true;
    case CONN_CLOSE_SENT:
    case CONN_GONE:
        link_abort(conns->net, &conn->link, CLOSE_REASON_SERVER);
        return false;
    }
    UNREACHABLE();
}

uint32_t conns_sweep(struct conns *conns, uint64_t now_ms, uint32_t budget, uint64_t *reaped,
                     uint32_t reaped_max)
{
    uint32_t count = 0;
    struct wheel_node *node;
    while (budget-- && (node = wheel_pop_due(&conns->wheel, now_ms))) {
        struct conn *conn = CONTAINER_OF(node, struct conn, timer);
        uint64_t id = conn_id(conns, conn);
        if (!on_timer(conns, conn))
            continue;
        if (count < reaped_max)
            reaped[count] = id;
        count++;
    }
    return count;
}
