// SPDX-License-Identifier: MIT
//
// The keys that tokens may be signed with: built once from text that the caller has read, immutable
// from then on. Memory: JWT_KEYS_MAX keys of at most 1.4 kB, and while a JWKS is being read some 80
// times its text. Thread: whoever builds the set; once built it may be read by any number of
// threads, and its owner destroys it when none of them uses it any more. Each function that adds
// either adds all that its text has, or leaves the set as it was.
#pragma once

#include "codec/jwt_key.h"

#define JWT_KEYS_MAX            64
#define JWT_KEYS_TEXT_MAX_BYTES (256 * 1024) // of a JWKS or a PEM
#define JWT_KEYS_ERROR_BYTES    256

struct jwt_keys {
    unsigned count;
    unsigned skipped; // keys of JWKSs that are for other algorithms or uses
    struct jwt_key *list[JWT_KEYS_MAX];
};

// An empty set, or NULL when memory is short.
struct jwt_keys *jwt_keys_create(void);

// Wipes the secrets. Nothing happens to NULL.
void jwt_keys_destroy(struct jwt_keys *keys);

// Each returns 0, -EINVAL with a sentence in error that says what to change, or -ENOMEM, with one
// too. No sentence quotes the text.

// A JWK set (RFC 7517, section 5). Keys that are not for us are skipped and counted, so that the
// set of an identity provider, with keys of other kinds in it, can be used as it is; at least one
// must remain. Two keys of one kid, and keys with private parts, are errors.
MUST_USE int jwt_keys_add_jwks(struct jwt_keys *keys, const char *text, size_t len,
                               char error[JWT_KEYS_ERROR_BYTES]);

// A public key in PEM (jwt_pem.h), without a kid.
MUST_USE int jwt_keys_add_pem(struct jwt_keys *keys, const char *text, size_t len,
                              char error[JWT_KEYS_ERROR_BYTES]);

// Either of these two, whichever the text is. Anything else is refused, and never taken for a
// secret: a public key in another coding, or the page of an error, would let everybody sign.
MUST_USE int jwt_keys_add_public(struct jwt_keys *keys, const char *text, size_t len,
                                 char error[JWT_KEYS_ERROR_BYTES]);

// A secret for HS256, without a kid. Every byte counts: whoever reads a file has to take off the
// line end that is not meant. Something that is a key in PEM or JSON is refused, since public keys
// are known to everybody.
MUST_USE int jwt_keys_add_secret(struct jwt_keys *keys, const void *secret, size_t len,
                                 char error[JWT_KEYS_ERROR_BYTES]);
