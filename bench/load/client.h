// SPDX-License-Identifier: MIT
//
// One WebSocket connection of the load: opened, read, answered (pings, closes), and given back.
// What the messages mean is the scenario's business.
//
//   IDLE ─ SOCKET ─ CONNECTING ─┬───────────┬─ UPGRADING ─ OPEN ─┬───────────┬─ CLOSING ─ GONE ─┐
//               ↑               └ SECURING ─┘                    └─ LEAVING ─┘                  │
//               └── client_open again ──────────────────────────────────────────────────────────┘
//
// The place in the ring's table is given back only when the kernel holds no operation of it
// (`armed` is 0).
//
// Sending: bytes are laid end to end in the worker's arena and go out with one inline send per
// connection and tick. What does not fit into the socket moves to a backlog on the heap, with one
// ordinary send in flight.
//
// Thread: the worker that owns it.
#pragma once

#include "load/client_parse.h"
#include "load/stamp.h"
#include "load/worker.h"

enum client_state {
    CLIENT_IDLE,
    CLIENT_SOCKET,
    CLIENT_CONNECTING,
    CLIENT_SECURING, // the TLS handshake
    CLIENT_UPGRADING,
    CLIENT_OPEN,
    CLIENT_LEAVING, // we have sent Close and wait for the server to hang up
    CLIENT_CLOSING,
    CLIENT_GONE,
};

struct client_carry;
struct client_backlog;
struct tls_session;

struct client {
    // What a receive needs, in one cache line: the load goes round all clients, so each message
    // finds its client cold.
    struct client_parser parser;
    struct tls_session *tls;    // NULL: ws://, or not connected
    struct client_carry *carry; // the head of a message cut by the receive buffers
    uint32_t index;             // in this worker
    uint32_t room;
    uint32_t file;
    uint8_t state; // enum client_state
    uint8_t armed; // operations the kernel holds
    bool joining;  // has not sent every --join, or waits for the answer
    bool slow;     // the scenario decides when it reads

    bool dirty;                     // on the worker's list for this tick's flush
    uint8_t joins_sent;             // of the options
    uint32_t id;                    // number over all workers
    struct client_backlog *backlog; // what did not fit into the socket
    uint8_t *out;                   // of this tick, in the worker's arena
    const uint8_t *sent;            // of the last flush, until the next one
    uint32_t out_bytes, out_capacity, sent_bytes;
    uint64_t begun_ns; // when the connection was due to be opened
    uint32_t opens;    // how often it was opened
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct client, dirty) <= 64, "what a receive needs is in one cache line");

// What a completion belongs to: the operation in the upper byte, the client's index below.
enum client_op {
    CLIENT_OP_SOCKET = 1,
    CLIENT_OP_SETUP,
    CLIENT_OP_CONNECT,
    CLIENT_OP_RECV,
    CLIENT_OP_INLINE,
    CLIENT_OP_SEND,
    CLIENT_OP_IGNORE, // cancel, close, wake: how it went does not matter
};

static inline uint64_t client_tag(enum client_op op, uint32_t index)
{
    return (uint64_t)op << 56 | index;
}

// Opens the connection. Its handshake is timed from when it was due.
void client_open(struct worker *worker, struct client *client, uint64_t due_ns);
void client_close(struct worker *worker, struct client *client);
void client_complete(struct worker *worker, const struct ring_completion *completion);

// Ends an open connection on our own account: at once and without a word, or with a Close frame.
void client_drop(struct worker *worker, struct client *client);
void client_leave(struct worker *worker, struct client *client);

// For slow members: begins and stops to read.
void client_read(struct worker *worker, struct client *client);
void client_read_not(struct worker *worker, struct client *client);

// The connection ended, or has to: counts it as failed or lost and gives it back.
void client_end(struct worker *worker, struct client *client, const char *why);

// The way to the server stands: asks for the upgrade.
void client_ask(struct worker *worker, struct client *client);

// What the handshake's key is made of.
uint64_t client_key_seed(const struct worker *worker, const struct client *client);

// --- client_in.c

// Bytes from the server, as far as they have arrived.
void client_take(struct worker *worker, struct client *client, const uint8_t *bytes, size_t len);
void client_in_drop(struct client *client);

// --- client_out.c

// Room for `bytes` more behind what the client sends in this tick: pieces of what was returned
// before may move. Ends the client and returns NULL when memory has run out, or the tick's
// gigabyte.
uint8_t *client_out(struct worker *worker, struct client *client, uint32_t bytes);

// Sees to it that the tick's flush looks at the client.
void client_touch(struct worker *worker, struct client *client);

// Queues a message of ours, or a control frame.
void client_send_stamp(struct worker *worker, struct client *client, const struct stamp *stamp);
void client_send_text(struct worker *worker, struct client *client, const uint8_t *text,
                      size_t len);
// The payload may be missing: NULL and 0.
void client_send_template(struct worker *worker, struct client *client, const char *text,
                          const uint8_t *payload, size_t payload_len);
void client_send_control(struct worker *worker, struct client *client, enum ws_opcode opcode,
                         const uint8_t *bytes, size_t len);

// The server does not take what we send.
static inline bool client_backlogged(const struct client *client)
{
    return client->backlog != NULL;
}

void client_out_complete(struct worker *worker, struct client *client,
                         const struct ring_completion *completion);
void client_out_drop(struct client *client);
void client_out_begin_tick(struct worker *worker); // before anything is sent in a round
void client_out_flush(struct worker *worker);      // at its end

enum { CLIENT_ARMED_OPENING = 1, CLIENT_ARMED_RECV = 2, CLIENT_ARMED_SEND = 4 };
