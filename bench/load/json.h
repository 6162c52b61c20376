// SPDX-License-Identifier: MIT
//
// Writes JSON: commas and escapes are its business, nesting is the caller's. One line per member of
// the outermost object.
#pragma once

#include "base/check.h"

#include <stdio.h>

struct json {
    FILE *file;
    bool comma; // the next value needs one before it
    int depth;
};

void json_open(struct json *json, const char *name, char bracket);      // '{' or '['; NULL in lists
void json_close(struct json *json, char bracket);                       // '}' or ']'
void json_text(struct json *json, const char *name, const char *value); // NULL: null
void json_count(struct json *json, const char *name, uint64_t value);
void json_number(struct json *json, const char *name, double value);
void json_bool(struct json *json, const char *name, bool value);
