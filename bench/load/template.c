// SPDX-License-Identifier: MIT
#include "load/template.h"

#include <stdio.h>
#include <string.h>

// The value that stands at `text`, written into `number` where it is one; NULL: an ordinary
// character.
static const uint8_t *value_at(const char *text, const struct template_values *values,
                               char number[16], size_t *name_len, size_t *len)
{
    uint32_t n = values->id;
    if (strncmp(text, "{payload}", 9) == 0) {
        *name_len = 9;
        *len = values->payload_len;
        return values->payload;
    }
    if (strncmp(text, "{room}", 6) == 0)
        *name_len = 6, n = values->room;
    else if (strncmp(text, "{id}", 4) == 0)
        *name_len = 4;
    else
        return NULL;
    *len = (size_t)snprintf(number, 16, "%u", n);
    return (const uint8_t *)number;
}

size_t template_expand(uint8_t *out, size_t out_max, const char *text,
                       const struct template_values *values)
{
    size_t have = 0;
    while (*text) {
        char number[16];
        size_t name_len = 1, len = 1;
        const uint8_t *value = value_at(text, values, number, &name_len, &len);
        if (have + len > out_max)
            return 0;
        if (len)
            memcpy(out + have, value ? value : (const uint8_t *)text, len);
        have += len;
        text += name_len;
    }
    return have;
}
