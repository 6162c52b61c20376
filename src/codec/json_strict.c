// SPDX-License-Identifier: MIT
#include "codec/json_strict.h"

#include "base/check.h"
#include "base/rand.h"

#include <jansson.h>

// Whether no bracket opens a level too many. Reads strings as the parser will; where the text is
// not JSON, what is counted behind the fault does not matter.
static bool depth_bounded(const char *text, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char character = text[i];
        if (character == '"')
            in_string = !in_string;
        else if (in_string)
            i += character == '\\';
        else if (character == '[' || character == '{') {
            if (++depth > JSON_STRICT_DEPTH_MAX)
                return false;
        } else if ((character == ']' || character == '}') && depth > 0)
            depth--;
    }
    return true;
}

void json_strict_seed(void)
{
    size_t seed = 0;
    while (seed == 0) // which would mean: find one yourself
        rand_entropy(&seed, sizeof seed);
    json_object_seed(seed);
}

struct json_t *json_strict_parse(const char *text, size_t len, unsigned *line)
{
    json_error_t error = {0};
    json_t *root = NULL;
    if (depth_bounded(text, len))
        root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
        error.line = 1;
    }
    if (line != NULL)
        *line = root == NULL && error.line > 0 ? (unsigned)error.line : 0;
    return root;
}
