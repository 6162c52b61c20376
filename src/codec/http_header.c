// SPDX-License-Identifier: MIT
#include "codec/http_header.h"

#include <string.h>

const char *http_method(const struct http_parser *parser, size_t *bytes)
{
    const char *space = memchr(parser->head, ' ', parser->have_bytes);
    *bytes = space ? (size_t)(space - parser->head) : 0;
    return parser->head;
}

static char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character | 0x20) : character;
}

// Whatever the locale, unlike strncasecmp.
static bool same_nocase(const char *a, const char *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

// The parser has seen to it that each line ends with CR LF and has a colon behind a token.
const char *http_header_find(const struct http_parser *parser, const char *name,
                             size_t *value_bytes)
{
    const char *end = parser->head + parser->have_bytes;
    const char *line = memchr(parser->head, '\n', parser->have_bytes);
    size_t name_bytes = strlen(name);
    while (line && ++line < end && *line != '\r') {
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        const char *colon = memchr(line, ':', (size_t)(stop - line));
        if ((size_t)(colon - line) == name_bytes && same_nocase(line, name, name_bytes)) {
            const char *value = colon + 1;
            while (value < stop && is_blank(*value))
                value++;
            while (stop > value && is_blank(stop[-1]))
                stop--;
            *value_bytes = (size_t)(stop - value);
            return value;
        }
        line = stop + 1;
    }
    return NULL;
}
