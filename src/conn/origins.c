// SPDX-License-Identifier: MIT
#include "conn/origins.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

// What stands behind "://", or NULL.
static const char *host_of(const char *origin, size_t len)
{
    const char *colon = memmem(origin, len, "://", 3);
    return colon && colon > origin ? colon + 3 : NULL;
}

static bool legal(const char *item, size_t len)
{
    const char *host = host_of(item, len);
    if (!host || host == item + len)
        return false;
    if (host[0] == '*' && (item + len - host < 3 || host[1] != '.'))
        return false;
    for (const char *c = item; c < item + len; c++) {
        bool star = *c == '*' && c == host;
        if (*c <= ' ' || *c == 0x7f || (strchr("*/?#@\"'<>\\", *c) && !star && c >= host))
            return false;
    }
    return true;
}

static int add(struct origins *origins, char **free_text, const char *item, size_t len, char *error,
               size_t error_bytes)
{
    if (len == 4 && memcmp(item, "same", 4) == 0) {
        origins->same = true;
        return 0;
    }
    bool is_null = len == 4 && memcmp(item, "null", 4) == 0;
    if (!is_null && !legal(item, len)) {
        snprintf(error, error_bytes,
                 "'%.*s' is no origin: write SCHEME://HOST[:PORT] without a path, "
                 "SCHEME://*.DOMAIN, null, or same",
                 (int)(len < 60 ? len : 60), item);
        return -EINVAL;
    }
    if (origins->count == ORIGINS_MAX) {
        snprintf(error, error_bytes, "has more than %d origins", ORIGINS_MAX);
        return -EINVAL;
    }
    memcpy(*free_text, item, len);
    (*free_text)[len] = 0;
    origins->item[origins->count++] = *free_text;
    *free_text += len + 1;
    return 0;
}

int origins_parse(struct origins *origins, const char *text, char *error, size_t error_bytes)
{
    char *free_text = origins->text;
    memset(origins, 0, sizeof *origins);
    if (strlen(text) >= sizeof origins->text) {
        snprintf(error, error_bytes, "is longer than %zu bytes", sizeof origins->text - 1);
        return -EINVAL;
    }
    text += strspn(text, BLANKS);
    while (*text) {
        size_t len = strcspn(text, "," BLANKS);
        if (add(origins, &free_text, text, len, error, error_bytes))
            return -EINVAL;
        text += len + strspn(text + len, BLANKS);
        if (*text && *text != ',') {
            snprintf(error, error_bytes, "'%.40s': put commas between origins", text);
            return -EINVAL;
        }
        if (*text) {
            text += 1 + strspn(text + 1, BLANKS);
            if (!*text || *text == ',') {
                snprintf(error, error_bytes, "an origin is missing behind a comma");
                return -EINVAL;
            }
        }
    }
    return 0;
}

static bool equal(const char *one, size_t one_len, const char *other, size_t other_len)
{
    return one_len == other_len && strncasecmp(one, other, one_len) == 0;
}

static bool matches(const char *item, const char *origin, size_t len)
{
    size_t item_len = strlen(item);
    const char *host = host_of(item, item_len);
    if (!host || *host != '*')
        return equal(item, item_len, origin, len);
    size_t scheme = (size_t)(host - item), tail = item_len - scheme - 1; // from the dot on
    return len > scheme + tail && strncasecmp(item, origin, scheme) == 0 &&
           strncasecmp(host + 1, origin + len - tail, tail) == 0;
}

static bool is_same(const char *origin, size_t len, const char *host, size_t host_len, bool has_tls)
{
    const char *from = host_of(origin, len);
    if (!from || !equal(from, len - (size_t)(from - origin), host, host_len))
        return false;
    size_t scheme_len = (size_t)(from - origin);
    return equal(origin, scheme_len, "https://", 8) ||
           (!has_tls && equal(origin, scheme_len, "http://", 7));
}

bool origins_allow(const struct origins *origins, const char *origin, size_t origin_len,
                   const char *host, size_t host_len, bool has_tls)
{
    if (origin_len == 0 || (origins->count == 0 && !origins->same))
        return true;
    if (origins->same && is_same(origin, origin_len, host, host_len, has_tls))
        return true;
    for (unsigned i = 0; i < origins->count; i++)
        if (matches(origins->item[i], origin, origin_len))
            return true;
    return false;
}
