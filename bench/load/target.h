// SPDX-License-Identifier: MIT
//
// Where the load goes: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH, with {room} and {id} in the
// path. HOST is an address or a name; a name is looked up once, and its first address serves all
// connections.
#pragma once

#include "ring/sock.h"

#define TARGET_PATH_MAX_BYTES 1024

struct target {
    struct sock_address address;
    char host[128]; // for the Host header
    char name[128]; // HOST, or empty when it is an address
    bool secure;    // wss://
    char path[TARGET_PATH_MAX_BYTES];
    bool loopback; // source addresses can be chosen freely
};

// `default_path` is taken where the URL has none. Returns 0, or -EINVAL with a sentence in error.
MUST_USE int target_parse(struct target *target, const char *url, const char *default_path,
                          char *error, size_t error_bytes);

// Copies `text` with {room} and {id} replaced; returns the length, or 0 when it does not fit.
size_t target_expand(char *out, size_t out_max, const char *text, uint32_t room, uint32_t id);

// The n-th loopback source address: 127.0.0.2, 127.0.0.3 … with the port left to the kernel.
void target_source(struct sock_address *out, uint32_t n);

// How many ports the kernel may choose from for one address (net.ipv4.ip_local_port_range).
uint32_t target_local_ports(void);
