// SPDX-License-Identifier: MIT
//
// PROXY headers as a load balancer sends them, for the tests and the load tool: the smallest ones
// that say what is to be said.
#pragma once

#include "codec/proxy_parse.h"

#define PROXY_WRITE_MAX_BYTES (PROXY_V1_MAX_BYTES + 1)

// "PROXY TCP4 …\r\n" when both addresses are IPv4, TCP6 when not, UNKNOWN when local. Returns the
// length; a NUL follows.
size_t proxy_v1_write(uint8_t out[PROXY_WRITE_MAX_BYTES], const struct proxy_endpoints *endpoints);

// The same in version 2, LOCAL when local, on demand with a PP2_TYPE_CRC32C. Returns the length.
size_t proxy_v2_write(uint8_t out[PROXY_WRITE_MAX_BYTES], const struct proxy_endpoints *endpoints,
                      bool with_crc);
