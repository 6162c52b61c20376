// SPDX-License-Identifier: MIT
//
// The figures by which runs are looked at and compared, by compare and on the page: where each
// stands in a report, and what it is called.
#pragma once

#include "base/check.h"

struct figure {
    const char *title;
    const char *path;   // in the report's JSON, names with '/' between
    const char *unit;   // "ns", "bytes", "share" (of one), "/s" or "" (a count)
    bool when_not_zero; // zero means that there was nothing of the kind
};

extern const struct figure figures[];
extern const uint32_t figure_count;
