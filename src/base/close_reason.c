// SPDX-License-Identifier: MIT
#include "base/close_reason.h"

#include "base/check.h"

static const struct close_reason_info infos[CLOSE_REASON_COUNT] = {
#define CLOSE_REASON(symbol, code, is_error, name, text) {code, is_error, name, text},
#include "base/close_reason.def"
#undef CLOSE_REASON
};

const struct close_reason_info *close_reason_info(enum close_reason reason)
{
    CHECK((unsigned)reason < CLOSE_REASON_COUNT);
    return &infos[reason];
}
