// SPDX-License-Identifier: MIT
#include "server/option.h"

#include "base/ip.h"
#include "base/log.h"
#include "ringcast/ringcast.h"
#include "server/listen_spec.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
// The first one of a factor is the one that is written.
static const struct unit byte_units[] = {
    {"", 1},          {"k", 1 << 10},  {"m", 1 << 20},   {"g", 1 << 30},
    {"b", 1},         {"kb", 1 << 10}, {"kib", 1 << 10}, {"mb", 1 << 20},
    {"mib", 1 << 20}, {"gb", 1 << 30}, {"gib", 1 << 30}, {NULL, 0},
};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};

static const struct unit *units_of(enum option_kind kind)
{
    return kind == OPTION_DURATION ? time_units : kind == OPTION_BYTES ? byte_units : no_units;
}

static const char *example_of(enum option_kind kind)
{
    switch (kind) {
    case OPTION_DURATION:
        return "a time with its unit, such as 500ms, 10s, 2m";
    case OPTION_BYTES:
        return "a size, such as 4096, 64k, 1m";
    case OPTION_POWER:
        return "a power of two";
    default:
        return "a whole number";
    }
}

// A number and a unit. False: neither, or too large for 64 bits.
static bool parse_number(enum option_kind kind, const char *text, uint64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno)
        return false;
    *value = number;
    if (number == 0 && *end == 0)
        return true; // nothing needs no unit
    while (*end == ' ')
        end++;
    for (const struct unit *unit = units_of(kind); unit->name; unit++)
        if (strcasecmp(end, unit->name) == 0)
            return !__builtin_mul_overflow(number, unit->factor, value);
    return false;
}

static void format_number(enum option_kind kind, uint64_t value, char *out, size_t out_bytes)
{
    const struct unit *best = units_of(kind);
    for (const struct unit *unit = best; unit->name; unit++)
        if (value && value % unit->factor == 0 && unit->factor > best->factor)
            best = unit;
    snprintf(out, out_bytes, "%" PRIu64 "%s", value / best->factor, value ? best->name : "");
}

static int parse_limited(const struct option_row *row, const char *text, uint64_t *value,
                         char error[OPTION_ERROR_BYTES])
{
    char min[32], max[32];
    format_number(row->kind, row->min, min, sizeof min);
    format_number(row->kind, row->max, max, sizeof max);
    bool good = parse_number(row->kind, text, value) &&
                !(row->kind == OPTION_POWER && (*value & (*value - 1)));
    if (!good) {
        snprintf(error, OPTION_ERROR_BYTES, "'%.80s' is not %s, from %s to %s", text,
                 example_of(row->kind), min, max);
        return -EINVAL;
    }
    if (*value < row->min || *value > row->max) {
        snprintf(error, OPTION_ERROR_BYTES, "'%.80s' is out of range: from %s to %s", text, min,
                 max);
        return -EINVAL;
    }
    return 0;
}

static int parse_bool(const char *text, uint64_t *value, char error[OPTION_ERROR_BYTES])
{
    static const char *const words[][2] = {
        {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (unsigned w = 0; w < 2; w++)
            if (strcasecmp(text, words[i][w]) == 0) {
                *value = w;
                return 0;
            }
    snprintf(error, OPTION_ERROR_BYTES, "'%.80s' is neither yes nor no", text);
    return -EINVAL;
}

static int parse_level(const char *text, uint64_t *value, char error[OPTION_ERROR_BYTES])
{
    int level = log_level_parse(text);
    if (level < 0) {
        snprintf(error, OPTION_ERROR_BYTES, "'%.80s' is not debug, info, warn, error or off", text);
        return -EINVAL;
    }
    *value = (uint64_t)level;
    return 0;
}

static int parse_listen(const char *text, char *field, char error[OPTION_ERROR_BYTES])
{
    struct listen_spec specs[RINGCAST_LISTENERS_MAX];
    char written[CONFIG_TEXT_MAX_BYTES];
    size_t used = 0;
    int count = listen_specs_parse(text, specs, RINGCAST_LISTENERS_MAX, error, OPTION_ERROR_BYTES);
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(written + used, sizeof written - used, i ? "," : "");
        used += (size_t)listen_spec_format(&specs[i], written + used, sizeof written - used);
    }
    CHECK(used < sizeof written); // RINGCAST_LISTENERS_MAX of them always fit
    if (count > 0)
        memcpy(field, written, used + 1);
    return count > 0 ? 0 : -EINVAL;
}

static int parse_text(const char *text, char *field, char error[OPTION_ERROR_BYTES])
{
    size_t len = strlen(text);
    if (len >= CONFIG_TEXT_MAX_BYTES) {
        snprintf(error, OPTION_ERROR_BYTES, "is longer than %d bytes", CONFIG_TEXT_MAX_BYTES - 1);
        return -EINVAL;
    }
    memcpy(field, text, len + 1);
    return 0;
}

// The n-th word of "one|two|three"; NULL when there are not so many.
static const char *word_at(const char *words, uint64_t n, size_t *len)
{
    for (; n; n--) {
        words = strchr(words, '|');
        if (!words)
            return NULL;
        words++;
    }
    *len = strcspn(words, "|");
    return words;
}

static int parse_word(const struct option_row *row, const char *text, uint64_t *value,
                      char error[OPTION_ERROR_BYTES])
{
    const char *word;
    size_t len;
    for (uint64_t n = 0; (word = word_at(row->hint, n, &len)); n++)
        if (strlen(text) == len && strncasecmp(text, word, len) == 0) {
            *value = n;
            return 0;
        }
    snprintf(error, OPTION_ERROR_BYTES, "'%.80s' is none of %s", text, row->hint);
    return -EINVAL;
}

int option_parse(const struct option_row *row, const char *text, void *field,
                 char error[OPTION_ERROR_BYTES])
{
    struct ip_nets networks;
    struct ringcast_access access = {.origins = text};
    switch (row->kind) {
    case OPTION_LISTEN:
        return parse_listen(text, field, error);
    case OPTION_TEXT:
        return parse_text(text, field, error);
    case OPTION_NETWORKS:
        return ip_nets_parse(text, &networks, error, OPTION_ERROR_BYTES)
                   ? -EINVAL
                   : parse_text(text, field, error);
    case OPTION_ORIGINS:
        return ringcast_set_access(NULL, &access, error, OPTION_ERROR_BYTES)
                   ? -EINVAL
                   : parse_text(text, field, error);
    case OPTION_WORD:
        return parse_word(row, text, field, error);
    case OPTION_BOOL:
        return parse_bool(text, field, error);
    case OPTION_LEVEL:
        return parse_level(text, field, error);
    default:
        return parse_limited(row, text, field, error);
    }
}

void option_format(const struct option_row *row, const void *field, char out[OPTION_TEXT_BYTES])
{
    const uint64_t *value = field;
    const char *word;
    size_t len;
    switch (row->kind) {
    case OPTION_LISTEN:
    case OPTION_TEXT:
    case OPTION_NETWORKS:
    case OPTION_ORIGINS:
        snprintf(out, OPTION_TEXT_BYTES, "%s", (const char *)field);
        break;
    case OPTION_WORD:
        word = word_at(row->hint, *value, &len);
        CHECK(word);
        snprintf(out, OPTION_TEXT_BYTES, "%.*s", (int)len, word);
        break;
    case OPTION_BOOL:
        snprintf(out, OPTION_TEXT_BYTES, "%s", *value ? "yes" : "no");
        break;
    case OPTION_LEVEL:
        snprintf(out, OPTION_TEXT_BYTES, "%s", log_level_name((enum log_level) * value));
        break;
    default:
        format_number(row->kind, *value, out, OPTION_TEXT_BYTES);
    }
}
