// SPDX-License-Identifier: MIT
#include "support/ws_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_append(struct ws_log *log, const void *bytes, size_t len)
{
    CHECK(len < sizeof log->text - log->len);
    memcpy(log->text + log->len, bytes, len);
    log->len += len;
    log->text[log->len] = '\0';
}

static void log_message(struct ws_log *log, unsigned opcode, const uint8_t *bytes, size_t len,
                        bool ended)
{
    char head[40];
    int head_len = snprintf(head, sizeof head, "%x(%zu)%s:", opcode, len, ended ? "" : "..");
    log_append(log, head, (size_t)head_len);
    log_append(log, bytes, len);
    if (ended)
        log_append(log, ";", 1);
}

static void log_clear(struct ws_log *log)
{
    log->len = log->known_from = log->known_to = 0;
    log->text[0] = '\0';
    log->violation = CLOSE_REASON_NONE;
}

// A message or control frame being put together.
struct assembly {
    unsigned opcode; // 0 = none
    uint8_t *bytes;
    size_t len;
};

struct reference {
    struct ws_log *log;
    struct assembly message, control;
    struct utf8_state utf8;
    uint64_t announced, max_bytes;
    uint8_t header[14];
    unsigned header_len;
    uint64_t left;
    unsigned phase;
    bool in_payload;
};

static bool is_control(const struct reference *reference)
{
    return (reference->header[0] & 0x08) != 0;
}

static enum close_reason judge_opcode(const struct reference *reference)
{
    unsigned opcode = reference->header[0] & 0x0F;
    bool fin = reference->header[0] >= 0x80;
    if ((reference->header[0] & 0x70) != 0)
        return CLOSE_REASON_PROTOCOL;
    if (opcode > 10 || (opcode > 2 && opcode < 8))
        return CLOSE_REASON_PROTOCOL;
    if (opcode >= 8)
        return fin ? CLOSE_REASON_NONE : CLOSE_REASON_PROTOCOL;
    bool open = reference->message.opcode != 0;
    return open == (opcode == 0) ? CLOSE_REASON_NONE : CLOSE_REASON_PROTOCOL;
}

static unsigned length_bytes(const struct reference *reference)
{
    unsigned length = reference->header[1] & 0x7F;
    return length == 126 ? 2 : length == 127 ? 8 : 0;
}

static enum close_reason judge_length(const struct reference *reference)
{
    unsigned short_length = reference->header[1] & 0x7F, bytes = length_bytes(reference);
    uint64_t least = 0, most = 0;
    if (bytes == 0)
        least = most = short_length;
    for (unsigned i = 0; i < bytes; i++) {
        bool known = 2 + i < reference->header_len;
        least = least * 256 + (known ? reference->header[2 + i] : 0);
        most = most * 256 + (known ? reference->header[2 + i] : 255);
    }
    if ((bytes == 2 && most < 126) || (bytes == 8 && most < 65536) || least > INT64_MAX)
        return CLOSE_REASON_PROTOCOL;
    if (is_control(reference))
        return short_length > 125 ? CLOSE_REASON_PROTOCOL : CLOSE_REASON_NONE;
    if (reference->header[0] == 0 && short_length == 0)
        least = 1; // an empty frame in the middle of a message counts
    if (least > reference->max_bytes || reference->announced > reference->max_bytes - least)
        return CLOSE_REASON_TOO_BIG;
    return CLOSE_REASON_NONE;
}

static enum close_reason judge_header(const struct reference *reference)
{
    if (reference->header_len == 1)
        return judge_opcode(reference);
    if (reference->header_len == 2 && reference->header[1] < 0x80)
        return CLOSE_REASON_PROTOCOL;
    return judge_length(reference);
}

static enum close_reason frame_end(struct reference *reference)
{
    struct assembly *assembly = is_control(reference) ? &reference->control : &reference->message;
    reference->in_payload = false;
    reference->header_len = 0;
    if (reference->header[0] < 0x80)
        return CLOSE_REASON_NONE;
    if (assembly->opcode == WS_TEXT && !utf8_complete(&reference->utf8))
        return CLOSE_REASON_NOT_UTF8;
    log_message(reference->log, assembly->opcode, assembly->bytes, assembly->len, true);
    assembly->opcode = 0;
    if (assembly == &reference->message)
        reference->announced = 0;
    return CLOSE_REASON_NONE;
}

static enum close_reason header_end(struct reference *reference)
{
    unsigned opcode = reference->header[0] & 0x0F;
    struct assembly *assembly = opcode >= 8 ? &reference->control : &reference->message;
    if (opcode != 0) {
        assembly->opcode = opcode;
        assembly->len = 0;
    }
    reference->left = reference->header[1] & 0x7F;
    if (length_bytes(reference) != 0)
        reference->left = 0;
    for (unsigned i = 0; i < length_bytes(reference); i++)
        reference->left = reference->left * 256 + reference->header[2 + i];
    if (opcode < 8)
        reference->announced += reference->header[0] || reference->left ? reference->left : 1;
    reference->phase = 0;
    reference->in_payload = true;
    return reference->left == 0 ? frame_end(reference) : CLOSE_REASON_NONE;
}

static enum close_reason reference_byte(struct reference *reference, uint8_t byte)
{
    if (!reference->in_payload) {
        reference->header[reference->header_len++] = byte;
        enum close_reason fault = judge_header(reference);
        bool whole =
            reference->header_len > 1 && reference->header_len == 2 + length_bytes(reference) + 4;
        return fault == CLOSE_REASON_NONE && whole ? header_end(reference) : fault;
    }
    struct assembly *assembly = is_control(reference) ? &reference->control : &reference->message;
    byte ^= reference->header[reference->header_len - 4 + reference->phase++ % 4];
    assembly->bytes[assembly->len++] = byte;
    if (assembly->opcode == WS_TEXT && !utf8_feed_plain(&reference->utf8, &byte, 1))
        return CLOSE_REASON_NOT_UTF8;
    return --reference->left == 0 ? frame_end(reference) : CLOSE_REASON_NONE;
}

void ws_reference_run(struct ws_log *log, const uint8_t *stream, size_t len, uint64_t max_bytes)
{
    log_clear(log);
    struct reference reference = {.log = log, .max_bytes = max_bytes};
    reference.message.bytes = malloc(len + 1);
    reference.control.bytes = malloc(len + 1);
    CHECK(reference.message.bytes != NULL && reference.control.bytes != NULL);
    for (size_t i = 0; i < len && log->violation == CLOSE_REASON_NONE; i++) {
        log->violation = reference_byte(&reference, stream[i]);
        log->known_from = log->known_to = i + 1;
    }
    const struct assembly *parts[] = {&reference.message, &reference.control};
    for (size_t i = 0; i < 2 && log->violation == CLOSE_REASON_NONE; i++)
        if (parts[i]->opcode != 0 && parts[i]->len != 0)
            log_message(log, parts[i]->opcode, parts[i]->bytes, parts[i]->len, false);
    free(reference.message.bytes);
    free(reference.control.bytes);
}

// Joins pieces and checks what the contract says about them.
static void piece_take(struct ws_log *log, struct assembly *assembly, const struct ws_chunk *chunk)
{
    CHECK(chunk->first == (assembly->opcode == 0));
    CHECK(chunk->len != 0 || chunk->begins);
    CHECK(chunk->begins || !chunk->first);
    CHECK(chunk->violation == CLOSE_REASON_NONE);
    if (chunk->first) {
        assembly->opcode = chunk->opcode;
        assembly->len = 0;
    }
    CHECK(assembly->opcode == chunk->opcode);
    if (chunk->len != 0)
        memcpy(assembly->bytes + assembly->len, chunk->bytes, chunk->len);
    assembly->len += chunk->len;
    if (chunk->last) {
        log_message(log, assembly->opcode, assembly->bytes, assembly->len, true);
        assembly->opcode = 0;
    }
}

static enum ws_result feed(struct ws_log *log, struct ws_parser *parser, struct assembly parts[2],
                           uint8_t *begin, size_t len, uint64_t max_bytes)
{
    uint8_t *cursor = begin, *end = begin + len;
    for (;;) {
        struct ws_chunk chunk;
        enum ws_result result = ws_next(parser, &cursor, end, max_bytes, &chunk);
        CHECK(cursor >= begin && cursor <= end);
        if (result == WS_NEED_MORE) {
            CHECK(cursor == end);
            return result;
        }
        if (result == WS_VIOLATION) {
            log->violation = chunk.violation;
            return result;
        }
        CHECK((result == WS_CONTROL) == (chunk.opcode >= WS_CLOSE));
        CHECK(chunk.len == 0 || (chunk.bytes >= begin && chunk.bytes + chunk.len <= cursor));
        piece_take(log, &parts[result == WS_CONTROL], &chunk);
    }
}

void ws_parser_run(struct ws_log *log, const uint8_t *stream, size_t len, struct ws_cuts cuts,
                   uint64_t max_bytes)
{
    log_clear(log);
    struct assembly parts[2] = {{.bytes = malloc(len + 1)}, {.bytes = malloc(len + 1)}};
    CHECK(parts[0].bytes != NULL && parts[1].bytes != NULL);
    struct ws_parser parser;
    ws_parser_init(&parser);
    enum ws_result result = WS_NEED_MORE;
    for (size_t at = 0, piece = 0; at < len && result == WS_NEED_MORE; piece++) {
        size_t size = cuts.count == 0 ? len : cuts.sizes[piece % cuts.count];
        size = size == 0 ? 1 : size > len - at ? len - at : size;
        uint8_t *bytes = malloc(size);
        CHECK(bytes != NULL);
        memcpy(bytes, stream + at, size);
        log->known_from = at + 1;
        at += size;
        log->known_to = at;
        result = feed(log, &parser, parts, bytes, size, max_bytes);
        free(bytes);
    }
    for (size_t i = 0; i < 2 && result == WS_NEED_MORE; i++) {
        CHECK(parts[i].opcode == 0 || !ws_parser_idle(&parser));
        if (parts[i].opcode != 0 && parts[i].len != 0)
            log_message(log, parts[i].opcode, parts[i].bytes, parts[i].len, false);
    }
    free(parts[0].bytes);
    free(parts[1].bytes);
}

const char *ws_log_differs(const struct ws_log *reference, const struct ws_log *log)
{
    if (reference->violation != log->violation)
        return "another violation";
    if (reference->violation != CLOSE_REASON_NONE &&
        (reference->known_from < log->known_from || reference->known_from > log->known_to))
        return "the violation was reported with another piece";
    if (reference->len != log->len || memcmp(reference->text, log->text, log->len) != 0)
        return "other messages";
    return NULL;
}
