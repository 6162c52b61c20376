// SPDX-License-Identifier: MIT
#include "codec/proxy_write.h"

#include "base/rand.h"

#include <criterion/criterion.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        {                                                                                          \
            [10] = 0xFF, 0xFF, a, b, c, d                                                          \
        }                                                                                          \
    }
#define V6(last)                                                                                   \
    {                                                                                              \
        {                                                                                          \
            0x20, 0x01, 0x0D, 0xB8, [15] = last                                                    \
        }                                                                                          \
    }

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define MAPPED    "\0\0\0\0\0\0\0\0\0\0\xFF\xFF"

// The same in both versions.
static const struct {
    struct proxy_endpoints endpoints;
    const char *v1, *v2;
    size_t v2_bytes;
} cases[] = {
#define BYTES(text) text, sizeof text - 1
    {{V4(192, 0, 2, 1), V4(198, 51, 100, 2), 56324, 443, false, false},
     "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
     BYTES(SIGNATURE "\x21\x11\0\x0C\xC0\0\x02\x01\xC6\x33\x64\x02\xDC\x04\x01\xBB")},
    {{V6(1), V6(2), 65535, 0, false, false},
     "PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n",
     BYTES(SIGNATURE "\x21\x21\0\x24\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0D\xB8"
                     "\0\0\0\0\0\0\0\0\0\0\0\x02\xFF\xFF\0\0")},
    {{V4(192, 0, 2, 1), V6(2), 1, 2, false, false},
     "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n",
     BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED "\xC0\0\x02\x01\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0"
                     "\x02\0\x01\0\x02")},
    {{.local = true}, "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x20\0\0\0")},
    {{.local = true, .unknown = true}, "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\0\0\0")},
};

Test(proxy_write, bytes)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t out[PROXY_WRITE_MAX_BYTES];
        size_t len = proxy_v1_write(out, &cases[i].endpoints);
        cr_expect_eq(len, strlen(cases[i].v1));
        cr_expect_str_eq((const char *)out, cases[i].v1, "%s", (const char *)out);
        len = proxy_v2_write(out, &cases[i].endpoints, false);
        cr_assert_eq(len, cases[i].v2_bytes, "%zu: %zu bytes", i, len);
        cr_expect_arr_eq(out, cases[i].v2, len, "%zu", i);
    }
}

// What HAProxy 2.6 sends for a health check with `proxy-v2-options crc32c`.
Test(proxy_write, checksum)
{
    static const char expected[] = SIGNATURE "\x20\0\0\x07\x03\0\x04\xA9\xB8\x7E\x8F";
    uint8_t out[PROXY_WRITE_MAX_BYTES];
    const struct proxy_endpoints local = {.local = true};
    cr_assert_eq(proxy_v2_write(out, &local, true), sizeof expected - 1);
    cr_expect_arr_eq(out, expected, sizeof expected - 1);
}

static struct ip random_ip(struct rand *rand)
{
    struct ip ip;
    for (size_t i = 0; i < sizeof ip.bytes; i++)
        ip.bytes[i] = rand_below(rand, 3) == 0 ? 0 : (uint8_t)rand_next(rand);
    return rand_below(rand, 2) == 0 ? ip_from_v4(ip.bytes) : ip;
}

static void expect_read_back(const uint8_t *bytes, size_t len,
                             const struct proxy_endpoints *expected)
{
    struct proxy_parser parser;
    const uint8_t *cursor = bytes;
    const char *error = "incomplete";
    proxy_parser_init(&parser);
    cr_assert_eq(proxy_parse(&parser, &cursor, bytes + len, &error), PROXY_COMPLETE, "%s", error);
    cr_expect_eq(cursor, bytes + len);
    cr_expect(ip_equal(parser.endpoints.source, expected->source));
    cr_expect(ip_equal(parser.endpoints.destination, expected->destination));
    cr_expect_eq(parser.endpoints.source_port, expected->source_port);
    cr_expect_eq(parser.endpoints.destination_port, expected->destination_port);
    cr_expect_eq(parser.endpoints.local, expected->local);
}

Test(proxy_write, is_read_back)
{
    struct rand rand;
    rand_seed(&rand, 1);
    for (int round = 0; round < 10000; round++) {
        struct proxy_endpoints endpoints = {.local = true};
        if (rand_below(&rand, 20) != 0)
            endpoints = (struct proxy_endpoints){random_ip(&rand),
                                                 random_ip(&rand),
                                                 (uint16_t)rand_next(&rand),
                                                 (uint16_t)rand_next(&rand),
                                                 false,
                                                 false};
        uint8_t out[PROXY_WRITE_MAX_BYTES];
        expect_read_back(out, proxy_v1_write(out, &endpoints), &endpoints);
        expect_read_back(out, proxy_v2_write(out, &endpoints, false), &endpoints);
        expect_read_back(out, proxy_v2_write(out, &endpoints, true), &endpoints);
    }
}
