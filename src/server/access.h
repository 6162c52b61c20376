// SPDX-License-Identifier: MIT
//
// Who gets in, from the configuration: origins, and the keys of tokens that the files hold. Read at
// the start and again at each SIGHUP.
#pragma once

#include "ringcast/ringcast.h"
#include "server/config.h"

// Gives them to the instance (NULL: only looks whether they are right). Returns 0; or -EINVAL or
// -ENOMEM with a sentence in error.
MUST_USE int access_load(const struct config *config, struct ringcast *rc, char *error,
                         size_t error_bytes);

// The file that an item of auth_keys names, within the item, and what it holds: a secret when
// "hs256:" stands in front of it.
const char *access_key_path(const char *item, enum ringcast_key_kind *kind);
