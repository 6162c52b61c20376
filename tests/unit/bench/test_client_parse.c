// SPDX-License-Identifier: MIT
#include "load/client_parse.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

// What a stream means, as text: "1:Hello;" per message, "9:…;" per ping, "!" for a violation.
struct log {
    char text[1024];
    size_t len;
    char message[256], control[256];
    size_t message_len, control_len;
};

static void add_piece(struct log *log, const struct client_piece *piece)
{
    bool control = piece->opcode >= WS_CLOSE;
    char *bytes = control ? log->control : log->message;
    size_t *len = control ? &log->control_len : &log->message_len;
    if (piece->first)
        *len = 0;
    memcpy(bytes + *len, piece->bytes, piece->len);
    *len += piece->len;
    if (piece->last)
        log->len += (size_t)snprintf(log->text + log->len, sizeof log->text - log->len, "%d:%.*s;",
                                     piece->opcode, (int)*len, bytes);
}

// False after a violation.
static bool feed(struct client_parser *parser, const uint8_t *at, size_t len, struct log *log)
{
    const uint8_t *end = at + len;
    struct client_piece piece;
    for (;;) {
        switch (client_next(parser, &at, end, &piece)) {
        case CLIENT_NEED_MORE:
            cr_assert_eq(at, end);
            return true;
        case CLIENT_VIOLATION:
            log->text[log->len++] = '!';
            return false;
        default:
            add_piece(log, &piece);
        }
    }
}

static const struct {
    const char *name;
    const uint8_t *stream;
    size_t len;
    const char *log;
} cases[] = {
    {"text", BYTES("\x81\x05Hello"), "1:Hello;"},
    {"binary", BYTES("\x82\x02zz"), "2:zz;"},
    {"empty", BYTES("\x81\x00"), "1:;"},
    {"three",
     BYTES("\x81\x01"
           "a\x82\x01"
           "b\x81\x00"),
     "1:a;2:b;1:;"},
    {"fragments", BYTES("\x01\x02He\x00\x01l\x80\x02lo"), "1:Hello;"},
    {"empty fragments", BYTES("\x01\x00\x00\x00\x80\x00"), "1:;"},
    {"ping inside fragments", BYTES("\x01\x02He\x89\x01p\x80\x03llo"), "9:p;1:Hello;"},
    {"ping, pong, close", BYTES("\x89\x00\x8a\x02xy\x88\x02\x31\x32"), "9:;10:xy;8:12;"},
    {"masked", BYTES("\x81\x81\x00\x00\x00\x00x"), "!"},
    {"reserved bit", BYTES("\xc1\x01x"), "!"},
    {"unknown opcode", BYTES("\x83\x01x"), "!"},
    {"unknown control", BYTES("\x8b\x00"), "!"},
    {"continuation of nothing", BYTES("\x80\x01x"), "!"},
    {"text inside fragments", BYTES("\x01\x01x\x81\x01y"), "!"},
    {"fragmented ping", BYTES("\x09\x00"), "!"},
    {"long ping", BYTES("\x89\x7e\x00\x7e"), "!"},
    {"16 bits for a short length", BYTES("\x81\x7e\x00\x05Hello"), "!"},
    {"64 bits for a short length", BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05Hello"), "!"},
    {"sign bit of the length", BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "!"},
};

static void check_cuts(size_t index, struct rand *rand)
{
    struct client_parser parser = {0};
    struct log log = {0};
    const uint8_t *stream = cases[index].stream;
    // Each part is copied to memory of its own size, so that a sanitizer sees reads beyond it.
    for (size_t at = 0, len; at < cases[index].len; at += len) {
        size_t left = cases[index].len - at;
        len = rand ? 1 + rand_below(rand, (uint32_t)left) : 1;
        uint8_t *part = malloc(len);
        memcpy(part, stream + at, len);
        bool good = feed(&parser, part, len, &log);
        free(part);
        if (!good)
            break;
    }
    cr_assert_str_eq(log.text, cases[index].log, "%s", cases[index].name);
}

Test(client_parse, whole)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client_parser parser = {0};
        struct log log = {0};
        (void)feed(&parser, cases[i].stream, cases[i].len, &log);
        cr_assert_str_eq(log.text, cases[i].log, "%s", cases[i].name);
    }
}

Test(client_parse, cut_anywhere)
{
    struct rand rand;
    rand_seed(&rand, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_cuts(i, NULL);
        for (int round = 0; round < 50; round++)
            check_cuts(i, &rand);
    }
}

static size_t write_header(uint8_t *out, size_t len)
{
    out[0] = 0x82;
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    int bytes = len < 65536 ? 2 : 8;
    out[1] = bytes == 2 ? 126 : 127;
    for (int i = 0; i < bytes; i++)
        out[2 + i] = (uint8_t)((uint64_t)len >> 8 * (bytes - 1 - i));
    return 2 + (size_t)bytes;
}

// Lengths around every form of the header: whole by the short cut, and in two parts.
Test(client_parse, lengths)
{
    static const size_t lengths[] = {0, 1, 2, 3, 125, 126, 127, 65535, 65536, 70000};
    static uint8_t stream[2 * 70020];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t one = write_header(stream, lengths[i]) + lengths[i];
        memcpy(stream + one, stream, one);
        for (size_t cut = 0; cut <= 2 * one; cut += cut < 20 || cut + 30 > one ? 1 : 977) {
            struct client_parser parser = {0};
            struct client_piece piece;
            size_t payload = 0, messages = 0;
            const uint8_t *at = stream, *ends[] = {stream + cut, stream + 2 * one};
            for (int part = 0; part < 2; part++) {
                enum client_result result;
                while ((result = client_next(&parser, &at, ends[part], &piece)) == CLIENT_DATA) {
                    payload += piece.len;
                    messages += piece.last;
                }
                cr_assert_eq(result, CLIENT_NEED_MORE);
            }
            cr_assert_eq(messages, 2);
            cr_assert_eq(payload, 2 * lengths[i]);
            if (cut > one + 30)
                break;
        }
    }
}
