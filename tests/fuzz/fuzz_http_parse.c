// SPDX-License-Identifier: MIT
//
// http_parse at any cut: same result, same number of bytes, same request; what it accepted is what
// it promises.
#include "codec/http_parse.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    enum http_result result;
    int status;
    const char *error;
    size_t consumed;
};

static struct http_parser parser, other;

static struct outcome parse(struct http_parser *into, const uint8_t *text, size_t len,
                            const uint8_t *sizes, size_t count)
{
    struct outcome outcome = {HTTP_INCOMPLETE, 0, NULL, 0};
    http_parser_init(into);
    for (size_t piece = 0; outcome.consumed < len && outcome.result == HTTP_INCOMPLETE; piece++) {
        size_t size = count == 0 ? len : sizes[piece % count];
        size = size == 0 ? 1 : size;
        if (size > len - outcome.consumed)
            size = len - outcome.consumed;
        uint8_t *bytes = malloc(size);
        CHECK(bytes != NULL);
        memcpy(bytes, text + outcome.consumed, size);
        const uint8_t *cursor = bytes;
        outcome.result = http_parse(into, &cursor, bytes + size, &outcome.status, &outcome.error);
        CHECK(cursor >= bytes && cursor <= bytes + size);
        CHECK(outcome.result != HTTP_INCOMPLETE || cursor == bytes + size);
        outcome.consumed += (size_t)(cursor - bytes);
        free(bytes);
    }
    return outcome;
}

static void check_span(struct http_span span)
{
    CHECK((size_t)span.offset + span.len <= parser.have_bytes);
    for (size_t i = 0; i < span.len; i++) {
        uint8_t byte = (uint8_t)http_text(&parser, span)[i];
        CHECK(byte == '\t' || (byte >= ' ' && byte != 0x7F));
    }
}

static void check_query(const char *query, size_t len)
{
    static const char *const names[] = {"a", "token", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t value_len = 0;
        const char *value = http_query_find(query, len, names[i], &value_len);
        CHECK(value == NULL || (value >= query && value + value_len <= query + len));
        uint8_t out[64];
        if (value != NULL)
            CHECK(http_percent_decode(value, value_len, out, sizeof out) <= (int)sizeof out);
    }
}

static void check_request(const struct http_request *request)
{
    const struct http_span spans[] = {
        request->target, request->path,          request->query,       request->host,
        request->ws_key, request->ws_version,    request->ws_protocol, request->ws_extensions,
        request->origin, request->authorization,
    };
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        check_span(spans[i]);
    CHECK(request->target.len >= 1 && request->target.len <= HTTP_TARGET_MAX_BYTES);
    CHECK(http_text(&parser, request->target)[0] == '/');
    CHECK(memchr(http_text(&parser, request->target), ' ', request->target.len) == NULL);
    CHECK(memchr(http_text(&parser, request->path), '?', request->path.len) == NULL);
    CHECK(parser.have_bytes <= HTTP_HEAD_MAX_BYTES && parser.header_count <= HTTP_HEADERS_MAX);
    check_query(http_text(&parser, request->query), request->query.len);
}

static void check_same(struct outcome expected, struct outcome found)
{
    CHECK(found.result == expected.result);
    CHECK(found.status == expected.status);
    CHECK(found.error == expected.error);
    CHECK(found.consumed == expected.consumed);
    CHECK(memcmp(&parser, &other, offsetof(struct http_parser, head)) == 0);
    CHECK(memcmp(parser.head, other.head, parser.have_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *sizes;
    size_t count, taken = fuzz_take_sizes(bytes, len, &sizes, &count);
    bytes += taken;
    len -= taken;
    struct outcome whole = parse(&parser, bytes, len, NULL, 0);
    check_same(whole, parse(&other, bytes, len, sizes, count));
    check_same(whole, parse(&other, bytes, len, (const uint8_t[]){1}, 1));
    if (whole.result == HTTP_COMPLETE)
        check_request(&parser.request);
    if (whole.result == HTTP_BAD)
        CHECK(whole.status >= 400 && whole.status <= 505 && whole.error != NULL);
    check_query((const char *)bytes, len);
    return 0;
}
