// SPDX-License-Identifier: MIT
#include "codec/utf8.h"

#include "base/rand.h"

#include <criterion/criterion.h>

// Independent of the automaton: what RFC 3629, section 4, writes as a grammar.
static size_t character_bytes(const uint8_t *bytes, size_t len)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, bytes;
    } rows[] = {
        {0x00, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bytes[0] < rows[i].first_min || bytes[0] > rows[i].first_max || len < rows[i].bytes)
            continue;
        if (rows[i].bytes > 1 && (bytes[1] < rows[i].second_min || bytes[1] > rows[i].second_max))
            continue;
        bool tail = true;
        for (size_t k = 2; k < rows[i].bytes; k++)
            tail &= (bytes[k] & 0xC0) == 0x80;
        if (tail)
            return rows[i].bytes;
    }
    return 0;
}

static bool grammar_valid(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t size = character_bytes(bytes + i, len - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

static bool plain_valid(const uint8_t *bytes, size_t len)
{
    struct utf8_state utf8 = {0};
    return utf8_feed_plain(&utf8, bytes, len) && utf8_complete(&utf8);
}

// Result and state of both, from any state.
static void expect_same(struct utf8_state begin, const uint8_t *bytes, size_t len)
{
    struct utf8_state plain = begin, fast = begin;
    bool expected = utf8_feed_plain(&plain, bytes, len);
    bool result = utf8_feed(&fast, bytes, len);
    cr_assert_eq(result, expected, "length %zu", len);
    if (expected)
        cr_assert_eq(fast.state, plain.state, "state after length %zu", len);
}

Test(utf8, plain_one_to_three_bytes_exhaustively)
{
    for (uint32_t value = 0; value < 1U << 24; value++) {
        uint8_t bytes[3] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
        if ((value & 0xFFFF) == 0)
            cr_assert_eq(plain_valid(bytes, 1), grammar_valid(bytes, 1), "%06x", value);
        if ((value & 0xFF) == 0)
            cr_assert_eq(plain_valid(bytes, 2), grammar_valid(bytes, 2), "%06x", value);
        if (plain_valid(bytes, 3) != grammar_valid(bytes, 3))
            cr_assert_fail("%06x", value);
    }
}

static const uint8_t borders[] = {0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0,
                                  0xA1, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
                                  0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};

#define BORDER_COUNT (sizeof borders)

Test(utf8, plain_four_bytes_at_the_borders_of_every_range)
{
    for (size_t i = 0; i < BORDER_COUNT * BORDER_COUNT * BORDER_COUNT * BORDER_COUNT; i++) {
        uint8_t bytes[4] = {borders[i % BORDER_COUNT], borders[i / BORDER_COUNT % BORDER_COUNT],
                            borders[i / BORDER_COUNT / BORDER_COUNT % BORDER_COUNT],
                            borders[i / BORDER_COUNT / BORDER_COUNT / BORDER_COUNT]};
        if (plain_valid(bytes, 4) != grammar_valid(bytes, 4))
            cr_assert_fail("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
}

// Fails at the first byte that cannot go on, not at the end of the character.
Test(utf8, fails_at_the_first_bad_byte)
{
    static const struct {
        const char *bytes;
        size_t good; // bytes
    } cases[] = {
        {"\x80", 0},         {"\xc0", 0},         {"\xc1", 0},
        {"\xf5", 0},         {"\xff", 0},         {"\xc3\x41", 1},
        {"\xe0\x9f", 1},     {"\xed\xa0", 1},     {"\xf0\x8f", 1},
        {"\xf4\x90", 1},     {"\xe2\x82\x41", 2}, {"\xe2\xe2", 1},
        {"\xf1\x80\xc3", 2}, {"\xc3\xa4\xa4", 2}, {"\xf1\x80\x80\x7f", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct utf8_state utf8 = {0};
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        cr_expect(utf8_feed(&utf8, bytes, cases[i].good), "%zu", i);
        cr_expect_not(utf8_feed(&utf8, bytes + cases[i].good, 1), "%zu", i);
    }
}

// All sequences of three bytes, at an offset that lets them lie across the border of two blocks.
Test(utf8, vector_three_bytes_exhaustively)
{
    uint8_t text[96];
    memset(text, 'x', sizeof text);
    for (uint32_t value = 0; value < 1U << 24; value++) {
        text[63] = (uint8_t)(value >> 16);
        text[64] = (uint8_t)(value >> 8);
        text[65] = (uint8_t)value;
        if (utf8_valid(text, sizeof text) != plain_valid(text + 63, 3))
            cr_assert_fail("%06x", value);
    }
}

static uint8_t border_text[160];

static void every_border_sequence_at(size_t offset, size_t len)
{
    for (size_t i = 0; i < BORDER_COUNT * BORDER_COUNT * BORDER_COUNT; i++) {
        // The fourth byte varies with the others instead of multiplying the cases.
        uint8_t bytes[4] = {borders[i % BORDER_COUNT], borders[i / BORDER_COUNT % BORDER_COUNT],
                            borders[i / BORDER_COUNT / BORDER_COUNT],
                            borders[(i * 7 + offset) % BORDER_COUNT]};
        size_t have = len - offset < 4 ? len - offset : 4;
        memcpy(border_text + offset, bytes, have);
        struct utf8_state plain = {0}, fast = {0};
        bool expected = utf8_feed_plain(&plain, border_text, len);
        if (utf8_feed(&fast, border_text, len) != expected ||
            (expected && fast.state != plain.state))
            cr_assert_fail("%02x %02x %02x %02x at %zu of %zu", bytes[0], bytes[1], bytes[2],
                           bytes[3], offset, len);
    }
}

// Within ASCII, and within text that takes the vector path from its first byte on.
Test(utf8, vector_at_every_offset)
{
    static const char *const around[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t kind = 0; kind < 4; kind++) {
        size_t size = strlen(around[kind]);
        for (size_t offset = 0; offset < 100; offset++) {
            size_t len = offset + 4 < 64 ? 64 + offset % 5 : offset + 1 + offset % 7;
            for (size_t i = 0; i < sizeof border_text; i++)
                border_text[i] = (uint8_t)around[kind][i % size];
            every_border_sequence_at(offset, len);
        }
    }
}

static size_t some_text(struct rand *rand, uint8_t *bytes, size_t max)
{
    static const char *const characters[] = {"a",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xed\x9f\xbf",
                                             "\xef\xbf\xbf",
                                             "\xe2\x82\xac",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf",
                                             "\xf1\x80\x80\x80"};
    size_t len = 0;
    uint32_t kinds = 1 + rand_below(rand, 11), from = rand_below(rand, 11 - kinds + 1);
    while (len + 4 < max) {
        const char *character = characters[from + rand_below(rand, kinds)];
        memcpy(bytes + len, character, strlen(character));
        len += strlen(character);
    }
    return len;
}

// Valid texts with at most one bad byte, fed in pieces of any size: the same at every step.
Test(utf8, random_texts_in_random_pieces)
{
    uint8_t text[700];
    struct rand rand;
    rand_seed(&rand, 1);
    for (int round = 0; round < 60000; round++) {
        size_t len = some_text(&rand, text, 5 + rand_below(&rand, sizeof text - 5));
        if (len != 0 && rand_below(&rand, 2) == 0)
            text[rand_below(&rand, (uint32_t)len)] = (uint8_t)rand_next(&rand);
        struct utf8_state utf8 = {0};
        for (size_t at = 0; at < len;) {
            size_t size = 1 + rand_below(&rand, rand_below(&rand, 2) ? 8 : 400);
            if (size > len - at)
                size = len - at;
            expect_same(utf8, text + at, size);
            if (!utf8_feed(&utf8, text + at, size))
                break;
            at += size;
        }
    }
}

// Every state at every length: the hand-over from the automaton to blocks and back.
Test(utf8, every_cut_of_a_text)
{
    uint8_t text[200];
    struct rand rand;
    rand_seed(&rand, 2);
    for (int round = 0; round < 20; round++) {
        size_t len = some_text(&rand, text, sizeof text);
        for (size_t cut = 0; cut <= len; cut++) {
            struct utf8_state utf8 = {0};
            cr_assert(utf8_feed(&utf8, text, cut));
            expect_same(utf8, text + cut, len - cut);
            cr_assert(utf8_feed(&utf8, text + cut, len - cut));
            cr_assert(utf8_complete(&utf8));
        }
    }
}

Test(utf8, nothing_is_valid)
{
    struct utf8_state utf8 = {0};
    cr_assert(utf8_valid(NULL, 0));
    cr_assert(utf8_feed(&utf8, NULL, 0));
    cr_assert(utf8_feed(&utf8, (const uint8_t *)"\xe2", 1));
    cr_assert(utf8_feed(&utf8, NULL, 0));
    cr_assert_not(utf8_complete(&utf8));
}
