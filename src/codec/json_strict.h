// SPDX-License-Identifier: MIT
//
// JSON from strangers (RFC 8259), by jansson: one object, nothing behind it, no member twice on any
// level (two parsers could take different ones for true), no U+0000 in strings, valid UTF-8, at
// most JSON_STRICT_DEPTH_MAX levels, so that neither this parser nor the release of what it made
// recurses deeper. Memory: up to some 80 times the text (an empty object of three bytes costs 230),
// so the caller bounds the text. Threads: any.
#pragma once

#include <stddef.h>

struct json_t;

#define JSON_STRICT_DEPTH_MAX 16

// Seeds jansson's hash tables, once in a process, before there are threads that parse. Otherwise it
// does that at the first object, by opening /dev/urandom, and by the clock where it cannot.
void json_strict_seed(void);

// Returns the object, which the caller releases with json_decref, or NULL: not acceptable, or out
// of memory. *line (unless NULL) is then where, counted from 1, or 0 when nobody knows. The
// parser's own words are not handed on, because they quote the text, which may be a secret.
struct json_t *json_strict_parse(const char *text, size_t len, unsigned *line);
