// SPDX-License-Identifier: MIT
//
// WebSocket frames as a server receives them (RFC 6455, sections 5 and 8.1): a pull parser without
// I/O, clock or memory of its own. It may be stopped and resumed at any byte: fed whole, byte by
// byte or cut anywhere, it reports the same messages and the same violation. Payloads are unmasked
// in place and handed out as they arrive, so nothing is ever allocated from an announced length.
#pragma once

#include "base/check.h"
#include "base/close_reason.h"
#include "codec/utf8.h"

enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xA,
};

#define WS_CONTROL_MAX_BYTES 125
#define WS_HEADER_MAX_BYTES  14 // client's frame header: 2 + 8 length + 4 mask

struct ws_parser {
    uint64_t frame_left_bytes;           // payload of the current frame still to come
    uint64_t message_bytes;              // counted so far of the current data message
    uint8_t header[WS_HEADER_MAX_BYTES]; // of a frame whose header was cut
    uint8_t header_have;                 // bytes collected there; 0 between headers
    uint8_t first_byte;                  // of the current frame: FIN and opcode
    uint8_t mask[4];                     // of the current frame
    uint8_t mask_phase;                  // which mask byte comes next, 0–3
    uint8_t message_opcode;              // WS_TEXT or WS_BINARY while a message is open, else 0
    struct utf8_state utf8;              // of the current text message
    bool in_payload;                     // header complete, its payload not yet all handed out
    bool frame_started;                  // the current frame's first chunk has been handed out
};

enum ws_result {
    WS_NEED_MORE, // everything up to `end` is consumed
    WS_DATA,      // a piece of a text or binary message
    WS_CONTROL,   // a piece of a ping, pong or close frame
    WS_VIOLATION, // chunk->violation says why; the parser must not be used any more
};

struct ws_chunk {
    uint8_t *bytes; // unmasked, inside the caller's input; may be NULL when len is 0
    size_t len;
    enum ws_opcode
        opcode;  // TEXT or BINARY of the message, also for continuations; PING, PONG, CLOSE
    bool first;  // first piece of the message (or control frame)
    bool last;   // last piece of it: the message (or control frame) is whole
    bool begins; // first piece of a frame
    enum close_reason violation; // PROTOCOL, NOT_UTF8 or TOO_BIG
};

void ws_parser_init(struct ws_parser *parser);

// Consumes from *cursor up to end and returns at the first thing to report, with *cursor behind it.
// A piece of length 0 is reported only for an empty frame. Text is UTF-8-checked while it arrives:
// the violation is reported at the byte that cannot be continued, or at the end of the message when
// it ends within a character; chunks that precede the bad one have been reported before. A message
// longer than max_message_bytes is a violation as soon as a frame header announces it; an empty
// frame in its middle counts as a byte, so that no message has more frames than max_message_bytes.
// Close payloads are checked by ws_close_parse, not here.
enum ws_result ws_next(struct ws_parser *parser, uint8_t **cursor, uint8_t *end,
                       uint64_t max_message_bytes, struct ws_chunk *chunk);

// What a client's frame header takes for this much payload.
static inline size_t ws_client_header_bytes(uint64_t payload_bytes)
{
    return payload_bytes <= 125 ? 6 : payload_bytes <= UINT16_MAX ? 8 : WS_HEADER_MAX_BYTES;
}

// The whole payload of the frame that a piece begins. Right behind the ws_next that reported it.
static inline uint64_t ws_frame_bytes(const struct ws_parser *parser, const struct ws_chunk *chunk)
{
    return chunk->len + parser->frame_left_bytes;
}

// A frame in the middle of a message: neither its first nor its last one. As above.
static inline bool ws_in_the_middle(const struct ws_parser *parser, const struct ws_chunk *chunk)
{
    return !chunk->first && parser->first_byte == WS_CONTINUATION;
}

// True when the parser stands between two messages (and between two frames).
static inline bool ws_parser_idle(const struct ws_parser *parser)
{
    return !parser->in_payload && parser->header_have == 0 && parser->message_opcode == 0;
}

// May be sent in a Close frame (RFC 6455, section 7.4).
bool ws_close_code_legal(uint16_t code);

// What the peer's Close frame says (RFC 6455, sections 5.5.1 and 7.4): *code becomes 1005 when the
// payload is empty. Returns CLOSE_REASON_NONE, PROTOCOL (one byte, or a code that must not be sent)
// or NOT_UTF8 (reason).
enum close_reason ws_close_parse(const uint8_t *payload, size_t len, uint16_t *code);
