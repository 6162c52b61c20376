// SPDX-License-Identifier: MIT
#include "load/client.h"

#include "load/handshake.h"
#include "load/introduce.h"
#include "load/secure.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

static const int one = 1;
static const int slow_receive_bytes = 4096; // so that what is not read is the server's business

uint64_t client_key_seed(const struct worker *worker, const struct client *client)
{
    return worker->bench->options.seed ^ (uint64_t)client->opens << 32 ^ client->id;
}

void client_open(struct worker *worker, struct client *client, uint64_t due_ns)
{
    client->state = CLIENT_SOCKET;
    client->armed = CLIENT_ARMED_OPENING;
    client->parser = (struct client_parser){0};
    client->begun_ns = due_ns;
    client->opens++;
    worker->opening++;
    if (!counter_read(&worker->open_from_ns))
        counter_set(&worker->open_from_ns, due_ns);
    ring_socket(worker->ring, worker->bench->target.address.storage.ss_family,
                client_tag(CLIENT_OP_SOCKET, client->index));
}

// --- Going

// Gives the place in the ring's table back as soon as the kernel holds nothing of it.
static void give_back(struct worker *worker, struct client *client)
{
    if (client->armed)
        return;
    client_out_drop(client);
    client_in_drop(client);
    secure_drop(client);
    client->state = CLIENT_GONE;
    ring_close(worker->ring, client->file, client_tag(CLIENT_OP_IGNORE, client->index));
}

void client_close(struct worker *worker, struct client *client)
{
    if (client->state >= CLIENT_CLOSING)
        return;
    client->state = CLIENT_CLOSING;
    if (client->armed & CLIENT_ARMED_OPENING)
        ring_cancel(worker->ring, client_tag(CLIENT_OP_CONNECT, client->index),
                    client_tag(CLIENT_OP_IGNORE, client->index));
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
        counter_set(&worker->open_until_ns, worker->now_ns);
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
        counter_set(&worker->open_until_ns, worker->now_ns);
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
        // The port is chosen at the connect, among those that are free towards this server. Chosen
        // at the bind it has to be free altogether, which takes longer the more are in use.
        ring_set_option(worker->ring, client->file, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                        setup);
        const struct sock_address *source = &bench->sources[client->id % bench->source_count];
        ring_bind(worker->ring, client->file, (const void *)&source->storage, source->bytes, setup);
    }
    ring_connect(worker->ring, client->file, (const void *)&bench->target.address.storage,
                 bench->target.address.bytes, client_tag(CLIENT_OP_CONNECT, client->index));
}

void client_ask(struct worker *worker, struct client *client)
{
    const struct bench *bench = worker->bench;
    client->state = CLIENT_UPGRADING;
    char path[TARGET_PATH_MAX_BYTES], text[8192];
    size_t path_len =
        target_expand(path, sizeof path, bench->target.path, client->room, client->id);
    path[path_len] = 0;
    struct handshake_request request = {
        .path = path,
        .host = bench->target.host,
        .subprotocol = bench->options.subprotocol,
        .headers = bench->options.headers,
        .key_seed = client_key_seed(worker, client),
    };
    size_t len = handshake_request_write(text, sizeof text, &request);
    uint8_t *out = path_len && len ? client_out(worker, client, (uint32_t)len) : NULL;
    if (!out) {
        client_end(worker, client, "the request is too long");
        return;
    }
    memcpy(out, text, len);
}

static void introduce(struct worker *worker, struct client *client)
{
    uint8_t header[PROXY_WRITE_MAX_BYTES];
    size_t len = introduce_write(worker->bench, client->id, header);
    uint8_t *out = client_out(worker, client, (uint32_t)len);
    if (out)
        memcpy(out, header, len);
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
    client->armed |= CLIENT_ARMED_RECV;
    ring_recv(worker->ring, client->file, client_tag(CLIENT_OP_RECV, client->index));
    if (worker->bench->options.proxy_header)
        introduce(worker, client);
    if (worker->tls)
        secure_begin(worker, client);
    else
        client_ask(worker, client);
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
        if (client->tls)
            secure_receive(worker, client, bytes, len);
        else
            client_take(worker, client, bytes, len);
        ring_buffer_return(worker->ring, id);
    }
    if (client->state >= CLIENT_CLOSING) {
        if (client->state == CLIENT_CLOSING)
            give_back(worker, client);
        return;
    }
    worker_count(worker, slow_hung_up, result == 0 && client->slow && client->state == CLIENT_OPEN);
    if (result == 0)
        client_end(worker, client,
                   client->state == CLIENT_SECURING
                       ? "the server hung up in the TLS handshake: does it speak TLS at this port?"
                   : client->state == CLIENT_UPGRADING
                       ? "the server hung up without an answer: does it want wss://?"
                       : "the server hung up");
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
