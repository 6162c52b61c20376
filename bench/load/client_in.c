// SPDX-License-Identifier: MIT
//
// What arrives on a connection: the answer to the handshake, then messages and control frames.
#include "load/client.h"
#include "load/handshake.h"

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

static const int zero = 0;

void client_in_drop(struct client *client)
{
    free(client->carry);
    client->carry = NULL;
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
    counter_set(&worker->open_until_ns, worker->now_ns);
    worker_count(worker, opened, 1);
    hdr_add(&worker->handshake, worker->now_ns - client->begun_ns);
    if (worker->bench->scenario->opened)
        worker->bench->scenario->opened(worker, client);
}

static bool contains(const uint8_t *bytes, size_t len, const char *text)
{
    return bytes && memmem(bytes, len, text, strlen(text));
}

// Sends what is due of --join and opens the connection when that was all. `bytes` are a message of
// the server, which is what one --join waits for at most, or NULL behind the 101.
static void join(struct worker *worker, struct client *client, const uint8_t *bytes, size_t len)
{
    const struct options *options = &worker->bench->options;
    while (client->joins_sent < options->join_count) {
        const struct options_join *next = &options->joins[client->joins_sent];
        if (next->after && !contains(bytes, len, next->after))
            return;
        if (next->after)
            bytes = NULL;
        client->joins_sent++;
        client_send_template(worker, client, next->message, NULL, 0);
        if (client->state != CLIENT_OPEN)
            return;
    }
    if (!options->joined || contains(bytes, len, options->joined))
        finish_opening(worker, client);
}

// An answer to what the application calls a ping, whoever waits for a message.
static bool answer(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have)
{
    const struct options *options = &worker->bench->options;
    for (uint32_t i = 0; i < options->answer_count; i++) {
        const struct options_answer *one = &options->answers[i];
        if (have < one->prefix_len || memcmp(bytes, one->prefix, one->prefix_len) != 0)
            continue;
        worker_count(worker, pings, 1);
        client_send_template(worker, client, one->message, NULL, 0);
        return true;
    }
    return false;
}

static void give_message(struct worker *worker, struct client *client, const uint8_t *bytes,
                         size_t have, uint64_t total_bytes)
{
    if (worker->bench->options.answer_count && answer(worker, client, bytes, have))
        return;
    if (client->joining)
        join(worker, client, bytes, have);
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
            client_in_drop(client);
    }
}

static void on_close_frame(struct worker *worker, struct client *client, const uint8_t *payload,
                           size_t len)
{
    char why[64];
    unsigned code = len >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 1005;
    // Who never reads does not see it, but the reset behind it.
    worker_count(worker, slow_closed, client->slow);
    worker_count(worker, evicted, code == 1008 || code == 1013);
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
    client->state = CLIENT_OPEN;
    client->joining = true;
    client->joins_sent = 0;
    spare_acknowledgements(worker, client);
    join(worker, client, NULL, 0);
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
    enum handshake_result result = handshake_answer_read(
        head, head_have, client_key_seed(worker, client), &head_bytes, error, sizeof error);
    if (result == HANDSHAKE_REFUSED) {
        client_end(worker, client, error);
    } else if (result == HANDSHAKE_INCOMPLETE) {
        if (!client->carry && have_carry(worker, client))
            carry_bytes(client->carry, bytes, len);
    } else {
        client_in_drop(client);
        begin_open(worker, client);
        take_frames(worker, client, bytes + (head_bytes - before), bytes + len);
    }
}

void client_take(struct worker *worker, struct client *client, const uint8_t *bytes, size_t len)
{
    if (client->state == CLIENT_OPEN)
        take_frames(worker, client, bytes, bytes + len);
    else if (client->state == CLIENT_UPGRADING)
        take_answer(worker, client, bytes, len);
}
