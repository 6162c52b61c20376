// SPDX-License-Identifier: MIT
//
// What a message of ours carries, so that whoever receives it can tell which one it is and how old:
// the run's id, room, publisher, sequence number and the time at which it was due. Two encodings:
//
//   text    48 characters a–p, four bits each: UTF-8, safe inside JSON and URLs, found anywhere
//           inside a message that a server has wrapped
//   binary  24 bytes, little-endian words in the same order
//
// The rest of the payload is filler: STAMP_FILLER again and again.
#pragma once

#include "base/check.h"

#define STAMP_TEXT_BYTES   48
#define STAMP_BINARY_BYTES 24
#define STAMP_FILLER       'x'

struct stamp {
    uint32_t run;       // random: tells our messages from another run's
    uint32_t room;      // number of the room; 0 in an echo
    uint32_t publisher; // number among the room's publishers, or the connection's in an echo
    uint32_t sequence;  // of this publisher, from 0
    uint64_t due_ns;    // when it was to be sent, on the monotonic clock
};

static inline size_t stamp_bytes(bool binary)
{
    return binary ? STAMP_BINARY_BYTES : STAMP_TEXT_BYTES;
}

void stamp_write(uint8_t *out, const struct stamp *stamp, bool binary);

// False when the bytes at `in` are no stamp of this run. Reads stamp_bytes(binary).
bool stamp_read(const uint8_t *in, uint32_t run, bool binary, struct stamp *stamp);

// Finds and reads a stamp of this run. *offset_hint is tried first and becomes where it was found:
// within one run a server wraps every message alike.
bool stamp_find(const uint8_t *bytes, size_t len, uint32_t run, bool binary, uint32_t *offset_hint,
                struct stamp *stamp);
