// SPDX-License-Identifier: MIT
//
// JSON Web Tokens (RFC 7519) as JWS in compact form (RFC 7515, sections 3.1 and 5.2): verified,
// never made. Pure: keys and time are arguments.
//
// The key decides the algorithm, not the token: `alg` has to equal that of the key which `kid`
// selects (RFC 8725, section 3.1). A kid that no key has leaves the keys without one; without a kid
// every key of the token's algorithm is tried, at most JWT_TRIES_MAX. Keys or addresses of keys in
// the header are never looked at. The signature is checked before the payload is decoded at all.
//
// Memory: up to 70 kB of stack, nearly all of it wolfCrypt's (as Debian builds it; half of that
// with its SP arithmetic), the JSON of at most JWT_MAX_BYTES while it is being read
// (json_strict.h), and the claims. Threads: any, with the same keys too; see jwt_key_thread_end.
#pragma once

#include "codec/claims.h"
#include "codec/jwt_keys.h"

// It has to fit the head of a request twice over (HTTP_HEAD_MAX_BYTES), beside cookies and the
// rest; in a target it is limited to HTTP_TARGET_MAX_BYTES anyway.
#define JWT_MAX_BYTES 4096

#define JWT_TRIES_MAX 4

// Times are sane up to here: what a double, and so every JSON parser, holds exactly.
#define JWT_TIME_MAX_S (UINT64_C(1) << 53)

enum jwt_result {
#define JWT_RESULT(symbol, name, text) JWT_##symbol,
#include "codec/jwt_result.def"
#undef JWT_RESULT
    JWT_RESULT_COUNT
};

struct jwt_result_info {
    const char *name;
    const char *text;
};

const struct jwt_result_info *jwt_result_info(enum jwt_result result);

struct jwt_options {
    uint64_t now_s;    // Unix time
    uint64_t leeway_s; // by which the clocks may differ; at most JWT_TIME_MAX_S
    const char
        *audience;      // what `aud` has to be or contain. NULL: a token with an `aud` is refused,
                        // because it is meant for somebody else (RFC 7519, section 4.1.3)
    const char *issuer; // what `iss` has to be; NULL: any, or none
    bool exp_optional;  // a token without `exp` is good for ever
};

// The claims of a payload whose token somebody else has verified: JWT_OK, _MALFORMED (no JSON
// object), _CLAIM or _NO_MEMORY.
MUST_USE enum jwt_result jwt_read_payload(const char *text, size_t len, struct claims **claims);

// JWT_OK: *claims belongs to the caller; its exp_s is `exp` without the leeway, rounded up.
// Otherwise *claims is NULL.
//
// exp, nbf and iat are numbers from 0 to JWT_TIME_MAX_S, whole or not: now < exp + leeway,
// nbf <= now + leeway, iat <= now + leeway. aud is a string or an array of them, iss and sub are
// strings.
MUST_USE enum jwt_result jwt_verify(const char *token, size_t len, const struct jwt_keys *keys,
                                    const struct jwt_options *options, struct claims **claims);
