// SPDX-License-Identifier: MIT
#include "codec/proxy_parse.h"

#include "base/crc32c.h"
#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define LOCAL      SIGNATURE "\x20"
#define PROXY      SIGNATURE "\x21"
#define TCP4       PROXY "\x11"
#define TCP6       PROXY "\x21"
#define ADDRESSES4 "\xC0\0\x02\x01\xC6\x33\x64\x02\xDC\x04\x01\xBB"
#define WORDS4     "192.0.2.1:56324 > 198.51.100.2:443"
#define ADDRESSES6                                                                                 \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\xFF"     \
    "\xFF\0\0"
#define WORDS6 "2001:db8::1:65535 > 2001:db8::2:0"
#define ZEROS8 "\0\0\0\0\0\0\0\0"
#define PATH   ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8

#define NEITHER   "this listener expects a PROXY protocol header"
#define LINE_END  "the PROXY line is malformed: end it with CR LF"
#define LINE_LONG "the PROXY line is too long"
#define PROTOCOL  "the PROXY line names another protocol"
#define WORDS     "the PROXY line is malformed: send protocol"
#define ADDRESS   "the PROXY line has a bad address"
#define PORT      "the PROXY line has a bad port"
#define VERSION   "the PROXY header has an unknown version"
#define COMMAND   "the PROXY header has an unassigned command"
#define FAMILY    "the PROXY header names an unassigned family"
#define DATAGRAMS "the PROXY header announces datagrams"
#define TRANSPORT "the PROXY header names a family without a transport"
#define TOO_LONG  "the PROXY header is too long"
#define NO_ROOM   "the PROXY header is malformed: its length"
#define TLV_CUT   "the PROXY header is malformed: its last TLV"
#define TLV_LONG  "the PROXY header is malformed: a TLV is longer"
#define CRC_FORM  "the PROXY header is malformed: send at most one PP2_TYPE_CRC32C"
#define CRC_WRONG "the PROXY header does not match its checksum"
#define ID_LONG   "the PROXY header has too long a PP2_TYPE_UNIQUE_ID"
#define MORE      "" // incomplete

#define BYTES(text) (const uint8_t *)text, sizeof text - 1

// said: how the error begins, or the endpoints; at: bytes after which that is known, 0 = all.
struct proxy_case {
    const char *name;
    const uint8_t *bytes;
    size_t len;
    const char *said;
    size_t at;
};

static const struct proxy_case cases[] = {
    {"nothing", BYTES(""), MORE, 0},
    {"HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), NEITHER, 1},
    {"HTTP with a P", BYTES("POST / HTTP/1.1\r\n\r\n"), NEITHER, 2},
    {"HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\n"), NEITHER, 3},
    {"HTTP behind an empty line", BYTES("\r\nGET / HTTP/1.1\r\n\r\n"), NEITHER, 3},
    {"TLS", BYTES("\x16\x03\x01"), NEITHER, 1},
    {"NUL", BYTES("\0"), NEITHER, 1},
    {"lower case", BYTES("proxy TCP4"), NEITHER, 1},
    {"tab for a space", BYTES("PROXY\tTCP4"), NEITHER, 6},
    {"last byte of the signature", BYTES("\r\n\r\n\0\r\nQUIT\r"), NEITHER, 12},

    {"line", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), WORDS4, 0},
    {"line of IPv6", BYTES("PROXY TCP6 2001:db8::1 2001:DB8:0:0::2 65535 0\r\n"), WORDS6, 0},
    {"longest line of IPv6",
     BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535 > "
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535",
     0},
    {"IPv4 as IPv6", BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1:1 > ::1:2", 0},
    {"HAProxy's line", BYTES("PROXY TCP4 127.0.0.1 127.0.0.1 45448 7102\r\n"),
     "127.0.0.1:45448 > 127.0.0.1:7102", 0},
    {"unknown", BYTES("PROXY UNKNOWN\r\n"), "unknown", 0},
    {"unknown and a space", BYTES("PROXY UNKNOWN \r\n"), "unknown", 0},
    {"unknown and addresses", BYTES("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), "unknown", 0},
    {"unknown and anything", BYTES("PROXY UNKNOWN  \0\xFF\t 1\r\n"), "unknown", 0},
    {"half a prefix", BYTES("PRO"), MORE, 0},
    {"half a line", BYTES("PROXY TCP4 192.0.2.1 198.51"), MORE, 0},
    {"line without LF", BYTES("PROXY UNKNOWN\r"), MORE, 0},

    {"LF alone", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"), LINE_END, 38},
    {"LF alone, unknown", BYTES("PROXY UNKNOWN\nGET / HTTP/1.1\r\n"), LINE_END, 14},
    {"CR alone", BYTES("PROXY UNKNOWN\rGET"), LINE_END, 15},
    {"CR twice", BYTES("PROXY UNKNOWN\r\r\n"), LINE_END, 15},
    {"no protocol", BYTES("PROXY \r\n"), PROTOCOL, 0},
    {"two spaces first", BYTES("PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n"), PROTOCOL, 0},
    {"other protocol", BYTES("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"), PROTOCOL, 0},
    {"protocol in lower case", BYTES("PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n"), PROTOCOL, 0},
    {"protocol goes on", BYTES("PROXY UNKNOWNS\r\n"), PROTOCOL, 0},
    {"protocol is cut", BYTES("PROXY TCP\r\n"), PROTOCOL, 0},
    {"NUL behind the protocol", BYTES("PROXY UNKNOWN\0\r\n"), PROTOCOL, 0},
    {"protocol alone", BYTES("PROXY TCP4\r\n"), WORDS, 0},
    {"no destination port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"), WORDS, 0},
    {"two spaces", BYTES("PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n"), WORDS, 0},
    {"space last", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n"), WORDS, 0},
    {"more words", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"), WORDS, 0},
    {"empty address", BYTES("PROXY TCP4  198.51.100.2 1 2\r\n"), ADDRESS, 0},
    {"three numbers", BYTES("PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n"), ADDRESS, 0},
    {"leading zero", BYTES("PROXY TCP4 192.0.02.1 198.51.100.2 1 2\r\n"), ADDRESS, 0},
    {"number of 256", BYTES("PROXY TCP4 192.0.2.1 198.51.100.256 1 2\r\n"), ADDRESS, 0},
    {"IPv6 with TCP4", BYTES("PROXY TCP4 192.0.2.1 ::1 1 2\r\n"), ADDRESS, 0},
    {"IPv4 as IPv6 with TCP4", BYTES("PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n"), ADDRESS, 0},
    {"IPv4 with TCP6", BYTES("PROXY TCP6 192.0.2.1 ::1 1 2\r\n"), ADDRESS, 0},
    {"zone", BYTES("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"), ADDRESS, 0},
    {"NUL in an address", BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n"), ADDRESS, 0},
    {"tab between", BYTES("PROXY TCP4 192.0.2.1\t198.51.100.2 1 2\r\n"), WORDS, 0},
    {"port 65536", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n"), PORT, 0},
    {"port with a zero", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"), PORT, 0},
    {"port with a sign", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 +2\r\n"), PORT, 0},
    {"port in hex", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 0x2\r\n"), PORT, 0},
    {"port of six digits", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 100000\r\n"), PORT, 0},
    {"NUL behind a port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\0\r\n"), PORT, 0},

    {"IPv4", BYTES(TCP4 "\0\x0C" ADDRESSES4), WORDS4, 0},
    {"IPv6", BYTES(TCP6 "\0\x24" ADDRESSES6), WORDS6, 0},
    {"sockets of a file system", BYTES(PROXY "\x31\0\xD8" PATH PATH ZEROS8 ZEROS8 ZEROS8),
     "unknown", 0},
    {"local", BYTES(LOCAL "\0\0\0"), "local", 0},
    {"local with addresses", BYTES(LOCAL "\x11\0\x0C" ADDRESSES4), "local", 0},
    {"local, cut addresses", BYTES(LOCAL "\x11\0\x02\xFF\xFF"), "local", 0},
    {"local of no family", BYTES(LOCAL "\xFF\0\x01\xFF"), "local", 0},
    {"unspecified", BYTES(PROXY "\0\0\0"), "unknown", 0},
    {"unspecified with bytes", BYTES(PROXY "\0\0\x02\xFF\xFF"), "unknown", 0},
    {"unspecified stream", BYTES(PROXY "\x01\0\0"), "unknown", 0},
    {"half a signature", BYTES("\r\n\r\n\0\r\nQU"), MORE, 0},
    {"no addresses yet", BYTES(TCP4 "\0\x0C"), MORE, 0},
    {"half an address", BYTES(TCP4 "\0\x0C\xC0\0\x02"), MORE, 0},
    {"local, not all skipped", BYTES(LOCAL "\x11\0\x03\xFF\xFF"), MORE, 0},

    {"version 1 in binary", BYTES(SIGNATURE "\x11"), VERSION, 13},
    {"version 3", BYTES(SIGNATURE "\x31"), VERSION, 13},
    {"command 2", BYTES(SIGNATURE "\x22"), COMMAND, 13},
    {"command 15", BYTES(SIGNATURE "\x2F"), COMMAND, 13},
    {"family 4", BYTES(PROXY "\x41"), FAMILY, 14},
    {"transport 3", BYTES(PROXY "\x13"), FAMILY, 14},
    {"datagrams", BYTES(PROXY "\x12"), DATAGRAMS, 14},
    {"datagrams of IPv6", BYTES(PROXY "\x22"), DATAGRAMS, 14},
    {"datagrams of no family", BYTES(PROXY "\x02"), DATAGRAMS, 14},
    {"no transport", BYTES(PROXY "\x10"), TRANSPORT, 14},
    {"short IPv4", BYTES(TCP4 "\0\x0B" ADDRESSES4), NO_ROOM, 16},
    {"short IPv6", BYTES(TCP6 "\0\x23" ADDRESSES6), NO_ROOM, 16},
    {"short paths", BYTES(PROXY "\x31\0\xD7" PATH), NO_ROOM, 16},
    {"no length", BYTES(TCP4 "\0\0" ADDRESSES4), NO_ROOM, 16},
    {"4,097 bytes", BYTES(TCP4 "\x0F\xF1" ADDRESSES4), TOO_LONG, 16},
    {"65,551 bytes", BYTES(LOCAL "\0\xFF\xFF"), TOO_LONG, 16},

    {"TLV",
     BYTES(TCP4 "\0\x12" ADDRESSES4 "\x02\0\x03"
                "abc"),
     WORDS4, 0},
    {"empty TLV", BYTES(TCP4 "\0\x0F" ADDRESSES4 "\x04\0\0"), WORDS4, 0},
    {"three TLVs", BYTES(TCP6 "\0\x30" ADDRESSES6 "\x04\0\0\xFF\0\x03\x03\0\x04\x05\0\0"), WORDS6,
     0},
    {"TLV behind paths", BYTES(PROXY "\x31\0\xDC" PATH PATH ZEROS8 ZEROS8 ZEROS8 "\x04\0\x01\xFF"),
     "unknown", 0},
    {"TLV to come", BYTES(TCP4 "\0\x0F" ADDRESSES4), MORE, 0},
    {"half a TLV header", BYTES(TCP4 "\0\x10" ADDRESSES4 "\x04\0"), MORE, 0},
    {"half a TLV", BYTES(TCP4 "\0\x11" ADDRESSES4 "\x04\0\x02\0"), MORE, 0},
    {"TLV of one byte", BYTES(TCP4 "\0\x0D" ADDRESSES4 "\x04"), TLV_CUT, 28},
    {"TLV of two bytes", BYTES(TCP4 "\0\x0E" ADDRESSES4 "\x04\0"), TLV_CUT, 28},
    {"TLV and two bytes", BYTES(TCP4 "\0\x12" ADDRESSES4 "\x04\0\x01\0\0\0"), TLV_CUT, 32},
    {"TLV too long", BYTES(TCP4 "\0\x10" ADDRESSES4 "\x04\0\x02\0\0"), TLV_LONG, 31},
    {"TLV far too long", BYTES(TCP4 "\0\x10" ADDRESSES4 "\x04\xFF\xFF\0"), TLV_LONG, 31},
    {"TLV behind paths too long",
     BYTES(PROXY "\x31\0\xDB" PATH PATH ZEROS8 ZEROS8 ZEROS8 "\x04\0\x01"), TLV_LONG, 235},

    {"checksum", BYTES(TCP4 "\0\x13" ADDRESSES4 "\x03\0\x04\x20\xEC\x95\x49"), WORDS4, 0},
    {"checksum wrong", BYTES(TCP4 "\0\x13" ADDRESSES4 "\x03\0\x04\0\0\0\0"), CRC_WRONG, 0},
    {"checksum of 3 bytes", BYTES(TCP4 "\0\x13" ADDRESSES4 "\x03\0\x03\0\0\0\0"), CRC_FORM, 31},
    {"checksum of 5 bytes", BYTES(TCP4 "\0\x14" ADDRESSES4 "\x03\0\x05\0\0\0\0\0"), CRC_FORM, 31},
    {"empty checksum", BYTES(TCP4 "\0\x0F" ADDRESSES4 "\x03\0\0"), CRC_FORM, 31},
    {"two checksums", BYTES(TCP4 "\0\x1A" ADDRESSES4 "\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0"),
     CRC_FORM, 38},
    {"local does not look at it", BYTES(LOCAL "\0\0\x07\x03\0\x04\0\0\0\0"), "local", 0},

    // As HAProxy 2.6 sends them with `proxy-v2-options crc32c,unique-id`: a health check and two
    // clients.
    {"HAProxy's check", BYTES(LOCAL "\0\0\x07\x03\0\x04\xA9\xB8\x7E\x8F"), "local", 0},
    {"HAProxy over IPv4",
     BYTES(TCP4 "\0\x3A\x7F\0\0\x01\x7F\0\0\x01\x86\x42\x1B\xBD\x03\0\x04\x43\x8A\x15\xE1\x05\0\x24"
                "d3d793f2-b294-4c82-9df3-6cb9da659705"),
     "127.0.0.1:34370 > 127.0.0.1:7101", 0},
    {"HAProxy over IPv6",
     BYTES(TCP6 "\0\x52\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xAF\xA6"
                "\x1B\xBD\x03\0\x04\xA1\x46\x90\x65\x05\0\x24"
                "b8457ee3-81e9-4871-be52-36e52b0e243f"),
     "::1:44966 > ::1:7101", 0},
};

struct outcome {
    enum proxy_result result;
    const char *error;
    size_t consumed;
};

static struct proxy_parser parser, other;

// Feeds pieces of `step` bytes, or of random sizes when it is 0.
static struct outcome parse(struct proxy_parser *into, const uint8_t *bytes, size_t len,
                            size_t step, struct rand *rand)
{
    struct outcome outcome = {PROXY_INCOMPLETE, "", 0};
    memset(into, 0xA5, sizeof *into);
    proxy_parser_init(into);
    while (outcome.consumed < len && outcome.result == PROXY_INCOMPLETE) {
        size_t size = step != 0 ? step : 1 + rand_below(rand, 20);
        if (size > len - outcome.consumed)
            size = len - outcome.consumed;
        const uint8_t *begin = bytes + outcome.consumed, *cursor = begin;
        outcome.result = proxy_parse(into, &cursor, begin + size, &outcome.error);
        outcome.consumed += (size_t)(cursor - begin);
        if (outcome.result == PROXY_INCOMPLETE)
            cr_assert_eq(cursor, begin + size);
    }
    return outcome;
}

static struct outcome parse_whole(const uint8_t *bytes, size_t len)
{
    return parse(&parser, bytes, len, SIZE_MAX, NULL);
}

static const char *in_words(const struct proxy_endpoints *endpoints)
{
    static char words[2 * IP_TEXT_BYTES + 20];
    char source[IP_TEXT_BYTES], destination[IP_TEXT_BYTES];
    snprintf(words, sizeof words, "%s:%u > %s:%u", ip_format(endpoints->source, source),
             endpoints->source_port, ip_format(endpoints->destination, destination),
             endpoints->destination_port);
    const struct proxy_endpoints none = {.local = true, .unknown = endpoints->unknown};
    if (endpoints->local)
        cr_expect_arr_eq(endpoints, &none, sizeof none, "local, but with addresses");
    return endpoints->unknown ? "unknown" : endpoints->local ? "local" : words;
}

static void expect_case(const struct proxy_case *test, struct outcome outcome)
{
    size_t at = test->at == 0 ? test->len : test->at;
    cr_expect_eq(outcome.consumed, at, "%s: after %zu bytes", test->name, outcome.consumed);
    switch (outcome.result) {
    case PROXY_COMPLETE:
        cr_expect_str_eq(in_words(&parser.endpoints), test->said, "%s: %s", test->name,
                         in_words(&parser.endpoints));
        break;
    case PROXY_INCOMPLETE:
        cr_expect_str_eq(test->said, MORE, "%s: incomplete", test->name);
        break;
    case PROXY_BAD:
        cr_expect(test->said[0] != '\0' &&
                      strncmp(outcome.error, test->said, strlen(test->said)) == 0,
                  "%s: %s", test->name, outcome.error);
    }
}

// Whole, byte by byte, at random cuts, and, where there is an end, with more behind it.
Test(proxy_parse, cases)
{
    struct rand rand;
    rand_seed(&rand, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct proxy_case *test = &cases[i];
        expect_case(test, parse_whole(test->bytes, test->len));
        expect_case(test, parse(&parser, test->bytes, test->len, 1, NULL));
        for (int round = 0; round < 20; round++)
            expect_case(test, parse(&parser, test->bytes, test->len, 0, &rand));
        uint8_t more[512];
        cr_assert(test->len + 4 <= sizeof more);
        memcpy(more, test->bytes, test->len);
        memcpy(more + test->len, "GET ", 4);
        if (strcmp(test->said, MORE) != 0)
            expect_case(test, parse_whole(more, test->len + 4));
    }
}

Test(proxy_parse, line_length)
{
    for (size_t extra = 0; extra < 2; extra++) {
        uint8_t line[PROXY_V1_MAX_BYTES + 1];
        size_t len = PROXY_V1_MAX_BYTES + extra;
        memset(line, 'f', sizeof line);
        memcpy(line, "PROXY UNKNOWN ", 14);
        memcpy(line + len - 2, "\r\n", 2);
        struct outcome outcome = parse_whole(line, len);
        cr_expect_eq(outcome.result, extra == 0 ? PROXY_COMPLETE : PROXY_BAD);
        cr_expect_eq(outcome.consumed, PROXY_V1_MAX_BYTES);
        if (extra != 0)
            cr_expect(strncmp(outcome.error, LINE_LONG, strlen(LINE_LONG)) == 0, "%s",
                      outcome.error);
    }
}

static uint8_t header[PROXY_MAX_BYTES + 8];

// An IPv4 header without TLVs; returns its length.
static size_t start(void)
{
    static const char text[] = TCP4 "\0\x0C" ADDRESSES4;
    memcpy(header, text, sizeof text - 1);
    return sizeof text - 1;
}

static size_t append_tlv(size_t len, uint8_t type, size_t value_bytes)
{
    header[len] = type;
    header[len + 1] = (uint8_t)(value_bytes >> 8);
    header[len + 2] = (uint8_t)value_bytes;
    for (size_t i = 0; i < value_bytes; i++)
        header[len + 3 + i] = (uint8_t)(i * 7);
    return len + 3 + value_bytes;
}

static void set_length(size_t len)
{
    header[14] = (uint8_t)((len - 16) >> 8);
    header[15] = (uint8_t)(len - 16);
}

// Fills in the four bytes at `at`, computed as the specification words it.
static void set_crc(size_t len, size_t at)
{
    memset(header + at, 0, 4);
    uint32_t crc = crc32c_update(0, header, len);
    for (unsigned i = 0; i < 4; i++)
        header[at + i] = (uint8_t)(crc >> (24 - 8 * i));
}

Test(proxy_parse, longest_header)
{
    size_t len = start();
    len = append_tlv(len, 0xEE, PROXY_MAX_BYTES - len - 3);
    cr_assert_eq(len, PROXY_MAX_BYTES);
    set_length(len);
    struct outcome outcome = parse_whole(header, len + 4);
    cr_expect_eq(outcome.result, PROXY_COMPLETE, "%s", outcome.error);
    cr_expect_eq(outcome.consumed, PROXY_MAX_BYTES);
    cr_expect_str_eq(in_words(&parser.endpoints), WORDS4);
}

Test(proxy_parse, unique_id_length)
{
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = append_tlv(start(), 0x05, PROXY_UNIQUE_ID_MAX_BYTES + extra);
        set_length(len);
        struct outcome outcome = parse_whole(header, len);
        cr_expect_eq(outcome.result, extra == 0 ? PROXY_COMPLETE : PROXY_BAD);
        if (extra != 0)
            cr_expect(strncmp(outcome.error, ID_LONG, strlen(ID_LONG)) == 0, "%s", outcome.error);
    }
}

// Wherever the checksum stands, every bit of the header counts: none can change unnoticed.
Test(proxy_parse, checksum_covers_everything)
{
    for (int place = 0; place < 3; place++) {
        size_t at = 0, len = start();
        for (int tlv = 0; tlv < 3; tlv++) {
            at = tlv == place ? len + 3 : at;
            len = append_tlv(len, tlv == place ? 0x03 : 0xE0, tlv == place ? 4 : 30);
        }
        set_length(len);
        set_crc(len, at);
        cr_assert_eq(parse_whole(header, len).result, PROXY_COMPLETE, "place %d", place);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            // The checksum's own type, and what makes it LOCAL or AF_UNSPEC, which are skipped.
            if (bit / 8 == at - 3 || bit == 8 * 12 || bit == 8 * 13 + 4)
                continue;
            header[bit / 8] ^= (uint8_t)(1U << bit % 8);
            enum proxy_result result = parse_whole(header, len).result;
            // A longer header is waited for.
            bool in_length = bit / 8 == 14 || bit / 8 == 15;
            cr_expect(result == PROXY_BAD || (result == PROXY_INCOMPLETE && in_length),
                      "place %d, bit %zu", place, bit);
            header[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

// Damaged headers: whatever comes out is the same at any cut.
Test(proxy_parse, damaged_at_random_cuts)
{
    struct rand rand;
    rand_seed(&rand, 2);
    for (int round = 0; round < 50000; round++) {
        const struct proxy_case *test = &cases[rand_below(&rand, COUNT_OF(cases))];
        uint8_t bytes[512];
        memcpy(bytes, test->bytes, test->len);
        if (test->len != 0)
            bytes[rand_below(&rand, (uint32_t)test->len)] = (uint8_t)rand_next(&rand);
        struct outcome whole = parse_whole(bytes, test->len);
        struct outcome cut = parse(&other, bytes, test->len, 0, &rand);
        cr_assert_eq(whole.result, cut.result, "%s", test->name);
        cr_assert_eq(whole.error, cut.error, "%s", test->name);
        cr_assert_eq(whole.consumed, cut.consumed, "%s", test->name);
        cr_assert_arr_eq(&parser, &other, sizeof parser, "%s", test->name);
    }
}

// It lives in every connection that waits for its header.
Test(proxy_parse, is_small)
{
    cr_expect_leq(sizeof(struct proxy_parser), 192);
}
