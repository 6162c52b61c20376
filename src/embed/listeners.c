// SPDX-License-Identifier: MIT
#include "embed/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 // the kernel cuts it to net.core.somaxconn

static const char *remedy(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another process (or another address of ours) has this port: stop it or choose "
               "another port";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE: choose another one";
    case EADDRNOTAVAIL:
        return "this machine does not have this address: choose another one";
    default:
        return "choose another address";
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

static int open_own(struct listeners *listeners, const char *text, char *error, size_t error_bytes)
{
    char shown[SOCK_TEXT_BYTES];
    struct sock_address *address = &listeners->addresses[listeners->count];
    if (sock_parse(text, address, error, error_bytes))
        return -EINVAL;
    int result = open_address(listeners, listeners->count);
    if (result) {
        sock_format(address, shown);
        snprintf(error, error_bytes, "cannot listen on %s: %s: %s", shown, strerror(-result),
                 remedy(-result));
    }
    return result;
}

// An abstract one (its name begins with NUL) is open to everybody on the machine.
static bool is_file(const struct sock_address *address)
{
    const struct sockaddr_un *local = (const void *)&address->storage;
    return local->sun_family == AF_UNIX &&
           address->bytes > offsetof(struct sockaddr_un, sun_path) && local->sun_path[0];
}

static int take_given(struct listeners *listeners, int fd, char *error, size_t error_bytes)
{
    static const int one = 1;
    int listens = 0;
    socklen_t len = sizeof listens;
    unsigned index = listeners->count;
    listeners->given[index] = true;
    for (unsigned shard = 0; shard < listeners->shards; shard++)
        listeners->fds[shard][index] = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || !listens ||
        sock_local(fd, &listeners->addresses[index])) {
        snprintf(error, error_bytes, "descriptor %d does not listen", fd);
        return -EINVAL;
    }
    listeners->files[index] = is_file(&listeners->addresses[index]);
    // Fails on what is not TCP, which is no harm. What is accepted inherits it.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return 0;
}

int listeners_open(struct listeners *listeners, const struct ringcast_listener *wanted,
                   size_t count, uint16_t shards, char *error, size_t error_bytes)
{
    memset(listeners, 0, sizeof *listeners);
    memset(listeners->fds, -1, sizeof listeners->fds);
    listeners->shards = shards;
    for (size_t i = 0; i < count; i++) {
        unsigned index = listeners->count;
        listeners->tls[index] = wanted[i].tls;
        listeners->proxy[index] = wanted[i].proxy;
        int result = wanted[i].address ? open_own(listeners, wanted[i].address, error, error_bytes)
                                       : take_given(listeners, wanted[i].fd, error, error_bytes);
        listeners->count++; // also what failed half-way has descriptors
        if (result)
            return result;
    }
    return 0;
}

void listeners_close(struct listeners *listeners)
{
    for (unsigned shard = 0; shard < listeners->shards; shard++)
        for (unsigned i = 0; i < listeners->count; i++)
            if (listeners->fds[shard][i] >= 0 && !listeners->given[i])
                close(listeners->fds[shard][i]);
    listeners->count = 0;
}
