// SPDX-License-Identifier: MIT
//
// The configuration: defaults, then a file (--config FILE), then the environment (RINGCAST_NAME),
// then flags (--name VALUE), each overriding the one before. The options are the rows of
// config.def.
#pragma once

#include "server/option.h"

#define CONFIG_TYPE_LISTEN(field)   char field[CONFIG_TEXT_MAX_BYTES]
#define CONFIG_TYPE_TEXT(field)     char field[CONFIG_TEXT_MAX_BYTES]
#define CONFIG_TYPE_NETWORKS(field) char field[CONFIG_TEXT_MAX_BYTES]
#define CONFIG_TYPE_ORIGINS(field)  char field[CONFIG_TEXT_MAX_BYTES]
#define CONFIG_TYPE_WORD(field)     uint64_t field
#define CONFIG_TYPE_UINT(field)     uint64_t field
#define CONFIG_TYPE_POWER(field)    uint64_t field
#define CONFIG_TYPE_DURATION(field) uint64_t field
#define CONFIG_TYPE_BYTES(field)    uint64_t field
#define CONFIG_TYPE_BOOL(field)     uint64_t field
#define CONFIG_TYPE_LEVEL(field)    uint64_t field

struct config {
#define OPTION(KIND, field, name, min, max, preset, hint, text) CONFIG_TYPE_##KIND(field);
#include "server/config.def"
#undef OPTION
    const char *file; // where some of it was read from, or NULL. Owner: the caller of config_load
};

enum config_action { CONFIG_RUN, CONFIG_CHECK, CONFIG_PRINT, CONFIG_HELP, CONFIG_VERSION };

#define CONFIG_ERROR_BYTES 1024

extern const struct option_row config_rows[];
extern const unsigned config_row_count;

static inline void *config_field(struct config *config, unsigned row)
{
    return (uint8_t *)config + config_rows[row].offset;
}

size_t config_field_bytes(unsigned row);

void config_default(struct config *config);

// Reads all sources. Returns 0, or -EINVAL with one line in error that says what to change.
// Not thread-safe: getopt is not.
MUST_USE int config_load(struct config *config, int argc, char **argv, char **environment,
                         enum config_action *action, char error[CONFIG_ERROR_BYTES]);

// The option whose name is nearest, for "did you mean"; -1 when none is near.
int config_nearest(const char *name);
