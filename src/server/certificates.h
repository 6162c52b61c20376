// SPDX-License-Identifier: MIT
//
// The files behind TLS: certificates, keys, authorities and the key of the tickets. Read at the
// start and again at each SIGHUP; what is wrong in them is told in one sentence that names the
// file.
#pragma once

#include "ringcast/ringcast.h"
#include "server/config.h"

// Gives them to the instance (NULL: only looks whether they are right). With no listener that has
// TLS, nothing happens. Returns 0; or -EINVAL or -ENOMEM with a sentence in error.
MUST_USE int certificates_load(const struct config *config, struct ringcast *rc, char *error,
                               size_t error_bytes);
