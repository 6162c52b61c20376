// SPDX-License-Identifier: MIT
#include "ring/sock.h"

#include "ring/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_port(const char *text, uint16_t *port)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value > 65535)
        return -EINVAL;
    *port = (uint16_t)value;
    return 0;
}

static int parse_host(const char *host, uint16_t port, struct sock_address *out)
{
    struct sockaddr_in *v4 = (void *)&out->storage;
    struct sockaddr_in6 *v6 = (void *)&out->storage;
    memset(out, 0, sizeof *out);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (*host == 0 || strcmp(host, "*") == 0)
        host = "::";
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->bytes = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out->bytes = sizeof *v6;
        return 0;
    }
    return -EINVAL;
}

int sock_parse(const char *text, struct sock_address *out, char *error, size_t error_bytes)
{
    char host[64];
    uint16_t port;
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || len >= sizeof host || parse_port(colon + 1, &port)) {
        snprintf(error, error_bytes,
                 "'%.80s' is no address: write HOST:PORT, [IPV6]:PORT or *:PORT with a port of 0 "
                 "to 65535",
                 text);
        return -EINVAL;
    }
    memcpy(host, text, len);
    host[len] = 0;
    char *name = host;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = 0;
        name = host + 1;
    } else if (strchr(host, ':')) {
        snprintf(error, error_bytes, "'%.80s': put an IPv6 address into brackets: [%s]:%u", text,
                 host, port);
        return -EINVAL;
    }
    if (parse_host(name, port, out)) {
        snprintf(error, error_bytes, "'%s' is neither a numeric address nor localhost nor *", name);
        return -EINVAL;
    }
    return 0;
}

int sock_listen(const struct sock_address *address, int backlog)
{
    static const int one = 1, zero = 0;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
                  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) ||
                  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (address->storage.ss_family == AF_INET6)
        failed = failed || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    failed =
        failed || bind(fd, (const void *)&address->storage, address->bytes) || listen(fd, backlog);
    if (!failed)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

void ring_peer_read(const struct ring_peer *peer, struct ip *address, uint16_t *port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_UNSPEC};
    struct sockaddr_in v4;
    *address = (struct ip){{0}};
    *port = 0;
    // The kernel says how long the address is, even if it had to cut it.
    memcpy(&v6, peer->bytes, peer->len < sizeof peer->bytes ? peer->len : sizeof peer->bytes);
    memcpy(&v4, peer->bytes, sizeof v4);
    if (v6.sin6_family == AF_INET) {
        uint8_t bytes[4];
        memcpy(bytes, &v4.sin_addr, sizeof bytes);
        *address = ip_from_v4(bytes);
        *port = ntohs(v4.sin_port);
    } else if (v6.sin6_family == AF_INET6) {
        memcpy(address->bytes, &v6.sin6_addr, sizeof address->bytes);
        *port = ntohs(v6.sin6_port);
    }
}

int sock_local(int fd, struct sock_address *out)
{
    out->bytes = sizeof out->storage;
    return getsockname(fd, (void *)&out->storage, &out->bytes) ? -errno : 0;
}

void sock_format(const struct sock_address *address, char out[SOCK_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&address->storage;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, SOCK_TEXT_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else if (address->storage.ss_family == AF_UNIX) { // systemd may pass one
        const struct sockaddr_un *local = (const void *)&address->storage;
        snprintf(out, SOCK_TEXT_BYTES, "unix:%.*s", SOCK_TEXT_BYTES - 6, local->sun_path);
    } else {
        const struct sockaddr_in *v4 = (const void *)&address->storage;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, SOCK_TEXT_BYTES, "%s:%u", host, ntohs(v4->sin_port));
    }
}
