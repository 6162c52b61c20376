// SPDX-License-Identifier: MIT
//
// Frame headers and control frames as a server sends them: never masked, never fragmented
// (RFC 6455, section 5.2). The client's variants exist for the load tool and the tests.
#pragma once

#include "codec/ws_parse.h"

#define WS_SERVER_HEADER_MAX_BYTES 10

// Bytes of the header of a server frame with this payload: 2, 4 or 10.
static inline size_t ws_header_bytes(uint64_t payload_bytes)
{
    return payload_bytes < 126 ? 2 : payload_bytes < 65536 ? 4 : 10;
}

// Writes the header of a final frame; returns its length (= ws_header_bytes).
size_t ws_header_write(uint8_t *out, enum ws_opcode opcode, uint64_t payload_bytes);

// Writes a Close frame (code, reason cut to 123 bytes at a character's border); out holds at least
// 2 + 125 bytes. Code 1005 writes an empty payload. Returns its length.
size_t ws_close_write(uint8_t *out, uint16_t code, const char *reason);

// Client's header: fin and the mask key as they are to appear; returns its length (6, 8 or 14).
size_t ws_client_header_write(uint8_t *out, enum ws_opcode opcode, bool fin, uint64_t payload_bytes,
                              const uint8_t mask[4]);
