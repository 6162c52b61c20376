// SPDX-License-Identifier: MIT
//
// The opening handshake from the client's side (RFC 6455, section 4.1): writes the request, judges
// the answer. No I/O. The key is made from a seed, so nothing has to be kept in between.
#pragma once

#include "codec/ws_handshake.h"

#define HANDSHAKE_ANSWER_MAX_BYTES 8192

struct handshake_request {
    const char *path;        // with query, percent-encoded
    const char *host;        // for the Host header
    const char *subprotocol; // NULL: none
    const char *headers;     // further header lines, each ended by \r\n; NULL: none
    uint64_t key_seed;
};

// Returns the length, or 0 when it does not fit.
size_t handshake_request_write(char *out, size_t out_max, const struct handshake_request *request);

enum handshake_result {
    HANDSHAKE_INCOMPLETE, // the head goes on
    HANDSHAKE_ACCEPTED,   // *head_bytes is where frames begin
    HANDSHAKE_REFUSED,    // `error` is a sentence that says why
};

enum handshake_result handshake_answer_read(const uint8_t *bytes, size_t len, uint64_t key_seed,
                                            size_t *head_bytes, char *error, size_t error_bytes);
