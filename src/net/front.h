// SPDX-License-Identifier: MIT
//
// Private to src/net: what stands between a link's socket and its bytes: a PROXY header, then TLS.
// A plain link has no front and pays a bit for it; one that only had a PROXY header loses it then.
//
//   received ──▶ records ──▶ link_give
//   queued, plain and shared ──▶ front_seal ──▶ socket
//
// What is queued for a link stays plain and shared with the other members of a room until the send
// is made. Only then it is sealed, into the tick's scratch memory (inline sends) or into a run of
// its own (the backlog's next send). Records are numbered when they are sealed, so from then on
// nothing may be dropped or overtaken.
//
// Handshakes take a hundred times the work of a message. A tick does NET_HANDSHAKES_PER_TICK steps
// of them; who comes later waits for the next tick, with its bytes, and open connections do not.
// Handshakes that have begun and new ones take turns, each first come, first served: when there are
// more than can be served, those that begin still end, instead of all of them in time-outs.
#pragma once

#include "base/list.h"
#include "codec/tls.h"

struct link;
struct link_entry;
struct net;
struct proxy_parser;
struct run;

// Sealed at once for an inline send: one record.
#define FRONT_INLINE_MAX_BYTES TLS_RECORD_MAX_BYTES

// Received during a handshake and waiting for its turn. A client's whole share of a handshake with
// a certificate chain is a few kilobytes.
#define FRONT_WAITING_MAX_BYTES (64 * 1024)

// What a session may have to say for itself before somebody has read it (answers to key updates).
#define FRONT_PENDING_MAX_BYTES (64 * 1024)

enum front_stage { FRONT_PROXY, FRONT_HANDSHAKE, FRONT_OPEN };

struct front {
    struct list_node node; // in net's hellos or handshakes exactly while bytes wait
    struct link *link;
    struct proxy_parser *proxy; // PROXY: malloc'd
    struct tls_session *tls;    // NULL: only a PROXY header is expected
    uint8_t *waiting;           // malloc'd, or NULL
    uint32_t waiting_len, waiting_capacity;
    enum front_stage stage;
    bool begun;  // the handshake has had a step
    bool closed; // close_notify has been queued
    bool failed; // what still comes in is of no interest
};

// Allocated for bytes that wait for their turn.
uint64_t front_held_bytes(const struct net *net, const struct link *link);

// Gives the link what it needs of this. 0 or -ENOMEM.
MUST_USE int front_create(struct net *net, struct link *link, const struct link_entry *entry);
void front_drop(struct net *net, struct link *link);

// Bytes from the socket.
void front_receive(struct net *net, struct link *link, uint8_t *bytes, size_t len);

// Seals len bytes (0: only what the session has to say, which is also all that is left to be said
// once TLS has failed) into scratch memory of this tick. NULL when
// there is nothing, or when the link had to be aborted.
const uint8_t *front_seal(struct net *net, struct link *link, const uint8_t *bytes, size_t len,
                          uint32_t *sealed_len);

// The same for the backlog: takes from its entries what goes into one send. NULL as above.
struct run *front_seal_backlog(struct net *net, struct link *link);

// The session has something to say for itself.
bool front_has_pending(const struct net *net, const struct link *link);

// Queues close_notify; false when it has been before, or there is nobody to say it to.
bool front_close(struct net *net, struct link *link);
