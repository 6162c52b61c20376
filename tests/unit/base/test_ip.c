// SPDX-License-Identifier: MIT
#include "base/ip.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static struct ip ip(const char *text)
{
    struct ip ip;
    cr_assert_eq(ip_parse(text, strlen(text), &ip), 0, "%s", text);
    return ip;
}

static struct ip_net net(const char *text)
{
    struct ip_net net;
    char error[200] = "";
    cr_assert_eq(ip_net_parse(text, strlen(text), &net, error, sizeof error), 0, "%s", error);
    return net;
}

// What is read is written like this.
Test(ip, addresses)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:0201", "192.0.2.1"},
        {"0:0:0:0:0:ffff:0:0", "0.0.0.0"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"::fffe:0:1", "::fffe:0:1"},
        {"::1:ffff:192.0.2.1", "::1:ffff:c000:201"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        // RFC 5952, sections 2 and 4: leading zeros, the longest run, the first of two, a single
        // group of zeros, upper case.
        {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
        {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:1", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[IP_TEXT_BYTES];
        cr_expect_str_eq(ip_format(ip(cases[i].text), text), cases[i].written, "%s", text);
        cr_expect(ip_equal(ip(text), ip(cases[i].text)), "%s", text);
    }
}

Test(ip, no_addresses)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.+4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "0x1.2.3.4",
        "1.2.3.4/32",
        "1.2.3.4:80",
        "[::1]",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2:3:4:5:6:7",
        "::1%lo",
        "::1::",
        "12345::",
        "::g",
        "::1.2.3",
        "::1.2.3.256",
        "::1.2.3.4:5",
        "localhost",
        "*",
        "::01.2.3.4",
        "::-1",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:6:7:8::",
        "0000:0000:0000:0000:0000:ffff:255.255.255.2550",
    };
    struct ip out;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        cr_expect_eq(ip_parse(texts[i], strlen(texts[i]), &out), -EINVAL, "'%s'", texts[i]);
    cr_expect_eq(ip_parse("1.2.3.4\0", 8, &out), -EINVAL, "NUL behind it");
    cr_expect_eq(ip_parse("1.2\0.3.4", 8, &out), -EINVAL, "NUL within it");
    cr_expect_eq(ip_parse("1.2.3.4567", 7, &out), 0, "what follows the length is not read");
}

Test(ip, v4)
{
    const uint8_t bytes[4] = {192, 0, 2, 1};
    cr_expect(ip_equal(ip_from_v4(bytes), ip("192.0.2.1")));
    cr_expect(ip_is_v4(ip("0.0.0.0")));
    cr_expect_not(ip_is_v4(ip("::192.0.2.1")));
    cr_expect_not(ip_is_v4(ip("::fffe:192.0.2.1")));
    cr_expect_not(ip_equal(ip("192.0.2.1"), ip("192.0.2.2")));
}

Test(ip, limit_keys)
{
    static const struct {
        const char *address, *key;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:ffff:ffff::", "2001:db8:1:ffff::"},
        {"::1", "::"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[IP_TEXT_BYTES];
        cr_expect_str_eq(ip_format(ip_limit_key(ip(cases[i].address)), text), cases[i].key);
    }
}

Test(ip, networks)
{
    static const struct {
        const char *text, *written;
        unsigned prefix_bits;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8", 104},
        {"0.0.0.0/0", "0.0.0.0/0", 96},
        {"::ffff:0:0/96", "0.0.0.0/0", 96},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8", 104},
        {"127.0.0.1", "127.0.0.1", 128},
        {"127.0.0.1/32", "127.0.0.1", 128},
        {"172.16.0.0/12", "172.16.0.0/12", 108},
        {"::/0", "::/0", 0},
        {"::1", "::1", 128},
        {"::1/128", "::1", 128},
        {"2001:DB8::/32", "2001:db8::/32", 32},
        {"fe80::/10", "fe80::/10", 10},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[IP_NET_TEXT_BYTES];
        struct ip_net read = net(cases[i].text);
        cr_expect_eq(read.prefix_bits, cases[i].prefix_bits, "%s", cases[i].text);
        cr_expect_str_eq(ip_net_format(&read, text), cases[i].written, "%s", text);
    }
}

#define NO_NETWORK "is no network: write 10.0.0.0/8, 2001:db8::/32 or one address"
#define NO_PREFIX4 "has no valid prefix: write a number from 0 to 32 behind the slash"
#define NO_PREFIX6 "has no valid prefix: write a number from 0 to 128 behind the slash"

Test(ip, no_networks)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "'' " NO_NETWORK},
        {"/8", "'/8' " NO_NETWORK},
        {"10/8", "'10/8' " NO_NETWORK},
        {"example.org", "'example.org' " NO_NETWORK},
        {"10.0.0.0 /8", "'10.0.0.0 /8' " NO_NETWORK},
        {"10.0.0.0/", "'10.0.0.0/' " NO_PREFIX4},
        {"10.0.0.0/ 8", "'10.0.0.0/ 8' " NO_PREFIX4},
        {"10.0.0.0/08", "'10.0.0.0/08' " NO_PREFIX4},
        {"10.0.0.0/+8", "'10.0.0.0/+8' " NO_PREFIX4},
        {"10.0.0.0/-1", "'10.0.0.0/-1' " NO_PREFIX4},
        {"10.0.0.0/33", "'10.0.0.0/33' " NO_PREFIX4},
        {"10.0.0.0/104", "'10.0.0.0/104' " NO_PREFIX4},
        {"10.0.0.0/8/8", "'10.0.0.0/8/8' " NO_PREFIX4},
        {"10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' " NO_PREFIX4},
        {"::/129", "'::/129' " NO_PREFIX6},
        {"::/4294967296", "'::/4294967296' " NO_PREFIX6},
        {"10.1.2.3/8", "'10.1.2.3/8' has bits set behind its prefix: write 10.0.0.0/8 for the "
                       "network or 10.1.2.3 for the address"},
        {"0.0.0.1/0", "'0.0.0.1/0' has bits set behind its prefix: write 0.0.0.0/0 for the "
                      "network or 0.0.0.1 for the address"},
        {"2001:db8::1/33", "'2001:db8::1/33' has bits set behind its prefix: write 2001:db8::/33 "
                           "for the network or 2001:db8::1 for the address"},
        {"::ffff:10.0.0.0/8", "'::ffff:10.0.0.0/8' cuts an IPv4 address within ::ffff: write it "
                              "as 10.0.0.0/8"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip_net out;
        char error[200] = "";
        cr_expect_eq(ip_net_parse(cases[i].text, strlen(cases[i].text), &out, error, sizeof error),
                     -EINVAL, "'%s'", cases[i].text);
        cr_expect_str_eq(error, cases[i].error, "%s", error);
    }
}

Test(ip, contains)
{
    static const struct {
        const char *net, *address;
        bool contains;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "a00::", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::", false},
        {"::/0", "10.0.0.1", true},
        {"::/0", "2001:db8::1", true},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"172.16.0.0/12", "172.31.0.1", true},
        {"172.16.0.0/12", "172.32.0.1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip_net read = net(cases[i].net);
        cr_expect_eq(ip_net_contains(&read, ip(cases[i].address)), cases[i].contains, "%s in %s",
                     cases[i].address, cases[i].net);
    }
}

// Every prefix: an address stays inside exactly when the bits that change stand behind the prefix.
Test(ip, each_bit_matters)
{
    struct rand rand;
    rand_seed(&rand, 1);
    struct ip address;
    for (size_t i = 0; i < sizeof address.bytes; i++)
        address.bytes[i] = (uint8_t)rand_next(&rand);
    for (unsigned prefix_bits = 0; prefix_bits <= IP_BITS; prefix_bits++) {
        struct ip_net net = {address, (uint8_t)prefix_bits};
        for (unsigned bit = prefix_bits; bit < IP_BITS; bit++)
            net.base.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
        for (unsigned bit = 0; bit < IP_BITS; bit++) {
            struct ip other = address;
            other.bytes[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
            cr_expect_eq(ip_net_contains(&net, other), bit >= prefix_bits, "/%u, bit %u",
                         prefix_bits, bit);
        }
    }
}

Test(ip, lists)
{
    static const struct {
        const char *text;
        unsigned count;
    } cases[] = {
        {"", 0},
        {" \t", 0},
        {"::1", 1},
        {" 127.0.0.1 ", 1},
        {"10.0.0.0/8,::1", 2},
        {"\t10.0.0.0/8 ,\t ::1 , 192.0.2.0/24", 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip_nets nets;
        char error[200] = "";
        cr_assert_eq(ip_nets_parse(cases[i].text, &nets, error, sizeof error), 0, "%s", error);
        cr_expect_eq(nets.count, cases[i].count, "'%s'", cases[i].text);
    }
}

Test(ip, no_lists)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {",", "write a network before and after every comma"},
        {"::1,", "write a network before and after every comma"},
        {",::1", "write a network before and after every comma"},
        {"::1, ,::2", "write a network before and after every comma"},
        {"::1 ::2", "'::1 ::2' " NO_NETWORK},
        {"::1;::2", "'::1;::2' " NO_NETWORK},
        {"::1,10.0.0.0/40", "'10.0.0.0/40' " NO_PREFIX4},
        {"::1\n", "'::1\n' " NO_NETWORK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip_nets nets;
        char error[200] = "";
        cr_expect_eq(ip_nets_parse(cases[i].text, &nets, error, sizeof error), -EINVAL, "'%s'",
                     cases[i].text);
        cr_expect_str_eq(error, cases[i].error, "%s", error);
    }
}

Test(ip, lists_are_searched)
{
    struct ip_nets nets;
    char error[200];
    cr_expect_eq(ip_nets_parse("", &nets, error, sizeof error), 0);
    cr_expect_not(ip_nets_contain(&nets, ip("::1")));
    cr_expect_eq(ip_nets_parse("10.0.0.0/8, ::1, 192.0.2.1", &nets, error, sizeof error), 0);
    cr_expect(ip_nets_contain(&nets, ip("10.1.2.3")));
    cr_expect(ip_nets_contain(&nets, ip("::1")));
    cr_expect(ip_nets_contain(&nets, ip("192.0.2.1")));
    cr_expect_not(ip_nets_contain(&nets, ip("192.0.2.2")));
}

Test(ip, list_length)
{
    for (int extra = 0; extra < 2; extra++) {
        char text[1000];
        size_t len = 0;
        for (int i = 0; i < IP_NETS_MAX + extra; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, ",10.0.0.%d", i);
        struct ip_nets nets;
        char error[200] = "";
        cr_expect_eq(ip_nets_parse(text + 1, &nets, error, sizeof error), extra ? -EINVAL : 0);
        cr_expect_eq(nets.count, IP_NETS_MAX);
        cr_expect_str_eq(error, extra ? "write at most 64 networks: join some to larger ones" : "");
    }
}

// However little room there is, the error is a string within it.
Test(ip, errors_are_cut)
{
    char text[300], error[120];
    memset(text, 'x', sizeof text);
    for (size_t bytes = 1; bytes < sizeof error; bytes++) {
        struct ip_net out;
        memset(error, '#', sizeof error);
        cr_expect_eq(ip_net_parse(text, sizeof text, &out, error, bytes), -EINVAL);
        cr_expect(memchr(error, '\0', bytes) != NULL, "%zu", bytes);
        cr_expect_eq(error[bytes], '#', "%zu", bytes);
    }
}
