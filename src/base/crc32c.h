// SPDX-License-Identifier: MIT
//
// CRC32c (RFC 4960, appendix B), which guards PROXY headers. Bit by bit: a header of usual length
// takes less than a microsecond, once in a connection.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The CRC of what `crc` covers followed by these bytes; 0 covers nothing.
uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t len);
