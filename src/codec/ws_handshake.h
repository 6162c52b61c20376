// SPDX-License-Identifier: MIT
//
// The opening handshake (RFC 6455, section 4.2), server's side, and what the load tool needs of the
// client's.
#pragma once

#include "codec/http_parse.h"

#define WS_ACCEPT_BYTES        28 // base64 of SHA-1
#define WS_KEY_BYTES           24 // base64 of 16 bytes
#define WS_SWITCHING_MAX_BYTES 256

enum ws_handshake_result {
    WS_HANDSHAKE_OK,
    WS_HANDSHAKE_NOT_UPGRADE, // an ordinary request: no Upgrade: websocket
    WS_HANDSHAKE_BAD,         // *status (400 or 426) and *error say why
};

// Checks that a parsed request is a valid upgrade: GET, HTTP/1.1, Connection: Upgrade, a key that
// is the base64 of 16 bytes, version 13 (else 426 with Sec-WebSocket-Version: 13), no body.
enum ws_handshake_result ws_handshake_check(const struct http_parser *parser, int *status,
                                            const char **error);

// Sec-WebSocket-Accept for a key of WS_KEY_BYTES characters.
void ws_accept_key(const char *key, char accept[WS_ACCEPT_BYTES]);

// Writes the whole 101 answer; returns its length, at most WS_SWITCHING_MAX_BYTES.
size_t ws_switching_write(char *out, const char *key);
