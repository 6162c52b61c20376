// SPDX-License-Identifier: MIT
//
// HTTP/1.1 request heads (RFC 9112, sections 2 to 5; RFC 6455, section 4.1): strict, resumable at
// any byte, one pass, no I/O. Only what a WebSocket server needs is kept: the method, the target
// and the headers below. The parser collects the head in its own fixed buffer, so memory is bounded
// by HTTP_HEAD_MAX_BYTES, and it lives only as long as the handshake.
#pragma once

#include "base/check.h"

#define HTTP_HEAD_MAX_BYTES   8192
#define HTTP_TARGET_MAX_BYTES 2048
#define HTTP_HEADERS_MAX      64

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER_METHOD };

// A piece of the head, by offset into the parser's buffer; len 0 = absent.
struct http_span {
    uint16_t offset, len;
};

// Valid after HTTP_COMPLETE, until the parser is re-initialised.
struct http_request {
    enum http_method method;
    uint8_t minor_version;          // HTTP/1.x: 0 or 1
    struct http_span target;        // "/path?query"; of an absolute form what is behind the host
    struct http_span path;          // target up to '?', still percent-encoded
    struct http_span query;         // behind '?', without it
    struct http_span host;          // Host (required for HTTP/1.1), or of the absolute form
    struct http_span ws_key;        // Sec-WebSocket-Key
    struct http_span ws_version;    // Sec-WebSocket-Version
    struct http_span ws_protocol;   // Sec-WebSocket-Protocol: first occurrence
    struct http_span ws_extensions; // Sec-WebSocket-Extensions: first occurrence
    struct http_span origin;
    struct http_span authorization;
    bool upgrade_websocket;   // an Upgrade header lists "websocket" (case-insensitive token)
    bool connection_upgrade;  // a Connection header lists "upgrade"
    bool connection_close;    // a Connection header lists "close"
    bool has_body;            // Transfer-Encoding, or a Content-Length other than 0
    bool duplicate_ws_header; // Sec-WebSocket-Key or -Version appeared more than once
};

struct http_parser {
    struct http_request request;
    uint16_t have_bytes;        // of the head, in `head`
    uint16_t element_start;     // of the method, target, version, name or value being collected
    struct http_span name;      // of the header line being collected
    struct http_span value;     // the same, with the blanks around it
    struct http_span authority; // of a target in absolute form
    uint16_t header_count;
    uint16_t seen; // one bit per known header
    uint8_t state;
    char head[HTTP_HEAD_MAX_BYTES];
};

enum http_result {
    HTTP_INCOMPLETE, // all input consumed, the head goes on
    HTTP_COMPLETE,   // *cursor is behind the empty line; what follows belongs to the next protocol
    HTTP_BAD,        // *status and *error say why
};

void http_parser_init(struct http_parser *parser);

// On HTTP_BAD, *status is 400, 414 (target too long), 431 (head too long or too many headers) or
// 505 (not HTTP/1.x), and *error a sentence that says what to change.
enum http_result http_parse(struct http_parser *parser, const uint8_t **cursor, const uint8_t *end,
                            int *status, const char **error);

static inline const char *http_text(const struct http_parser *parser, struct http_span span)
{
    return parser->head + span.offset;
}

// Decodes %XX. Returns the length, or -1 when an escape is malformed or the result would not fit.
int http_percent_decode(const char *in, size_t len, uint8_t *out, size_t out_max);

// The value of `name` in a query string ("a=1&b=2"), still encoded; NULL when absent.
const char *http_query_find(const char *query, size_t len, const char *name, size_t *value_len);
