// SPDX-License-Identifier: MIT
//
// The process around the library (ringcast.h): files, sockets and users in, an instance that serves
// them.
//
// Thread: main's, but for what pages.c reads.
#pragma once

#include "ringcast/ringcast.h"
#include "server/addresses.h"
#include "server/config.h"

#include <stdatomic.h>

struct server {
    struct config config;
    struct ringcast *rc;
    struct activation activation;
    struct addresses addresses;
    _Atomic bool ready; // new clients are welcome: what /readyz says
};

// The stages of a life; each returns an exit code (0: go on) and has logged what is wrong.
MUST_USE int server_prepare(struct server *server, const struct config *config);
MUST_USE int server_start(struct server *server);

// Reads the files that the configuration names and gives what they hold to the instance. Returns 0,
// or -EINVAL or -ENOMEM with a sentence in error: what was read before stays then.
MUST_USE int server_load_files(struct server *server, const struct config *config, char *error,
                               size_t error_bytes);
