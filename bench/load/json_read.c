// SPDX-License-Identifier: MIT
#include "load/json_read.h"

#include <jansson.h>
#include <string.h>

#define NAME_MAX_BYTES 64

// struct json_tree is jansson's json_t by another name.
static json_t *root_of(const struct json_tree *tree)
{
    return (json_t *)(uintptr_t)tree;
}

struct json_tree *json_read(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(root))
        return (struct json_tree *)root;
    json_decref(root);
    return NULL;
}

void json_read_free(struct json_tree *tree)
{
    json_decref(root_of(tree));
}

static const json_t *find(const struct json_tree *tree, const char *path)
{
    const json_t *at = root_of(tree);
    while (at && *path) {
        char name[NAME_MAX_BYTES];
        size_t len = strcspn(path, "/");
        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = 0;
        at = json_object_get(at, name);
        path += len + (path[len] == '/');
    }
    return at;
}

bool json_read_number(const struct json_tree *tree, const char *path, double *out)
{
    const json_t *at = find(tree, path);
    *out = json_number_value(at);
    return json_is_number(at);
}

const char *json_read_text(const struct json_tree *tree, const char *path)
{
    return json_string_value(find(tree, path));
}
