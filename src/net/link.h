// SPDX-License-Identifier: MIT
//
// A link is a socket with a life: what the kernel still holds of it, what it is to send, and how it
// ends. What the peer may say is the business of conn/, which hears of it through struct link_ops.
//
//   FREE ──accept──▶ UP ──link_end──▶ ENDING ──output sent──▶ LINGERING ──▶ CLOSING ──▶ FREE
//                     └──────────────link_abort, or no need to linger──────────▲
//
// UP, ENDING, LINGERING: bytes still come in. ENDING: what is queued is still sent, nothing new is
// taken. LINGERING: half-closed, waiting for the peer to close, so that no reset overtakes our last
// bytes. CLOSING: every operation is cancelled and waited for; only then the slot is given back
// (but for zero-copy sends that are only to be let go of: their memory is kept without the link).
// That join is what makes it safe to reuse a slot: no completion can ever find a stranger in it.
#pragma once

#include "base/close_reason.h"
#include "base/ip.h"
#include "base/list.h"
#include "hub/run.h"

struct backlog;
struct net;
struct outgoing;
struct proxy_endpoints;
struct ring_completion;
struct stash;

enum link_state { LINK_FREE, LINK_UP, LINK_ENDING, LINK_LINGERING, LINK_CLOSING };

// Set exactly from the submission until the completion that says that the kernel is done with it.
enum link_inflight {
    LINK_RECV = 1,  // multishot receive armed
    LINK_SEND = 2,  // slow-path send
    LINK_NOTIF = 4, // zero-copy notification to come
    LINK_CANCEL_RECV = 8,
    LINK_CANCEL_SEND = 16,
    LINK_SHUTDOWN = 32,
    LINK_CLOSE = 64,
    LINK_TURN = 128, // nothing of the kernel's: waits in net's queue for its turn to receive
};

struct link {
    struct outgoing *outgoing; // what is to be sent at this tick's flush, or NULL
    struct backlog *backlog;   // what could not be sent at once, or NULL
    struct stash *stash;       // received while paused, or NULL
    struct list_node node;     // in net's list of dying, ending or kicked links
    uint32_t slot;             // its file in the ring's table
    uint32_t generation;       // of the slot, from 1
    uint32_t sent_tick;        // the tick in which it was last given an inline send
    uint32_t heard_ms;         // when something was last received; low bits of the clock
    uint32_t next_turn;        // LINK_TURN: slot of the one behind it
    uint8_t state;             // enum link_state
    uint8_t inflight;          // enum link_inflight
    uint8_t reason;            // enum close_reason: the first one given
    bool paused : 1;           // not to receive
    bool eof : 1;              // the peer has ended its stream
    bool gather : 1;           // in several rooms: collect, do not send each run at once
    bool linger : 1;           // half-close and wait for the peer before closing
    bool evicted : 1;          // for being slow: only its last word is still queued
    bool ended : 1;            // on_end has been called
    bool rearmed : 1;          // the receive is younger than the cancel that is in flight
    bool front : 1;            // TLS: net->fronts has more of it
};

_Static_assert(sizeof(struct link) <= 64, "what the hot path touches of a link is one cache line");

struct link_entry;

// Upward calls. None of them may be made from within another one of the same link.
struct link_ops {
    // A new connection.
    void (*on_open)(void *context, struct link *link, const struct link_entry *entry);
    // A PROXY header has come: who is behind the load balancer (endpoints->local: itself).
    void (*on_proxied)(void *context, struct link *link, const struct proxy_endpoints *endpoints);
    // Bytes have come in; they may be changed in place. Returns how many were consumed: with fewer
    // than `len` the link pauses and keeps the rest until link_resume.
    size_t (*on_bytes)(void *context, struct link *link, uint8_t *bytes, size_t len);
    // The peer has ended its stream and everything it sent has been consumed.
    void (*on_eof)(void *context, struct link *link);
    // The outbound limit is exceeded; what was queued is gone. May send a last word and link_end.
    void (*on_slow)(void *context, struct link *link, enum close_reason reason);
    // What came in is refused before anybody has seen it; `why` is for a log. TLS: has to link_end,
    // so that what the session still has to say goes out. A PROXY header: has to link_abort.
    void (*on_failed)(void *context, struct link *link, enum close_reason reason, const char *why);
    // The link has fallen behind (its backlog was empty before).
    void (*on_behind)(void *context, struct link *link);
    // Last call for this connection: leave rooms, free what belongs to it.
    void (*on_end)(void *context, struct link *link);
};

static inline bool link_open(const struct link *link)
{
    return link->state == LINK_UP;
}

// How a connection came in.
struct link_entry {
    struct ip address; // who connected; zero when it was not IP
    uint16_t port;
    bool trusted; // by the permissions of a socket in the file system
    bool full;    // no place beyond the reserve that refuses politely
    bool proxy;   // a PROXY header comes first
    bool tls;
};

// A new file from the ring's accept.
void link_accepted(struct net *net, uint32_t file, const struct link_entry *entry);

// Completions of OP_RECV, OP_SEND, OP_CANCEL_*, OP_SHUTDOWN and OP_CLOSE.
void link_on_completion(struct net *net, const struct ring_completion *completion);

// Stops receiving until link_resume; what arrives meanwhile is kept, up to net's limits.
void link_pause(struct net *net, struct link *link);

// Gives what was kept while paused to on_bytes, and receives again when all of it is consumed.
// Not from within on_bytes.
void link_resume(struct net *net, struct link *link);

// Sends what is queued and closes then. linger: half-close first and wait for the peer's end of
// stream (the caller sets the deadline and calls link_abort at it). The first reason given stays.
void link_end(struct net *net, struct link *link, enum close_reason reason, bool linger);

// Closes at once; what is queued is dropped. Idempotent.
void link_abort(struct net *net, struct link *link, enum close_reason reason);

// --- For what stands between the socket and the link's bytes (front.c)

// Bytes are still of interest.
static inline bool link_receives(const struct link *link)
{
    return link->state >= LINK_UP && link->state <= LINK_LINGERING;
}

// Plain bytes that have come in.
void link_give(struct net *net, struct link *link, uint8_t *bytes, size_t len);

// The peer has ended its stream.
void link_end_of_stream(struct net *net, struct link *link);
