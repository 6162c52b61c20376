// SPDX-License-Identifier: MIT
#include "codec/base64url.h"

#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *text, *bytes;
} good[] = {
    // RFC 4648, section 10, without the padding.
    {"", ""},
    {"Zg", "f"},
    {"Zm8", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg", "foob"},
    {"Zm9vYmE", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"__79", "\xff\xfe\xfd"}, // '/' and '+' of the other alphabet
    {"--8", "\xfb\xef"},
};

static const struct {
    const char *name, *text;
} bad[] = {
    {"padding", "Zg=="},
    {"padding of one", "Zm8="},
    {"one character", "Z"},
    {"five characters", "Zm9vY"},
    {"four stray bits", "Zh"},
    {"two stray bits", "Zm9"},
    {"plus", "+m9v"},
    {"slash", "Zm/v"},
    {"blank", "Zm 9"},
    {"line end", "Zm9v\n"},
    {"dot", "Zm9v."},
    {"before the letters", "@m9v"},
    {"behind the letters", "Zm9{"},
    {"not ASCII", "Zm9\xc3"},
};

Test(base64url, accepted)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint8_t out[8];
        size_t len = strlen(good[i].bytes);
        cr_expect_eq(base64url_decode(good[i].text, strlen(good[i].text), out, len), (int)len, "%s",
                     good[i].text);
        cr_expect_arr_eq(out, good[i].bytes, len, "%s", good[i].text);
        cr_expect_leq(len, BASE64URL_DECODED_BYTES(strlen(good[i].text)), "%s", good[i].text);
    }
}

Test(base64url, refused)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[8];
        cr_expect_eq(base64url_decode(bad[i].text, strlen(bad[i].text), out, sizeof out), -1, "%s",
                     bad[i].name);
    }
    uint8_t out[8];
    cr_expect_eq(base64url_decode("Zg\0", 3, out, sizeof out), -1, "NUL");
}

Test(base64url, does_not_fit)
{
    uint8_t out[6] = {0, 0, 0, 0, 0, 0x55};
    cr_expect_eq(base64url_decode("Zm9vYmFy", 8, out, 5), -1);
    cr_expect_eq(base64url_decode("Zm9vYmE", 7, out, 5), 5);
    cr_expect_eq(out[5], 0x55);
}

// Every text of up to three characters: as many are accepted as there are sequences of bytes, and
// each is what encoding makes of what it decodes to.
Test(base64url, exactly_one_text_for_each_sequence)
{
    static const unsigned sequences[] = {1, 0, 256, 65536};
    for (size_t len = 0; len <= 3; len++) {
        unsigned accepted = 0;
        for (uint32_t number = 0; number < UINT32_C(1) << 7 * len; number++) {
            char text[3], again[8];
            uint8_t out[3];
            for (size_t i = 0; i < len; i++)
                text[i] = (char)(number >> 7 * i & 127);
            int decoded = base64url_decode(text, len, out, sizeof out);
            if (decoded < 0)
                continue;
            accepted++;
            cr_assert_eq(jwt_make_encode(again, out, (size_t)decoded), len);
            cr_assert_arr_eq(again, text, len);
        }
        cr_expect_eq(accepted, sequences[len], "%zu characters", len);
    }
}
