// SPDX-License-Identifier: MIT
#include "load/stamp.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

static struct stamp random_stamp(struct rand *rand)
{
    return (struct stamp){
        .run = (uint32_t)rand_next(rand),
        .room = (uint32_t)rand_next(rand),
        .publisher = (uint32_t)rand_next(rand),
        .sequence = (uint32_t)rand_next(rand),
        .due_ns = rand_next(rand),
    };
}

static void check_equal(const struct stamp *a, const struct stamp *b)
{
    cr_assert_eq(a->run, b->run);
    cr_assert_eq(a->room, b->room);
    cr_assert_eq(a->publisher, b->publisher);
    cr_assert_eq(a->sequence, b->sequence);
    cr_assert_eq(a->due_ns, b->due_ns);
}

Test(stamp, comes_back_in_both_encodings)
{
    struct rand rand;
    rand_seed(&rand, 1);
    for (int i = 0; i < 10000; i++) {
        struct stamp written = random_stamp(&rand), read;
        uint8_t bytes[STAMP_TEXT_BYTES];
        for (int binary = 0; binary < 2; binary++) {
            stamp_write(bytes, &written, binary);
            cr_assert(stamp_read(bytes, written.run, binary, &read));
            check_equal(&written, &read);
            cr_assert_not(stamp_read(bytes, written.run + 1, binary, &read));
        }
    }
}

Test(stamp, text_is_letters_most_significant_first)
{
    uint8_t bytes[STAMP_TEXT_BYTES + 1] = {0};
    struct stamp stamp = {0x01234567, 0x89abcdef, 0, 1, 0x1000000000000002};
    stamp_write(bytes, &stamp, false);
    cr_assert_str_eq((char *)bytes, "abcdefghijklmnopaaaaaaaaaaaaaaabbaaaaaaaaaaaaaac");
}

Test(stamp, any_wrong_character_is_noticed)
{
    uint8_t bytes[STAMP_TEXT_BYTES];
    struct stamp stamp = {1, 2, 3, 4, 5}, read;
    for (size_t at = 0; at < sizeof bytes; at++) {
        for (int c = 0; c < 256; c++) {
            stamp_write(bytes, &stamp, false);
            bool letter = c >= 'a' && c <= 'p';
            bool same = bytes[at] == c;
            bytes[at] = (uint8_t)c;
            bool good = stamp_read(bytes, 1, false, &read);
            cr_assert_eq(good, same || (letter && at >= 8), "at %zu, character %d", at, c);
        }
    }
}

Test(stamp, is_found_inside_a_wrapping)
{
    struct stamp stamp = {77, 2, 3, 4, 5}, read;
    uint8_t bytes[200];
    uint32_t hint = 0;
    for (int binary = 0; binary < 2; binary++) {
        for (size_t at = 0; at + stamp_bytes(binary) <= sizeof bytes; at++) {
            memset(bytes, 'a', sizeof bytes);
            stamp_write(bytes + at, &stamp, binary);
            cr_assert(stamp_find(bytes, sizeof bytes, 77, binary, &hint, &read));
            cr_assert_eq(hint, at);
            check_equal(&stamp, &read);
        }
        memset(bytes, 'a', sizeof bytes);
        cr_assert_not(stamp_find(bytes, sizeof bytes, 77, binary, &hint, &read));
    }
}

Test(stamp, cut_off_is_not_found)
{
    struct stamp stamp = {77, 2, 3, 4, 5}, read;
    uint8_t bytes[STAMP_TEXT_BYTES];
    uint32_t hint = 0;
    stamp_write(bytes, &stamp, false);
    for (size_t len = 0; len < sizeof bytes; len++)
        cr_assert_not(stamp_find(bytes, len, 77, false, &hint, &read));
}
