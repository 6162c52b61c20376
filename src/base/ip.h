// SPDX-License-Identifier: MIT
//
// IP addresses and networks as plain values, without sockets: what a PROXY header carries, what
// limits count by and what lists of trusted networks hold. An IPv4 address is kept as IPv4-mapped
// IPv6 (RFC 4291, section 2.5.5.2), so one comparison serves both and a dual-stack listener needs
// no cases. Texts are numeric and strict: no names, no zones, no leading zeros in IPv4.
#pragma once

#include "base/check.h"

#include <string.h>

#define IP_BITS           128
#define IP_V4_PREFIX_BITS 96 // of ::ffff:0:0/96, which holds all of IPv4
#define IP_TEXT_BYTES     46 // the longest text and its NUL
#define IP_NET_TEXT_BYTES (IP_TEXT_BYTES + 4)
#define IP_NETS_MAX       64

struct ip {
    uint8_t bytes[16]; // network order
};

// Bits of `base` behind the prefix are zero. The prefix is counted on 128 bits: 10.0.0.0/8 is
// 96 + 8. ::/0 therefore holds IPv4 too, and 0.0.0.0/0 all of IPv4 and nothing else.
struct ip_net {
    struct ip base;
    uint8_t prefix_bits; // 0 to IP_BITS
};

struct ip_nets {
    struct ip_net net[IP_NETS_MAX];
    unsigned count;
};

struct ip ip_from_v4(const uint8_t bytes[4]);

static inline bool ip_equal(struct ip one, struct ip other)
{
    return memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

bool ip_is_v4(struct ip ip);

// The address by which limits count: IPv4 whole, IPv6 cut to its /64, within which a client takes
// any address it likes (RFC 8981).
struct ip ip_limit_key(struct ip ip);

// IPv4 as a dotted quad without ::ffff:, IPv6 as in RFC 5952. Returns `text`.
const char *ip_format(struct ip ip, char text[IP_TEXT_BYTES]);

// 0, or -EINVAL when the `len` bytes are not exactly one address.
int ip_parse(const char *text, size_t len, struct ip *out) MUST_USE;

bool ip_net_contains(const struct ip_net *net, struct ip ip);

// BASE/PREFIX, or the address alone when the net holds only that. Returns `text`.
const char *ip_net_format(const struct ip_net *net, char text[IP_NET_TEXT_BYTES]);

// "10.0.0.0/8", "2001:db8::/32", or one address. 0, or -EINVAL and a sentence in `error`.
int ip_net_parse(const char *text, size_t len, struct ip_net *out, char *error,
                 size_t error_bytes) MUST_USE;

// Whether one of them contains the address; false for an empty list.
bool ip_nets_contain(const struct ip_nets *nets, struct ip ip);

// Networks between commas, blanks around them allowed; an empty text is an empty list. 0, or
// -EINVAL and a sentence in `error`, then *out is not to be used.
int ip_nets_parse(const char *text, struct ip_nets *out, char *error, size_t error_bytes) MUST_USE;
