// SPDX-License-Identifier: MIT
//
// What ordinary HTTP requests get: the page at /, /healthz, /readyz, /metrics.
#pragma once

#include "ringcast/ringcast.h"

// on_http of an instance whose user pointer is a struct server. Thread: a shard's.
void pages_answer(struct ringcast *rc, const struct ringcast_request *request,
                  struct ringcast_answer *answer);
