// SPDX-License-Identifier: MIT
//
// The files behind TLS: certificates, keys, authorities and the secret of the tickets. Read at the
// start and again at each SIGHUP; what is wrong in them is told in one sentence that names the
// file.
#pragma once

#include "codec/tls.h"
#include "server/config.h"

// The secret of this process's session tickets, made once: a reload must not end them.
struct certificates {
    uint8_t ticket_secret[32];
    uint64_t ticket_secret_made_s;
};

void certificates_init(struct certificates *certificates, uint64_t now_s);

// Makes `count` contexts, one for each shard. Returns 0; or -EINVAL or -ENOMEM with a sentence in
// error, and no context. With no listener that has TLS there are none (contexts[i] NULL).
MUST_USE int certificates_load(const struct certificates *certificates, const struct config *config,
                               struct tls_context **contexts, unsigned count, uint64_t now_s,
                               char *error, size_t error_bytes);

// Some address of `listen` has TLS.
bool certificates_needed(const struct config *config);
