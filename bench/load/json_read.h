// SPDX-License-Identifier: MIT
//
// Finds values in JSON that this tool has written. No tree, no memory: each look-up walks the text.
#pragma once

#include "base/check.h"

// Whether `text` is one well-formed JSON value, nested at most 64 deep.
bool json_read_check(const char *text);

// The value at a path of member names with '/' between ("latency_ns/p99.9"), or NULL. The text must
// have passed json_read_check.
const char *json_read_find(const char *text, const char *path);

// A number at a path; false when there is none.
bool json_read_number(const char *text, const char *path, double *out);

// A string at a path, cut to fit, escapes left as they are; false when there is none.
bool json_read_text(const char *text, const char *path, char *out, size_t out_bytes);
