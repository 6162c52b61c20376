// SPDX-License-Identifier: MIT
//
// What ws_next is tested and fuzzed against: a slow parser of RFC 6455 frames that looks at one
// byte after the other, and a way to run both and compare what they report.
#pragma once

#include "codec/ws_parse.h"

// What was reported: "1(5):Hello;" for each whole message or control frame, opcode in hex, length,
// payload; then "1(2)..:He" for a message that has not ended.
struct ws_log {
    char text[1 << 18];
    size_t len;
    enum close_reason violation;
    size_t known_from, known_to; // the violation was found between these numbers of bytes
};

// How to cut a stream: sizes of the pieces, over and over; count 0 = one piece.
struct ws_cuts {
    const uint8_t *sizes;
    size_t count;
};

void ws_reference_run(struct ws_log *log, const uint8_t *stream, size_t len, uint64_t max_bytes);

// Runs ws_next; every piece lies in memory of its own, so that sanitizers see a byte too far.
void ws_parser_run(struct ws_log *log, const uint8_t *stream, size_t len, struct ws_cuts cuts,
                   uint64_t max_bytes);

// NULL when ws_next did what the reference did, else what differs.
const char *ws_log_differs(const struct ws_log *reference, const struct ws_log *log);
