// SPDX-License-Identifier: MIT
//
// One client: from the HTTP request over the WebSocket messages to the Close frame. A connection is
// a link (net/link.h: what the kernel holds) and a state (here: what the peer may say):
//
//   HTTP ──▶ VERIFYING ──▶ JOINING ──▶ OPEN ──▶ CLOSE_SENT ──▶ GONE
//     └──────────┴────────────┴──────────┴──────────▲ (answered, failed, evicted: input is dropped)
//
// VERIFYING and JOINING are passed at once where nothing is to be waited for. A signature takes a
// hundred times the work of a message: a tick verifies CONN_VERIFICATIONS_PER_TICK tokens, and who
// comes later waits for the next one, first come, first served, while open connections do not.
//
// Thread: its shard's.
#pragma once

#include "base/wheel.h"
#include "codec/http_parse.h"
#include "codec/ws_parse.h"
#include "conn/address_limits.h"
#include "conn/gate.h"
#include "conn/rate.h"
#include "hub/connection_id.h"
#include "hub/hub.h"
#include "net/net.h"

#ifndef CONN_VERIFICATIONS_PER_TICK
#define CONN_VERIFICATIONS_PER_TICK                                                                \
    8 // one to JWT_TRIES_MAX signatures each: one or two milliseconds
#endif

enum conn_state {
    CONN_HTTP,
    CONN_VERIFYING, // its token waits for its turn
    CONN_JOINING,
    CONN_OPEN,
    CONN_CLOSE_SENT,
    CONN_GONE,
};

// Where its messages go: to the program (ops->message), to its room, or back to itself.
enum conn_mode { CONN_PROGRAM, CONN_ROOM, CONN_ECHO };

struct conn {
    struct link link; // first: net's tables hold connections by their links
    struct wheel_node timer;
    struct memberships rooms;
    union {
        struct http_parser *http; // HTTP to JOINING: allocated with the first byte
        struct frame *message;    // OPEN: a message that has not wholly arrived, or NULL
    };
    uint8_t *control; // a control frame's payload that has not wholly arrived, or NULL
    union {
        struct list_node verifying; // VERIFYING: in conns.verifying; zero before
        struct ws_parser parser;    // OPEN, CLOSE_SENT
    };
    struct conn_edge *edge; // what only some connections have, or NULL
    void *user;             // the program's
    struct ip peer;         // the client's address, from its PROXY header where there is one
    uint32_t room;       // ROOM: where its messages go; SLAB_NONE once it has been taken out of it
    uint32_t message_ms; // when `message` began; low bits of the clock
    uint32_t ping_ms;    // when the last ping was sent; low bits of the clock
    uint8_t state;       // enum conn_state
    uint8_t mode;        // enum conn_mode
    uint8_t control_bytes;
    uint8_t joins_pending; // JOINING: answers to come
    uint16_t close_code;   // of the Close frame that ended it, whoever sent it; 0: none
    uint16_t peer_port;
    uint8_t verdict;       // enum address_verdict; other than WELCOME: to be refused
    bool exclude_self : 1; // ?self=0: own messages do not come back
    bool full : 1;         // no place for it: to be refused
    bool counted : 1;      // is in conns.open_count
    bool waiting : 1;      // publisher that has to wait: in conns.waiting
    bool has_tls : 1;
    bool read_only : 1;   // may not publish to its room
    bool join_failed : 1; // JOINING: one of the answers was no
    bool adopted : 1;     // upgraded by another server
    bool nameless : 1;    // its load balancer has no address of it
    bool retry : 1;       // PROGRAM: `message` is whole, and waits until the program takes it
};

// What a connection costs while it is idle; 256 bytes is the bound, with what else it makes us
// hold.
_Static_assert(sizeof(struct conn) <= 224, "an idle connection is small");

// Of connections with a token, a certificate or limits of their own.
struct conn_edge {
    struct claims *claims; // owned, or NULL
    uint64_t expires_ms;   // when its token ends, on the shard's clock; 0: never
    struct rate messages, bytes;
    uint32_t address_cell; // in conns.addresses
};

struct conn_options {
    uint64_t max_message_bytes;
    uint32_t ping_interval_ms; // 0: no pings
    uint32_t idle_timeout_ms;  // 0: never
    uint32_t handshake_timeout_ms;
    uint32_t close_timeout_ms;        // for the peer's answer to our Close frame
    uint32_t outbound_age_ms;         // 0: any age
    uint32_t message_timeout_ms;      // from a message's first bytes to its last; 0: any time
    uint32_t messages_per_second;     // from one connection; 0: any number
    uint64_t bytes_per_second;        // the same, with frame headers
    const struct ip_nets *proxies;    // who may send PROXY headers
    struct address_limits *addresses; // of all shards, or NULL: no limits by address
};

struct conn_counters {
#define COUNTER(name, kind, help) counter name;
#include "conn/conn_counters.def"
#undef COUNTER
};

// What an ordinary HTTP request gets; 404 in few words when nothing is filled in.
struct conn_page {
    int status;
    const char *content_type; // NULL: plain text
    const char *extra;        // further header lines, or NULL
    const void *body;
    size_t body_bytes;
    void *owned; // freed once the answer is queued, or NULL
};

#define CONN_ROOMS_AT_ONCE 16

struct conn_room_name {
    uint8_t len; // 1 to ROOM_NAME_MAX_BYTES
    uint8_t bytes[ROOM_NAME_MAX_BYTES];
};

// What becomes of a request for a WebSocket. Zeroed: open, with all messages for the program.
struct conn_decision {
    int status;       // 0: open it; else refuse it with this status
    const char *text; // and this sentence
    enum conn_mode mode;
    bool exclude_self; // ROOM: own messages do not come back
    void *user;        // becomes conn.user
    unsigned room_count;
    struct conn_room_name rooms[CONN_ROOMS_AT_ONCE]; // joined before the 101; ROOM: the first one
};

// What the program around the connections does. All but `upgrade` and `page` may be NULL. None may
// be called back from within another one of the same connection.
struct conn_ops {
    // A good request for a WebSocket (conn->http), which the gate has let in.
    void (*upgrade)(void *context, struct conn *conn, struct conn_decision *decision);
    // Another request (conn->http).
    void (*page)(void *context, struct conn *conn, struct conn_page *page);
    // The 101 is on its way.
    void (*opened)(void *context, struct conn *conn);
    // PROGRAM: a message. Other than 0: not now; the connection is held and asked again.
    int (*message)(void *context, struct conn *conn, enum ws_opcode opcode, const uint8_t *bytes,
                   size_t len);
    // The answer to a join of an open connection.
    void (*joined)(void *context, struct conn *conn, const struct room_name *name, bool accepted);
    // Last call for a connection that was opened.
    void (*closed)(void *context, struct conn *conn);
    // A socket of another server could not be taken in; its decision's `user`.
    void (*not_adopted)(void *context, void *user);
    // A client was to be let in and is not: no place in a room, or gone. Its decision's `user`,
    // which is not NULL.
    void (*not_opened)(void *context, void *user);
    // The last member of a room with a user pointer has left this shard. Must not call back.
    void (*room_ended)(void *context, const struct room_name *name, void *user);
};

// What the hub has answered and the connection has still to follow: the program may close, join and
// leave then, which nobody may from within the hub.
struct conn_answer {
    uint64_t id;
    struct room_name *name; // owned; NULL: of all that were to be joined before the 101
    bool accepted;
};

// What the connections of a shard share.
struct conns {
    struct net *net;
    struct hub *hub;
    struct wheel wheel;
    const struct conn_ops *ops;
    void *context;
    struct conn_options options;
    uint16_t shard;
    struct gate *gate;   // owned, or NULL: everybody is let in
    bool draining;       // new connections are refused
    uint32_t open_count; // OPEN or CLOSE_SENT. What connection_count means
    uint64_t *waiting;   // ids of publishers that wait
    uint32_t waiting_count, waiting_capacity;
    uint32_t retry_count;   // of them, those whose message the program did not take
    bool recheck;           // some of them may go on
    bool full;              // no message may begin or go on: too much memory is held for all
    struct list verifying;  // VERIFYING, in the order in which they came
    uint32_t verifications; // that may still be done in this tick
    uint64_t head_count;    // requests that are being read
    struct conn_answer *answers;
    uint32_t answer_count, answer_capacity;
    struct conn_counters counters;
};

extern const struct link_ops conn_link_ops; // context: struct conns

void conns_init(struct conns *conns, uint64_t now_ms);
void conns_fini(struct conns *conns);

static inline struct conn *conn_of(const struct conns *conns, uint32_t slot)
{
    return (struct conn *)(void *)net_link(conns->net, slot);
}

static inline uint64_t conn_id(const struct conns *conns, const struct conn *conn)
{
    return connection_id(conns->shard, conn->link.generation, conn->link.slot);
}

// Who is let in from now on. Owner: takes the gate (NULL: everybody) and destroys the one before.
void conns_set_gate(struct conns *conns, struct gate *gate);

// "10.0.0.1:1234", "[2001:db8::1]:1234".
#define CONN_ADDRESS_BYTES (IP_TEXT_BYTES + 8)
const char *conn_address(const struct conn *conn, char text[CONN_ADDRESS_BYTES]);

// Judges tokens that had to wait for their turn, as far as the tick's budget goes, and begins the
// next one. Once a tick.
void conns_verify(struct conns *conns);

// The hub's answer to a join that took its time. Calls nobody: see conns_answer_joins.
void conn_joined(struct conns *conns, struct conn *conn, const struct room_name *name,
                 bool accepted);

// Tells the program by ops->joined, once the hub is out of the way: at the next conns_answer_joins.
// Without memory for that the connection ends.
void conn_answer_join(struct conns *conns, struct conn *conn, const uint8_t *name, size_t name_len,
                      bool accepted);

// Once a tick, behind the mails and before the flush: a 101 goes out before the first message.
void conns_answer_joins(struct conns *conns);

// A link that is a WebSocket already: joins its rooms and opens it. Owner: takes the claims (or
// NULL).
void conn_adopt(struct conns *conns, struct conn *conn, const struct conn_decision *decision,
                struct claims *claims);

// Starts the close handshake; HTTP connections are just closed. The first reason stays.
void conn_close(struct conns *conns, struct conn *conn, enum close_reason reason);

// The server goes away: says goodbye to an open connection. Another one is let finish what it has
// begun (a request for a WebSocket gets 503), but is not waited for when it falls silent. True:
// said goodbye.
bool conn_drain(struct conns *conns, struct conn *conn);

// The same as conn_close, with a code and a text of the program's.
void conn_close_with(struct conns *conns, struct conn *conn, enum close_reason reason,
                     uint16_t code, const char *text);

// Counts as heard from: puts off pings and the idle timeout. One store.
static inline void conn_touch(struct conns *conns, struct conn *conn)
{
    conn->link.heard_ms = (uint32_t)conns->net->now_ms;
}

// Works off timers that are due, at most `budget`. Ids of connections that were reaped for being
// idle go to `reaped` (as far as reaped_max allows); returns how many there were.
uint32_t conns_sweep(struct conns *conns, uint64_t now_ms, uint32_t budget, uint64_t *reaped,
                     uint32_t reaped_max);

// What clients make this shard hold outside of the memory that is set aside.
uint64_t conns_held_bytes(const struct conns *conns);

// Evicts those who hold the most (but nobody who holds no more than least_bytes) until so much has
// been given up, or soon will be: what is in flight is cut off only when it is asked for again.
// O(connections).
void conns_evict(struct conns *conns, uint64_t excess_bytes, uint64_t least_bytes);

// Lets publishers go on for whom there is room again.
void conns_resume_waiting(struct conns *conns);
