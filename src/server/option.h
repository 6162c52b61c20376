// SPDX-License-Identifier: MIT
//
// One row of config.def: how a value is read, checked and written.
#pragma once

#include "base/check.h"

#define CONFIG_TEXT_MAX_BYTES  1024
#define CONFIG_DURATION_MAX_MS (24ULL * 3600 * 1000)
#define OPTION_ERROR_BYTES     384
#define OPTION_TEXT_BYTES      CONFIG_TEXT_MAX_BYTES

enum option_kind {
    OPTION_LISTEN,
    OPTION_TEXT,
    OPTION_NETWORKS, // text: IP networks with commas between
    OPTION_ORIGINS,  // text: as conn/origins.h
    OPTION_WORD,     // one of the words of the hint, by its number: "off|optional|required"
    OPTION_UINT,
    OPTION_POWER,
    OPTION_DURATION,
    OPTION_BYTES,
    OPTION_BOOL,
    OPTION_LEVEL
};

static inline bool option_is_text(enum option_kind kind)
{
    return kind == OPTION_LISTEN || kind == OPTION_TEXT || kind == OPTION_NETWORKS ||
           kind == OPTION_ORIGINS;
}

struct option_row {
    enum option_kind kind;
    const char *name;
    size_t offset; // of the field in struct config: char[CONFIG_TEXT_MAX_BYTES] or uint64_t
    uint64_t min, max;
    const char *hint;
    const char *text;
};

// Reads a value into `field`. Returns 0, or -EINVAL with what to write instead in error.
MUST_USE int option_parse(const struct option_row *row, const char *text, void *field,
                          char error[OPTION_ERROR_BYTES]);

// Writes a value so that option_parse reads it back.
void option_format(const struct option_row *row, const void *field, char out[OPTION_TEXT_BYTES]);
