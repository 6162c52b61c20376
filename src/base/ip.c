// SPDX-License-Identifier: MIT
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define ITEM_SHOWN_MAX_BYTES 60 // of what was written, in an error's text

_Static_assert(IP_TEXT_BYTES >= INET6_ADDRSTRLEN, "room for inet_ntop");

static const uint8_t v4_prefix[IP_V4_PREFIX_BITS / 8] = {[10] = 0xFF, [11] = 0xFF};

struct ip ip_from_v4(const uint8_t bytes[4])
{
    struct ip ip;
    memcpy(ip.bytes, v4_prefix, sizeof v4_prefix);
    memcpy(ip.bytes + sizeof v4_prefix, bytes, 4);
    return ip;
}

bool ip_is_v4(struct ip ip)
{
    return memcmp(ip.bytes, v4_prefix, sizeof v4_prefix) == 0;
}

// The first bits of an address, the rest zero.
static struct ip cut(struct ip ip, unsigned prefix_bits)
{
    for (unsigned i = 0; i < sizeof ip.bytes; i++) {
        unsigned kept = prefix_bits <= i * 8 ? 0 : prefix_bits - i * 8;
        if (kept < 8)
            ip.bytes[i] &= (uint8_t)(0xFF00U >> kept);
    }
    return ip;
}

struct ip ip_limit_key(struct ip ip)
{
    return ip_is_v4(ip) ? ip : cut(ip, 64);
}

// Lower case, the first of the longest runs of zeros as "::" and never a single one: what RFC 5952
// asks for is what inet_ntop writes.
const char *ip_format(struct ip ip, char text[IP_TEXT_BYTES])
{
    const char *written = ip_is_v4(ip)
                              ? inet_ntop(AF_INET, ip.bytes + sizeof v4_prefix, text, IP_TEXT_BYTES)
                              : inet_ntop(AF_INET6, ip.bytes, text, IP_TEXT_BYTES);
    CHECK(written == text);
    return text;
}

int ip_parse(const char *text, size_t len, struct ip *out)
{
    char copy[IP_TEXT_BYTES];
    if (len >= sizeof copy || memchr(text, '\0', len) != NULL)
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    uint8_t v4[4];
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *out = ip_from_v4(v4);
        return 0;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1 ? 0 : -EINVAL;
}

bool ip_net_contains(const struct ip_net *net, struct ip ip)
{
    return ip_equal(cut(ip, net->prefix_bits), net->base);
}

const char *ip_net_format(const struct ip_net *net, char text[IP_NET_TEXT_BYTES])
{
    char address[IP_TEXT_BYTES];
    ip_format(net->base, address);
    unsigned skipped = ip_is_v4(net->base) ? IP_V4_PREFIX_BITS : 0;
    CHECK(net->prefix_bits >= skipped && net->prefix_bits <= IP_BITS);
    if (net->prefix_bits == IP_BITS)
        snprintf(text, IP_NET_TEXT_BYTES, "%s", address);
    else
        snprintf(text, IP_NET_TEXT_BYTES, "%s/%u", address, net->prefix_bits - skipped);
    return text;
}

// A decimal number without leading zeros, or -1.
static int parse_prefix(const char *text, size_t len)
{
    if (len == 0 || len > 3 || (text[0] == '0' && len > 1))
        return -1;
    int value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

struct item {
    const char *text;
    size_t len;
    char *error;
    size_t error_bytes;
};

// The item in quotes and what is wrong with it.
static int __attribute__((format(printf, 2, 3)))
refuse(const struct item *item, const char *format, ...)
{
    int shown = (int)(item->len < ITEM_SHOWN_MAX_BYTES ? item->len : ITEM_SHOWN_MAX_BYTES);
    char reason[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    snprintf(item->error, item->error_bytes, "'%.*s' %s", shown, item->text, reason);
    return -EINVAL;
}

static int check_host_bits(const struct item *item, struct ip address, struct ip_net *net)
{
    net->base = cut(address, net->prefix_bits);
    if (ip_equal(net->base, address))
        return 0;
    // Not the hint below: it would name a network far larger than all of IPv4.
    if (ip_is_v4(address) && net->prefix_bits < IP_V4_PREFIX_BITS)
        return refuse(item, "cuts an IPv4 address within ::ffff: write it as 10.0.0.0/8");
    char network[IP_NET_TEXT_BYTES], alone[IP_TEXT_BYTES];
    return refuse(item,
                  "has bits set behind its prefix: write %s for the network or %s for the "
                  "address",
                  ip_net_format(net, network), ip_format(address, alone));
}

int ip_net_parse(const char *text, size_t len, struct ip_net *out, char *error, size_t error_bytes)
{
    struct item item = {text, len, error, error_bytes};
    const char *slash = memchr(text, '/', len);
    size_t address_len = slash == NULL ? len : (size_t)(slash - text);
    struct ip address;
    if (ip_parse(text, address_len, &address))
        return refuse(&item, "is no network: write 10.0.0.0/8, 2001:db8::/32 or one address");
    bool dotted = memchr(text, ':', address_len) == NULL;
    int bits_max = dotted ? IP_BITS - IP_V4_PREFIX_BITS : IP_BITS, bits = bits_max;
    if (slash != NULL)
        bits = parse_prefix(slash + 1, len - address_len - 1);
    if (bits < 0 || bits > bits_max)
        return refuse(&item, "has no valid prefix: write a number from 0 to %d behind the slash",
                      bits_max);
    out->prefix_bits = (uint8_t)(IP_BITS - bits_max + bits);
    return check_host_bits(&item, address, out);
}

bool ip_nets_contain(const struct ip_nets *nets, struct ip ip)
{
    for (unsigned i = 0; i < nets->count; i++)
        if (ip_net_contains(&nets->net[i], ip))
            return true;
    return false;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

static int append(const char *text, size_t len, struct ip_nets *out, char *error,
                  size_t error_bytes)
{
    while (len > 0 && is_blank(text[0]))
        text++, len--;
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    if (len == 0) {
        snprintf(error, error_bytes, "write a network before and after every comma");
        return -EINVAL;
    }
    if (out->count == IP_NETS_MAX) {
        snprintf(error, error_bytes, "write at most %d networks: join some to larger ones",
                 IP_NETS_MAX);
        return -EINVAL;
    }
    return ip_net_parse(text, len, &out->net[out->count++], error, error_bytes);
}

int ip_nets_parse(const char *text, struct ip_nets *out, char *error, size_t error_bytes)
{
    out->count = 0;
    if (text[strspn(text, " \t")] == '\0')
        return 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        if (append(text, len, out, error, error_bytes))
            return -EINVAL;
        if (text[len] == '\0')
            return 0;
        text += len + 1;
    }
}
