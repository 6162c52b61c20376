// SPDX-License-Identifier: MIT
#include "codec/ws_parse.h"

#include "codec/ws_mask.h"

#include <string.h>

#define FIN           0x80
#define OPCODE_MASK   0x0F
#define CONTROL       0x08 // the opcode's bit that all control frames have
#define MASKED        0x80
#define LENGTH_MASK   0x7F
#define LENGTH_16_BIT 126
#define LENGTH_64_BIT 127
#define MASK_BYTES    4

void ws_parser_init(struct ws_parser *parser)
{
    *parser = (struct ws_parser){0};
}

// RFC 6455, sections 5.2 to 5.5: no extension is ever negotiated, so the RSV bits must be 0;
// control frames must not be fragmented; a message's fragments follow each other.
static bool first_byte_legal(uint8_t byte, bool message_open)
{
    switch (byte) {
    case WS_TEXT:
    case WS_BINARY:
    case FIN | WS_TEXT:
    case FIN | WS_BINARY:
        return !message_open;
    case WS_CONTINUATION:
    case FIN | WS_CONTINUATION:
        return message_open;
    case FIN | WS_CLOSE:
    case FIN | WS_PING:
    case FIN | WS_PONG:
        return true;
    default:
        return false;
    }
}

static size_t length_field_bytes(uint8_t second_byte)
{
    switch (second_byte & LENGTH_MASK) {
    case LENGTH_16_BIT:
        return 2;
    case LENGTH_64_BIT:
        return 8;
    default:
        return 0;
    }
}

static size_t header_bytes(uint8_t second_byte)
{
    return 2 + length_field_bytes(second_byte) + MASK_BYTES;
}

// What the length is at least, given the first `have` bytes of a header: bytes to come count as 0.
static uint64_t length_at_least(const uint8_t *header, size_t have)
{
    size_t field_bytes = length_field_bytes(header[1]);
    if (field_bytes == 0)
        return header[1] & LENGTH_MASK;
    uint64_t length = 0;
    for (size_t i = 2; i < 2 + field_bytes; i++)
        length = length << 8 | (i < have ? header[i] : 0);
    return length;
}

// The length must be given in its shortest form, and its top bit must be 0 (RFC 6455, section 5.2).
// That a length is too short for its form shows as soon as the bytes above the form's lower bound
// are 0.
static bool length_form_legal(const uint8_t *header, size_t have)
{
    switch (header[1] & LENGTH_MASK) {
    case LENGTH_16_BIT:
        return have < 4 || header[2] != 0 || header[3] >= LENGTH_16_BIT;
    case LENGTH_64_BIT:
        if (have > 2 && header[2] >> 7 != 0)
            return false;
        return have < 8 || (length_at_least(header, 8) >> 16) != 0;
    default:
        return true;
    }
}

// What a frame adds to its message's size, of which `length` is its payload. Empty frames cost us
// work too: in the middle of a message, where they could go on for ever, each counts as a byte.
static uint64_t counted_bytes(const uint8_t *header, uint64_t length)
{
    bool endless = header[0] == WS_CONTINUATION && (header[1] & LENGTH_MASK) == 0;
    return endless ? 1 : length;
}

// Judges what has arrived of a header. The order of the checks follows the order of the bytes, so
// that a header with several faults gives the same answer however it was cut.
static enum close_reason header_fault(const struct ws_parser *parser, const uint8_t *header,
                                      size_t have, uint64_t max_message_bytes)
{
    if (!first_byte_legal(header[0], parser->message_opcode != 0))
        return CLOSE_REASON_PROTOCOL;
    if (have < 2)
        return CLOSE_REASON_NONE;
    if ((header[1] & MASKED) == 0)
        return CLOSE_REASON_PROTOCOL;
    if ((header[0] & CONTROL) != 0)
        return (header[1] & LENGTH_MASK) <= WS_CONTROL_MAX_BYTES ? CLOSE_REASON_NONE
                                                                 : CLOSE_REASON_PROTOCOL;
    if (!length_form_legal(header, have))
        return CLOSE_REASON_PROTOCOL;
    // The sum could overflow; the difference cannot.
    if (parser->message_bytes > max_message_bytes ||
        counted_bytes(header, length_at_least(header, have)) >
            max_message_bytes - parser->message_bytes)
        return CLOSE_REASON_TOO_BIG;
    return CLOSE_REASON_NONE;
}

// Takes over a complete and legal header.
static void frame_begin(struct ws_parser *parser, const uint8_t *header, size_t bytes)
{
    uint64_t length = length_at_least(header, bytes);
    parser->first_byte = header[0];
    parser->header_have = 0;
    memcpy(parser->mask, header + bytes - MASK_BYTES, MASK_BYTES);
    parser->mask_phase = 0;
    parser->frame_left_bytes = length;
    parser->frame_started = false;
    parser->in_payload = true;
    if ((header[0] & CONTROL) != 0)
        return;
    if ((header[0] & OPCODE_MASK) != WS_CONTINUATION)
        parser->message_opcode = header[0] & OPCODE_MASK;
    parser->message_bytes += counted_bytes(header, length);
}

// Collects a header that was cut, and judges it after every byte.
static enum close_reason header_collect(struct ws_parser *parser, uint8_t **cursor,
                                        const uint8_t *end, uint64_t max_message_bytes)
{
    while (*cursor < end) {
        parser->header[parser->header_have++] = *(*cursor)++;
        enum close_reason fault =
            header_fault(parser, parser->header, parser->header_have, max_message_bytes);
        if (fault != CLOSE_REASON_NONE)
            return fault;
        if (parser->header_have >= 2 && parser->header_have == header_bytes(parser->header[1])) {
            frame_begin(parser, parser->header, parser->header_have);
            return CLOSE_REASON_NONE;
        }
    }
    return CLOSE_REASON_NONE;
}

// On success either the frame has begun (in_payload) or the input is used up.
static enum close_reason header_take(struct ws_parser *parser, uint8_t **cursor, const uint8_t *end,
                                     uint64_t max_message_bytes)
{
    const uint8_t *header = *cursor;
    size_t have = (size_t)(end - header);
    // Nearly always the header lies whole in the input and is read from there.
    if (parser->header_have != 0 || have < 2 || have < header_bytes(header[1]))
        return header_collect(parser, cursor, end, max_message_bytes);
    size_t bytes = header_bytes(header[1]);
    enum close_reason fault = header_fault(parser, header, bytes, max_message_bytes);
    if (fault != CLOSE_REASON_NONE)
        return fault;
    frame_begin(parser, header, bytes);
    *cursor += bytes;
    return CLOSE_REASON_NONE;
}

// Unmasks what has arrived of the payload and describes it; closes the frame and the message when
// they end here.
static void payload_take(struct ws_parser *parser, uint8_t **cursor, const uint8_t *end,
                         struct ws_chunk *chunk)
{
    size_t len = (size_t)(end - *cursor);
    if (len > parser->frame_left_bytes)
        len = (size_t)parser->frame_left_bytes;
    parser->mask_phase = ws_mask(*cursor, len, parser->mask, parser->mask_phase);
    parser->frame_left_bytes -= len;

    enum ws_opcode opcode = parser->first_byte & OPCODE_MASK;
    bool frame_ends = parser->frame_left_bytes == 0;
    chunk->bytes = *cursor;
    chunk->len = len;
    chunk->opcode = opcode == WS_CONTINUATION ? parser->message_opcode : opcode;
    chunk->first = opcode != WS_CONTINUATION && !parser->frame_started;
    chunk->last = frame_ends && (parser->first_byte & FIN) != 0;
    chunk->begins = !parser->frame_started;
    chunk->violation = CLOSE_REASON_NONE;
    *cursor += len;
    parser->frame_started = true;
    parser->in_payload = !frame_ends;
    if (chunk->last && (opcode & CONTROL) == 0) {
        parser->message_opcode = 0;
        parser->message_bytes = 0;
    }
}

static bool text_legal(struct ws_parser *parser, const struct ws_chunk *chunk)
{
    return utf8_feed(&parser->utf8, chunk->bytes, chunk->len) &&
           (!chunk->last || utf8_complete(&parser->utf8));
}

static enum ws_result violation(struct ws_chunk *chunk, enum close_reason reason)
{
    chunk->violation = reason;
    return WS_VIOLATION;
}

enum ws_result ws_next(struct ws_parser *parser, uint8_t **cursor, uint8_t *end,
                       uint64_t max_message_bytes, struct ws_chunk *chunk)
{
    if (!parser->in_payload) {
        enum close_reason fault = header_take(parser, cursor, end, max_message_bytes);
        if (fault != CLOSE_REASON_NONE)
            return violation(chunk, fault);
        if (!parser->in_payload)
            return WS_NEED_MORE;
    }
    if (*cursor == end && parser->frame_left_bytes != 0)
        return WS_NEED_MORE;
    payload_take(parser, cursor, end, chunk);
    if ((chunk->opcode & CONTROL) != 0)
        return WS_CONTROL;
    if (chunk->opcode == WS_TEXT && !text_legal(parser, chunk))
        return violation(chunk, CLOSE_REASON_NOT_UTF8);
    return WS_DATA;
}

// RFC 6455, section 7.4, and the IANA registry, where 1012 to 1014 came later. 1004 is reserved;
// 1005, 1006 and 1015 stand for what was never sent; 3000 to 4999 belong to frameworks and
// applications.
bool ws_close_code_legal(uint16_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

enum close_reason ws_close_parse(const uint8_t *payload, size_t len, uint16_t *code)
{
    *code = 1005;
    if (len == 0)
        return CLOSE_REASON_NONE;
    if (len == 1)
        return CLOSE_REASON_PROTOCOL;
    *code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (!ws_close_code_legal(*code))
        return CLOSE_REASON_PROTOCOL;
    return utf8_valid(payload + 2, len - 2) ? CLOSE_REASON_NONE : CLOSE_REASON_NOT_UTF8;
}
