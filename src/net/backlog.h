// SPDX-License-Identifier: MIT
//
// What a link could not send at once: a queue of runs, and the one send that is in flight for it.
// It exists only while a link is behind, so an ordinary connection pays a pointer for it.
//
// A TLS link's entries are plain, and shared with others, until their turn comes; then as many as
// fit one send become `sealed`, which goes first.
//
//   runs: | in flight (sent bytes known on completion) | waiting .......... |
//         head                                          head + flight_count
#pragma once

#include "hub/run.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define BACKLOG_GATHER 16 // runs in one send

struct backlog_entry {
    struct run *run;
    uint32_t queued_ms; // low bits of the shard's clock
};

struct backlog {
    struct backlog_entry *entries; // ring of `capacity` (a power of two) entries
    uint32_t head, count, capacity;
    uint32_t head_sent_bytes;   // of the first run, already in the socket
    uint32_t messages;          // in all entries
    uint64_t bytes;             // in all entries, less head_sent_bytes
    struct run *sealed;         // TLS: ciphertext that goes before all entries, or NULL
    uint32_t sealed_sent_bytes; // of that, already in the socket
    uint32_t sealed_ms;         // when it was made, as queued_ms
    uint32_t flight_count;      // entries in flight
    bool flight_zerocopy;       // it is a zero-copy send
    struct run *notif_run;      // its memory is held by a zero-copy send until the notification
    struct msghdr message;
    struct iovec pieces[BACKLOG_GATHER];
};

// NULL when memory has run out.
MUST_USE struct backlog *backlog_create(void);
void backlog_destroy(struct backlog *backlog, struct run_pool *runs);

// Appends a run of which the first `sent_bytes` (only for the first one) are already gone. Owner:
// takes the reference on success. 0 or -ENOMEM.
MUST_USE int backlog_push(struct backlog *backlog, struct run *run, uint32_t sent_bytes,
                          uint32_t now_ms);

// The same at the front; nothing may be in flight.
MUST_USE int backlog_push_front(struct backlog *backlog, struct run *run, uint32_t sent_bytes,
                                uint32_t now_ms);

// About how much memory it takes: of the messages, what is not in registered memory, shared out to
// all who have it.
uint64_t backlog_held_bytes(const struct backlog *backlog);

// The entries and the backlog itself.
static inline uint64_t backlog_own_bytes(const struct backlog *backlog)
{
    return sizeof *backlog + backlog->capacity * sizeof *backlog->entries;
}

// Fills pieces and message with up to BACKLOG_GATHER runs, at most max_bytes (but at least one
// run), and marks them in flight.
void backlog_gather(struct backlog *backlog, uint32_t max_bytes);

// So many bytes of what was in flight are in the socket; nothing is in flight any more.
void backlog_advance(struct backlog *backlog, uint32_t sent_bytes, struct run_pool *runs);

// Drops everything that is not in flight, but for the oldest run: it may be half sent, and a frame
// must not be torn; or it has the answer to the handshake, without which nothing makes sense.
// Returns whether something was dropped.
bool backlog_truncate(struct backlog *backlog, struct run_pool *runs);

static inline struct backlog_entry *backlog_at(const struct backlog *backlog, uint32_t index)
{
    return &backlog->entries[(backlog->head + index) & (backlog->capacity - 1)];
}

// Nothing is left to be sent.
static inline bool backlog_empty(const struct backlog *backlog)
{
    return backlog->count == 0 && !backlog->sealed;
}

// When the oldest of what is left was queued; it must not be empty.
static inline uint32_t backlog_oldest_ms(const struct backlog *backlog)
{
    return backlog->sealed ? backlog->sealed_ms : backlog_at(backlog, 0)->queued_ms;
}
