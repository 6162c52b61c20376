// SPDX-License-Identifier: MIT
#include "codec/ws_write.h"

#include <string.h>

#define FIN    0x80
#define MASKED 0x80

#define CODE_NONE        1005 // stands for "no code", must not be sent (RFC 6455, section 7.4.1)
#define CODE_BYTES       2
#define REASON_MAX_BYTES (WS_CONTROL_MAX_BYTES - CODE_BYTES)

static void store_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

// Both lengths fields: the seven bits and what they announce. The length must be given in its
// shortest form (RFC 6455, section 5.2).
static size_t length_write(uint8_t *out, uint8_t masked, uint64_t payload_bytes)
{
    CHECK_HOT(payload_bytes >> 63 == 0);
    if (payload_bytes < 126) {
        out[0] = (uint8_t)(masked | payload_bytes);
        return 1;
    }
    if (payload_bytes < 65536) {
        out[0] = masked | 126;
        store_big_endian(out + 1, payload_bytes, 2);
        return 3;
    }
    out[0] = masked | 127;
    store_big_endian(out + 1, payload_bytes, 8);
    return 9;
}

size_t ws_header_write(uint8_t *out, enum ws_opcode opcode, uint64_t payload_bytes)
{
    out[0] = (uint8_t)(FIN | opcode);
    return 1 + length_write(out + 1, 0, payload_bytes);
}

// A reason cut within a character would make the client fail the connection for it.
static size_t reason_cut(const char *reason)
{
    size_t len = strnlen(reason, REASON_MAX_BYTES + 1);
    if (len <= REASON_MAX_BYTES)
        return len;
    len = REASON_MAX_BYTES;
    while (len > 0 && ((uint8_t)reason[len] & 0xC0) == 0x80)
        len--;
    return len;
}

size_t ws_close_write(uint8_t *out, uint16_t code, const char *reason)
{
    if (code == CODE_NONE)
        return ws_header_write(out, WS_CLOSE, 0);
    size_t reason_bytes = reason_cut(reason);
    size_t header_bytes = ws_header_write(out, WS_CLOSE, CODE_BYTES + reason_bytes);
    store_big_endian(out + header_bytes, code, CODE_BYTES);
    memcpy(out + header_bytes + CODE_BYTES, reason, reason_bytes);
    return header_bytes + CODE_BYTES + reason_bytes;
}

size_t ws_client_header_write(uint8_t *out, enum ws_opcode opcode, bool fin, uint64_t payload_bytes,
                              const uint8_t mask[4])
{
    out[0] = (uint8_t)((fin ? FIN : 0) | opcode);
    size_t bytes = 1 + length_write(out + 1, MASKED, payload_bytes);
    memcpy(out + bytes, mask, 4);
    return bytes + 4;
}
