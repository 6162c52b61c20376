// SPDX-License-Identifier: MIT
//
// proxy_parse at any cut: same result, same number of bytes, same endpoints. A header of version 2
// is accepted exactly when a second reading, which has it whole, accepts it; what version 1
// accepted is what the writer writes.
#include "base/crc32c.h"
#include "codec/proxy_write.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define REPAIR 0x08 // in the first byte: give the header the checksum it should have

struct outcome {
    enum proxy_result result;
    const char *error;
    size_t consumed;
};

static struct proxy_parser parser, other;

static struct outcome parse(struct proxy_parser *into, const uint8_t *text, size_t len,
                            const uint8_t *sizes, size_t count)
{
    struct outcome outcome = {PROXY_INCOMPLETE, NULL, 0};
    proxy_parser_init(into);
    for (size_t piece = 0; outcome.consumed < len && outcome.result == PROXY_INCOMPLETE; piece++) {
        size_t size = count == 0 ? len : sizes[piece % count];
        size = size == 0 ? 1 : size;
        if (size > len - outcome.consumed)
            size = len - outcome.consumed;
        uint8_t *bytes = malloc(size);
        CHECK(bytes != NULL);
        memcpy(bytes, text + outcome.consumed, size);
        const uint8_t *cursor = bytes;
        outcome.result = proxy_parse(into, &cursor, bytes + size, &outcome.error);
        CHECK(cursor >= bytes && cursor <= bytes + size);
        CHECK(outcome.result != PROXY_INCOMPLETE || cursor == bytes + size);
        outcome.consumed += (size_t)(cursor - bytes);
        free(bytes);
    }
    return outcome;
}

static void check_same(struct outcome expected, struct outcome found)
{
    CHECK(found.result == expected.result);
    CHECK(found.error == expected.error);
    CHECK(found.consumed == expected.consumed);
    CHECK(memcmp(&parser, &other, sizeof parser) == 0);
}

static bool starts_v2(const uint8_t *bytes, size_t len)
{
    return len >= 16 && memcmp(bytes, "\r\n\r\n\0\r\nQUIT\n", 12) == 0;
}

static size_t v2_bytes(const uint8_t *bytes)
{
    return 16 + (size_t)(bytes[14] << 8 | bytes[15]);
}

static bool is_skipped(const uint8_t *bytes)
{
    return bytes[12] == 0x20 || bytes[13] >> 4 == 0;
}

// Where the TLVs begin; 0 when a header of this family is refused.
static size_t tlv_start(const uint8_t *bytes)
{
    switch (bytes[13]) {
    case 0x11:
        return 16 + 12;
    case 0x21:
        return 16 + 36;
    case 0x31:
        return 16 + 216;
    }
    return 0;
}

// The offset of the checksum's value; 0 when there is none, -1 when the TLVs are not well-formed.
static long find_crc(const uint8_t *bytes, size_t len, size_t at)
{
    long found = 0;
    while (at < len) {
        if (len - at < 3)
            return -1;
        size_t value = (size_t)(bytes[at + 1] << 8 | bytes[at + 2]);
        if (value > len - at - 3 || (bytes[at] == 5 && value > 128))
            return -1;
        if (bytes[at] == 3 && (value != 4 || found != 0))
            return -1;
        found = bytes[at] == 3 ? (long)at + 3 : found;
        at += 3 + value;
    }
    return found;
}

// With the checksum's field zeroed.
static uint32_t crc_of(const uint8_t *bytes, size_t len, size_t crc_at)
{
    uint8_t copy[PROXY_MAX_BYTES];
    memcpy(copy, bytes, len);
    memset(copy + crc_at, 0, 4);
    return crc32c_update(0, copy, len);
}

static uint32_t load_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Whether a whole header of version 2 is as the specification wants it.
static bool v2_valid(const uint8_t *bytes, size_t len)
{
    if (len > PROXY_MAX_BYTES || bytes[12] >> 4 != 2 || (bytes[12] & 0xF) > 1)
        return false;
    if (is_skipped(bytes))
        return bytes[12] == 0x20 || (bytes[13] & 0xF) <= 1;
    size_t tlvs = tlv_start(bytes);
    if (tlvs == 0 || tlvs > len)
        return false;
    long crc_at = find_crc(bytes, len, tlvs);
    return crc_at == 0 ||
           (crc_at > 0 && crc_of(bytes, len, (size_t)crc_at) == load_be32(bytes + crc_at));
}

static void repair(uint8_t *bytes, size_t len)
{
    if (!starts_v2(bytes, len) || v2_bytes(bytes) > len || v2_bytes(bytes) > PROXY_MAX_BYTES)
        return;
    size_t tlvs = tlv_start(bytes);
    long crc_at = tlvs == 0 ? -1 : find_crc(bytes, v2_bytes(bytes), tlvs);
    if (crc_at <= 0)
        return;
    uint32_t crc = crc_of(bytes, v2_bytes(bytes), (size_t)crc_at);
    for (int i = 0; i < 4; i++)
        bytes[crc_at + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void check_read_back(const uint8_t *bytes, size_t len)
{
    struct proxy_endpoints expected = parser.endpoints;
    if (bytes[0] == 'P')
        expected.unknown = expected.local; // a line has no other word for its sender's own
    struct outcome outcome = parse(&other, bytes, len, NULL, 0);
    CHECK(outcome.result == PROXY_COMPLETE && outcome.consumed == len);
    CHECK(memcmp(&expected, &other.endpoints, sizeof expected) == 0);
}

static void check_complete(const uint8_t *bytes, size_t len)
{
    const struct proxy_endpoints *endpoints = &parser.endpoints;
    uint8_t written[PROXY_WRITE_MAX_BYTES];
    size_t v1 = proxy_v1_write(written, endpoints);
    // Of a line with IPv4 addresses there is only one way to write it.
    if (memcmp(bytes, "PROXY TCP4", 10) == 0)
        CHECK(v1 == len && memcmp(bytes, written, len) == 0);
    if (bytes[0] == 'P')
        CHECK(len <= PROXY_V1_MAX_BYTES && memcmp(bytes + len - 2, "\r\n", 2) == 0);
    check_read_back(written, v1);
    check_read_back(written, proxy_v2_write(written, endpoints, false));
    check_read_back(written, proxy_v2_write(written, endpoints, true));
}

static void check_header(const uint8_t *bytes, size_t len, const uint8_t *sizes, size_t count)
{
    struct outcome whole = parse(&parser, bytes, len, NULL, 0);
    check_same(whole, parse(&other, bytes, len, sizes, count));
    check_same(whole, parse(&other, bytes, len, (const uint8_t[]){1}, 1));
    if (whole.result == PROXY_BAD)
        CHECK(whole.error != NULL && strlen(whole.error) > 0);
    if (starts_v2(bytes, len) && v2_bytes(bytes) <= len) {
        CHECK((whole.result == PROXY_COMPLETE) == v2_valid(bytes, v2_bytes(bytes)));
        CHECK(whole.result != PROXY_COMPLETE || whole.consumed == v2_bytes(bytes));
        CHECK(whole.result != PROXY_INCOMPLETE);
    }
    if (whole.result == PROXY_COMPLETE)
        check_complete(bytes, whole.consumed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *sizes;
    size_t count, taken = fuzz_take_sizes(bytes, len, &sizes, &count);
    uint8_t *copy = calloc(1, len + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes + taken, len - taken);
    if (len != 0 && (bytes[0] & REPAIR) != 0)
        repair(copy, len - taken);
    check_header(copy, len - taken, sizes, count);
    free(copy);
    return 0;
}
