// SPDX-License-Identifier: MIT
//
// Who gets in, from the configuration: the gates of the shards, with the keys of tokens that the
// files hold. Read at the start and again at each SIGHUP.
#pragma once

#include "conn/gate.h"
#include "server/config.h"

// Makes `count` gates, one for each shard. Returns 0; or -EINVAL or -ENOMEM with a sentence in
// error, and no gate.
MUST_USE int access_load(const struct config *config, struct gate **gates, unsigned count,
                         char *error, size_t error_bytes);
