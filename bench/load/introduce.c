// SPDX-License-Identifier: MIT
#include "load/introduce.h"

#include <netinet/in.h>

#define PORT_FIRST 1024
#define PORTS      (65536 - PORT_FIRST)

static uint16_t address_of(const struct sock_address *address, struct ip *ip)
{
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&address->storage;
        memcpy(ip->bytes, &v6->sin6_addr, sizeof ip->bytes);
        return ntohs(v6->sin6_port);
    }
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    *ip = ip_from_v4((const uint8_t *)&v4->sin_addr);
    return ntohs(v4->sin_port);
}

// 10.0.0.1, 10.0.0.2 …
static struct ip client_address(uint32_t number)
{
    uint32_t v4 = htonl(UINT32_C(0x0A000001) + number);
    return ip_from_v4((const uint8_t *)&v4);
}

size_t introduce_write(const struct bench *bench, uint32_t id, uint8_t out[PROXY_WRITE_MAX_BYTES])
{
    const struct options *options = &bench->options;
    uint32_t clients = options->proxy_clients ? options->proxy_clients : options->connections;
    struct proxy_endpoints endpoints = {
        .source = client_address(id % clients),
        .source_port = (uint16_t)(PORT_FIRST + id / clients % PORTS),
    };
    endpoints.destination_port = address_of(&bench->target.address, &endpoints.destination);
    return options->proxy_header == OPTIONS_PROXY_V1 ? proxy_v1_write(out, &endpoints)
                                                     : proxy_v2_write(out, &endpoints, false);
}
