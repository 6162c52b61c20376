// SPDX-License-Identifier: MIT
//
// What ordinary HTTP requests get: the page at /, /healthz, /readyz, /metrics.
#pragma once

#include "conn/conn.h"

// context: struct server.
extern const struct conn_ops pages_ops;
