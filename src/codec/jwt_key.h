// SPDX-License-Identifier: MIT
//
// One key that verifies signatures of tokens (RFC 7518, section 3; RFC 8037, section 3.1), by
// wolfCrypt. A key is tied to its one algorithm when it is made, and the material is of a form that
// no other algorithm reads: what a token says of its algorithm never reaches this module, so that
// an RSA public key cannot become the secret of an HMAC.
//
// Threads: a key does not change once made and may be used by any number of threads at once.
// wolfCrypt's own key objects do change while they verify (RsaKey.state, ecc_key.state,
// ed25519_key.sha), so each verification makes one on its stack from the material: that takes about
// 1 % of what follows.
#pragma once

#include "base/check.h"

#define JWT_SECRET_MIN_BYTES 32 // RFC 7518, section 3.2: at least as long as the hash
#define JWT_SECRET_MAX_BYTES 1024
#define JWT_RSA_MIN_BITS     2048 // RFC 7518, section 3.3
#define JWT_RSA_MAX_BITS     8192 // what verifying may cost
#define JWT_KID_MAX_BYTES    256
#define JWT_P256_BYTES       32 // of a coordinate
#define JWT_ED25519_BYTES    32

enum jwt_alg { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA, JWT_ALG_COUNT };

struct jwt_key {
    enum jwt_alg alg;
    uint32_t exponent;     // RS256
    uint16_t kid_len;      // 0: the key has none
    uint16_t material_len; // bytes
    char kid[JWT_KID_MAX_BYTES];
    // HS256: the secret. RS256: the modulus, first byte not 0. ES256: 4, x, y. EdDSA: the point.
    uint8_t material[JWT_RSA_MAX_BITS / 8];
};

_Static_assert(JWT_SECRET_MAX_BYTES <= JWT_RSA_MAX_BITS / 8, "a secret must fit");

// As tokens and keys write it (RFC 7518, section 3.1).
const char *jwt_alg_name(enum jwt_alg alg);

// JWT_ALG_COUNT when it is none of ours; `none` never is.
enum jwt_alg jwt_alg_find(const char *name, size_t len);

// Each makes *key from the bytes, which are copied, without a kid. False: *error is a sentence that
// says what to change. Numbers are big-endian and may begin with zeroes. All are proven usable: an
// RSA key and an Ed25519 key by a verification, a P-256 key by its equation.
MUST_USE bool jwt_key_secret(struct jwt_key *key, const void *secret, size_t len,
                             const char **error);
MUST_USE bool jwt_key_rsa(struct jwt_key *key, const uint8_t *modulus, size_t modulus_len,
                          const uint8_t *exponent, size_t exponent_len, const char **error);
MUST_USE bool jwt_key_p256(struct jwt_key *key, const uint8_t x[JWT_P256_BYTES],
                           const uint8_t y[JWT_P256_BYTES], const char **error);
MUST_USE bool jwt_key_ed25519(struct jwt_key *key, const uint8_t point[JWT_ED25519_BYTES],
                              const char **error);

// Whether the signature, in the form that RFC 7518 gives it (ECDSA: r and s, 32 bytes each), is the
// message's by this key. Only the one form of a signature is accepted, except that ECDSA's s may be
// either of its two values. False when memory is short, too.
MUST_USE bool jwt_key_verify(const struct jwt_key *key, const void *message, size_t len,
                             const uint8_t *signature, size_t signature_len);

// Frees what wolfCrypt keeps for the calling thread: built with FP_ECC, as Debian does, it holds a
// table of 830 kB for each of the last 15 points that were multiplied. To be called before a thread
// that verified ends.
void jwt_key_thread_end(void);
