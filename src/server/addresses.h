// SPDX-License-Identifier: MIT
//
// From the option `listen` (listen_spec.h) to what the library is to listen on.
#pragma once

#include "ringcast/ringcast.h"
#include "server/activation.h"
#include "server/listen_spec.h"

struct addresses {
    struct ringcast_listener listeners[RINGCAST_LISTENERS_MAX]; // their texts are those of specs
    struct listen_spec specs[RINGCAST_LISTENERS_MAX];
    unsigned count;
};

// `list`: as the configuration has checked it. Returns 0 or -EINVAL with a sentence in error. The
// object must not move.
MUST_USE int addresses_read(struct addresses *addresses, const char *list,
                            const struct activation *activation, char *error, size_t error_bytes);

// Some address of the list has TLS.
bool addresses_have_tls(const char *list);

// An address on which everybody can come, without TLS: true, and the first one in `text`. What is
// behind a balancer is the balancer's.
bool addresses_find_open(const struct addresses *addresses, const struct ringcast *rc,
                         char text[RINGCAST_ADDRESS_BYTES]);

// Where the instance listens, and the words behind each address, with commas between.
void addresses_format(const struct addresses *addresses, const struct ringcast *rc, char *out,
                      size_t out_bytes);
