// SPDX-License-Identifier: MIT
#include "codec/ws_write.h"

#include <criterion/criterion.h>

struct header_case {
    enum ws_opcode opcode;
    uint64_t payload_bytes;
    const char *header;
    size_t len;
};

static const struct header_case headers[] = {
    {WS_TEXT, 0, "\x81\x00", 2},
    {WS_TEXT, 5, "\x81\x05", 2},
    {WS_BINARY, 125, "\x82\x7d", 2},
    {WS_BINARY, 126, "\x82\x7e\x00\x7e", 4},
    {WS_BINARY, 256, "\x82\x7e\x01\x00", 4},
    {WS_BINARY, 65535, "\x82\x7e\xff\xff", 4},
    {WS_BINARY, 65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10},
    {WS_BINARY, INT64_MAX, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10},
    {WS_PING, 2, "\x89\x02", 2},
    {WS_PONG, 125, "\x8a\x7d", 2},
};

Test(ws_write, headers)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint8_t out[WS_SERVER_HEADER_MAX_BYTES];
        size_t len = ws_header_write(out, headers[i].opcode, headers[i].payload_bytes);
        cr_assert_eq(len, headers[i].len, "%zu", i);
        cr_assert_eq(len, ws_header_bytes(headers[i].payload_bytes), "%zu", i);
        cr_assert_arr_eq(out, headers[i].header, len, "%zu", i);
    }
}

Test(ws_write, client_headers)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        for (int fin = 0; fin < 2; fin++) {
            uint8_t out[WS_HEADER_MAX_BYTES];
            size_t len =
                ws_client_header_write(out, headers[i].opcode, fin, headers[i].payload_bytes, mask);
            cr_assert_eq(len, headers[i].len + 4);
            cr_assert_eq(out[0], (fin ? 0x80 : 0) | headers[i].opcode);
            cr_assert_eq(out[1], 0x80 | (uint8_t)headers[i].header[1]);
            cr_assert_arr_eq(out + 2, headers[i].header + 2, headers[i].len - 2);
            cr_assert_arr_eq(out + len - 4, mask, 4);
        }
    }
}

Test(ws_write, close)
{
    uint8_t out[2 + WS_CONTROL_MAX_BYTES];
    cr_assert_eq(ws_close_write(out, 1000, "bye"), 7);
    cr_assert_arr_eq(out,
                     "\x88\x05\x03\xe8"
                     "bye",
                     7);
    cr_assert_eq(ws_close_write(out, 1001, ""), 4);
    cr_assert_arr_eq(out, "\x88\x02\x03\xe9", 4);
    cr_assert_eq(ws_close_write(out, 1005, "ignored"), 2);
    cr_assert_arr_eq(out, "\x88\x00", 2);
}

// The cut must not leave half a character, which the client would have to refuse.
Test(ws_write, close_reason_is_cut_at_a_character)
{
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t kind = 0; kind < 4; kind++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char reason[600] = "";
            size_t len = shift, size = strlen(characters[kind]);
            memset(reason, 'x', shift);
            for (; len + size < sizeof reason; len += size)
                memcpy(reason + len, characters[kind], size);
            uint8_t out[2 + WS_CONTROL_MAX_BYTES];
            size_t bytes = ws_close_write(out, 1000, reason);
            size_t expected = shift + (123 - shift) / size * size;
            cr_assert_eq(bytes, 4 + expected);
            cr_assert_eq(out[1], 2 + expected);
            cr_assert_arr_eq(out + 4, reason, expected);
        }
    }
}

// Every reason we may give fits, and a peer that parses strictly accepts it.
Test(ws_write, close_reasons_of_the_table)
{
    for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
        const struct close_reason_info *info = close_reason_info((enum close_reason)reason);
        if (info->code == 0)
            continue;
        uint8_t out[2 + WS_CONTROL_MAX_BYTES];
        size_t bytes = ws_close_write(out, info->code, info->text);
        uint16_t code;
        cr_assert_eq(bytes, 4 + strlen(info->text));
        cr_assert_eq(ws_close_parse(out + 2, bytes - 2, &code), CLOSE_REASON_NONE);
        cr_assert_eq(code, info->code);
    }
}
