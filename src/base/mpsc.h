// SPDX-License-Identifier: MIT
//
// A lock-free inbox: many producer threads push intrusive nodes, one consumer takes them all. Push
// is one compare-and-swap; taking is one exchange, which is why there is no ABA problem. Unbounded
// by itself: what is pushed belongs to somebody who counts it.
#pragma once

#include "base/check.h"

#include <stdatomic.h>

struct mpsc_node {
    struct mpsc_node *next;
};

struct mpsc {
    _Alignas(CACHE_LINE_BYTES) _Atomic(struct mpsc_node *) top;
};

// Zeroed memory is an empty inbox.

// Thread: any. Returns true when the inbox was empty before: the caller may have to wake the
// consumer.
bool mpsc_push(struct mpsc *inbox, struct mpsc_node *node);

// Thread: consumer. Detaches everything and returns it oldest first, linked by `next`, or NULL.
struct mpsc_node *mpsc_take_all(struct mpsc *inbox);

// Thread: consumer. For the check before going to sleep.
bool mpsc_empty(const struct mpsc *inbox);
