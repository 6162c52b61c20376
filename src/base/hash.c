// SPDX-License-Identifier: MIT
#include "base/hash.h"

#include <endian.h>
#include <string.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void absorb(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

// At most eight bytes as a little-endian word, which is how SipHash is defined on every machine.
static inline uint64_t load(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, bytes, len);
    return le64toh(word);
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
    struct sip s = {
        // "somepseudorandomlygeneratedbytes"
        .v0 = key->word[0] ^ 0x736f6d6570736575,
        .v1 = key->word[1] ^ 0x646f72616e646f6d,
        .v2 = key->word[0] ^ 0x6c7967656e657261,
        .v3 = key->word[1] ^ 0x7465646279746573,
    };
    const uint8_t *at = bytes;
    size_t left = len;
    for (; left >= 8; left -= 8, at += 8)
        absorb(&s, load(at, 8));
    // memcpy from NULL is undefined even for no bytes, and an empty string may well be NULL.
    absorb(&s, (uint64_t)len << 56 | (left > 0 ? load(at, left) : 0));

    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
