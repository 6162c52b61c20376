// SPDX-License-Identifier: MIT
#include "load/json_read.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

// Behind a string that begins at `at`, or NULL.
static const char *skip_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at && *at != '"'; at++)
        if (*at == '\\' && !*++at)
            return NULL;
    return *at ? at + 1 : NULL;
}

static const char *skip_scalar(const char *at)
{
    static const char *const words[] = {"true", "false", "null"};
    if (*at == '"')
        return skip_string(at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    size_t len = strspn(at, "+-.0123456789eE");
    return len ? at + len : NULL;
}

// Behind the value at `at`, or NULL when it is not well-formed.
static const char *skip_value(const char *at, int depth)
{
    at = skip_space(at);
    if (*at != '{' && *at != '[')
        return skip_scalar(at);
    if (depth == DEPTH_MAX)
        return NULL;
    char close = *at == '{' ? '}' : ']';
    at = skip_space(at + 1);
    if (*at == close)
        return at + 1;
    for (;;) {
        if (close == '}') {
            at = skip_string(skip_space(at));
            at = at ? skip_space(at) : NULL;
            if (!at || *at++ != ':')
                return NULL;
        }
        at = skip_value(at, depth + 1);
        at = at ? skip_space(at) : NULL;
        if (!at || (*at != ',' && *at != close))
            return NULL;
        if (*at++ == close)
            return at;
    }
}

bool json_read_check(const char *text)
{
    const char *end = skip_value(text, 0);
    return end && *skip_space(end) == 0;
}

static const char *find_member(const char *at, const char *name, size_t name_len)
{
    at = skip_space(at);
    if (*at != '{')
        return NULL;
    at = skip_space(at + 1);
    while (*at == '"') {
        const char *key = at + 1, *end = skip_string(at);
        const char *value = skip_space(skip_space(end) + 1);
        if ((size_t)(end - 1 - key) == name_len && memcmp(key, name, name_len) == 0)
            return value;
        at = skip_space(skip_value(value, 0));
        if (*at != ',')
            return NULL;
        at = skip_space(at + 1);
    }
    return NULL;
}

const char *json_read_find(const char *text, const char *path)
{
    while (text && *path) {
        size_t len = strcspn(path, "/");
        text = find_member(text, path, len);
        path += len + (path[len] == '/');
    }
    return text;
}

bool json_read_number(const char *text, const char *path, double *out)
{
    const char *at = json_read_find(text, path);
    if (!at || !strchr("-0123456789", *at))
        return false;
    *out = strtod(at, NULL);
    return true;
}

bool json_read_text(const char *text, const char *path, char *out, size_t out_bytes)
{
    const char *at = json_read_find(text, path);
    if (!at || *at != '"')
        return false;
    size_t len = (size_t)(skip_string(at) - at) - 2;
    len = len < out_bytes ? len : out_bytes - 1;
    memcpy(out, at + 1, len);
    out[len] = 0;
    return true;
}
