// SPDX-License-Identifier: MIT
//
// The keys that session tickets are sealed with (RFC 8446, section 4.6.1; RFC 5077, section 4).
// Time is cut into epochs of the tickets' lifetime; a ticket is sealed with its epoch's key and is
// good in that epoch and the next. All shards derive the same keys from one secret without talking
// to each other.
//
// A secret of our own is a chain: each epoch's is hashed from the one before, which is forgotten
// when the time of the next comes to be known (tls_tickets_advance), and so is what the chain began
// with. From then on tickets that are two epochs old stay closed, whatever becomes known. Sixteen
// thousand epochs are a block with a chain of its own, whose beginning is hashed from the beginning
// of the block before: a clock that jumps costs a hash per block, and all shards still agree,
// however they came there.
//
// A secret shared with other processes stays as it is, for they may start at any time: who learns
// it opens all that was ever sealed with it.
//
// Thread: a copy per shard.
#pragma once

#include "base/check.h"

#define TLS_TICKET_SECRET_BYTES 32
#define TLS_TICKET_NAME_BYTES   16
#define TLS_TICKET_NONCE_BYTES  16 // room for it; AES-GCM uses 12
#define TLS_TICKET_TAG_BYTES    32 // room for it; AES-GCM uses 16

struct tls_ticket_key {
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t key[32];
    bool valid;
};

struct tls_tickets {
    uint8_t secret[TLS_TICKET_SECRET_BYTES]; // of `epoch`, or the shared one
    uint8_t
        next_block[TLS_TICKET_SECRET_BYTES]; // of our own secret: what the next block begins with
    bool shared;
    uint32_t lifetime_s;
    uint64_t epoch;
    struct tls_ticket_key current, previous;
};

#define TLS_TICKET_BLOCK_EPOCHS 16384

// A chain of our own begins now: copies that are to agree have to be given the same time.
void tls_tickets_init(struct tls_tickets *tickets, const uint8_t secret[TLS_TICKET_SECRET_BYTES],
                      bool shared, uint32_t lifetime_s, uint64_t now_s);

// Goes on to the epoch of this time; never back. At most 2 * TLS_TICKET_BLOCK_EPOCHS hashes, and
// two for each block that is passed over.
void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_s);

// Seals in place with the current key.
void tls_ticket_seal(const struct tls_tickets *tickets, uint8_t name[TLS_TICKET_NAME_BYTES],
                     uint8_t nonce[TLS_TICKET_NONCE_BYTES], uint8_t tag[TLS_TICKET_TAG_BYTES],
                     uint8_t *bytes, size_t len);

enum tls_ticket_result {
    TLS_TICKET_GOOD,
    TLS_TICKET_OLD, // good, but of the epoch before: a new one should be given
    TLS_TICKET_BAD  // of another key, or forged
};

// Opens in place.
enum tls_ticket_result tls_ticket_open(const struct tls_tickets *tickets,
                                       const uint8_t name[TLS_TICKET_NAME_BYTES],
                                       const uint8_t nonce[TLS_TICKET_NONCE_BYTES],
                                       const uint8_t tag[TLS_TICKET_TAG_BYTES], uint8_t *bytes,
                                       size_t len);
