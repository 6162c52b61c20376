// SPDX-License-Identifier: MIT
#include "server/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 4096 // the kernel cuts it to net.core.somaxconn

static const char *remedy(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another process (or another address of ours) has this port: stop it or choose "
               "another port with --listen";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE: choose another one with --listen";
    case EADDRNOTAVAIL:
        return "this machine does not have this address: choose another one with --listen";
    default:
        return "choose another address with --listen";
    }
}

// "All addresses" where there is no IPv6.
static bool fall_back_to_v4(struct sock_address *address, int error)
{
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;
    if ((error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL) ||
        address->storage.ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        return false;
    in_port_t port = v6->sin6_port;
    memset(&address->storage, 0, sizeof address->storage);
    struct sockaddr_in *v4 = (void *)&address->storage;
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    address->bytes = sizeof *v4;
    return true;
}

// With SO_REUSEPORT a second server of the same user would silently share the port; a socket
// without it is refused.
static int check_free(const struct sock_address *address)
{
    static const int one = 1, zero = 0;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        (address->storage.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero)) ||
        bind(fd, (const void *)&address->storage, address->bytes))
        result = -errno;
    close(fd);
    return result;
}

static int open_address(struct listeners *listeners, unsigned index)
{
    struct sock_address *address = &listeners->addresses[index];
    int result = check_free(address);
    if (result && fall_back_to_v4(address, result))
        result = check_free(address);
    for (unsigned shard = 0; !result && shard < listeners->shards; shard++) {
        int fd = sock_listen(address, BACKLOG);
        if (fd < 0)
            return fd;
        listeners->fds[shard][index] = fd;
        if (shard == 0) // the others get the same port, also when the kernel chose it
            result = sock_local(fd, address);
    }
    return result;
}

static int open_own(struct listeners *listeners, const struct listen_spec *spec, char *error,
                    size_t error_bytes)
{
    char shown[SOCK_TEXT_BYTES];
    struct sock_address *address = &listeners->addresses[listeners->count];
    if (sock_parse(spec->address, address, error, error_bytes))
        return -EINVAL;
    int result = open_address(listeners, listeners->count);
    if (result) {
        sock_format(address, shown);
        snprintf(error, error_bytes, "cannot listen on %s: %s: %s", shown, strerror(-result),
                 remedy(-result));
    }
    listeners->specs[listeners->count++] = *spec;
    return result;
}

static int take_activated(struct listeners *listeners, const struct listen_spec *spec,
                          const struct activation *activation, char *error, size_t error_bytes)
{
    unsigned index = 0, before = listeners->count;
    const char *name = listen_spec_socket_name(spec);
    int fd;
    while ((fd = activation_next(activation, name, &index)) >= 0) {
        static const int one = 1;
        if (listeners->count == SHARD_LISTENERS) {
            snprintf(error, error_bytes, "systemd passed more than %d sockets", SHARD_LISTENERS);
            return -EINVAL;
        }
        // Fails on what is not TCP, which is no harm. What is accepted inherits it.
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        for (unsigned shard = 0; shard < listeners->shards; shard++)
            listeners->fds[shard][listeners->count] = fd;
        int result = sock_local(fd, &listeners->addresses[listeners->count]);
        listeners->specs[listeners->count++] = *spec;
        if (result)
            return result;
    }
    if (listeners->count > before)
        return 0;
    snprintf(error, error_bytes,
             "systemd passed no socket%s%s: start ringcast by its socket unit, or listen on an "
             "address",
             name ? " named " : "", name ? name : "");
    return -EINVAL;
}

int listeners_open(struct listeners *listeners, const char *list,
                   const struct activation *activation, uint16_t shards, char *error,
                   size_t error_bytes)
{
    struct listen_spec specs[SHARD_LISTENERS];
    memset(listeners, 0, sizeof *listeners);
    memset(listeners->fds, -1, sizeof listeners->fds);
    listeners->shards = shards;
    int count = listen_specs_parse(list, specs, SHARD_LISTENERS, error, error_bytes);
    int result = count < 0 ? count : 0;
    for (int i = 0; !result && i < count; i++) {
        if (!specs[i].activated && listeners->count == SHARD_LISTENERS) {
            snprintf(error, error_bytes, "more than %d addresses with those of systemd",
                     SHARD_LISTENERS);
            return -EINVAL;
        }
        result = specs[i].activated
                     ? take_activated(listeners, &specs[i], activation, error, error_bytes)
                     : open_own(listeners, &specs[i], error, error_bytes);
    }
    return result;
}

void listeners_shutdown(const struct listeners *listeners)
{
    for (unsigned shard = 0; shard < listeners->shards; shard++)
        for (unsigned i = 0; i < listeners->count; i++)
            if (!listeners->specs[i].activated)
                (void)shutdown(listeners->fds[shard][i], SHUT_RDWR); // not to listen is all we want
}

void listeners_close(struct listeners *listeners)
{
    for (unsigned shard = 0; shard < listeners->shards; shard++)
        for (unsigned i = 0; i < listeners->count; i++)
            if (listeners->fds[shard][i] >= 0 && (shard == 0 || !listeners->specs[i].activated))
                close(listeners->fds[shard][i]);
    listeners->count = 0;
}

void listeners_format(const struct listeners *listeners, char *out, size_t out_bytes)
{
    size_t used = 0;
    *out = 0;
    for (unsigned i = 0; i < listeners->count && used < out_bytes; i++) {
        char text[SOCK_TEXT_BYTES];
        const struct listen_spec *spec = &listeners->specs[i];
        sock_format(&listeners->addresses[i], text);
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s%s%s%s", i ? ", " : "", text,
                                 spec->tls ? " tls" : "", spec->proxy ? " proxy" : "",
                                 spec->activated ? " (systemd)" : "");
    }
}
