// SPDX-License-Identifier: MIT
#include "load/introduce.h"

#include <criterion/criterion.h>

static struct bench bench;
static uint8_t header[PROXY_WRITE_MAX_BYTES];

static struct proxy_endpoints read_back(uint32_t id)
{
    static struct proxy_parser parser;
    const char *why = "";
    size_t len = introduce_write(&bench, id, header);
    const uint8_t *at = header;
    proxy_parser_init(&parser);
    cr_assert_eq(proxy_parse(&parser, &at, header + len, &why), PROXY_COMPLETE, "%s", why);
    cr_assert_eq(at, header + len);
    return parser.endpoints;
}

static void check(uint32_t id, const char *source, unsigned port)
{
    char text[IP_TEXT_BYTES];
    struct proxy_endpoints endpoints = read_back(id);
    cr_assert_str_eq(ip_format(endpoints.source, text), source);
    cr_assert_eq(endpoints.source_port, port);
    cr_assert_str_eq(ip_format(endpoints.destination, text), "127.0.0.1");
    cr_assert_eq(endpoints.destination_port, 8080);
    cr_assert_not(endpoints.local);
}

static void set_up(uint32_t version, uint32_t clients)
{
    char error[200];
    bench.options.connections = 1000000;
    bench.options.proxy_header = version;
    bench.options.proxy_clients = clients;
    cr_assert_eq(sock_parse("127.0.0.1:8080", &bench.target.address, error, sizeof error), 0);
}

Test(introduce, everybody_has_an_address)
{
    for (uint32_t version = OPTIONS_PROXY_V1; version <= OPTIONS_PROXY_V2; version++) {
        set_up(version, 0);
        check(0, "10.0.0.1", 1024);
        check(255, "10.0.1.0", 1024);
        check(999999, "10.15.66.64", 1024);
    }
}

Test(introduce, or_shares_one)
{
    set_up(OPTIONS_PROXY_V2, 10);
    check(9, "10.0.0.10", 1024);
    check(10, "10.0.0.1", 1025);
    check(25, "10.0.0.6", 1026);
}

Test(introduce, to_an_ipv6_address)
{
    char error[200], text[IP_TEXT_BYTES];
    set_up(OPTIONS_PROXY_V1, 0);
    cr_assert_eq(sock_parse("[::1]:9", &bench.target.address, error, sizeof error), 0);
    struct proxy_endpoints endpoints = read_back(3);
    cr_assert_str_eq(ip_format(endpoints.source, text), "10.0.0.4");
    cr_assert_str_eq(ip_format(endpoints.destination, text), "::1");
    cr_assert_eq(endpoints.destination_port, 9);
}
