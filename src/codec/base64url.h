// SPDX-License-Identifier: MIT
//
// Base64url without padding (RFC 4648, section 5; RFC 7515, section 2), strict: only the one text
// that encodes a sequence of bytes is accepted. Padding, line ends, the characters of the other
// alphabet, a length that no sequence has and stray bits in the last character are refused, so that
// a signed text cannot be written in two ways.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Room for what `len` characters decode to, at most.
#define BASE64URL_DECODED_BYTES(len) ((len) / 4 * 3 + 2)

// Decodes the whole text. Returns the length, or -1 when it is not canonical or would not fit.
int base64url_decode(const char *text, size_t len, uint8_t *out, size_t out_max);
