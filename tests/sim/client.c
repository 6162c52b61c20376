// SPDX-License-Identifier: MIT
#include "sim/sim.h"

#include "codec/proxy_write.h"
#include "codec/ws_mask.h"
#include "codec/ws_write.h"
#include "sim/fake_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NARROW_MIN_BYTES 48
#define NARROW_MAX_BYTES 4096
#define WIDE_BYTES       (64U << 20)
#define OUT_PAUSE_BYTES  8192 // a client says no more while so much of it is still unsent

static void put(struct bytes *bytes, const void *from, size_t len)
{
    if (bytes->begin == bytes->end)
        bytes->begin = bytes->end = 0;
    if (bytes->end + len > bytes->capacity) {
        while (bytes->end + len > bytes->capacity)
            bytes->capacity = bytes->capacity ? bytes->capacity * 2 : 1024;
        bytes->at = realloc(bytes->at, bytes->capacity);
        CHECK(bytes->at);
    }
    if (len)
        memcpy(bytes->at + bytes->end, from, len);
    bytes->end += len;
}

void client_free(struct client *client)
{
    if (client->tls)
        tls_session_destroy(client->tls);
    free(client->early.at);
    free(client->out.at);
    free(client->in.at);
    free(client->sent.at);
    free(client->sent_ends.at);
    free(client->received.at);
}

// --- What it says

// What goes into the socket as it is.
static void say_raw(struct client *client, const void *bytes, size_t len)
{
    put(&client->out, bytes, len);
    client->out_total += len;
}

static void say_sealed(struct client *client, const void *bytes, size_t len)
{
    uint8_t *sealed = malloc(tls_write_max(client->tls, len));
    CHECK(sealed);
    say_raw(client, sealed, tls_write(client->tls, bytes, len, sealed));
    free(sealed);
}

static void say(struct client *client, const void *bytes, size_t len)
{
    if (!client->tls)
        say_raw(client, bytes, len);
    else if (client->tls_done)
        say_sealed(client, bytes, len);
    else
        put(&client->early, bytes, len);
}

static void say_frame(struct sim *sim, struct client *client, uint8_t opcode, bool fin,
                      const uint8_t *payload, size_t len)
{
    uint8_t mask[4], head[WS_HEADER_MAX_BYTES];
    for (int i = 0; i < 4; i++)
        mask[i] = (uint8_t)rand_next(&sim->rand);
    size_t head_bytes = ws_client_header_write(head, (enum ws_opcode)opcode, fin, len, mask);
    say(client, head, head_bytes);
    uint8_t *masked = malloc(len + 1);
    CHECK(masked);
    if (len)
        memcpy(masked, payload, len);
    (void)ws_mask(masked, len, mask, 0);
    say(client, masked, len);
    free(masked);
}

static void say_ping(struct sim *sim, struct client *client)
{
    uint32_t number = client->pings_sent++;
    say_frame(sim, client, WS_PING, true, (const uint8_t *)&number, sizeof number);
}

void message_write(const struct message *message, uint32_t id, uint8_t *payload)
{
    char head[9];
    snprintf(head, sizeof head, "%08x", id);
    for (uint32_t i = 0; i < message->len; i++)
        payload[i] = i < 8 ? (uint8_t)head[i] : (uint8_t)('a' + (id + i) % 26);
}

static uint32_t message_length(struct sim *sim)
{
    uint32_t most = sim_chance(sim, 4) ? sim->max_message : sim_chance(sim, 20) ? 1500 : 100;
    most = most < sim->max_message ? most : sim->max_message;
    return 8 + rand_below(&sim->rand, most - 8 + 1);
}

static void say_message(struct sim *sim, struct client *client)
{
    if (sim->message_count == sim->message_capacity) {
        sim->message_capacity = sim->message_capacity ? sim->message_capacity * 2 : 256;
        sim->messages = realloc(sim->messages, sim->message_capacity * sizeof *sim->messages);
        CHECK(sim->messages);
    }
    uint32_t id = sim->message_count++;
    struct message *message = &sim->messages[id];
    *message = (struct message){.client = client->index,
                                .seq = client->sent.count,
                                .len = message_length(sim),
                                .opcode = sim_chance(sim, 50) ? WS_TEXT : WS_BINARY,
                                .begun = sim->event};
    uint8_t *payload = malloc(message->len);
    CHECK(payload);
    message_write(message, id, payload);
    uint32_t done = 0, spare = sim->max_message - message->len;
    uint8_t opcode = message->opcode;
    while (sim_chance(sim, 25)) {
        uint32_t piece = rand_below(&sim->rand, message->len - done + 1);
        if (piece == 0 && opcode == WS_CONTINUATION && spare-- == 0)
            break; // an empty one counts as a byte
        say_frame(sim, client, opcode, false, payload + done, piece);
        done += piece;
        opcode = WS_CONTINUATION;
        if (sim_chance(sim, 20))
            say_ping(sim, client);
    }
    say_frame(sim, client, opcode, true, payload + done, message->len - done);
    free(payload);
    numbers_add(&client->sent, id);
    numbers_add(&client->sent_ends, (uint32_t)client->out_total);
}

static void say_garbage(struct sim *sim, struct client *client)
{
    uint8_t garbage[64];
    size_t len = 1 + rand_below(&sim->rand, sizeof garbage);
    for (size_t i = 0; i < len; i++)
        garbage[i] = (uint8_t)rand_next(&sim->rand);
    garbage[0] |= 0x40; // a reserved bit: never a frame that means something
    if (sim_chance(sim, 50))
        say(client, garbage, len);
    else
        say_raw(client, garbage, len); // no TLS record either
    client->misbehaved = true;
}

static void say_handshake(struct sim *sim, struct client *client)
{
    char text[512];
    char path[64];
    snprintf(path, sizeof path, "/room/r%u%s", client->room, client->without_self ? "?self=0" : "");
    if (client->kind == CLIENT_ECHO)
        snprintf(path, sizeof path, "/echo");
    if (client->kind == CLIENT_NOISE) {
        static const char *const paths[] = {"/", "/nowhere", "/room/", "/echo?x", "/room/%ff"};
        client->misbehaved = true;
        if (sim_chance(sim, 30)) {
            say_garbage(sim, client);
            return;
        }
        snprintf(path, sizeof path, "%s", paths[rand_below(&sim->rand, 5)]);
    }
    const char *upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\n";
    if (client->kind == CLIENT_NOISE && sim_chance(sim, 50))
        upgrade = "";
    const char *token = client->has_token ? "Authorization: Bearer " SIM_TOKEN "\r\n" : "";
    if (client->has_token && client->kind == CLIENT_NOISE && sim_chance(sim, 50))
        token = "Authorization: Bearer " SIM_TOKEN "A\r\n";
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: sim\r\n%s%s\r\n", path, upgrade,
                       token);
    if (client->kind == CLIENT_NOISE && sim_chance(sim, 30))
        len = (int)rand_below(&sim->rand, (uint32_t)len);
    say(client, text, (size_t)len);
}

// What the load balancer says of it first. Some come from elsewhere, or send none.
static void say_proxied(struct sim *sim, struct client *client)
{
    uint8_t header[PROXY_WRITE_MAX_BYTES];
    uint8_t from[4] = {192, 168, 0, (uint8_t)(client->index % 5)}, to[4] = {10, 0, 0, 1};
    struct proxy_endpoints endpoints = {.source = ip_from_v4(from),
                                        .destination = ip_from_v4(to),
                                        .source_port = 1000,
                                        .destination_port = 443,
                                        .local = sim_chance(sim, 10)};
    size_t len = sim_chance(sim, 50) ? proxy_v1_write(header, &endpoints)
                                     : proxy_v2_write(header, &endpoints, sim_chance(sim, 50));
    if (client->kind == CLIENT_NOISE && sim_chance(sim, 30)) {
        client->misbehaved = true;
        len = rand_below(&sim->rand, (uint32_t)len);
    }
    say_raw(client, header, len);
}

// It is in once its room is, which the other server does not tell: what it may miss is not counted.
static void connect_elsewhere(struct sim *sim, struct client *client, uint32_t narrow)
{
    int fd;
    uint32_t ticket;
    client->socket =
        fake_connect_elsewhere(client->wide ? WIDE_BYTES : narrow, client->wide, &fd, &ticket);
    client->state = CLIENT_OPEN;
    client->joined = UINT64_MAX;
    client->has_tls = client->has_proxy = false;
    if (sim_chance(sim, 50))
        say_message(sim, client);
    sim_adopt(sim, client, fd, ticket);
}

void client_connect(struct sim *sim, struct client *client)
{
    uint32_t narrow =
        NARROW_MIN_BYTES + rand_below(&sim->rand, NARROW_MAX_BYTES - NARROW_MIN_BYTES);
    if (client->elsewhere) {
        connect_elsewhere(sim, client, narrow);
        return;
    }
    int listener = (client->has_tls ? SIM_LISTEN_TLS_FD : SIM_LISTEN_FD) +
                   (client->has_proxy ? SIM_LISTEN_PROXY_FD : 0);
    struct ip from = ip_from_v4((const uint8_t[]){10, 0, 0, (uint8_t)(client->index % 4)});
    client->socket = fake_connect(listener + (int)client->shard, client->wide ? WIDE_BYTES : narrow,
                                  client->wide, from);
    client->state = CLIENT_SHAKING;
    if (client->has_proxy)
        say_proxied(sim, client);
    if (client->has_tls && client->kind == CLIENT_NOISE && sim_chance(sim, 30)) {
        client->has_tls = false; // says no word of TLS
        client->misbehaved = true;
    }
    if (client->has_tls) {
        const uint8_t *none = NULL;
        client->tls = tls_session_create(sim->client_tls, NULL);
        CHECK(tls_handshake(client->tls, &none, NULL) == TLS_WANT_INPUT);
        say_sealed(client, NULL, 0);
    }
    say_handshake(sim, client);
}

// --- What it hears

static void gone(struct client *client)
{
    client->state = CLIENT_GONE;
    client->socket = NULL;
}

static void hear_control(struct sim *sim, struct client *client, uint8_t opcode,
                         const uint8_t *payload, size_t len)
{
    if (opcode == WS_PING) {
        if (!client->close_sent && !client->ending)
            say_frame(sim, client, WS_PONG, true, payload, len);
    } else if (opcode == WS_PONG) {
        uint32_t number;
        if (len != sizeof number)
            sim_fail(sim, "client %u: a pong of %zu bytes", client->index, len);
        memcpy(&number, payload, sizeof number);
        if (number != client->pongs_received++)
            sim_fail(sim, "client %u: pong %u out of order", client->index, number);
    } else {
        uint16_t code = 1005;
        if (len >= 2)
            code = (uint16_t)((uint32_t)payload[0] << 8 | payload[1]);
        client->close_received = true;
        client->close_code = code;
        oracle_closed(sim, client, code, payload + 2, len < 2 ? 0 : len - 2);
        if (!client->close_sent && !client->ending && sim_chance(sim, 80)) {
            say_frame(sim, client, WS_CLOSE, true, payload, len < 2 ? 0 : 2);
            client->close_sent = true;
        }
        client->actions_left = 0;
    }
}

// Returns the bytes of the frame, 0 when it is not whole yet.
static size_t hear_frame(struct sim *sim, struct client *client, const uint8_t *at, size_t have)
{
    if (have < 2)
        return 0;
    uint8_t opcode = at[0] & 15;
    size_t head = 2, len = at[1] & 127;
    if ((at[0] & 0xf0) != 0x80 || at[1] & 0x80)
        sim_fail(sim, "client %u: a frame header of %02x %02x", client->index, at[0], at[1]);
    if (len >= 126) {
        size_t more = len == 126 ? 2 : 8;
        head += more;
        if (have < head)
            return 0;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | at[2 + i];
        if (len < (more == 2 ? 126U : 65536U))
            sim_fail(sim, "client %u: a length that is not minimal", client->index);
    }
    if (have < head + len)
        return 0;
    if (client->close_received)
        sim_fail(sim, "client %u: a frame (opcode %u) behind the Close frame", client->index,
                 opcode);
    if (opcode == WS_TEXT || opcode == WS_BINARY)
        oracle_message(sim, client, opcode, at + head, len);
    else if (opcode == WS_PING || opcode == WS_PONG || opcode == WS_CLOSE)
        hear_control(sim, client, opcode, at + head, len);
    else
        sim_fail(sim, "client %u: opcode %u", client->index, opcode);
    return head + len;
}

static bool hear_answer(struct sim *sim, struct client *client)
{
    struct bytes *in = &client->in;
    if (in->begin == in->end)
        return false;
    const uint8_t *end = memmem(in->at + in->begin, in->end - in->begin, "\r\n\r\n", 4);
    if (!end)
        return false;
    long status = strtol((const char *)in->at + in->begin + 9, NULL, 10);
    in->begin = (size_t)(end - in->at) + 4;
    if (status == 101) {
        client->state = CLIENT_OPEN;
        client->joined = sim->event;
        return true;
    }
    client->state = CLIENT_REFUSED;
    client->actions_left = 0;
    client->cut = true;
    bool full = (status == 503 || (status == 429 && sim->addresses)) &&
                (sim->few_places || sim->stage == SIM_LEAVING);
    bool late = status == 408 && sim->stage == SIM_LEAVING;
    if (!client->misbehaved && !full && !late)
        sim_fail(sim, "client %u: status %ld", client->index, status);
    return true;
}

static void hear(struct sim *sim, struct client *client)
{
    struct bytes *in = &client->in;
    if (client->state == CLIENT_SHAKING && !hear_answer(sim, client))
        return;
    if (client->state == CLIENT_REFUSED || client->misbehaved) {
        in->begin = in->end;
        return;
    }
    size_t len;
    while ((len = hear_frame(sim, client, in->at + in->begin, in->end - in->begin)))
        in->begin += len;
}

static bool deaf(const struct sim *sim, const struct client *client)
{
    return client->never_reads && client->state == CLIENT_OPEN &&
           (client->stubborn || sim->stage != SIM_LEAVING);
}

static bool listens(const struct sim *sim, const struct client *client)
{
    if (deaf(sim, client))
        return false;
    return client->stopped_until <= sim->steps;
}

// What came in sealed. The server is as strict with us.
static void open_sealed(struct sim *sim, struct client *client, const uint8_t *bytes, size_t len)
{
    const uint8_t *cursor = bytes, *end = bytes + len;
    uint8_t plain[TLS_RECORD_MAX_BYTES];
    size_t got;
    enum tls_result result = TLS_WANT_INPUT;
    if (!client->tls_done) {
        result = tls_handshake(client->tls, &cursor, end);
        if (result == TLS_DONE) {
            client->tls_done = true;
            say_sealed(client, client->early.at, client->early.end);
            result = TLS_DATA;
        }
    } else {
        result = TLS_DATA;
    }
    while (result == TLS_DATA) {
        result = tls_read(client->tls, &cursor, end, plain, sizeof plain, &got);
        put(&client->in, plain, got);
        if (client->tls_closed && result != TLS_WANT_INPUT)
            sim_fail(sim, "client %u: records behind the end of TLS", client->index);
    }
    if (result == TLS_CLOSED)
        client->tls_closed = true;
    if (result == TLS_FAILED && !client->misbehaved)
        sim_fail(sim, "client %u: a record that is not the next one", client->index);
    if (tls_pending_bytes(client->tls) && !client->ending)
        say_sealed(client, NULL, 0);
}

static bool client_read(struct sim *sim, struct client *client)
{
    uint8_t buffer[4096];
    if (!listens(sim, client) || !fake_client_readable(client->socket))
        return false;
    size_t max = client->kind == CLIENT_OBSERVER ? sizeof buffer
                 : sim_chance(sim, 30)           ? 1 + rand_below(&sim->rand, 8)
                                                 : 1 + rand_below(&sim->rand, sizeof buffer);
    size_t len = fake_client_read(client->socket, buffer, max);
    if (client->tls)
        open_sealed(sim, client, buffer, len);
    else
        put(&client->in, buffer, len);
    hear(sim, client);
    return true;
}

// --- What it does

static bool client_write(struct sim *sim, struct client *client)
{
    struct bytes *out = &client->out;
    size_t have = out->end - out->begin;
    if (!have || !fake_client_writable(client->socket))
        return false;
    size_t max = sim_chance(sim, 40) ? 1 + rand_below(&sim->rand, 40) : have;
    size_t len = fake_client_write(client->socket, out->at + out->begin, max < have ? max : have);
    out->begin += len;
    client->out_written += len;
    while (client->sent_written < client->sent.count &&
           client->sent_ends.at[client->sent_written] <= client->out_written)
        client->sent_written++;
    return true;
}

static bool may_act(const struct client *client)
{
    return client->actions_left && client->out.end - client->out.begin < OUT_PAUSE_BYTES &&
           (!client->tls || client->tls_done) &&
           (client->state == CLIENT_OPEN || (client->eager && client->state == CLIENT_SHAKING));
}

static void act(struct sim *sim, struct client *client)
{
    client->actions_left--;
    uint32_t dice = rand_below(&sim->rand, 100);
    if (dice < 80) {
        uint32_t burst = sim_chance(sim, 10) ? 1 + rand_below(&sim->rand, 20) : 1;
        while (burst--)
            say_message(sim, client);
    } else if (dice < 88 && client->tls) {
        fake_tls_request_update(client->tls);
        say_sealed(client, NULL, 0);
    } else if (dice < 90) {
        say_ping(sim, client);
    } else if (client->stops) {
        client->stops--;
        client->ever_stopped = true;
        client->stopped_until = sim->steps + rand_below(&sim->rand, 2000);
    }
}

static bool wants_to_end(const struct sim *sim, const struct client *client)
{
    if (client->state != CLIENT_OPEN || client->ending || client->actions_left)
        return false;
    if (client->out.begin != client->out.end || client->close_received)
        return false;
    return client->end != END_STAY || (sim->stage == SIM_LEAVING && !sim->interrupted);
}

static void end(struct sim *sim, struct client *client)
{
    client->ending = true;
    client->ended_ms = sim->now_ms;
    enum client_end how = client->end == END_STAY ? END_CLOSE : client->end;
    switch (how) {
    case END_STAY:
    case END_COUNT:
    case END_CLOSE:
        say_frame(sim, client, WS_CLOSE, true, (const uint8_t *)"\x03\xe8", 2);
        client->close_sent = true;
        break;
    case END_HALF:
        fake_client_shutdown(client->socket);
        break;
    case END_RESET:
        fake_client_reset(client->socket);
        gone(client);
        break;
    case END_ABANDON:
        fake_client_close(client->socket);
        gone(client);
        break;
    case END_GARBAGE:
        say_garbage(sim, client);
        break;
    }
}

static bool leave_in_haste(struct sim *sim, struct client *client)
{
    if (!client->reckless || rand_below(&sim->rand, 200))
        return false;
    client->cut = client->ending = true;
    if (sim_chance(sim, 50))
        fake_client_reset(client->socket);
    else
        fake_client_close(client->socket);
    gone(client);
    return true;
}

bool client_could_step(const struct sim *sim, const struct client *client)
{
    if (client->state == CLIENT_GONE || client->state == CLIENT_WAITING)
        return false;
    if (client->out.begin != client->out.end && fake_client_writable(client->socket) &&
        !(client->ending && client->end == END_HALF))
        return true;
    if (!deaf(sim, client) &&
        (fake_client_readable(client->socket) || fake_client_eof(client->socket)))
        return true;
    return may_act(client) || wants_to_end(sim, client);
}

bool client_step(struct sim *sim, struct client *client)
{
    if (client->state == CLIENT_GONE || client->state == CLIENT_WAITING)
        return false;
    sim->event++;
    if (leave_in_haste(sim, client))
        return true;
    bool half = client->ending && client->end == END_HALF;
    bool moved = !half && client_write(sim, client);
    moved |= client_read(sim, client);
    if (listens(sim, client) && fake_client_eof(client->socket)) {
        oracle_eof(sim, client);
        fake_client_close(client->socket);
        gone(client);
        return true;
    }
    if (may_act(client) && sim_chance(sim, 50)) {
        act(sim, client);
        return true;
    }
    if (wants_to_end(sim, client)) {
        end(sim, client);
        return true;
    }
    return moved;
}
