// SPDX-License-Identifier: MIT
//
// WebSocket frames as a client receives them (unmasked, RFC 6455 section 5): a pull parser over
// whatever bytes have arrived, without copying and without memory of its own. It may be stopped and
// resumed at any byte. A whole unfragmented message, which is nearly every one, takes the inline
// path: a handful of instructions and no store to the parser.
//
// Not checked: that text is UTF-8; the load tool compares what matters with what it sent.
#pragma once

#include "codec/ws_parse.h"

struct client_parser {
    uint64_t left_bytes;    // of the current frame's payload
    uint8_t header[10];     // of a frame whose header is still incomplete, or of the current one
    uint8_t header_have;    // 0 between frames
    uint8_t message_opcode; // WS_TEXT or WS_BINARY while a message is open, else 0
    bool in_payload;        // the header is complete, its payload not all handed out
    bool frame_started;     // the current frame's first piece has been handed out
    bool midway;            // not between two messages: the inline path is closed
};

struct client_piece {
    const uint8_t *bytes; // inside the caller's input
    size_t len;
    enum ws_opcode opcode; // of the message, also in continuations; or PING, PONG, CLOSE
    bool first, last;      // of the message or control frame
};

enum client_result {
    CLIENT_NEED_MORE, // everything is consumed
    CLIENT_DATA,      // a piece of a text or binary message
    CLIENT_CONTROL,   // a piece of a ping, pong or close
    CLIENT_VIOLATION, // not what a server may send; the parser must not be used any more
};

// What client_next does, without its short cut.
enum client_result client_next_any(struct client_parser *parser, const uint8_t **cursor,
                                   const uint8_t *end, struct client_piece *piece);

// Consumes from *cursor and returns at the first thing to report. A zeroed parser is ready to use.
static inline enum client_result client_next(struct client_parser *parser, const uint8_t **cursor,
                                             const uint8_t *end, struct client_piece *piece)
{
    const uint8_t *at = *cursor;
    size_t have = (size_t)(end - at), header = 2;
    if (parser->midway || have < 4 || (at[0] != (0x80 | WS_TEXT) && at[0] != (0x80 | WS_BINARY)))
        return client_next_any(parser, cursor, end, piece);
    size_t len = at[1];
    if (len == 126) {
        len = (size_t)at[2] << 8 | at[3];
        header = len >= 126 ? 4 : have + 1; // not the shortest form: a violation, told over there
    } else if (len > 126) {
        return client_next_any(parser, cursor, end, piece);
    }
    if (have < header + len)
        return client_next_any(parser, cursor, end, piece);
    *piece = (struct client_piece){at + header, len, (enum ws_opcode)(at[0] & 0x0F), true, true};
    *cursor = at + header + len;
    return CLIENT_DATA;
}
