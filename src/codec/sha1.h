// SPDX-License-Identifier: MIT
//
// SHA-1 (FIPS 180-4), which the opening handshake of RFC 6455 is built on. By wolfCrypt, or by
// libmd in a build without TLS.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

void sha1(const void *bytes, size_t len, uint8_t digest[SHA1_BYTES]);
