// SPDX-License-Identifier: MIT
//
// SipHash-1-3 (Aumasson and Bernstein): a keyed hash, because clients choose room names and must
// not be able to choose collisions.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t word[2];
};

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len);
