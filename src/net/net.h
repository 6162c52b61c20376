// SPDX-License-Identifier: MIT
//
// The links of one shard, and what they share: the ring, the tick's scratch memory, the records of
// the tick's inline sends. Thread: one shard's.
//
// Memory: the table of links is reserved at the start and touched as it is used; a tick's scratch
// memory is bounded by what one tick can receive; backlogs and stashes by the limits below, per
// link.
#pragma once

#include "base/arena.h"
#include "base/counter.h"
#include "hub/room.h"
#include "net/front.h"
#include "net/link.h"

struct ring;
struct ring_completion;

#define NET_STASH_BYTES      (256 * 1024) // received while paused, per link: at least
#define NET_FLIGHT_MAX_BYTES (256 * 1024) // in one slow-path send
#define NET_RECV_BURST       32           // buffers that Linux gives a multishot receive in one go
#ifndef NET_HANDSHAKES_PER_TICK
#define NET_HANDSHAKES_PER_TICK 16 // steps of TLS handshakes: some two milliseconds
#endif

struct net_limits {
    uint32_t outbound_frames;          // messages in a backlog
    uint64_t outbound_bytes;           // bytes in a backlog
    uint32_t zerocopy_threshold_bytes; // 0: never
};

struct net_counters {
#define COUNTER(name, kind, help) counter name;
#include "net/net_counters.def"
#undef COUNTER
    counter closed[CLOSE_REASON_COUNT];
};

// What an inline send was to send, until it is known that all of it is in the socket.
struct sent_record {
    const uint8_t *bytes;
    struct run *run; // holds the bytes; NULL: they are scratch memory
    uint32_t len;
    uint32_t slot;
    uint32_t messages;
};

// A zero-copy send that the kernel has not let go of though its link has ended.
struct disowned {
    uint64_t user_data;
    struct run *run;
};

struct net {
    struct ring *ring;
    struct run_pool *runs;
    const struct link_ops *ops;
    void *context;
    struct net_limits limits;
    uint8_t *links; // each the first member of an object of link_bytes
    size_t link_bytes;
    uint32_t capacity;   // links in the table
    uint32_t open_count; // not FREE
    uint32_t high_slot;  // those from here on are FREE
    uint32_t max_links;  // above this many on_open says `full`
    uint32_t tick;
    uint64_t now_ms;
    uint64_t unix_ms;       // the same moment, counted from 1970
    struct arena arenas[2]; // scratch memory, of this flush and of the last one, by turns
    struct arena *arena;    // what is being filled
    struct outgoing *dirty_first, **dirty_last;
    struct sent_record *sent; // of the last flush
    uint32_t sent_count, sent_capacity;
    struct run **held; // references of the last flush
    uint32_t held_count, held_capacity;
    struct disowned *disowned;
    uint32_t disowned_count, disowned_capacity;
    struct list ending;        // ENDING, with nothing in flight: to be looked at
    struct list dying;         // CLOSING, on_end not called yet
    struct list kicked;        // have a backlog that nothing is in flight of
    struct tls_context *tls;   // for new connections of TLS listeners, or NULL
    struct front **fronts;     // by slot; reserved, touched as it is used; NULL when none can be
    uint8_t *plain;            // what one record opens to: TLS_RECORD_MAX_BYTES
    struct list hellos;        // fronts whose first bytes wait for their turn
    struct list handshakes;    // the same of handshakes that have begun
    uint32_t handshake_budget; // steps that are left in this tick
    uint64_t held_bytes;       // allocated for stashes, backlogs and bytes that wait for TLS
    // Who is to receive again, by slot: first come, first served.
    uint32_t turn_first, turn_last, turn_count;
    uint32_t recv_buffers;
    uint32_t stash_max_bytes;        // of one link; beyond that
    uint64_t stash_shared_max_bytes; // while all links together have no more than this
    bool starved;                    // a receive has found no buffer since the last turns
    struct net_counters counters;
};

struct net_options {
    struct ring *ring;
    struct run_pool *runs;
    const struct link_ops *ops;
    void *context;
    struct net_limits limits;
    size_t link_bytes;  // of the object that begins with a struct link
    uint32_t capacity;  // = files of the ring
    uint32_t max_links; // <= capacity
    uint32_t recv_buffers, recv_buffer_bytes;
    bool proxy; // some connections will begin with a PROXY header
    bool tls;   // some will have TLS: net_set_tls comes before the first
};

// Returns 0 or -ENOMEM.
MUST_USE int net_init(struct net *net, const struct net_options *options);
// All links must be FREE.
void net_fini(struct net *net);

static inline struct link *net_link(const struct net *net, uint32_t slot)
{
    CHECK_HOT(slot < net->capacity);
    return (struct link *)(void *)(net->links + (size_t)slot * net->link_bytes);
}

// The link that an id means, or NULL when it is stale.
struct link *net_find(const struct net *net, uint64_t id);

// --- The tick's phases, in this order

// A new tick: the clocks are read once and handed in.
void net_begin_tick(struct net *net, uint64_t now_ms, uint64_t unix_ms);

// Completions of OP_INLINE: keeps what fell short.
void net_settle(struct net *net, const struct ring_completion *completion);

// TLS handshakes that had to wait for their turn, as far as the tick's budget goes.
void net_handshakes(struct net *net);

// Everything that was silent has been copied by the kernel: drops the last flush's memory.
void net_release(struct net *net);

// Gives `run` to these members: the fan-out. Only between net_release and net_flush.
void net_fan_out(struct net *net, struct run *run, struct room_entry *entries, uint32_t count);

// Prepares one send for every link with something to send.
void net_flush(struct net *net);

// Ends what is to end; arms the receives that are missing, at most one for each buffer. May call
// on_end.
void net_bury(struct net *net);

// When all rings have stopped: what the kernel may still hold of links that have ended is given
// back. Their bytes stay as they are until the memory is.
void net_drop_disowned(struct net *net);

// Something is to be done even if nothing completes: the next tick must not wait.
bool net_busy(const struct net *net);

// What new TLS connections are to use from now on; it inherits the tickets of the one before.
// Owner: takes the context; destroys the one before.
void net_set_tls(struct net *net, struct tls_context *tls);

// The subject of the client's TLS certificate (tls_session_subject), or NULL. Until the link ends.
const char *net_subject(const struct net *net, const struct link *link);

// When that certificate ends, in seconds since 1970; 0: there is none.
uint64_t net_subject_expires_s(const struct net *net, const struct link *link);

// --- Queueing output

// Queues two pieces (copied) as one message. Ignored unless the link is UP.
void net_send_bytes(struct net *net, struct link *link, const void *head, size_t head_bytes,
                    const void *body, size_t body_bytes);

// Queues a run (a reference is taken). Ignored unless the link is UP.
void net_send_run(struct net *net, struct link *link, struct run *run);

// The client is too slow: drops what is queued behind what is in flight, then calls on_slow. No-op
// unless the link is UP and behind.
void net_evict(struct net *net, struct link *link, enum close_reason reason);

// About how much memory this link makes us hold; what it shares with others is shared out.
uint64_t net_held_bytes(const struct net *net, const struct link *link);

// Nothing is queued and nothing is in flight.
bool net_output_done(const struct link *link);
