// SPDX-License-Identifier: MIT
//
// Sockets at set-up time: parsing addresses, listening. Plain system calls; nothing here runs in a
// tick.
#pragma once

#include "base/check.h"

#include <sys/socket.h>

struct sock_address {
    struct sockaddr_storage storage;
    socklen_t bytes;
};

// "HOST:PORT", "[IPV6]:PORT", "*:PORT" or ":PORT" (all IPv6 and IPv4 addresses). HOST is a numeric
// address or "localhost". Returns 0 or -EINVAL with a sentence in error.
MUST_USE int sock_parse(const char *text, struct sock_address *out, char *error,
                        size_t error_bytes);

// Listens with SO_REUSEPORT and TCP_NODELAY (inherited by what is accepted). Returns the descriptor
// or -errno.
MUST_USE int sock_listen(const struct sock_address *address, int backlog);

// The address with the port that the kernel chose, e.g. after listening on port 0.
int sock_local(int fd, struct sock_address *out);

// "[::]:8080", "127.0.0.1:8080" or, cut short, "unix:/run/ringcast.sock".
#define SOCK_TEXT_BYTES 64
void sock_format(const struct sock_address *address, char out[SOCK_TEXT_BYTES]);
