// SPDX-License-Identifier: MIT
#include "load/client.h"

#include "base/clock.h"
#include "codec/ws_write.h"
#include "load/handshake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARRY_BYTES HANDSHAKE_ANSWER_MAX_BYTES

// Only the head of a cut message is kept: the stamp is all that anybody looks at.
struct client_carry {
    uint64_t total_bytes; // of the message or head so far
    uint32_t have;        // of it, kept in `bytes`
    uint8_t control_have;
    uint8_t control[WS_CONTROL_MAX_BYTES];
    uint8_t bytes[CARRY_BYTES];
};

static const int one = 1;
static const int zero = 0;
static const int slow_receive_bytes = 4096; // so that what is not read is the server's business

static uint64_t key_seed(const struct worker *worker, const struct client *client)
{
    return worker->bench->options.seed ^ ((uint64_t)client->id << 20) ^ client->begun_ns;
}

void client_open(struct worker *worker, struct client *client)
{
    client->state = CLIENT_SOCKET;
    client->armed = CLIENT_ARMED_OPENING;
    client->parser = (struct client_parser){0};
    client->begun_ns = clock_monotonic_ns();
    worker->opening++;
    ring_socket(worker->ring, worker->bench->target.address.storage.ss_family,
                client_tag(CLIENT_OP_SOCKET, client->index));
}

// --- Going

static void free_carry(struct client *client)
{
    free(client->carry);
    client->carry = NULL;
}

// Gives the place in the ring's table back as soon as the kernel holds nothing of it.
static void give_back(struct worker *worker, struct client *client)
{
    if (client->armed)
        return;
    client_out_drop(client);
    free_carry(client);
    client->state = CLIENT_GONE;
    ring_close(worker->ring, client->file, client_tag(CLIENT_OP_IGNORE, client->index));
}

void client_close(struct worker *worker, struct client *client)
{
    if (client->state >= CLIENT_CLOSING)
        return;
    client->state = CLIENT_CLOSING;
    if (client->armed & CLIENT_ARMED_RECV)
        ring_cancel(worker->ring, client_tag(CLIENT_OP_RECV, client->index),
                    client_tag(CLIENT_OP_IGNORE, client->index));
    if (client->armed & CLIENT_ARMED_SEND)
        ring_cancel(worker->ring, client_tag(CLIENT_OP_SEND, client->index),
                    client_tag(CLIENT_OP_IGNORE, client->index));
    give_back(worker, client);
}

void client_end(struct worker *worker, struct client *client, const char *why)
{
    if (client->state >= CLIENT_CLOSING)
        return;
    if (client->state == CLIENT_LEAVING) {
        client_close(worker, client);
        return;
    }
    if (client->state == CLIENT_OPEN && !client->joining) {
        if (client->slow) {
            worker_count(worker, slow_ended, 1);
        } else {
            worker_count(worker, lost, 1);
            worker_fail(worker, "connection %u ended: %s", client->id, why);
        }
        if (worker->bench->scenario->lost)
            worker->bench->scenario->lost(worker, client);
    } else {
        worker_count(worker, failed, 1);
        worker->opening--;
        worker_fail(worker, "connection %u could not be opened: %s", client->id, why);
    }
    client_close(worker, client);
}

static void leave_scenario(struct worker *worker, struct client *client)
{
    worker_count(worker, dropped, 1);
    if (worker->bench->scenario->lost)
        worker->bench->scenario->lost(worker, client);
}

void client_drop(struct worker *worker, struct client *client)
{
    if (client->state != CLIENT_OPEN)
        return;
    leave_scenario(worker, client);
    client_close(worker, client);
}

void client_leave(struct worker *worker, struct client *client)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 0xFF};
    if (client->state != CLIENT_OPEN)
        return;
    leave_scenario(worker, client);
    client_send_control(worker, client, WS_CLOSE, normal, sizeof normal);
    client->state = CLIENT_LEAVING;
}

// --- Coming

static void on_socket(struct worker *worker, struct client *client, int32_t result)
{
    client->armed = 0;
    if (result < 0) {
        worker_count(worker, failed, 1);
        worker->opening--;
        client->state = CLIENT_GONE;
        worker_fail(worker, "no socket for connection %u: %s", client->id, strerror(-result));
        return;
    }
    const struct bench *bench = worker->bench;
    client->file = (uint32_t)result;
    client->state = CLIENT_CONNECTING;
    client->armed = CLIENT_ARMED_OPENING;
    uint64_t setup = client_tag(CLIENT_OP_SETUP, client->index);
    // These complete within the submission and in order, so the connect may follow at once. Without
    // TCP_NODELAY a second small message would wait for the acknowledgement of the first.
    ring_set_option(worker->ring, client->file, IPPROTO_TCP, TCP_NODELAY, &one, setup);
    if (client->slow)
        ring_set_option(worker->ring, client->file, SOL_SOCKET, SO_RCVBUF, &slow_receive_bytes,
                        setup);
    if (bench->source_count) {
        const struct sock_address *source = &bench->sources[client->id % bench->source_count];
        ring_bind(worker->ring, client->file, (const void *)&source->storage, source->bytes, setup);
    }
    ring_connect(worker->ring, client->file, (const void *)&bench->target.address.storage,
                 bench->target.address.bytes, client_tag(CLIENT_OP_CONNECT, client->index));
}

static void send_request(struct worker *worker, struct client *client)
{
    const struct bench *bench = worker->bench;
    char path[TARGET_PATH_MAX_BYTES], header[512], text[4096];
    size_t path_len =
        target_expand(path, sizeof path, bench->target.path, client->room, client->id);
    path[path_len] = 0;
    snprintf(header, sizeof header, "%s\r\n", bench->options.header ? bench->options.header : "");
    struct handshake_request request = {
        .path = path,
        .host = bench->target.host,
        .subprotocol = bench->options.subprotocol,
        .headers = bench->options.header ? header : NULL,
        .key_seed = key_seed(worker, client),
    };
    size_t len = handshake_request_write(text, sizeof text, &request);
    uint8_t *out = path_len && len ? client_out(worker, client, (uint32_t)len) : NULL;
    if (!out) {
        client_end(worker, client, "the request is too long");
        return;
    }
    memcpy(out, text, len);
}

static void on_connect(struct worker *worker, struct client *client, int32_t result)
{
    client->armed &= (uint8_t)~CLIENT_ARMED_OPENING;
    if (client->state != CLIENT_CONNECTING) {
        give_back(worker, client);
        return;
    }
    if (result < 0) {
        client_end(worker, client,
                   result == -EADDRNOTAVAIL ? "no port left: use --sources" : strerror(-result));
        return;
    }
    client->state = CLIENT_UPGRADING;
    client->armed |= CLIENT_ARMED_RECV;
    ring_recv(worker->ring, client->file, client_tag(CLIENT_OP_RECV, client->index));
    send_request(worker, client);
}

// --- Reading

void client_read(struct worker *worker, struct client *client)
{
    if (client->state != CLIENT_OPEN || client->armed & CLIENT_ARMED_RECV)
        return;
    client->armed |= CLIENT_ARMED_RECV;
    ring_recv(worker->ring, client->file, client_tag(CLIENT_OP_RECV, client->index));
}

void client_read_not(struct worker *worker, struct client *client)
{
    if (client->state == CLIENT_OPEN && client->armed & CLIENT_ARMED_RECV)
        ring_cancel(worker->ring, client_tag(CLIENT_OP_RECV, client->index),
                    client_tag(CLIENT_OP_IGNORE, client->index));
}

static bool have_carry(struct worker *worker, struct client *client)
{
    if (client->carry)
        return true;
    client->carry = malloc(sizeof *client->carry);
    if (!client->carry) {
        client_end(worker, client, "out of memory");
        return false;
    }
    client->carry->total_bytes = client->carry->have = client->carry->control_have = 0;
    return true;
}

static void carry_bytes(struct client_carry *carry, const uint8_t *bytes, size_t len)
{
    size_t room = sizeof carry->bytes - carry->have, kept = len < room ? len : room;
    memcpy(carry->bytes + carry->have, bytes, kept);
    carry->have += (uint32_t)kept;
    carry->total_bytes += len;
}

// Open for the scenario as well.
static void finish_opening(struct worker *worker, struct client *client)
{
    client->joining = false;
    worker->opening--;
    worker_count(worker, opened, 1);
    hdr_add(&worker->handshake, worker->now_ns - client->begun_ns);
    if (worker->bench->scenario->opened)
        worker->bench->scenario->opened(worker, client);
}

static void open_by_answer(struct worker *worker, struct client *client, const uint8_t *bytes,
                           size_t len)
{
    const char *joined = worker->bench->options.joined;
    if (memmem(bytes, len, joined, strlen(joined)))
        finish_opening(worker, client);
}

static void give_message(struct worker *worker, struct client *client, const uint8_t *bytes,
                         size_t have, uint64_t total_bytes)
{
    if (client->joining)
        open_by_answer(worker, client, bytes, have);
    else
        worker->bench->scenario->message(worker, client, bytes, have, total_bytes);
}

static void take_piece(struct worker *worker, struct client *client,
                       const struct client_piece *piece)
{
    if (piece->first && piece->last) {
        give_message(worker, client, piece->bytes, piece->len, piece->len);
        return;
    }
    if (!have_carry(worker, client))
        return;
    struct client_carry *carry = client->carry;
    if (piece->first)
        carry->have = 0, carry->total_bytes = 0;
    carry_bytes(carry, piece->bytes, piece->len);
    if (piece->last) {
        give_message(worker, client, carry->bytes, carry->have, carry->total_bytes);
        if (!client->parser.midway)
            free_carry(client);
    }
}

static void on_close_frame(struct worker *worker, struct client *client, const uint8_t *payload,
                           size_t len)
{
    char why[64];
    uint16_t code = len >= 2 ? (uint16_t)(payload[0] << 8 | payload[1]) : 1005;
    if (code == 1008 || code == 1013)
        worker_count(worker, evicted, 1);
    snprintf(why, sizeof why, "closed by the server with %u%s%.*s", code, len > 2 ? " " : "",
             len > 2 ? (int)(len - 2 < 30 ? len - 2 : 30) : 0,
             len > 2 ? (const char *)payload + 2 : "");
    client_end(worker, client, why);
}

static void on_control(struct worker *worker, struct client *client, enum ws_opcode opcode,
                       const uint8_t *payload, size_t len)
{
    if (opcode == WS_CLOSE) {
        on_close_frame(worker, client, payload, len);
    } else if (opcode == WS_PING) {
        worker_count(worker, pings, 1);
        client_send_control(worker, client, WS_PONG, payload, len);
    }
}

static void take_control(struct worker *worker, struct client *client,
                         const struct client_piece *piece)
{
    if (piece->first && piece->last) {
        on_control(worker, client, piece->opcode, piece->bytes, piece->len);
        return;
    }
    if (!have_carry(worker, client))
        return;
    struct client_carry *carry = client->carry;
    if (piece->first)
        carry->control_have = 0;
    memcpy(carry->control + carry->control_have, piece->bytes, piece->len);
    carry->control_have += (uint8_t)piece->len;
    if (piece->last)
        on_control(worker, client, piece->opcode, carry->control, carry->control_have);
}

static void take_frames(struct worker *worker, struct client *client, const uint8_t *at,
                        const uint8_t *end)
{
    struct client_piece piece;
    while (client->state == CLIENT_OPEN) {
        switch (client_next(&client->parser, &at, end, &piece)) {
        case CLIENT_DATA:
            take_piece(worker, client, &piece);
            break;
        case CLIENT_CONTROL:
            take_control(worker, client, &piece);
            break;
        case CLIENT_VIOLATION:
            client_end(worker, client, "the server broke the WebSocket protocol");
            return;
        case CLIENT_NEED_MORE:
            return;
        }
    }
}

// A socket that only ever receives acknowledges every small message as soon as it is read: two
// thirds of what a delivery costs us. Told that it is interactive, it acknowledges every second
// one. The server's cost does not change with it, and a failure does no harm.
static void spare_acknowledgements(struct worker *worker, struct client *client)
{
    ring_set_option(worker->ring, client->file, IPPROTO_TCP, TCP_QUICKACK, &zero,
                    client_tag(CLIENT_OP_IGNORE, client->index));
}

static void begin_open(struct worker *worker, struct client *client)
{
    const struct options *options = &worker->bench->options;
    client->state = CLIENT_OPEN;
    client->joining = options->joined;
    spare_acknowledgements(worker, client);
    if (options->join)
        client_send_template(worker, client, options->join, NULL, 0);
    if (!client->joining && client->state == CLIENT_OPEN)
        finish_opening(worker, client);
}

// The answer to the handshake, whole or with an earlier part in the carry.
static void take_answer(struct worker *worker, struct client *client, const uint8_t *bytes,
                        size_t len)
{
    const uint8_t *head = bytes;
    size_t head_have = len, head_bytes = 0, before = 0;
    if (client->carry) {
        before = client->carry->have;
        carry_bytes(client->carry, bytes, len);
        head = client->carry->bytes;
        head_have = client->carry->have;
    }
    char error[200];
    enum handshake_result result = handshake_answer_read(head, head_have, key_seed(worker, client),
                                                         &head_bytes, error, sizeof error);
    if (result == HANDSHAKE_REFUSED) {
        client_end(worker, client, error);
    } else if (result == HANDSHAKE_INCOMPLETE) {
        if (!client->carry && have_carry(worker, client))
            carry_bytes(client->carry, bytes, len);
    } else {
        free_carry(client);
        begin_open(worker, client);
        take_frames(worker, client, bytes + (head_bytes - before), bytes + len);
    }
}

static void on_recv(struct worker *worker, struct client *client,
                    const struct ring_completion *completion)
{
    int32_t result = completion->result;
    if (!(completion->flags & RING_MORE))
        client->armed &= (uint8_t)~CLIENT_ARMED_RECV;
    if (completion->flags & RING_BUFFER) {
        uint16_t id = ring_completion_buffer(completion);
        const uint8_t *bytes = ring_buffer(worker->ring, id);
        size_t len = result > 0 ? (size_t)result : 0;
        worker_count(worker, received_bytes, len);
        worker_count(worker, receives, 1);
        if (client->state == CLIENT_OPEN)
            take_frames(worker, client, bytes, bytes + len);
        else if (client->state == CLIENT_UPGRADING)
            take_answer(worker, client, bytes, len);
        ring_buffer_return(worker->ring, id);
    }
    if (client->state >= CLIENT_CLOSING) {
        if (client->state == CLIENT_CLOSING)
            give_back(worker, client);
        return;
    }
    if (result == 0)
        client_end(worker, client, "the server hung up");
    else if (result < 0 && result != -ENOBUFS && result != -ECANCELED)
        client_end(worker, client, strerror(-result));
    else if (!(client->slow && client->state == CLIENT_OPEN) && !(completion->flags & RING_MORE)) {
        worker_count(worker, recv_starved, result == -ENOBUFS);
        client->armed |= CLIENT_ARMED_RECV;
        ring_recv(worker->ring, client->file, client_tag(CLIENT_OP_RECV, client->index));
    }
}

static void on_setup(struct worker *worker, struct client *client, int32_t result)
{
    char why[160];
    snprintf(why, sizeof why, "%s",
             result == -EINVAL || result == -EOPNOTSUPP
                 ? "this kernel cannot prepare sockets on a ring (Linux 6.11 is needed for "
                   "--sources, 6.7 for TCP_NODELAY)"
                 : strerror(-result));
    client_end(worker, client, why);
}

void client_complete(struct worker *worker, const struct ring_completion *completion)
{
    enum client_op op = (enum client_op)(completion->user_data >> 56);
    if (op == CLIENT_OP_IGNORE)
        return;
    struct client *client = &worker->clients[(uint32_t)completion->user_data];
    switch (op) {
    case CLIENT_OP_RECV:
        on_recv(worker, client, completion);
        break;
    case CLIENT_OP_SOCKET:
        on_socket(worker, client, completion->result);
        break;
    case CLIENT_OP_SETUP:
        on_setup(worker, client, completion->result);
        break;
    case CLIENT_OP_CONNECT:
        on_connect(worker, client, completion->result);
        break;
    default:
        client_out_complete(worker, client, completion);
        if (client->state == CLIENT_CLOSING)
            give_back(worker, client);
    }
}
