// SPDX-License-Identifier: MIT
#include "codec/http_parse.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define GET  "GET / HTTP/1.1\r\n"
#define HOST "Host: example.org\r\n"

#define COMPLETE   0
#define INCOMPLETE 1

// status: COMPLETE, INCOMPLETE or what is answered; at: bytes after which that is known (errors).
struct http_case {
    const char *name, *text;
    int status;
    size_t at;
};

static const struct http_case cases[] = {
    {"smallest", GET HOST "\r\n", COMPLETE, 0},
    {"leading empty line", "\r\n" GET HOST "\r\n", COMPLETE, 0},
    {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", COMPLETE, 0},
    {"empty Host", GET "Host:\r\n\r\n", COMPLETE, 0},
    {"IPv6 Host", GET "Host: [::1]:8080\r\n\r\n", COMPLETE, 0},
    {"any token is a method", "M-SEARCH!#$%&'*+.^_`|~09 / HTTP/1.1\r\n" HOST "\r\n", COMPLETE, 0},
    {"value not ASCII", GET HOST "X: \xc3\xa4\xff\r\n\r\n", COMPLETE, 0},
    {"value with tabs", GET HOST "X:\t a\tb \t\r\n\r\n", COMPLETE, 0},
    {"empty value", GET HOST "X:\r\nY: \r\n\r\n", COMPLETE, 0},
    {"Content-Length: 0", GET HOST "Content-Length: 0\r\n\r\n", COMPLETE, 0},
    {"nothing", "", INCOMPLETE, 0},
    {"half a line", "GET / HTT", INCOMPLETE, 0},
    {"no empty line", GET HOST, INCOMPLETE, 0},
    {"half an empty line", GET HOST "\r", INCOMPLETE, 0},

    {"two empty lines", "\r\n\r\n" GET, 400, 3},
    {"leading LF", "\n" GET, 400, 1},
    {"leading space", " " GET, 400, 1},
    {"leading CR alone", "\rGET", 400, 2},
    {"TLS", "\x16\x03\x01", 400, 1},
    {"not ASCII", "\xff", 400, 1},
    {"method not a token", "GE(T", 400, 3},
    {"method too long", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", 400, 33},
    {"tab behind the method", "GET\t/", 400, 4},
    {"two spaces", "GET  /", 400, 5},
    {"no target", "GET \r\n", 400, 5},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\n", 400, 9},
    {"absolute form of another scheme", "GET ftp://h/ HTTP/1.1\r\n", 400, 5},
    {"absolute form without //", "GET http:h/ HTTP/1.1\r\n", 400, 12},
    {"absolute form without a host", "GET http:/// HTTP/1.1\r\n", 400, 13},
    {"absolute form with a port alone", "GET http://:80/ HTTP/1.1\r\n", 400, 16},
    {"absolute form with a user", "GET http://u@h/ HTTP/1.1\r\n", 400, 16},
    {"absolute form without Host", "GET http://h/ HTTP/1.1\r\n\r\n", 400, 26},
    {"authority form", "CONNECT h:80 HTTP/1.1\r\n", 400, 13},
    {"fragment", "GET /a#b HTTP/1.1\r\n", 400, 7},
    {"control in target", "GET /\x01", 400, 6},
    {"DEL in target", "GET /\x7f", 400, 6},
    {"target not ASCII", "GET /\xc3\xa4", 400, 6},
    {"HTTP/0.9", "GET /\r\n", 400, 6},
    {"two spaces before the version", "GET /  HTTP/1.1", 400, 7},
    {"lower-case version", "GET / http/1.1", 400, 7},
    {"other protocol", "GET / ICY/1.1", 400, 7},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n", 505, 12},
    {"HTTP/0.9 in words", "GET / HTTP/0.9\r\n", 505, 12},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n", 505, 14},
    {"HTTP/1x1", "GET / HTTP/1x1\r\n", 400, 13},
    {"HTTP/x", "GET / HTTP/x", 400, 12},
    {"HTTP/1.x", "GET / HTTP/1.x", 400, 14},
    {"HTTP/1.10", "GET / HTTP/1.10\r\n", 400, 15},
    {"space behind the version", "GET / HTTP/1.1 \r\n", 400, 15},
    {"LF alone ends the request line", "GET / HTTP/1.1\n", 400, 15},
    {"CR alone ends the request line", "GET / HTTP/1.1\rH", 400, 16},

    {"blank first header line", GET " X: a\r\n", 400, 17},
    {"folded line", GET "X: a\r\n b\r\n", 400, 23},
    {"folded by a tab", GET "X: a\r\n\tb\r\n", 400, 23},
    {"no name", GET ": a\r\n", 400, 17},
    {"space before the colon", GET "X : a\r\n", 400, 18},
    {"name not a token", GET "X(: a\r\n", 400, 18},
    {"name not ASCII", GET "\xc3\xa4: a\r\n", 400, 17},
    {"no colon", GET "Host\r\n", 400, 21},
    {"LF alone in a name", GET "\n", 400, 17},
    {"LF alone ends a header", GET "X: a\n", 400, 21},
    {"CR alone in a value", GET "X: a\rb\r\n", 400, 22},
    {"NUL would need a length", GET "X: a\x01\r\n", 400, 21},
    {"DEL in a value", GET "X: a\x7f\r\n", 400, 21},
    {"CR alone ends the head", GET HOST "\rx", 400, 37},

    {"no Host", GET "X: a\r\n\r\n", 400, 24},
    {"two Hosts", GET "Host: a\r\nHost: a\r\n\r\n", 400, 34},
    {"two Hosts, HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, 34},
    {"Host with a path", GET "Host: a/b\r\n", 400, 27},
    {"Host with a user", GET "Host: a@b\r\n", 400, 27},
    {"Host with a space", GET "Host: a b\r\n", 400, 27},
    {"Host not ASCII", GET "Host: \xc3\xa4\r\n", 400, 26},
    {"two Content-Lengths", GET "Content-Length: 1\r\nContent-Length: 1\r\n", 400, 54},
    {"list of Content-Lengths", GET "Content-Length: 1, 1\r\n", 400, 38},
    {"Content-Length with a sign", GET "Content-Length: +1\r\n", 400, 36},
    {"Content-Length in hex", GET "Content-Length: 0x1\r\n", 400, 37},
    {"empty Content-Length", GET "Content-Length:\r\n", 400, 33},
    {"length and encoding", GET "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400, 63},
    {"encoding and length", GET "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400, 63},
    {"encoding with HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 46},
    {"two Origins", GET "Origin: a\r\nOrigin: a\r\n", 400, 38},
    {"two Authorizations", GET "Authorization: a\r\nAuthorization: a\r\n", 400, 52},
};

struct outcome {
    enum http_result result;
    int status;
    const char *error;
    size_t consumed;
};

static struct http_parser parser, other;

// Feeds pieces of `step` bytes, or of random sizes when it is 0.
static struct outcome parse(struct http_parser *into, const char *text, size_t len, size_t step,
                            struct rand *rand)
{
    struct outcome outcome = {HTTP_INCOMPLETE, 0, "", 0};
    memset(into, 0xA5, sizeof *into);
    http_parser_init(into);
    while (outcome.consumed < len && outcome.result == HTTP_INCOMPLETE) {
        size_t size = step != 0 ? step : 1 + rand_below(rand, 20);
        if (size > len - outcome.consumed)
            size = len - outcome.consumed;
        const uint8_t *begin = (const uint8_t *)text + outcome.consumed, *cursor = begin;
        outcome.result = http_parse(into, &cursor, begin + size, &outcome.status, &outcome.error);
        outcome.consumed += (size_t)(cursor - begin);
        if (outcome.result == HTTP_INCOMPLETE)
            cr_assert_eq(cursor, begin + size);
    }
    return outcome;
}

static void expect_case(const struct http_case *test, struct outcome outcome)
{
    switch (test->status) {
    case COMPLETE:
        cr_expect_eq(outcome.result, HTTP_COMPLETE, "%s: %s", test->name, outcome.error);
        cr_expect_eq(outcome.consumed, strlen(test->text), "%s", test->name);
        break;
    case INCOMPLETE:
        cr_expect_eq(outcome.result, HTTP_INCOMPLETE, "%s: %s", test->name, outcome.error);
        break;
    default:
        cr_expect_eq(outcome.result, HTTP_BAD, "%s", test->name);
        cr_expect_eq(outcome.status, test->status, "%s: %d", test->name, outcome.status);
        cr_expect_eq(outcome.consumed, test->at, "%s: after %zu bytes", test->name,
                     outcome.consumed);
        cr_expect(outcome.error[0] != '\0', "%s", test->name);
    }
}

Test(http_parse, cases)
{
    struct rand rand;
    rand_seed(&rand, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].text);
        expect_case(&cases[i], parse(&parser, cases[i].text, len, SIZE_MAX, NULL));
        expect_case(&cases[i], parse(&parser, cases[i].text, len, 1, NULL));
        for (int round = 0; round < 20; round++)
            expect_case(&cases[i], parse(&parser, cases[i].text, len, 0, &rand));
    }
}

static void expect_span(struct http_span span, const char *expected)
{
    cr_expect_eq(span.len, strlen(expected), "%s", expected);
    cr_expect_arr_eq(http_text(&parser, span), expected, strlen(expected), "%s", expected);
}

static void expect_complete(const char *text)
{
    struct outcome outcome = parse(&parser, text, strlen(text), SIZE_MAX, NULL);
    cr_assert_eq(outcome.result, HTTP_COMPLETE, "%s: %s", text, outcome.error);
}

Test(http_parse, everything_is_kept)
{
    expect_complete("GET /room/a%20b?token=x&y=?z HTTP/1.1\r\n"
                    "hOST:example.org:80\r\n"
                    "Sec-WebSocket-Key:  abc \t\r\n"
                    "sec-websocket-version: 13\r\n"
                    "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n"
                    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                    "Origin: https://example.org\r\n"
                    "Authorization: Bearer x.y.z\r\n"
                    "X-Else: 1\r\nX-Else: 2\r\n"
                    "\r\n");
    const struct http_request *request = &parser.request;
    cr_expect_eq(request->method, HTTP_GET);
    cr_expect_eq(request->minor_version, 1);
    expect_span(request->target, "/room/a%20b?token=x&y=?z");
    expect_span(request->path, "/room/a%20b");
    expect_span(request->query, "token=x&y=?z");
    expect_span(request->host, "example.org:80");
    expect_span(request->ws_key, "abc");
    expect_span(request->ws_version, "13");
    expect_span(request->ws_protocol, "a, b");
    expect_span(request->ws_extensions, "permessage-deflate");
    expect_span(request->origin, "https://example.org");
    expect_span(request->authorization, "Bearer x.y.z");
    cr_expect_not(request->upgrade_websocket || request->connection_upgrade ||
                  request->connection_close || request->has_body || request->duplicate_ws_header);
}

Test(http_parse, absolute_form)
{
    static const struct {
        const char *target, *host, *origin_form, *path, *query;
    } rows[] = {
        {"http://example.org:80/a/b?x=/?y", "example.org:80", "/a/b?x=/?y", "/a/b", "x=/?y"},
        {"HTTPS://h/", "h", "/", "/", ""},
        {"ws://[::1]:8080/room/x", "[::1]:8080", "/room/x", "/room/x", ""},
        {"wss://h", "h", "/", "/", ""},
        {"http://h?a=b", "h", "/", "/", "a=b"},
        {"http://h?", "h", "/", "/", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: other\r\n\r\n", rows[i].target);
        expect_complete(text);
        expect_span(parser.request.host, rows[i].host);
        expect_span(parser.request.target, rows[i].origin_form);
        expect_span(parser.request.path, rows[i].path);
        expect_span(parser.request.query, rows[i].query);
    }
}

Test(http_parse, methods)
{
    static const struct {
        const char *text;
        enum http_method method;
    } methods[] = {
        {"GET / HTTP/1.0\r\n\r\n", HTTP_GET},
        {"HEAD / HTTP/1.0\r\n\r\n", HTTP_HEAD},
        {"POST / HTTP/1.0\r\n\r\n", HTTP_OTHER_METHOD},
        {"get / HTTP/1.0\r\n\r\n", HTTP_OTHER_METHOD},
        {"GETS / HTTP/1.0\r\n\r\n", HTTP_OTHER_METHOD},
        {"GE / HTTP/1.0\r\n\r\n", HTTP_OTHER_METHOD},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        expect_complete(methods[i].text);
        cr_expect_eq(parser.request.method, methods[i].method, "%s", methods[i].text);
        cr_expect_eq(parser.request.minor_version, 0);
        cr_expect_eq(parser.request.query.len, 0);
    }
}

Test(http_parse, lists)
{
    static const struct {
        const char *lines;
        bool upgrade, close, websocket;
    } lists[] = {
        {"", false, false, false},
        {"Connection: Upgrade\r\n", true, false, false},
        {"Connection: upgraded\r\n", false, false, false},
        {"Connection: keep-alive, UPGRADE\r\n", true, false, false},
        {"Connection: keep-alive ,\t upgrade ,close\r\n", true, true, false},
        {"Connection: keep-alive\r\nX: y\r\nconnection: Close\r\n", false, true, false},
        {"Connection: ,,upgrade,\r\n", true, false, false},
        {"Connection: \"upgrade\"\r\n", false, false, false},
        {"Connection: up grade\r\n", false, false, false},
        {"Upgrade: websocket\r\n", false, false, true},
        {"Upgrade: h2c\r\nUpgrade: WebSocket\r\n", false, false, true},
        {"Upgrade: websocket/13\r\n", false, false, false},
        {"Upgrade: web\r\nUpgrade: socket\r\n", false, false, false},
        {"Upgrade:\r\nConnection:\r\n", false, false, false},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, GET HOST "%s\r\n", lists[i].lines);
        expect_complete(text);
        cr_expect_eq(parser.request.connection_upgrade, lists[i].upgrade, "%s", text);
        cr_expect_eq(parser.request.connection_close, lists[i].close, "%s", text);
        cr_expect_eq(parser.request.upgrade_websocket, lists[i].websocket, "%s", text);
    }
}

Test(http_parse, bodies)
{
    static const struct {
        const char *line;
        bool has_body;
    } bodies[] = {
        {"Content-Length: 000\r\n", false},
        {"Content-Length: 1\r\n", true},
        {"Content-Length: 99999999999999999999999999\r\n", true},
        {"Transfer-Encoding: chunked\r\n", true},
        {"Transfer-Encoding:\r\n", true},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, GET HOST "%s\r\n", bodies[i].line);
        expect_complete(text);
        cr_expect_eq(parser.request.has_body, bodies[i].has_body, "%s", text);
    }
}

Test(http_parse, duplicate_ws_headers)
{
    expect_complete(GET HOST "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n\r\n");
    cr_expect(parser.request.duplicate_ws_header);
    expect_span(parser.request.ws_key, "a");
    expect_complete(GET HOST "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n\r\n");
    cr_expect(parser.request.duplicate_ws_header);
}

// What follows the empty line is left where it is.
Test(http_parse, stops_behind_the_head)
{
    static const char text[] = GET HOST "\r\n\x81\x80";
    struct outcome outcome = parse(&parser, text, sizeof text - 1, SIZE_MAX, NULL);
    cr_assert_eq(outcome.result, HTTP_COMPLETE);
    cr_assert_eq(outcome.consumed, sizeof text - 3);
}

Test(http_parse, nul_bytes)
{
    static const struct {
        const char *text;
        size_t len;
    } texts[] = {
        {"\0", 1}, {"GE\0", 3}, {"GET /\0", 6}, {GET "\0", 17}, {GET "X\0", 18}, {GET "X:\0", 19},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct outcome outcome = parse(&parser, texts[i].text, texts[i].len, SIZE_MAX, NULL);
        cr_expect_eq(outcome.result, HTTP_BAD, "%zu", i);
        cr_expect_eq(outcome.status, 400, "%zu", i);
        cr_expect_eq(outcome.consumed, texts[i].len, "%zu", i);
    }
}

static char long_text[3 * HTTP_HEAD_MAX_BYTES];

static size_t append(size_t len, const char *text)
{
    memcpy(long_text + len, text, strlen(text));
    return len + strlen(text);
}

static size_t append_many(size_t len, char character, size_t count)
{
    memset(long_text + len, character, count);
    return len + count;
}

Test(http_parse, target_length)
{
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = append(0, "GET /");
        len = append_many(len, 'a', HTTP_TARGET_MAX_BYTES - 1 + extra);
        len = append(len, " HTTP/1.1\r\n" HOST "\r\n");
        struct outcome outcome = parse(&parser, long_text, len, SIZE_MAX, NULL);
        cr_expect_eq(outcome.result, extra == 0 ? HTTP_COMPLETE : HTTP_BAD);
        if (extra != 0)
            cr_expect_eq(outcome.status, 414);
    }
}

Test(http_parse, header_count)
{
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = append(0, GET HOST);
        for (size_t i = 1; i < HTTP_HEADERS_MAX + extra; i++)
            len = append(len, "X: y\r\n");
        size_t known_at = len - 5; // the last header's first byte
        len = append(len, "\r\n");
        struct outcome outcome = parse(&parser, long_text, len, SIZE_MAX, NULL);
        cr_expect_eq(outcome.result, extra == 0 ? HTTP_COMPLETE : HTTP_BAD);
        if (extra != 0) {
            cr_expect_eq(outcome.status, 431);
            cr_expect_eq(outcome.consumed, known_at);
        }
    }
}

// The empty line before the request is not counted.
Test(http_parse, head_length)
{
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = append(0, "\r\n" GET HOST "X:");
        len = append_many(len, 'a', HTTP_HEAD_MAX_BYTES + extra - (len - 2) - 4);
        len = append(len, "\r\n\r\n");
        cr_assert_eq(len, 2 + HTTP_HEAD_MAX_BYTES + extra);
        for (size_t skip = 0; skip < 4; skip += 2) {
            struct outcome outcome = parse(&parser, long_text + skip, len - skip, SIZE_MAX, NULL);
            cr_expect_eq(outcome.result, extra == 0 ? HTTP_COMPLETE : HTTP_BAD);
            if (extra != 0)
                cr_expect_eq(outcome.status, 431);
        }
    }
}

// Damaged requests: whatever comes out is the same at any cut.
Test(http_parse, damaged_at_random_cuts)
{
    static const char good[] = "\r\nGET /a?b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                               "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
    struct rand rand;
    rand_seed(&rand, 2);
    for (int round = 0; round < 20000; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        text[rand_below(&rand, sizeof good - 1)] = (char)rand_next(&rand);
        struct outcome whole = parse(&parser, text, sizeof good - 1, SIZE_MAX, NULL);
        struct outcome cut = parse(&other, text, sizeof good - 1, 0, &rand);
        cr_assert_eq(whole.result, cut.result);
        cr_assert_eq(whole.status, cut.status);
        cr_assert_eq(whole.consumed, cut.consumed);
        cr_assert_arr_eq(&parser.request, &other.request, offsetof(struct http_request, path));
        cr_assert_arr_eq(parser.head, other.head, parser.have_bytes);
    }
}

Test(http_parse, percent_decode)
{
    static const struct {
        const char *in, *out;
        size_t out_max;
        int len;
    } texts[] = {
        {"", "", 0, 0},
        {"abc", "abc", 3, 3},
        {"abc", "", 2, -1},
        {"a%20b", "a b", 3, 3},
        {"%c3%A4", "\xc3\xa4", 2, 2},
        {"a+b", "a+b", 9, 3},
        {"%", "", 9, -1},
        {"%2", "", 9, -1},
        {"%2g", "", 9, -1},
        {"%g2", "", 9, -1},
        {"%%20", "", 9, -1},
        {"%25%32%35", "%25", 3, 3},
        {"%41", "", 0, -1},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t out[16];
        int len = http_percent_decode(texts[i].in, strlen(texts[i].in), out, texts[i].out_max);
        cr_expect_eq(len, texts[i].len, "%s", texts[i].in);
        if (len > 0)
            cr_expect_arr_eq(out, texts[i].out, (size_t)len, "%s", texts[i].in);
    }
}

Test(http_parse, query_find)
{
    static const struct {
        const char *query, *name, *value; // value NULL: absent
    } queries[] = {
        {"", "a", NULL},       {"a=1", "a", "1"},      {"a=1&b=2", "b", "2"},
        {"a=1&a=2", "a", "1"}, {"ab=1&b=2", "b", "2"}, {"b", "b", ""},
        {"b=", "b", ""},       {"a&b&c", "b", ""},     {"a==1&", "a", "=1"},
        {"&&a=1", "a", "1"},   {"a=1&b=2", "c", NULL}, {"token=x%26y", "token", "x%26y"},
        {"A=1", "a", NULL},
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        size_t len = 99;
        const char *value =
            http_query_find(queries[i].query, strlen(queries[i].query), queries[i].name, &len);
        cr_expect_eq(value == NULL, queries[i].value == NULL, "%s", queries[i].query);
        if (value == NULL || queries[i].value == NULL)
            continue;
        cr_expect_eq(len, strlen(queries[i].value), "%s", queries[i].query);
        cr_expect_arr_eq(value, queries[i].value, len, "%s", queries[i].query);
    }
}
