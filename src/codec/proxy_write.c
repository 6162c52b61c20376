// SPDX-License-Identifier: MIT
#include "codec/proxy_write.h"

#include "base/crc32c.h"

#include <stdio.h>
#include <string.h>

#define FIXED_BYTES 16

static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                    0x0A, 'Q',  'U',  'I',  'T',  0x0A};

static bool both_v4(const struct proxy_endpoints *endpoints)
{
    return ip_is_v4(endpoints->source) && ip_is_v4(endpoints->destination);
}

// Within TCP6 an IPv4 address has to stay an IPv6 one.
static const char *mapping(struct ip ip)
{
    return ip_is_v4(ip) ? "::ffff:" : "";
}

size_t proxy_v1_write(uint8_t out[PROXY_WRITE_MAX_BYTES], const struct proxy_endpoints *endpoints)
{
    char source[IP_TEXT_BYTES], destination[IP_TEXT_BYTES], *text = (char *)out;
    if (endpoints->local)
        return (size_t)snprintf(text, PROXY_WRITE_MAX_BYTES, "PROXY UNKNOWN\r\n");
    bool is_v4 = both_v4(endpoints);
    int len =
        snprintf(text, PROXY_WRITE_MAX_BYTES, "PROXY TCP%d %s%s %s%s %u %u\r\n", is_v4 ? 4 : 6,
                 is_v4 ? "" : mapping(endpoints->source), ip_format(endpoints->source, source),
                 is_v4 ? "" : mapping(endpoints->destination),
                 ip_format(endpoints->destination, destination), endpoints->source_port,
                 endpoints->destination_port);
    CHECK(len > 0 && len <= PROXY_V1_MAX_BYTES);
    return (size_t)len;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *append_be16(uint8_t *at, unsigned value)
{
    return append(at, (const uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static uint8_t *append_endpoints(uint8_t *at, const struct proxy_endpoints *endpoints)
{
    size_t skipped = both_v4(endpoints) ? 12 : 0;
    at = append(at, endpoints->source.bytes + skipped, 16 - skipped);
    at = append(at, endpoints->destination.bytes + skipped, 16 - skipped);
    at = append_be16(at, endpoints->source_port);
    return append_be16(at, endpoints->destination_port);
}

size_t proxy_v2_write(uint8_t out[PROXY_WRITE_MAX_BYTES], const struct proxy_endpoints *endpoints,
                      bool with_crc)
{
    static const uint8_t empty_crc[] = {0x03, 0, 4, 0, 0, 0, 0};
    uint8_t *at = append(out, signature, sizeof signature);
    *at++ = endpoints->local && !endpoints->unknown ? 0x20 : 0x21;
    *at++ = endpoints->local ? 0x00 : both_v4(endpoints) ? 0x11 : 0x21;
    at += 2; // the length, below
    if (!endpoints->local)
        at = append_endpoints(at, endpoints);
    if (with_crc)
        at = append(at, empty_crc, sizeof empty_crc);
    size_t len = (size_t)(at - out);
    append_be16(out + FIXED_BYTES - 2, (unsigned)(len - FIXED_BYTES));
    if (with_crc) {
        uint32_t crc = crc32c_update(0, out, len);
        at = append_be16(at - 4, crc >> 16);
        append_be16(at, crc);
    }
    return len;
}
