// SPDX-License-Identifier: MIT
//
// The line that a terminal shows while the run goes on. Thread: the main thread.
#pragma once

#include "load/worker.h"

struct live {
    bool on; // standard error is a terminal, and nobody asked for quiet
    uint64_t shown_ns;
    uint64_t counts[COUNTS]; // at that time
};

void live_begin(struct live *live, const struct bench *bench);

// Draws the line anew, four times a second at most.
void live_show(struct live *live, struct bench *bench);

// Leaves an empty line for what comes next.
void live_end(const struct live *live);

// The line itself: rates are since `before`, seconds ago.
void live_write(char *out, size_t out_bytes, struct bench *bench, const uint64_t before[COUNTS],
                const uint64_t now[COUNTS], double seconds);
