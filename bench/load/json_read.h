// SPDX-License-Identifier: MIT
//
// Reports that this tool has written, read back by jansson.
#pragma once

#include "base/check.h"

struct json_tree;

// Owner: the caller, until json_read_free. NULL when `text` is no JSON object.
struct json_tree *json_read(const char *text);
void json_read_free(struct json_tree *tree); // NULL is allowed

// A number at a path of member names with '/' between ("latency_ns/p99.9"); false when there is
// none.
bool json_read_number(const struct json_tree *tree, const char *path, double *out);

// A text at a path, until json_read_free; NULL when there is none.
const char *json_read_text(const struct json_tree *tree, const char *path);
