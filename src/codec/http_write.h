// SPDX-License-Identifier: MIT
//
// HTTP answers. Everything that is not an upgrade is answered with Connection: close.
#pragma once

#include "base/check.h"

struct http_answer {
    int status;
    const char *content_type; // NULL: text/plain; charset=utf-8
    const char *extra;        // further header lines, each ended by \r\n, or NULL
    size_t body_bytes;        // Content-Length
    bool head_only;           // answer to HEAD: the caller sends no body
};

#define HTTP_ANSWER_HEAD_MAX_BYTES 1024

// Writes status line and headers up to and including the empty line; returns the length.
size_t http_answer_head_write(char *out, size_t out_max, const struct http_answer *answer);

const char *http_status_text(int status);
