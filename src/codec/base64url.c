// SPDX-License-Identifier: MIT
#include "codec/base64url.h"

// The six bits of a character, or -1.
static int bits_of(char character)
{
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 26;
    if (character >= '0' && character <= '9')
        return character - '0' + 52;
    if (character == '-')
        return 62;
    return character == '_' ? 63 : -1;
}

int base64url_decode(const char *text, size_t len, uint8_t *out, size_t out_max)
{
    size_t decoded_len = len / 4 * 3 + len % 4 * 3 / 4;
    // A single character in the last group has no whole byte.
    if (len % 4 == 1 || decoded_len > out_max || decoded_len > INT32_MAX)
        return -1;
    uint32_t pending = 0; // bits that do not make a byte yet, the last ones lowest
    unsigned pending_bits = 0;
    for (size_t i = 0; i < len; i++) {
        int bits = bits_of(text[i]);
        if (bits < 0)
            return -1;
        pending = pending << 6 | (unsigned)bits;
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            *out++ = (uint8_t)(pending >> pending_bits);
            pending &= (1U << pending_bits) - 1;
        }
    }
    return pending == 0 ? (int)decoded_len : -1;
}
