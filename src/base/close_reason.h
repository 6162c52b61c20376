// SPDX-License-Identifier: MIT
//
// Why a connection ended: one table (close_reason.def) from which the enum, the close codes, the
// metric labels and the log texts come.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum close_reason {
#define CLOSE_REASON(symbol, code, is_error, name, text) CLOSE_REASON_##symbol,
#include "base/close_reason.def"
#undef CLOSE_REASON
    CLOSE_REASON_COUNT
};

struct close_reason_info {
    uint16_t code; // RFC 6455 close code, 0 when no Close frame is sent
    bool is_error; // counted as an error in logs
    const char *name;
    const char *text; // at most 123 bytes: it has to fit a Close frame
};

const struct close_reason_info *close_reason_info(enum close_reason reason);
