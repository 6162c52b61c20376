// SPDX-License-Identifier: MIT
#include "load/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int fail(char *error, size_t error_bytes, const char *url, const char *why)
{
    snprintf(error, error_bytes, "'%.100s': %s", url, why);
    return -EINVAL;
}

static bool is_loopback(const struct sock_address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    return v4->sin_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

// HOST of the authority, without the brackets of an IPv6 address; true when it is one.
static bool split_host(const char *host, char *name, size_t name_bytes, const char **port)
{
    size_t len;
    bool bracketed = *host == '[';
    if (bracketed) {
        host++;
        len = strcspn(host, "]");
        *port = host[len] ? host + len + 1 : host + len;
    } else {
        len = strcspn(host, ":");
        *port = host + len;
    }
    snprintf(name, name_bytes, "%.*s", (int)len, host);
    struct in_addr v4;
    return bracketed || inet_pton(AF_INET, name, &v4) == 1;
}

static int look_up(struct sock_address *out, const char *name, const char *port, char *error,
                   size_t error_bytes)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    int result = getaddrinfo(name, port, &hints, &found);
    if (result) {
        snprintf(error, error_bytes, "'%.100s', port %.10s: %s", name, port, gai_strerror(result));
        return -EINVAL;
    }
    memset(out, 0, sizeof *out);
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    out->bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int find_address(struct target *target, char *error, size_t error_bytes)
{
    char host[sizeof target->host], with_port[sizeof target->host + 4];
    const char *port;
    const char *usual = target->secure ? "443" : "80";
    bool numeric = split_host(target->host, host, sizeof host, &port);
    if (!numeric)
        snprintf(target->name, sizeof target->name, "%s", host);
    if (!numeric && strcmp(host, "localhost") != 0)
        return look_up(&target->address, host, *port == ':' ? port + 1 : usual, error, error_bytes);
    snprintf(with_port, sizeof with_port, "%s%s%s", target->host, *port ? "" : ":",
             *port ? "" : usual);
    return sock_parse(with_port, &target->address, error, error_bytes);
}

int target_parse(struct target *target, const char *url, const char *default_path, char *error,
                 size_t error_bytes)
{
    static const char host_characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
    *target = (struct target){.secure = strncmp(url, "wss://", 6) == 0};
    if (!target->secure && strncmp(url, "ws://", 5) != 0)
        return fail(error, error_bytes, url, "a URL must begin with ws:// or wss://");
    const char *host = url + (target->secure ? 6 : 5), *path = host + strcspn(host, "/?");
    size_t host_len = (size_t)(path - host);
    if (host_len == 0 || host_len >= sizeof target->host - 4 || *host == ':' ||
        strspn(host, host_characters) < host_len)
        return fail(error, error_bytes, url, "write ws://HOST:PORT/PATH");
    if (strlen(path) >= sizeof target->path - 1 || strpbrk(path, " \t\r\n#"))
        return fail(error, error_bytes, url, "the path is too long, or not percent-encoded");
    memcpy(target->host, host, host_len);
    snprintf(target->path, sizeof target->path, "%s%s", *path == '?' ? "/" : "",
             *path ? path : default_path);
    int result = find_address(target, error, error_bytes);
    target->loopback = result == 0 && is_loopback(&target->address);
    return result;
}

size_t target_expand(char *out, size_t out_max, const char *text, uint32_t room, uint32_t id)
{
    size_t len = 0;
    while (*text) {
        int added, taken = 1;
        if (strncmp(text, "{room}", 6) == 0) {
            added = snprintf(out + len, out_max - len, "%u", room);
            taken = 6;
        } else if (strncmp(text, "{id}", 4) == 0) {
            added = snprintf(out + len, out_max - len, "%u", id);
            taken = 4;
        } else {
            added = snprintf(out + len, out_max - len, "%c", *text);
        }
        if (added < 0 || (size_t)added >= out_max - len)
            return 0;
        len += (size_t)added;
        text += taken;
    }
    return len;
}

void target_source(struct sock_address *out, uint32_t n)
{
    struct sockaddr_in *v4 = (void *)&out->storage;
    memset(out, 0, sizeof *out);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(0x7F000002 + n);
    out->bytes = sizeof *v4;
}

uint32_t target_local_ports(void)
{
    unsigned from = 32768, to = 60999; // Linux's own
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (file && (fscanf(file, "%u %u", &from, &to) != 2 || from > to || to > 65535))
        from = 32768, to = 60999;
    if (file)
        fclose(file);
    return to - from + 1;
}
