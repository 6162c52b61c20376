// SPDX-License-Identifier: MIT
//
// A build without wolfSSL (-Dtls=disabled) has no keys, and so no tokens.
#include "codec/jwt_key.h"

#include <string.h>

static bool refuse(const char **error)
{
    *error = "this ringcast was built without tokens (-Dtls=disabled)";
    return false;
}

const char *jwt_alg_name(enum jwt_alg alg)
{
    static const char *const names[JWT_ALG_COUNT] = {"HS256", "RS256", "ES256", "EdDSA"};
    return names[alg];
}

enum jwt_alg jwt_alg_find(const char *name, size_t len)
{
    for (int alg = 0; alg < JWT_ALG_COUNT; alg++)
        if (strlen(jwt_alg_name((enum jwt_alg)alg)) == len &&
            memcmp(jwt_alg_name((enum jwt_alg)alg), name, len) == 0)
            return (enum jwt_alg)alg;
    return JWT_ALG_COUNT;
}

bool jwt_key_secret(struct jwt_key *key, const void *secret, size_t len, const char **error)
{
    (void)key, (void)secret, (void)len;
    return refuse(error);
}

bool jwt_key_rsa(struct jwt_key *key, const uint8_t *modulus, size_t modulus_len,
                 const uint8_t *exponent, size_t exponent_len, const char **error)
{
    (void)key, (void)modulus, (void)modulus_len, (void)exponent, (void)exponent_len;
    return refuse(error);
}

bool jwt_key_p256(struct jwt_key *key, const uint8_t x[JWT_P256_BYTES],
                  const uint8_t y[JWT_P256_BYTES], const char **error)
{
    (void)key, (void)x, (void)y;
    return refuse(error);
}

bool jwt_key_ed25519(struct jwt_key *key, const uint8_t point[JWT_ED25519_BYTES],
                     const char **error)
{
    (void)key, (void)point;
    return refuse(error);
}

bool jwt_key_verify(const struct jwt_key *key, const void *message, size_t len,
                    const uint8_t *signature, size_t signature_len)
{
    (void)key, (void)message, (void)len, (void)signature, (void)signature_len;
    return false;
}

void jwt_key_thread_end(void)
{
}
