// SPDX-License-Identifier: MIT
#include "codec/der.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *head; // of an element; zeros follow, of which 70,000 are there
    size_t head_len, len;    // len: of the value; SIZE_MAX: refused
} cases[] = {
    {"empty", "\x30\x00", 2, 0},
    {"one octet", "\x30\x7f", 2, 127},
    {"two octets", "\x30\x81\x80", 3, 128},
    {"three octets", "\x30\x82\x01\x00", 4, 256},
    {"the longest", "\x30\x82\xff\xff", 4, 65535},
    {"127 in two octets", "\x30\x81\x7f", 3, SIZE_MAX},
    {"255 in three octets", "\x30\x82\x00\xff", 4, SIZE_MAX},
    {"four octets", "\x30\x83\x01\x00\x00", 5, SIZE_MAX},
    {"no length", "\x30\x80", 2, SIZE_MAX},
    {"another tag", "\x31\x00", 2, SIZE_MAX},
};

Test(der, lengths)
{
    static uint8_t bytes[70000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, cases[i].head, cases[i].head_len);
        struct der in = {bytes, sizeof bytes}, value = {NULL, SIZE_MAX};
        bool good = cases[i].len != SIZE_MAX;
        cr_expect_eq(der_take(&in, DER_SEQUENCE, &value), good, "%s", cases[i].name);
        cr_expect_eq(value.len, cases[i].len, "%s", cases[i].name);
        cr_expect(!good || value.bytes == bytes + cases[i].head_len, "%s", cases[i].name);
        cr_expect(!good || in.bytes == value.bytes + value.len, "%s", cases[i].name);
        cr_expect(!good || in.len == sizeof bytes - cases[i].head_len - value.len);
    }
}

Test(der, cut)
{
    static const uint8_t whole[] = {0x30, 0x81, 0x80};
    for (size_t len = 0; len < sizeof whole + 0x80; len++) {
        uint8_t *bytes = calloc(1, len ? len : 1);
        memcpy(bytes, whole, len < sizeof whole ? len : sizeof whole);
        struct der in = {bytes, len}, value;
        cr_expect_not(der_take(&in, DER_SEQUENCE, &value), "%zu", len);
        free(bytes);
    }
}

Test(der, the_last_has_nothing_behind_it)
{
    static const uint8_t bytes[] = {0x02, 1, 5, 0x02, 1, 6};
    struct der in = {bytes, sizeof bytes}, value;
    cr_expect_not(der_take_last(&in, DER_INTEGER, &value));
    in = (struct der){bytes, 3};
    cr_assert(der_take_last(&in, DER_INTEGER, &value));
    cr_expect_eq(value.bytes[0], 5);
    cr_expect_not(der_take_last(&in, DER_INTEGER, &value), "nothing is left");
}
