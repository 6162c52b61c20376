// SPDX-License-Identifier: MIT
//
// Private to src/net: how the ways out call each other: queueing and flush (output.c), inline sends
// (inline.c), the backlog (slow.c).
#pragma once

#include "base/check.h"

struct arena;
struct link;
struct net;
struct ring_completion;
struct run;

// --- output.c

// The link has something to send that is not in any queue: what its TLS session has to say.
void output_touch(struct net *net, struct link *link);

// Drops what the tick has collected for the link.
void output_forget(struct net *net, struct link *link);

// --- inline.c

// Queues an inline send; without memory for its record the link is aborted. The run, if any, must
// be held until the release.
void output_inline(struct net *net, struct link *link, const uint8_t *bytes, uint32_t len,
                   struct run *run, uint32_t messages);

// Owner: takes the reference and drops it at the release; at once when memory has run out, and then
// returns false.
MUST_USE bool output_hold(struct net *net, struct run *run);

// What is not being filled.
struct arena *output_other_arena(struct net *net);

// --- slow.c

// The rest of sealed bytes that an inline send did not take. Owner: takes the reference.
void output_keep_sealed(struct net *net, struct link *link, struct run *run);

// Appends to the backlog. Owner: takes the reference, whatever happens. False: the link is closing.
bool output_push(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes);

// Evicts when the backlog is longer than it may be.
void output_check_limits(struct net *net, struct link *link);

// The rest of an inline send that fell short: it comes before all that was queued since. Owner:
// takes the reference.
void output_keep_rest(struct net *net, struct link *link, struct run *run, uint32_t sent_bytes);

void output_out_of_memory(struct net *net, struct link *link);

// The link needs a look at the end of the tick: there is something to send, or to end.
void output_kick(struct net *net, struct link *link);

// Starts the slow-path send of a link that has a backlog and nothing in flight.
void output_start(struct net *net, struct link *link);

// A completion of the slow-path send, or its zero-copy notification.
void output_on_send(struct net *net, struct link *link, const struct ring_completion *completion);

// The link ends before the kernel has let go of a zero-copy send, which a peer that reads nothing
// can put off for ever: the send's memory is kept without the link. False when memory has run out.
MUST_USE bool output_disown(struct net *net, struct link *link);

// A notification that a link has not waited for. False when it is a living link's.
bool output_on_disowned(struct net *net, const struct ring_completion *completion);

// Drops all that is queued. Nothing may be in flight.
void output_drop(struct net *net, struct link *link);
