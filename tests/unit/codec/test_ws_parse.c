// SPDX-License-Identifier: MIT
#include "codec/ws_parse.h"

#include "base/rand.h"
#include "codec/ws_mask.h"
#include "codec/ws_write.h"
#include "support/ws_reference.h"

#include <criterion/criterion.h>

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

// A mask of zeroes leaves the payload legible.
#define M "\x00\x00\x00\x00"

#define MAX 1000

static struct ws_log reference_log, log_;

// Every case is run whole, byte by byte and at random cuts; `at` is the number of bytes after which
// the violation has to be known, 0 for none.
struct ws_case {
    const char *name;
    const uint8_t *stream;
    size_t len;
    const char *log;
    enum close_reason violation;
    size_t at;
};

static const struct ws_case cases[] = {
    {"nothing", BYTES(""), "", 0, 0},
    {"RFC 6455, 5.7: Hello", BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "1(5):Hello;",
     0, 0},
    {"empty text", BYTES("\x81\x80" M), "1(0):;", 0, 0},
    {"empty binary", BYTES("\x82\x80" M), "2(0):;", 0, 0},
    {"binary need not be UTF-8", BYTES("\x82\x82" M "\xff\xfe"), "2(2):\xff\xfe;", 0, 0},
    {"two messages", BYTES("\x81\x81" M "a\x82\x81" M "b"), "1(1):a;2(1):b;", 0, 0},
    {"fragments", BYTES("\x01\x82" M "He\x00\x81" M "l\x80\x82" M "lo"), "1(5):Hello;", 0, 0},
    {"empty fragments", BYTES("\x01\x80" M "\x00\x80" M "\x80\x80" M), "1(0):;", 0, 0},
    {"empty last fragment", BYTES("\x02\x81" M "x\x80\x80" M), "2(1):x;", 0, 0},
    {"empty first fragment", BYTES("\x02\x80" M "\x80\x81" M "x"), "2(1):x;", 0, 0},
    {"ping between fragments", BYTES("\x01\x81" M "a\x89\x82" M "hi\x80\x81" M "b"),
     "9(2):hi;1(2):ab;", 0, 0},
    {"ping within a character",
     BYTES("\x01\x81" M "\xe2\x8a\x80" M "\x00\x81" M "\x82\x89\x81" M "\xff\x80\x81" M "\xac"),
     "a(0):;9(1):\xff;1(3):\xe2\x82\xac;", 0, 0},
    {"close", BYTES("\x88\x82" M "\x03\xe8"), "8(2):\x03\xe8;", 0, 0},
    {"empty close", BYTES("\x88\x80" M), "8(0):;", 0, 0},
    {"message goes on", BYTES("\x02\x81" M "a"), "2(1)..:a", 0, 0},
    {"frame goes on", BYTES("\x82\x85" M "abc"), "2(3)..:abc", 0, 0},
    {"ping goes on", BYTES("\x89\x85" M "abc"), "9(3)..:abc", 0, 0},
    {"header goes on", BYTES("\x82\xfe\x01"), "", 0, 0},

    {"RSV1", BYTES("\xc1"), "", CLOSE_REASON_PROTOCOL, 1},
    {"RSV2", BYTES("\xa1\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"RSV3", BYTES("\x91\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"RSV1 on a ping", BYTES("\xc9\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"RSV1 on a continuation", BYTES("\x02\x80" M "\xc0\x80" M), "", CLOSE_REASON_PROTOCOL, 7},
    {"ping in fragments", BYTES("\x09\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"pong in fragments", BYTES("\x0a\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"close in fragments", BYTES("\x08\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"continuation of nothing", BYTES("\x80\x80" M), "", CLOSE_REASON_PROTOCOL, 1},
    {"first continuation of nothing", BYTES("\x00"), "", CLOSE_REASON_PROTOCOL, 1},
    {"continuation behind a message", BYTES("\x81\x81" M "a\x80\x81" M "b"), "1(1):a;",
     CLOSE_REASON_PROTOCOL, 8},
    {"text within a message", BYTES("\x01\x81" M "a\x81\x81" M "b"), "", CLOSE_REASON_PROTOCOL, 8},
    {"binary within a message", BYTES("\x01\x81" M "a\x02"), "", CLOSE_REASON_PROTOCOL, 8},
    {"no mask", BYTES("\x81\x01x"), "", CLOSE_REASON_PROTOCOL, 2},
    {"no mask on a ping", BYTES("\x89\x00"), "", CLOSE_REASON_PROTOCOL, 2},
    {"no mask, wrong length", BYTES("\x82\x7f\xff"), "", CLOSE_REASON_PROTOCOL, 2},
    {"ping of 126", BYTES("\x89\xfe\x00\x7e" M), "", CLOSE_REASON_PROTOCOL, 2},
    {"close with a 64-bit length", BYTES("\x88\xff"), "", CLOSE_REASON_PROTOCOL, 2},
    {"16-bit length of 125", BYTES("\x82\xfe\x00\x7d" M), "", CLOSE_REASON_PROTOCOL, 4},
    {"16-bit length of 0", BYTES("\x81\xfe\x00\x00" M), "", CLOSE_REASON_PROTOCOL, 4},
    {"64-bit length of 65535", BYTES("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" M), "",
     CLOSE_REASON_PROTOCOL, 8},
    {"64-bit length of 5", BYTES("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05"), "",
     CLOSE_REASON_PROTOCOL, 8},
    {"64-bit length, top bit", BYTES("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" M), "",
     CLOSE_REASON_PROTOCOL, 3},
    {"top bit beats size", BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" M), "",
     CLOSE_REASON_PROTOCOL, 3},

    {"1001 bytes", BYTES("\x82\xfe\x03\xe9" M), "", CLOSE_REASON_TOO_BIG, 4},
    {"1024 bytes show by the first byte", BYTES("\x82\xfe\x04\x00" M), "", CLOSE_REASON_TOO_BIG, 3},
    {"65536 bytes", BYTES("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" M), "", CLOSE_REASON_TOO_BIG,
     8},
    {"largest length there is", BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" M), "",
     CLOSE_REASON_TOO_BIG, 3},
    {"sum would overflow", BYTES("\x02\x81" M "x\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff" M), "",
     CLOSE_REASON_TOO_BIG, 10},
    {"sum of fragments", BYTES("\x02\x81" M "x\x80\xfe\x03\xe8" M), "", CLOSE_REASON_TOO_BIG, 11},
    {"opcode beats size", BYTES("\x83\xfe\xff\xff" M), "", CLOSE_REASON_PROTOCOL, 1},

    {"not UTF-8",
     BYTES("\x81\x83" M "a\xff"
           "b"),
     "", CLOSE_REASON_NOT_UTF8, 8},
    {"bad first byte", BYTES("\x81\xfe\x01\x00" M "\xc0"), "", CLOSE_REASON_NOT_UTF8, 9},
    {"overlong", BYTES("\x81\x82" M "\xc0\x80"), "", CLOSE_REASON_NOT_UTF8, 7},
    {"surrogate", BYTES("\x81\x83" M "\xed\xa0\x80"), "", CLOSE_REASON_NOT_UTF8, 8},
    {"above U+10FFFF", BYTES("\x81\x84" M "\xf4\x90\x80\x80"), "", CLOSE_REASON_NOT_UTF8, 8},
    {"ends within a character", BYTES("\x81\x82" M "a\xe2"), "", CLOSE_REASON_NOT_UTF8, 8},
    {"ends within a character, empty fragment", BYTES("\x01\x81" M "\xe2\x80\x80" M), "",
     CLOSE_REASON_NOT_UTF8, 13},
    {"bad over fragments", BYTES("\x01\x81" M "\xe2\x80\x81" M "x"), "", CLOSE_REASON_NOT_UTF8, 14},
    {"good one before", BYTES("\x81\x81" M "a\x81\x81" M "\x80"), "1(1):a;", CLOSE_REASON_NOT_UTF8,
     14},
    {"ping before the bad byte", BYTES("\x01\x81" M "a\x89\x80" M "\x80\x81" M "\xff"), "9(0):;",
     CLOSE_REASON_NOT_UTF8, 20},
};

static void run_cut(const struct ws_case *test, struct ws_cuts cuts, const char *how)
{
    ws_parser_run(&log_, test->stream, test->len, cuts, MAX);
    const char *differs = ws_log_differs(&reference_log, &log_);
    cr_expect(differs == NULL, "%s, %s: %s: %s, %s", test->name, how, differs, log_.text,
              close_reason_info(log_.violation)->name);
}

static void run_case(const struct ws_case *test, struct rand *rand)
{
    ws_reference_run(&reference_log, test->stream, test->len, MAX);
    cr_expect(reference_log.violation == test->violation, "%s: reference: violation", test->name);
    if (test->violation != CLOSE_REASON_NONE)
        cr_expect(reference_log.known_to == test->at, "%s: reference: known at %zu", test->name,
                  reference_log.known_to);
    cr_expect_str_eq(reference_log.text, test->log, "%s: reference", test->name);

    run_cut(test, (struct ws_cuts){NULL, 0}, "whole");
    run_cut(test, (struct ws_cuts){(const uint8_t[]){1}, 1}, "byte by byte");
    for (int i = 0; i < 50; i++) {
        uint8_t sizes[7];
        for (size_t k = 0; k < sizeof sizes; k++)
            sizes[k] = (uint8_t)(1 + rand_below(rand, 9));
        run_cut(test, (struct ws_cuts){sizes, sizeof sizes}, "cut");
    }
}

Test(ws_parse, cases)
{
    struct rand rand;
    rand_seed(&rand, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i], &rand);
}

// Opcode, RSV and FIN of a first frame and of a second one within a message: all values.
Test(ws_parse, every_first_byte)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (int within = 0; within < 2; within++) {
            uint8_t stream[] = {0x02, 0x80, 0, 0, 0, 0, (uint8_t)byte, 0x80, 0, 0, 0, 0};
            size_t skip = within ? 0 : 6;
            ws_reference_run(&reference_log, stream + skip, sizeof stream - skip, MAX);
            ws_parser_run(&log_, stream + skip, sizeof stream - skip, (struct ws_cuts){NULL, 0},
                          MAX);
            const char *differs = ws_log_differs(&reference_log, &log_);
            cr_expect(differs == NULL, "%02x, within %d: %s", byte, within, differs);
        }
    }
}

static uint64_t some_length(struct rand *rand)
{
    static const uint16_t interesting[] = {0, 1, 2, 15, 16, 31, 32, 33, 124, 125, 126, 127, 300};
    return interesting[rand_below(rand, sizeof interesting / sizeof interesting[0])];
}

static void some_payload(struct rand *rand, uint8_t *bytes, size_t len)
{
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < len;) {
        const char *character = characters[rand_below(rand, 4)];
        for (size_t k = 0; character[k] != '\0' && i < len; k++)
            bytes[i++] = (uint8_t)character[k];
    }
    if (len != 0 && rand_below(rand, 8) == 0)
        bytes[rand_below(rand, (uint32_t)len)] = (uint8_t)rand_next(rand);
}

// Mostly valid frames, now and then a damaged one.
static size_t some_stream(struct rand *rand, uint8_t *stream, unsigned frame_count)
{
    static const uint8_t first_bytes[] = {0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a};
    size_t len = 0;
    for (bool open = false; frame_count > 0; frame_count--) {
        uint8_t first = first_bytes[rand_below(rand, sizeof first_bytes)];
        if (first < 0x88 && open != ((first & 0x0F) == 0) && rand_below(rand, 30) != 0)
            first = open ? first & 0x80 : 0x82;
        if (first < 0x88)
            open = first < 0x80;
        uint64_t length = some_length(rand);
        if (first >= 0x88 && length > 125)
            length = 125;
        uint32_t mask = (uint32_t)rand_next(rand);
        size_t head = ws_client_header_write(stream + len, first & 0x0F, first >= 0x80, length,
                                             (const uint8_t *)&mask);
        if (rand_below(rand, 40) == 0)
            stream[len + rand_below(rand, (uint32_t)head)] = (uint8_t)rand_next(rand);
        len += head;
        some_payload(rand, stream + len, length);
        ws_mask_plain(stream + len, length, (const uint8_t *)&mask, 0);
        len += length;
    }
    return len;
}

Test(ws_parse, random_streams_at_random_cuts)
{
    static uint8_t stream[16 * 400];
    struct rand rand;
    rand_seed(&rand, 2);
    for (int round = 0; round < 3000; round++) {
        size_t len = some_stream(&rand, stream, 1 + rand_below(&rand, 12));
        uint64_t max = rand_below(&rand, 4) == 0 ? 200 : 100000;
        ws_reference_run(&reference_log, stream, len, max);
        for (int cut = 0; cut < 6; cut++) {
            uint8_t sizes[5];
            for (size_t k = 0; k < sizeof sizes; k++)
                sizes[k] = (uint8_t)(1 + rand_below(&rand, cut < 3 ? 8 : 255));
            ws_parser_run(&log_, stream, len, (struct ws_cuts){sizes, cut == 0 ? 0 : sizeof sizes},
                          max);
            const char *differs = ws_log_differs(&reference_log, &log_);
            cr_assert(differs == NULL, "round %d, cut %d: %s", round, cut, differs);
        }
    }
}

Test(ws_parse, lengths_at_the_borders_of_their_forms)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000};
    static uint8_t stream[14 + 70000];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t head = ws_client_header_write(stream, WS_BINARY, true, lengths[i],
                                             (const uint8_t *)"\x01\x02\x03\x04");
        memset(stream + head, 'x', lengths[i]);
        ws_reference_run(&reference_log, stream, head + lengths[i], lengths[i]);
        ws_parser_run(&log_, stream, head + lengths[i], (struct ws_cuts){NULL, 0}, lengths[i]);
        cr_expect_null(ws_log_differs(&reference_log, &log_));
        cr_expect_eq(log_.violation, CLOSE_REASON_NONE);
        if (lengths[i] == 0)
            continue;
        ws_parser_run(&log_, stream, head + lengths[i], (struct ws_cuts){NULL, 0}, lengths[i] - 1);
        cr_expect_eq(log_.violation, CLOSE_REASON_TOO_BIG);
    }
}

// Frames cost work even where they are empty, so a message cannot have any number of them.
Test(ws_parse, empty_fragments_are_counted)
{
    static const uint8_t begin[] = {0x02, 0x80, 0, 0, 0, 0}, middle[] = {0x00, 0x80, 0, 0, 0, 0},
                         end[] = {0x80, 0x80, 0, 0, 0, 0};
    static uint8_t stream[(MAX + 3) * 6];
    size_t len = 0;
    memcpy(stream, begin, 6);
    for (len = 6; len < 6 * (MAX + 1); len += 6)
        memcpy(stream + len, middle, 6);
    for (int over = 0; over < 2; over++) {
        memcpy(stream + len, over ? middle : end, 6);
        ws_reference_run(&reference_log, stream, len + 6, MAX);
        ws_parser_run(&log_, stream, len + 6, (struct ws_cuts){NULL, 0}, MAX);
        cr_expect_null(ws_log_differs(&reference_log, &log_));
        cr_expect_eq(log_.violation, over ? CLOSE_REASON_TOO_BIG : CLOSE_REASON_NONE);
        cr_expect_str_eq(log_.text, over ? "" : "2(0):;");
    }
}

// What limits of rates look at.
Test(ws_parse, tells_where_frames_begin)
{
    static const struct {
        size_t len;
        uint64_t frame_bytes;
        bool begins, middle;
    } pieces[] = {{1, 2, true, false}, {1, 0, false, false}, {0, 0, true, true},
                  {1, 3, true, true},  {2, 0, false, true},  {0, 0, true, false}};
    uint8_t stream[] = {0x02, 0x82, 0, 0, 0, 0,   'a', 'b', 0,    0x80, 0, 0, 0, 0, 0x00,
                        0x83, 0,    0, 0, 0, 'c', 'd', 'e', 0x80, 0x80, 0, 0, 0, 0};
    struct ws_parser parser;
    struct ws_chunk chunk;
    ws_parser_init(&parser);
    uint8_t *cursor = stream;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        uint8_t *end = i == 0 ? stream + 7 : i < 4 ? stream + 21 : stream + sizeof stream;
        enum ws_result result = ws_next(&parser, &cursor, end, MAX, &chunk);
        if (result == WS_NEED_MORE)
            result = ws_next(&parser, &cursor, end = stream + sizeof stream, MAX, &chunk);
        cr_assert_eq(result, WS_DATA, "piece %zu", i);
        cr_expect_eq(chunk.len, pieces[i].len, "piece %zu", i);
        cr_expect_eq(chunk.begins, pieces[i].begins, "piece %zu", i);
        cr_expect_eq(ws_in_the_middle(&parser, &chunk), pieces[i].middle, "piece %zu", i);
        if (chunk.begins)
            cr_expect_eq(ws_frame_bytes(&parser, &chunk), pieces[i].frame_bytes, "piece %zu", i);
    }
    cr_expect_eq(cursor, stream + sizeof stream);
    cr_expect_eq(ws_client_header_bytes(125), 6);
    cr_expect_eq(ws_client_header_bytes(126), 8);
    cr_expect_eq(ws_client_header_bytes(65535), 8);
    cr_expect_eq(ws_client_header_bytes(65536), 14);
}

// Payload is handed out where it lies, as it arrives.
Test(ws_parse, pieces_point_into_the_input)
{
    uint8_t stream[] = {0x82, 0x84, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4};
    struct ws_parser parser;
    struct ws_chunk chunk;
    ws_parser_init(&parser);
    cr_assert(ws_parser_idle(&parser));
    uint8_t *cursor = stream;
    cr_assert_eq(ws_next(&parser, &cursor, stream + 6, MAX, &chunk), WS_NEED_MORE);
    cr_assert_not(ws_parser_idle(&parser));
    cr_assert_eq(ws_next(&parser, &cursor, stream + 9, MAX, &chunk), WS_DATA);
    cr_assert_eq(chunk.bytes, stream + 6);
    cr_assert_eq(chunk.len, 3);
    cr_assert(chunk.first && !chunk.last);
    cr_assert_eq(ws_next(&parser, &cursor, stream + 9, MAX, &chunk), WS_NEED_MORE);
    cr_assert_eq(ws_next(&parser, &cursor, stream + 10, MAX, &chunk), WS_DATA);
    cr_assert(!chunk.first && chunk.last);
    cr_assert(ws_parser_idle(&parser));
    cr_assert_arr_eq(stream + 6, "abcd", 4);
}

// The limit is an argument and may fall while a message is open.
Test(ws_parse, limit_lowered_within_a_message)
{
    uint8_t stream[] = {0x02, 0x82, 0, 0, 0, 0, 'a', 'b', 0x80, 0x80, 0, 0, 0, 0};
    struct ws_parser parser;
    struct ws_chunk chunk;
    ws_parser_init(&parser);
    uint8_t *cursor = stream;
    cr_assert_eq(ws_next(&parser, &cursor, stream + 8, 2, &chunk), WS_DATA);
    cr_assert_eq(ws_next(&parser, &cursor, stream + sizeof stream, 1, &chunk), WS_VIOLATION);
    cr_assert_eq(chunk.violation, CLOSE_REASON_TOO_BIG);
}

Test(ws_parse, close_codes)
{
    for (unsigned value = 0; value < 65536; value++) {
        uint8_t payload[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        uint16_t code;
        bool legal = (value >= 3000 && value <= 4999) || (value >= 1000 && value <= 1003) ||
                     (value >= 1007 && value <= 1014);
        enum close_reason reason = ws_close_parse(payload, 2, &code);
        cr_assert_eq(reason, legal ? CLOSE_REASON_NONE : CLOSE_REASON_PROTOCOL, "%u", value);
        cr_assert_eq(code, value);
    }
}

Test(ws_parse, close_payloads)
{
    static const struct {
        const uint8_t *payload;
        size_t len;
        enum close_reason reason;
        uint16_t code;
    } payloads[] = {
        {BYTES(""), CLOSE_REASON_NONE, 1005},
        {BYTES("\x03"), CLOSE_REASON_PROTOCOL, 1005},
        {BYTES("\x03\xe8"), CLOSE_REASON_NONE, 1000},
        {BYTES("\x03\xe9"
               "bye \xe2\x82\xac"),
         CLOSE_REASON_NONE, 1001},
        {BYTES("\x03\xe8"
               "bye \xe2\x82"),
         CLOSE_REASON_NOT_UTF8, 1000},
        {BYTES("\x03\xe8\xff"), CLOSE_REASON_NOT_UTF8, 1000},
        {BYTES("\x03\xed\xff"), CLOSE_REASON_PROTOCOL, 1005},
    };
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        uint16_t code = 0;
        cr_expect_eq(ws_close_parse(payloads[i].payload, payloads[i].len, &code),
                     payloads[i].reason, "%zu", i);
        cr_expect_eq(code, payloads[i].code, "%zu", i);
    }
    uint16_t code;
    cr_expect_eq(ws_close_parse(NULL, 0, &code), CLOSE_REASON_NONE);
}
