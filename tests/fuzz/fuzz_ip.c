// SPDX-License-Identifier: MIT
//
// Addresses, networks and lists of them: what is accepted is written as a text that is read as the
// same and stays as it is; what is refused comes with a sentence. A network contains what a
// comparison bit by bit says.
#include "base/ip.h"
#include "fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>

#define ERROR_BYTES 200

static bool bit(struct ip ip, unsigned index)
{
    return (ip.bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

static unsigned common_bits(struct ip one, struct ip other)
{
    unsigned count = 0;
    while (count < IP_BITS && bit(one, count) == bit(other, count))
        count++;
    return count;
}

static void check_address(const char *text, size_t len)
{
    struct ip ip, again;
    char written[IP_TEXT_BYTES], rewritten[IP_TEXT_BYTES];
    if (ip_parse(text, len, &ip))
        return;
    CHECK(memchr(text, '\0', len) == NULL);
    ip_format(ip, written);
    CHECK(strlen(written) < sizeof written && (strchr(written, ':') == NULL) == ip_is_v4(ip));
    for (const char *at = written; *at != '\0'; at++)
        CHECK(isdigit(*at) || (*at >= 'a' && *at <= 'f') || *at == ':' || *at == '.');
    CHECK(ip_parse(written, strlen(written), &again) == 0 && ip_equal(ip, again));
    CHECK(strcmp(ip_format(again, rewritten), written) == 0);
    CHECK(common_bits(ip, ip_limit_key(ip)) >= (ip_is_v4(ip) ? 128 : 64));
    CHECK(ip_equal(ip_limit_key(ip_limit_key(ip)), ip_limit_key(ip)));
}

static void check_network(const struct ip_net *net, struct ip probe)
{
    CHECK(net->prefix_bits <= IP_BITS);
    for (unsigned index = net->prefix_bits; index < IP_BITS; index++)
        CHECK(!bit(net->base, index));
    CHECK(ip_net_contains(net, net->base));
    CHECK(ip_net_contains(net, probe) == (common_bits(net->base, probe) >= net->prefix_bits));
    struct ip_net again;
    char written[IP_NET_TEXT_BYTES], error[ERROR_BYTES];
    ip_net_format(net, written);
    CHECK(ip_net_parse(written, strlen(written), &again, error, sizeof error) == 0);
    CHECK(ip_equal(net->base, again.base) && net->prefix_bits == again.prefix_bits);
}

static void check_list(const char *text, struct ip probe)
{
    struct ip_nets nets;
    char error[ERROR_BYTES] = "", written[IP_NETS_MAX * (IP_NET_TEXT_BYTES + 2)] = "";
    if (ip_nets_parse(text, &nets, error, sizeof error)) {
        CHECK(strlen(error) > 0);
        return;
    }
    CHECK(nets.count <= IP_NETS_MAX);
    bool contained = false;
    size_t len = 0;
    for (unsigned i = 0; i < nets.count; i++) {
        check_network(&nets.net[i], probe);
        contained |= ip_net_contains(&nets.net[i], probe);
        char net[IP_NET_TEXT_BYTES];
        len += (size_t)snprintf(written + len, sizeof written - len, "%s%s", i == 0 ? "" : " ,\t",
                                ip_net_format(&nets.net[i], net));
    }
    CHECK(ip_nets_contain(&nets, probe) == contained);
    struct ip_nets again;
    CHECK(len < sizeof written);
    CHECK(ip_nets_parse(written, &again, error, sizeof error) == 0);
    CHECK(again.count == nets.count);
    for (unsigned i = 0; i < nets.count; i++)
        CHECK(ip_equal(nets.net[i].base, again.net[i].base) &&
              nets.net[i].prefix_bits == again.net[i].prefix_bits);
}

// The first 16 bytes are an address that is looked for in the networks, the rest is text.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct ip probe;
    char text[1024];
    if (len < sizeof probe.bytes || len - sizeof probe.bytes >= sizeof text)
        return 0;
    memcpy(probe.bytes, bytes, sizeof probe.bytes);
    size_t text_len = len - sizeof probe.bytes;
    memcpy(text, bytes + sizeof probe.bytes, text_len);
    text[text_len] = '\0';
    check_address(text, text_len);
    check_list(text, probe);
    char written[IP_TEXT_BYTES];
    ip_format(probe, written);
    check_address(written, strlen(written));
    return 0;
}
