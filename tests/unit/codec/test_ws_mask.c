// SPDX-License-Identifier: MIT
#include "codec/ws_mask.h"

#include "base/rand.h"

#include <criterion/criterion.h>

#define GUARD_BYTES 64
#define LEN_MAX     300
#define ROOM_BYTES  (GUARD_BYTES + 32 + LEN_MAX + GUARD_BYTES)

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static void fill(struct rand *rand, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)rand_next(rand);
}

Test(ws_mask, rfc_6455_section_5_7)
{
    uint8_t bytes[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    cr_assert_eq(ws_mask(bytes, sizeof bytes, mask, 0), 1);
    cr_assert_arr_eq(bytes, "Hello", 5);
}

Test(ws_mask, plain_is_the_definition)
{
    uint8_t bytes[9] = {0};
    cr_assert_eq(ws_mask_plain(bytes, sizeof bytes, mask, 2), 3);
    static const uint8_t expected[9] = {0x21, 0x3d, 0x37, 0xfa, 0x21, 0x3d, 0x37, 0xfa, 0x21};
    cr_assert_arr_eq(bytes, expected, sizeof bytes);
}

// Every length, phase and alignment; the bytes around must not change.
Test(ws_mask, equals_plain)
{
    static uint8_t room[ROOM_BYTES], expected[ROOM_BYTES];
    struct rand rand;
    rand_seed(&rand, 1);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        for (size_t align = 0; align < 32; align++) {
            for (uint8_t phase = 0; phase < 4; phase++) {
                fill(&rand, room, sizeof room);
                memcpy(expected, room, sizeof room);
                uint8_t *begin = room + GUARD_BYTES + align;
                uint8_t next = ws_mask(begin, len, mask, phase);
                uint8_t expected_next = ws_mask_plain(expected + (begin - room), len, mask, phase);
                cr_assert_eq(next, expected_next);
                cr_assert_arr_eq(room, expected, sizeof room, "len %zu, align %zu, phase %d", len,
                                 align, phase);
            }
        }
    }
}

Test(ws_mask, equals_plain_for_long_payloads)
{
    static uint8_t room[70000], expected[70000];
    struct rand rand;
    rand_seed(&rand, 2);
    for (int round = 0; round < 200; round++) {
        fill(&rand, room, sizeof room);
        memcpy(expected, room, sizeof room);
        size_t begin = rand_below(&rand, 100), len = rand_below(&rand, sizeof room - 100);
        uint8_t phase = (uint8_t)rand_below(&rand, 4);
        cr_assert_eq(ws_mask(room + begin, len, mask, phase),
                     ws_mask_plain(expected + begin, len, mask, phase));
        cr_assert_arr_eq(room, expected, sizeof room);
    }
}

// The phase returned lets a payload be unmasked in pieces.
Test(ws_mask, pieces)
{
    static uint8_t room[2000], expected[2000];
    struct rand rand;
    rand_seed(&rand, 3);
    for (int round = 0; round < 500; round++) {
        fill(&rand, room, sizeof room);
        memcpy(expected, room, sizeof room);
        uint8_t phase = 0;
        for (size_t at = 0; at < sizeof room;) {
            size_t len = rand_below(&rand, 100);
            if (len > sizeof room - at)
                len = sizeof room - at;
            phase = ws_mask(room + at, len, mask, phase);
            at += len;
        }
        ws_mask_plain(expected, sizeof expected, mask, 0);
        cr_assert_arr_eq(room, expected, sizeof room);
    }
}
