// SPDX-License-Identifier: MIT
//
// A public key in PEM: "-----BEGIN PUBLIC KEY-----" (RFC 7468, section 13), around the DER of a
// SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of an RSA key (RFC 3279), a P-256 key (RFC 5480)
// or an Ed25519 key (RFC 8410). The kind of key decides its algorithm. DER is read strictly, and
// nothing else is: no certificates, no PKCS#1, no RSASSA-PSS keys, no compressed points.
#pragma once

#include "codec/jwt_key.h"

#define JWT_PEM_DER_MAX_BYTES 2048 // an RSA key of JWT_RSA_MAX_BITS takes half of it

// Makes *key, without a kid, from a text that has exactly one key; comments may stand before it.
// False: *error is a sentence that says what to change, also for a private key given by mistake.
MUST_USE bool jwt_pem_parse(const char *text, size_t len, struct jwt_key *key, const char **error);

// Whether the text looks like PEM of any kind.
bool jwt_pem_looks_like(const char *text, size_t len);
