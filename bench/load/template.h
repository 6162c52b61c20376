// SPDX-License-Identifier: MIT
//
// Messages for servers with a protocol of their own: text in which {room}, {id} and {payload} stand
// for the room's number, the connection's, and the numbered payload. The payload's characters are
// a–p and x, so it may stand inside any quotes.
#pragma once

#include "base/check.h"

struct template_values {
    uint32_t room, id;
    const uint8_t *payload;
    size_t payload_len;
};

// Writes the expanded text and returns its length; 0 when it does not fit.
size_t template_expand(uint8_t *out, size_t out_max, const char *text,
                       const struct template_values *values);
