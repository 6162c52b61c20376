// SPDX-License-Identifier: MIT
//
// Limits by client address, over all shards: connections at once, and new ones per second. One
// table of atomic cells that all shards share; an address is counted in the cell that has its
// fingerprint, in the bucket that its keyed hash names. A cell is free when it counts nothing, so
// memory is what the start has reserved and addresses cost nothing when they have gone.
//
// A bucket can be full of other addresses (the table has four cells for each connection, so that
// takes ill luck): who comes then is not counted, and let in. Two first connections of one address
// on two shards may take two cells if another one is freed in that moment; each then has a limit of
// its own until they are empty.
//
// Threads: any, without locks.
#pragma once

#include "base/hash.h"
#include "base/ip.h"

struct address_limits;

struct address_limits_options {
    uint32_t connections;            // at once; 0: any number
    uint32_t connections_per_second; // new ones; twice as many in a burst; 0: any number
    uint64_t capacity;               // connections on all shards
};

enum address_verdict {
    ADDRESS_WELCOME,
    ADDRESS_TOO_MANY, // one too many: tell it so
    ADDRESS_TOO_FAST, // the same, for new ones per second
    ADDRESS_ABUSIVE,  // beyond what is told so politely: not counted, and not worth a word
};

#define ADDRESS_UNCOUNTED UINT32_MAX

// 0 or -ENOMEM.
MUST_USE int address_limits_create(struct address_limits **limits,
                                   const struct address_limits_options *options);
void address_limits_destroy(struct address_limits *limits);

// Counts a new connection; *cell is to be given back when it ends, unless ADDRESS_UNCOUNTED.
enum address_verdict address_limits_enter(struct address_limits *limits, struct ip address,
                                          uint64_t now_ms, uint32_t *cell);
void address_limits_leave(struct address_limits *limits, uint32_t cell);
