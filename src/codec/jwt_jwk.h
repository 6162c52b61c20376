// SPDX-License-Identifier: MIT
//
// One key in JSON (JWK: RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2): oct, RSA,
// EC on P-256 and OKP on Ed25519. Members that say nothing about verifying (x5c and the like) are
// ignored.
#pragma once

#include "codec/jwt_key.h"

struct json_t;

enum jwt_jwk_result {
    JWT_JWK_OK,
    JWT_JWK_SKIPPED, // not for us: another kind of key, algorithm or use
    JWT_JWK_BAD,     // *error is a sentence that says what to change
};

// A key without `alg` gets the only algorithm of ours that its kind allows. One with private parts
// is bad, whatever else it is.
enum jwt_jwk_result jwt_jwk_parse(const struct json_t *jwk, struct jwt_key *key,
                                  const char **error);
