// SPDX-License-Identifier: MIT
//
// UTF-8 validation (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF), resumable
// at any byte. Fails at the first byte that cannot continue a valid text (RFC 6455, section 8.1,
// read with the fail-fast advice of section 5.6's implementers).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zeroed = at a character's border.
struct utf8_state {
    uint8_t state; // of the automaton
};

// Feeds bytes; false as soon as they cannot be part of any valid text. Vectorised for long inputs.
bool utf8_feed(struct utf8_state *utf8, const uint8_t *bytes, size_t len);

// The same, byte by byte: what utf8_feed is tested against.
bool utf8_feed_plain(struct utf8_state *utf8, const uint8_t *bytes, size_t len);

// True when the text may end here.
static inline bool utf8_complete(const struct utf8_state *utf8)
{
    return utf8->state == 0;
}

// A whole text at once.
bool utf8_valid(const uint8_t *bytes, size_t len);
