// SPDX-License-Identifier: MIT
//
// What the option `listen` says: addresses with commas between, each with words behind it.
//
//   *:8080, [::]:8443 tls, 10.0.0.1:9000 proxy tls, systemd:ringcast.socket tls
//
// tls: TLS with the configured certificates. proxy: every connection begins with a PROXY header.
// systemd:NAME: the sockets that the service manager passed under this name (FileDescriptorName=;
// systemd alone: all of them).
#pragma once

#include "base/check.h"

#define LISTEN_ADDRESS_MAX_BYTES 96

struct listen_spec {
    char address[LISTEN_ADDRESS_MAX_BYTES]; // as written
    bool activated;                         // systemd or systemd:NAME
    bool tls, proxy;
};

// Parses up to `max` of them. Returns how many there are, or -EINVAL with a sentence in error.
MUST_USE int listen_specs_parse(const char *text, struct listen_spec *specs, unsigned max,
                                char *error, size_t error_bytes);

// The one form of each item: "ADDRESS tls proxy". Returns its length, as snprintf.
int listen_spec_format(const struct listen_spec *spec, char *out, size_t out_bytes);

// The NAME of systemd:NAME, or NULL: any.
const char *listen_spec_socket_name(const struct listen_spec *spec);
