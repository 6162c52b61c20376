// SPDX-License-Identifier: MIT
#include "load/target.h"

#include <arpa/inet.h>
#include <errno.h>
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

int target_parse(struct target *target, const char *url, const char *default_path, char *error,
                 size_t error_bytes)
{
    if (strncmp(url, "wss://", 6) == 0)
        return fail(error, error_bytes, url, "wss:// is not supported yet; use ws://");
    if (strncmp(url, "ws://", 5) != 0)
        return fail(error, error_bytes, url, "a URL must begin with ws://");
    const char *host = url + 5, *path = host + strcspn(host, "/?");
    size_t host_len = (size_t)(path - host);
    if (host_len == 0 || host_len >= sizeof target->host - 4)
        return fail(error, error_bytes, url, "write ws://HOST:PORT/PATH");
    if (strlen(path) >= sizeof target->path - 1 || strpbrk(path, " \t\r\n#"))
        return fail(error, error_bytes, url, "the path is too long, or not percent-encoded");
    memcpy(target->host, host, host_len);
    target->host[host_len] = 0;
    const char *colon = strrchr(target->host, ':'), *bracket = strrchr(target->host, ']');
    char with_port[sizeof target->host + 4];
    snprintf(with_port, sizeof with_port, "%s%s", target->host,
             colon && (!bracket || colon > bracket) ? "" : ":80");
    if (with_port[0] == ':' || with_port[0] == '*')
        return fail(error, error_bytes, url, "write ws://HOST:PORT/PATH");
    snprintf(target->path, sizeof target->path, "%s%s", *path == '?' ? "/" : "",
             *path ? path : default_path);
    int result = sock_parse(with_port, &target->address, error, error_bytes);
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
