// SPDX-License-Identifier: MIT
//
// Tokens for tests: signed by wolfCrypt with the keys that RFC 7515 (appendices A.1 to A.3) and RFC
// 8037 (appendix A) publish, private halves included.
#pragma once

#include "codec/jwt_key.h"

// What the public halves are made of, and the secret, in base64url.
#define JWT_MAKE_SECRET                                                                            \
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define JWT_MAKE_MODULUS                                                                           \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1"       \
    "Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpa"       \
    "SHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4"       \
    "LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define JWT_MAKE_X     "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define JWT_MAKE_Y     "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define JWT_MAKE_POINT "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

// The keys as JWKs. `more` is text for further members: ",\"kid\":\"a\"".
#define JWT_MAKE_HS256(more) "{\"kty\":\"oct\",\"k\":\"" JWT_MAKE_SECRET "\"" more "}"
#define JWT_MAKE_RS256(more)                                                                       \
    "{\"kty\":\"RSA\",\"n\":\"" JWT_MAKE_MODULUS "\",\"e\":\"AQAB\"" more "}"
#define JWT_MAKE_ES256(more)                                                                       \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWT_MAKE_X "\",\"y\":\"" JWT_MAKE_Y "\"" more "}"
#define JWT_MAKE_EDDSA(more)                                                                       \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JWT_MAKE_POINT "\"" more "}"
#define JWT_MAKE_JWKS(keys) "{\"keys\":[" keys "]}"
// All four, without kids.
#define JWT_MAKE_ALL                                                                               \
    JWT_MAKE_JWKS(                                                                                 \
        JWT_MAKE_HS256("") "," JWT_MAKE_RS256("") "," JWT_MAKE_ES256("") "," JWT_MAKE_EDDSA(""))

// The same keys in PEM.
#define JWT_MAKE_RSA_PEM                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"                           \
    "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"                           \
    "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"                           \
    "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"                           \
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"                           \
    "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"                           \
    "oQIDAQAB\n"                                                                                   \
    "-----END PUBLIC KEY-----\n"
#define JWT_MAKE_P256_PEM                                                                          \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"                           \
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"                               \
    "-----END PUBLIC KEY-----\n"
#define JWT_MAKE_ED25519_PEM                                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"

#define JWT_MAKE_SIGNATURE_MAX_BYTES 256
#define JWT_MAKE_TOKEN_MAX_BYTES     8192

// Base64url without padding, with a NUL behind it; returns its length.
size_t jwt_make_encode(char *out, const void *bytes, size_t len);

// Signs with the algorithm's key; returns the length of the signature.
size_t jwt_make_sign(enum jwt_alg alg, const void *message, size_t len,
                     uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES]);

// HMAC with SHA-256 by any secret.
void jwt_make_hmac(const void *secret, size_t secret_len, const void *message, size_t len,
                   uint8_t signature[32]);

// The whole token, with a NUL behind it; returns its length. The header is written as it is.
size_t jwt_make_token(char token[JWT_MAKE_TOKEN_MAX_BYTES], enum jwt_alg alg, const char *header,
                      const char *payload);

// The same of parts that may hold anything.
size_t jwt_make_token_of(char token[JWT_MAKE_TOKEN_MAX_BYTES], enum jwt_alg alg, const void *header,
                         size_t header_len, const void *payload, size_t payload_len);
