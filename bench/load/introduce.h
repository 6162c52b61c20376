// SPDX-License-Identifier: MIT
//
// PROXY headers, as if the load came through a load balancer: each connection is said to come from
// an address of its own, or from one of --proxy-clients, so that what a server does per client can
// be measured from one machine.
#pragma once

#include "codec/proxy_write.h"
#include "load/bench.h"

// The header of connection `id`, by --proxy-header, which must be given. Returns its length.
size_t introduce_write(const struct bench *bench, uint32_t id, uint8_t out[PROXY_WRITE_MAX_BYTES]);
