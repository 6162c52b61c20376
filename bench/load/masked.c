// SPDX-License-Identifier: MIT
#include "load/masked.h"

#include <string.h>
#include <strings.h>

static const char *const headers[] = {"authorization:", "cookie:", "x-api-key:"};
static const char *const parameters[] = {"token", "secret", "password", "auth"};

static const char mask[] = "…";

// The length of the name that stands at `text` with a secret header's value behind it, or 0.
static size_t header_at(const char *text)
{
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t len = strlen(headers[i]);
        if (strncasecmp(text, headers[i], len) == 0)
            return len;
    }
    return 0;
}

// The same for "?name=" and "&name=".
static size_t parameter_at(const char *text)
{
    if (*text != '?' && *text != '&')
        return 0;
    size_t len = strcspn(text, "= \r\n");
    if (text[len] != '=')
        return 0;
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        for (size_t at = 1; at < len; at++)
            if (strncasecmp(text + at, parameters[i], strlen(parameters[i])) == 0)
                return len + 1;
    return 0;
}

char *masked_copy(char *out, size_t out_bytes, const char *text)
{
    size_t have = 0;
    while (*text && have + sizeof mask < out_bytes) {
        size_t header = header_at(text), name = header ? header : parameter_at(text);
        if (!name) {
            out[have++] = *text++;
            continue;
        }
        if (have + name + sizeof mask >= out_bytes)
            break;
        memcpy(out + have, text, name);
        memcpy(out + have + name, mask, sizeof mask - 1);
        have += name + sizeof mask - 1;
        text += name + strcspn(text + name, header ? "\r\n" : "&# \"'\r\n");
    }
    out[have] = 0;
    return out;
}
