// SPDX-License-Identifier: MIT
//
// An open loop: messages are due by the clock, whatever the server does. The streams of a worker
// (rooms, or an echo's connections) take turns. One that cannot send keeps what it owes, in order
// and with the times at which it was due, and holds up nobody else.
//
// What was due before the measured time ended is owed even after it: the drain goes on sending it,
// and open_loop_end hands out what never went. So a server that takes nothing for a while is
// charged with all that it should have taken.
//
// Own lag is how late we were to look at a message for the first time. What a message waits for
// after that is the server's doing.
//
// Memory: 12 bytes a stream. Thread: the worker's; open_loop_end after it has ended.
#pragma once

#include "load/worker.h"

enum open_loop_sent { OPEN_LOOP_SENT, OPEN_LOOP_LATER, OPEN_LOOP_NOBODY };

struct open_loop {
    // Sends the stream's next message.
    enum open_loop_sent (*send)(struct worker *worker, uint32_t stream, uint64_t due_ns);
    struct pace pace; // of all streams together: event k is stream k mod streams
    uint64_t *owed;   // per stream: due, looked at and not sent
    uint32_t *held;   // the streams that owe something
    uint32_t streams, held_count;
};

// Returns 0 or -ENOMEM.
MUST_USE int open_loop_init(struct open_loop *loop, uint32_t streams,
                            enum open_loop_sent (*send)(struct worker *, uint32_t, uint64_t));

// Begins at `start_ns` with that many messages a second over all streams.
void open_loop_start(struct open_loop *loop, uint64_t start_ns, double rate_per_s);

// Sends what is due and was owed, at most a few thousand messages. Returns when to look again.
uint64_t open_loop_tick(struct open_loop *loop, struct worker *worker);

// Hands out what was due in the run and has not been sent, stream by stream, the oldest first.
void open_loop_end(const struct open_loop *loop, struct worker *worker,
                   void (*unsent)(struct worker *, uint32_t stream, uint64_t due_ns));
