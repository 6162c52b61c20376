// SPDX-License-Identifier: MIT
//
// The WebSocket side of a connection: messages in, control frames in and out.
#include "conn/conn_internal.h"

#include "codec/ws_write.h"

#include <stdlib.h>
#include <string.h>

// Below this a frame in the middle of a message counts as a message: who sends large messages in
// pieces, as browsers do, sends larger ones.
#define SPLINTER_BYTES 1024

// --- Control frames out

static void send_control(struct conns *conns, struct conn *conn, enum ws_opcode opcode,
                         const uint8_t *payload, size_t len)
{
    uint8_t head[WS_SERVER_HEADER_MAX_BYTES];
    size_t head_bytes = ws_header_write(head, opcode, len);
    net_send_bytes(conns->net, &conn->link, head, head_bytes, payload, len);
}

void conn_ws_send_ping(struct conns *conns, struct conn *conn)
{
    conn->ping_ms = (uint32_t)conns->net->now_ms;
    counter_add(&conns->counters.pings_sent, 1);
    send_control(conns, conn, WS_PING, NULL, 0);
}

void conn_ws_send_close(struct conns *conns, struct conn *conn, uint16_t code, const char *text)
{
    uint8_t out[2 + WS_CONTROL_MAX_BYTES];
    size_t len = ws_close_write(out, code, text);
    if (!conn->close_code)
        conn->close_code = code;
    net_send_bytes(conns->net, &conn->link, out, len, NULL, 0);
}

// --- Messages

static void publish(struct conns *conns, struct conn *conn, struct frame *frame)
{
    if (conn->read_only) {
        frame_unref(conns->hub->runs->frames, frame);
        conn_fail(conns, conn, CLOSE_REASON_NOT_WRITABLE);
        return;
    }
    if (conn->room == SLAB_NONE) {
        frame_unref(conns->hub->runs->frames, frame);
        return;
    }
    if (conn->exclude_self)
        frame->exclude_id = conn_id(conns, conn);
    if (!hub_publish(conns->hub, conn->room, frame))
        conn_hold(conns, conn);
}

static void count_message(struct conns *conns, size_t len)
{
    counter_add(&conns->counters.messages_in, 1);
    counter_add(&conns->counters.message_bytes_in, len);
}

// --- Messages for the program

// One that it does not take now is kept, as a message that has arrived in pieces would be.
static void keep_for_later(struct conns *conns, struct conn *conn, struct frame *frame)
{
    conn->message = frame;
    conn->retry = true;
    conns->retry_count++;
    conn_hold(conns, conn);
}

static void give_whole(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    if (conns->ops->message(conns->context, conn, chunk->opcode, chunk->bytes, chunk->len) == 0 ||
        conn->state != CONN_OPEN)
        return;
    struct frame *frame =
        frame_create(conns->hub->runs->frames, (uint32_t)(FRAME_HEADROOM + chunk->len));
    if (!frame) {
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return;
    }
    frame->offset = FRAME_HEADROOM;
    frame->opcode = (uint8_t)chunk->opcode;
    frame->len = (uint32_t)chunk->len;
    if (chunk->len)
        memcpy(frame->data + frame->offset, chunk->bytes, chunk->len);
    keep_for_later(conns, conn, frame);
}

// Owner: takes the frame.
static bool give_frame(struct conns *conns, struct conn *conn, struct frame *frame)
{
    if (conns->ops->message(conns->context, conn, (enum ws_opcode)frame->opcode, frame_bytes(frame),
                            frame->len) &&
        conn->state == CONN_OPEN)
        return false;
    frame_unref(conns->hub->runs->frames, frame);
    return true;
}

bool conn_ws_retry(struct conns *conns, struct conn *conn)
{
    struct frame *frame = conn->message;
    conn->message = NULL; // the program may end the connection from within
    if (!give_frame(conns, conn, frame)) {
        conn->message = frame;
        return false;
    }
    conn->retry = false;
    conns->retry_count--;
    return true;
}

// --- Messages for rooms, and echoes

// A message that lies wholly in what was just received.
static void on_whole(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    uint8_t head[WS_SERVER_HEADER_MAX_BYTES];
    size_t head_bytes = ws_header_write(head, chunk->opcode, chunk->len);
    count_message(conns, chunk->len);
    if (conn->mode == CONN_PROGRAM) {
        give_whole(conns, conn, chunk);
        return;
    }
    if (conn->mode == CONN_ECHO) {
        net_send_bytes(conns->net, &conn->link, head, head_bytes, chunk->bytes, chunk->len);
        return;
    }
    struct frame *frame =
        frame_create(conns->hub->runs->frames, (uint32_t)(head_bytes + chunk->len));
    if (!frame) {
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return;
    }
    memcpy(frame->data, head, head_bytes);
    if (chunk->len)
        memcpy(frame->data + head_bytes, chunk->bytes, chunk->len);
    frame->len = (uint32_t)(head_bytes + chunk->len);
    frame->opcode = (uint8_t)chunk->opcode;
    publish(conns, conn, frame);
}

// A message that has wholly arrived in pieces: its header goes into the headroom.
static void on_assembled(struct conns *conns, struct conn *conn)
{
    struct frame *frame = conn->message;
    conn->message = NULL;
    count_message(conns, frame->len);
    if (conn->mode == CONN_PROGRAM) {
        if (!give_frame(conns, conn, frame))
            keep_for_later(conns, conn, frame);
        return;
    }
    uint8_t head[WS_SERVER_HEADER_MAX_BYTES];
    size_t head_bytes = ws_header_write(head, (enum ws_opcode)frame->opcode, frame->len);
    frame->offset -= (uint32_t)head_bytes;
    memcpy(frame->data + frame->offset, head, head_bytes);
    frame->len += (uint32_t)head_bytes;
    if (conn->mode == CONN_ROOM) {
        publish(conns, conn, frame);
        return;
    }
    struct run *run = run_create(conns->hub->runs, frame, 1);
    if (!run) {
        frame_unref(conns->hub->runs->frames, frame);
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return;
    }
    net_send_run(conns->net, &conn->link, run);
    run_unref(conns->hub->runs, run);
}

// Room for what has arrived, never for what was announced; doubling keeps the copies linear.
static bool make_room(struct conns *conns, struct conn *conn, size_t more)
{
    struct frame_pool *frames = conns->hub->runs->frames;
    if (!conn->message) {
        conn->message = frame_create(frames, (uint32_t)(FRAME_HEADROOM + more));
        if (conn->message)
            conn->message->offset = FRAME_HEADROOM;
        conn_watch_message(conns, conn);
        return conn->message;
    }
    uint64_t need = (uint64_t)FRAME_HEADROOM + conn->message->len + more;
    if (need <= conn->message->capacity)
        return true;
    uint64_t most = FRAME_HEADROOM + conns->options.max_message_bytes;
    uint64_t wanted = 2 * (uint64_t)conn->message->capacity;
    wanted = wanted < need ? need : wanted > most ? most : wanted;
    struct frame *larger = frame_grow(frames, conn->message, (uint32_t)wanted);
    if (larger)
        conn->message = larger;
    return larger;
}

static void on_piece(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    if (!make_room(conns, conn, chunk->len)) {
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return;
    }
    struct frame *frame = conn->message;
    frame->opcode = (uint8_t)chunk->opcode;
    if (chunk->len)
        memcpy(frame->data + frame->offset + frame->len, chunk->bytes, chunk->len);
    frame->len += (uint32_t)chunk->len;
    if (chunk->last)
        on_assembled(conns, conn);
}

// --- Control frames in

static void on_close(struct conns *conns, struct conn *conn, const uint8_t *payload, size_t len)
{
    uint16_t code;
    enum close_reason bad = ws_close_parse(payload, len, &code);
    if (bad != CLOSE_REASON_NONE) {
        conn_fail(conns, conn, bad);
        return;
    }
    if (!conn->close_code)
        conn->close_code = code;
    if (conn->state == CONN_OPEN)
        conn_ws_send_close(conns, conn, code, "");
    // The peer sends nothing behind its Close frame, so closing at once resets nothing away.
    conn_end(conns, conn, CLOSE_REASON_NORMAL, false);
}

static void on_control(struct conns *conns, struct conn *conn, enum ws_opcode opcode,
                       const uint8_t *payload, size_t len)
{
    if (opcode == WS_CLOSE) {
        on_close(conns, conn, payload, len);
    } else if (opcode == WS_PING) {
        counter_add(&conns->counters.pings_received, 1);
        if (conn->state == CONN_OPEN)
            send_control(conns, conn, WS_PONG, payload, len);
    } else {
        counter_add(&conns->counters.pongs_received, 1);
    }
}

// Control frames are small but may be cut anywhere; a cut one is kept until it is whole.
static void on_control_piece(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    if (chunk->first && chunk->last) {
        on_control(conns, conn, chunk->opcode, chunk->bytes, chunk->len);
        return;
    }
    if (!conn->control && !(conn->control = malloc(WS_CONTROL_MAX_BYTES))) {
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return;
    }
    CHECK(conn->control_bytes + chunk->len <= WS_CONTROL_MAX_BYTES);
    if (chunk->len)
        memcpy(conn->control + conn->control_bytes, chunk->bytes, chunk->len);
    conn->control_bytes = (uint8_t)(conn->control_bytes + chunk->len);
    if (!chunk->last)
        return;
    uint8_t *payload = conn->control;
    size_t len = conn->control_bytes;
    conn->control = NULL;
    conn->control_bytes = 0;
    on_control(conns, conn, chunk->opcode, payload, len);
    free(payload);
}

// Limits of messages and bytes per second: control frames are messages too, or pings would be free,
// and so is each small frame in the middle of a message, or frames would be. Headers are bytes.
static bool pay(const struct conn_options *o, struct conn *conn, const struct ws_chunk *chunk,
                uint64_t now_ms)
{
    struct conn_edge *edge = conn->edge;
    uint64_t frame_bytes = chunk->begins ? ws_frame_bytes(&conn->parser, chunk) : 0;
    uint64_t bytes = chunk->len + (chunk->begins ? ws_client_header_bytes(frame_bytes) : 0);
    bool as_message = chunk->first || (chunk->begins && ws_in_the_middle(&conn->parser, chunk) &&
                                       frame_bytes < SPLINTER_BYTES);
    if (o->messages_per_second && as_message &&
        !rate_use(&edge->messages, 1, o->messages_per_second, now_ms))
        return false;
    if (!o->bytes_per_second)
        return true;
    // Who is over this limit is told at the begin of a message: what follows of a large one only
    // counts. Only when it is more than the largest message, headers are what it is made of.
    uint64_t grace_us = 0;
    if (!chunk->first)
        grace_us = (o->max_message_bytes + WS_HEADER_MAX_BYTES) * 1000000 / o->bytes_per_second;
    if (chunk->begins && rate_over(&edge->bytes, RATE_BURST_US + grace_us, now_ms))
        return false;
    rate_charge(&edge->bytes, bytes, o->bytes_per_second, now_ms);
    return true;
}

// It does not matter how the network has cut what comes: frames are judged where they begin.
static bool within_rates(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    const struct conn_options *o = &conns->options;
    if (!o->messages_per_second && !o->bytes_per_second)
        return true;
    if (!conn_need_edge(conn)) {
        conn_fail(conns, conn, CLOSE_REASON_INTERNAL);
        return false;
    }
    if (pay(o, conn, chunk, conns->net->now_ms))
        return true;
    counter_add(&conns->counters.rates_exceeded, 1);
    conn_fail(conns, conn, CLOSE_REASON_RATE);
    return false;
}

static void on_data(struct conns *conns, struct conn *conn, const struct ws_chunk *chunk)
{
    if (conn->state != CONN_OPEN)
        return; // we have sent our Close frame; only the peer's is of interest
    if (chunk->first && chunk->last)
        on_whole(conns, conn, chunk);
    else
        on_piece(conns, conn, chunk);
}

size_t conn_ws_bytes(struct conns *conns, struct conn *conn, uint8_t *bytes, size_t len)
{
    uint8_t *cursor = bytes, *end = bytes + len;
    struct ws_chunk chunk;
    while (conn->state == CONN_OPEN || conn->state == CONN_CLOSE_SENT) {
        if (conns->full && conn->state == CONN_OPEN)
            conn_hold(conns, conn);
        if (conn->waiting)
            return (size_t)(cursor - bytes);
        switch (ws_next(&conn->parser, &cursor, end, conns->options.max_message_bytes, &chunk)) {
        case WS_NEED_MORE:
            return len;
        case WS_DATA:
            if (within_rates(conns, conn, &chunk))
                on_data(conns, conn, &chunk);
            break;
        case WS_CONTROL:
            if (within_rates(conns, conn, &chunk))
                on_control_piece(conns, conn, &chunk);
            break;
        case WS_VIOLATION:
            conn_fail(conns, conn, chunk.violation);
            break;
        }
    }
    return len;
}
