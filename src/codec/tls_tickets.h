// SPDX-License-Identifier: MIT
//
// The keys that session tickets are sealed with (RFC 8446, section 4.6.1; RFC 5077, section 4).
// Time is cut into epochs of the tickets' lifetime; a ticket is sealed with its epoch's key and is
// good in that epoch and the next. All shards derive the same keys from one secret without talking
// to each other. A secret of our own is a chain: each epoch's is hashed from the one before, which
// is forgotten, so that old tickets stay closed whatever becomes known later. A secret shared with
// other processes stays as it is, for they may start at any time.
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
    bool shared;
    uint32_t lifetime_s;
    uint64_t epoch;
    struct tls_ticket_key current, previous;
};

// made_s: when a secret of our own was made: its chain starts there.
void tls_tickets_init(struct tls_tickets *tickets, const uint8_t secret[TLS_TICKET_SECRET_BYTES],
                      bool shared, uint32_t lifetime_s, uint64_t made_s, uint64_t now_s);

// Goes on to the epoch of this time; never back.
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
