// SPDX-License-Identifier: MIT
#include "load/client_parse.h"

#include <string.h>

static size_t header_need(const struct client_parser *parser)
{
    if (parser->header_have < 2)
        return 2;
    uint8_t len = parser->header[1] & 0x7F;
    return len < 126 ? 2 : len == 126 ? 4 : 10;
}

// True when the header is complete.
static bool collect_header(struct client_parser *parser, const uint8_t **cursor, const uint8_t *end)
{
    while (parser->header_have < header_need(parser)) {
        if (*cursor == end)
            return false;
        parser->header[parser->header_have++] = *(*cursor)++;
    }
    return true;
}

static bool read_length(struct client_parser *parser)
{
    const uint8_t *header = parser->header;
    uint64_t len = header[1];
    if (len == 126) {
        len = (uint64_t)header[2] << 8 | header[3];
        parser->left_bytes = len;
        return len >= 126;
    }
    if (len == 127) {
        len = 0;
        for (int i = 2; i < 10; i++)
            len = len << 8 | header[i];
        parser->left_bytes = len;
        return len >= 65536 && len >> 63 == 0;
    }
    parser->left_bytes = len;
    return true;
}

static bool is_control(uint8_t opcode)
{
    return opcode >= WS_CLOSE;
}

// False: the header is not one that a server may send here.
static bool begin_frame(struct client_parser *parser)
{
    uint8_t first = parser->header[0], opcode = first & 0x0F;
    bool fin = first & 0x80, masked = parser->header[1] & 0x80;
    if ((first & 0x70) || masked || !read_length(parser))
        return false;
    if (is_control(opcode)) {
        if (opcode > WS_PONG || !fin || parser->left_bytes > WS_CONTROL_MAX_BYTES)
            return false;
    } else if (opcode == WS_CONTINUATION) {
        if (!parser->message_opcode)
            return false;
    } else if (opcode > WS_BINARY || parser->message_opcode) {
        return false;
    }
    parser->in_payload = true;
    parser->frame_started = false;
    return true;
}

static void end_frame(struct client_parser *parser, bool message_goes_on)
{
    parser->in_payload = false;
    parser->header_have = 0;
    parser->midway = message_goes_on || parser->message_opcode;
}

static enum client_result give_piece(struct client_parser *parser, const uint8_t **cursor,
                                     const uint8_t *end, struct client_piece *piece)
{
    uint8_t opcode = parser->header[0] & 0x0F;
    bool fin = parser->header[0] & 0x80, control = is_control(opcode);
    size_t have = (size_t)(end - *cursor);
    size_t len = have < parser->left_bytes ? have : (size_t)parser->left_bytes;
    bool frame_ends = len == parser->left_bytes;
    piece->bytes = *cursor;
    piece->len = len;
    piece->first = !parser->frame_started && opcode != WS_CONTINUATION;
    piece->last = fin && frame_ends;
    if (!control && opcode != WS_CONTINUATION)
        parser->message_opcode = opcode;
    piece->opcode = (enum ws_opcode)(control ? opcode : parser->message_opcode);
    *cursor += len;
    parser->left_bytes -= len;
    parser->frame_started = true;
    if (piece->last && !control)
        parser->message_opcode = 0;
    if (frame_ends)
        end_frame(parser, !fin);
    return control ? CLIENT_CONTROL : CLIENT_DATA;
}

enum client_result client_next_any(struct client_parser *parser, const uint8_t **cursor,
                                   const uint8_t *end, struct client_piece *piece)
{
    for (;;) {
        if (!parser->in_payload) {
            if (!collect_header(parser, cursor, end)) {
                parser->midway = parser->header_have || parser->message_opcode;
                return CLIENT_NEED_MORE;
            }
            if (!begin_frame(parser))
                return CLIENT_VIOLATION;
            parser->midway = true;
        }
        // An empty piece is worth a report only where it opens or ends something.
        bool nothing = *cursor == end && parser->left_bytes > 0;
        if (nothing)
            return CLIENT_NEED_MORE;
        enum client_result result = give_piece(parser, cursor, end, piece);
        if (piece->len || piece->first || piece->last)
            return result;
    }
}
