// SPDX-License-Identifier: MIT
#include "codec/jwt_key.h"

#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/rsa.h>

#define P256_POINT_BYTES (1 + 2 * JWT_P256_BYTES)
#define P256_DER_BYTES   72 // SEQUENCE of two INTEGERs of up to 33 bytes

// DigestInfo of SHA-256 up to the hash (RFC 8017, section 9.2, note 1).
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

static const char *const alg_names[JWT_ALG_COUNT] = {
    [JWT_HS256] = "HS256",
    [JWT_RS256] = "RS256",
    [JWT_ES256] = "ES256",
    [JWT_EDDSA] = "EdDSA",
};

const char *jwt_alg_name(enum jwt_alg alg)
{
    CHECK((unsigned)alg < JWT_ALG_COUNT);
    return alg_names[alg];
}

enum jwt_alg jwt_alg_find(const char *name, size_t len)
{
    unsigned alg = 0;
    while (alg < JWT_ALG_COUNT &&
           (strlen(alg_names[alg]) != len || memcmp(alg_names[alg], name, len) != 0))
        alg++;
    return (enum jwt_alg)alg;
}

static bool refuse(const char **error, const char *sentence)
{
    *error = sentence;
    return false;
}

static void begin(struct jwt_key *key, enum jwt_alg alg, const void *material, size_t len)
{
    CHECK(len <= sizeof key->material);
    memset(key, 0, sizeof *key);
    key->alg = alg;
    key->material_len = (uint16_t)len;
    memcpy(key->material, material, len);
}

// --- HS256

bool jwt_key_secret(struct jwt_key *key, const void *secret, size_t len, const char **error)
{
    if (len < JWT_SECRET_MIN_BYTES)
        return refuse(error, "Use a secret of at least 32 bytes (RFC 7518, section 3.2), such as "
                             "openssl rand -base64 48 makes.");
    if (len > JWT_SECRET_MAX_BYTES)
        return refuse(error, "Use a secret of at most 1024 bytes: it is hashed to 32 anyway.");
    begin(key, JWT_HS256, secret, len);
    return true;
}

// In a time that does not tell where they differ.
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static bool verify_hs256(const struct jwt_key *key, const uint8_t *message, size_t len,
                         const uint8_t *signature, size_t signature_len)
{
    uint8_t expected[WC_SHA256_DIGEST_SIZE];
    if (signature_len != sizeof expected)
        return false;
    Hmac hmac;
    if (wc_HmacInit(&hmac, NULL, INVALID_DEVID) != 0)
        return false;
    bool good = wc_HmacSetKey(&hmac, WC_SHA256, key->material, key->material_len) == 0 &&
                wc_HmacUpdate(&hmac, message, (word32)len) == 0 &&
                wc_HmacFinal(&hmac, expected) == 0;
    wc_HmacFree(&hmac);
    return good && same_bytes(expected, signature, sizeof expected);
}

// --- RS256

// What the signature was made of, without the padding: its length, or wolfCrypt's error.
static int rsa_open(const struct jwt_key *key, const uint8_t *signature, uint8_t *out,
                    size_t out_max)
{
    uint32_t e = key->exponent;
    const uint8_t exponent[] = {(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8),
                                (uint8_t)e};
    RsaKey rsa;
    int result = wc_InitRsaKey(&rsa, NULL);
    if (result != 0)
        return result;
    result =
        wc_RsaPublicKeyDecodeRaw(key->material, key->material_len, exponent, sizeof exponent, &rsa);
    if (result == 0)
        result = wc_RsaSSL_Verify(signature, key->material_len, out, (word32)out_max, &rsa);
    wc_FreeRsaKey(&rsa);
    return result;
}

// The computation succeeds and only the padding is wrong: nobody signed 2.
static bool rsa_usable(const struct jwt_key *key)
{
    uint8_t signature[sizeof key->material] = {0}, out[sizeof key->material];
    signature[key->material_len - 1] = 2;
    return rsa_open(key, signature, out, sizeof out) == RSA_PAD_E;
}

static void skip_zeroes(const uint8_t **number, size_t *len)
{
    for (; *len > 0 && **number == 0; (*len)--)
        (*number)++;
}

bool jwt_key_rsa(struct jwt_key *key, const uint8_t *modulus, size_t modulus_len,
                 const uint8_t *exponent, size_t exponent_len, const char **error)
{
    skip_zeroes(&modulus, &modulus_len);
    skip_zeroes(&exponent, &exponent_len);
    size_t bits = modulus_len == 0 ? 0 : modulus_len * 8 + 24 - (size_t)__builtin_clz(modulus[0]);
    if (bits < JWT_RSA_MIN_BITS)
        return refuse(error,
                      "Use an RSA key of at least 2048 bits, as RFC 7518, section 3.3, asks.");
    if (bits > JWT_RSA_MAX_BITS)
        return refuse(error, "Use an RSA key of at most 8192 bits.");
    uint32_t e = 0;
    for (size_t i = 0; i < exponent_len && exponent_len <= sizeof e; i++)
        e = e << 8 | exponent[i];
    if (e < 3 || e % 2 == 0)
        return refuse(error,
                      "Use an RSA key with the exponent 65537: this one's is even, less than "
                      "3 or longer than 32 bits.");
    begin(key, JWT_RS256, modulus, modulus_len);
    key->exponent = e;
    if (rsa_usable(key))
        return true;
    return refuse(error, bits > 4096 ? "Use an RSA key of at most 4096 bits: the wolfSSL that is "
                                       "linked does not compute with longer ones."
                                     : "Use another RSA key: its modulus is not a product of two "
                                       "primes.");
}

static bool verify_rs256(const struct jwt_key *key, const uint8_t *message, size_t len,
                         const uint8_t *signature, size_t signature_len)
{
    // A number below the modulus, written in as many bytes (RFC 8017, section 8.2.2).
    if (signature_len != key->material_len ||
        memcmp(signature, key->material, key->material_len) >= 0)
        return false;
    uint8_t expected[sizeof digest_info + WC_SHA256_DIGEST_SIZE], found[sizeof key->material];
    memcpy(expected, digest_info, sizeof digest_info);
    if (wc_Sha256Hash(message, (word32)len, expected + sizeof digest_info) != 0)
        return false;
    // Compared whole, not parsed: there is no lenient reading of DER that a forger could use.
    return rsa_open(key, signature, found, sizeof found) == (int)sizeof expected &&
           memcmp(found, expected, sizeof expected) == 0;
}

// --- ES256

// Makes wolfCrypt's key, which the caller frees if this says true.
static bool p256_load(const struct jwt_key *key, ecc_key *ecc)
{
    if (wc_ecc_init(ecc) != 0)
        return false;
    if (wc_ecc_import_x963_ex(key->material, key->material_len, ecc, ECC_SECP256R1) == 0)
        return true;
    wc_ecc_free(ecc);
    return false;
}

bool jwt_key_p256(struct jwt_key *key, const uint8_t x[JWT_P256_BYTES],
                  const uint8_t y[JWT_P256_BYTES], const char **error)
{
    uint8_t point[P256_POINT_BYTES] = {4}; // uncompressed (SEC 1, section 2.3.3)
    memcpy(point + 1, x, JWT_P256_BYTES);
    memcpy(point + 1 + JWT_P256_BYTES, y, JWT_P256_BYTES);
    begin(key, JWT_ES256, point, sizeof point);
    ecc_key ecc;
    bool good = false;
    if (p256_load(key, &ecc)) {
        good = wc_ecc_check_key(&ecc) == 0;
        wc_ecc_free(&ecc);
    }
    return good || refuse(error, "Use another EC key: this one's point is not on the curve P-256.");
}

static bool verify_es256(const struct jwt_key *key, const uint8_t *message, size_t len,
                         const uint8_t *signature, size_t signature_len)
{
    uint8_t hash[WC_SHA256_DIGEST_SIZE], der[P256_DER_BYTES];
    word32 der_len = sizeof der;
    const uint8_t *r = signature, *s = signature + JWT_P256_BYTES;
    ecc_key ecc;
    // Not DER: exactly r and s (RFC 7518, section 3.4). wolfCrypt checks that they are in range.
    if (signature_len != 2 * JWT_P256_BYTES || wc_Sha256Hash(message, (word32)len, hash) != 0 ||
        wc_ecc_rs_raw_to_sig(r, JWT_P256_BYTES, s, JWT_P256_BYTES, der, &der_len) != 0 ||
        !p256_load(key, &ecc))
        return false;
    int valid = 0;
    int result = wc_ecc_verify_hash(der, der_len, hash, sizeof hash, &valid, &ecc);
    wc_ecc_free(&ecc);
    return result == 0 && valid == 1;
}

// --- EdDSA

static int ed25519_check(const struct jwt_key *key, const uint8_t *message, size_t len,
                         const uint8_t signature[ED25519_SIG_SIZE])
{
    ed25519_key ed25519;
    int valid = 0;
    int result = wc_ed25519_init(&ed25519);
    if (result != 0)
        return result;
    result = wc_ed25519_import_public(key->material, key->material_len, &ed25519);
    if (result == 0)
        result = wc_ed25519_verify_msg(signature, ED25519_SIG_SIZE, message, (word32)len, &valid,
                                       &ed25519);
    wc_ed25519_free(&ed25519);
    return result == 0 && valid != 1 ? SIG_VERIFY_E : result;
}

bool jwt_key_ed25519(struct jwt_key *key, const uint8_t point[JWT_ED25519_BYTES],
                     const char **error)
{
    begin(key, JWT_EDDSA, point, JWT_ED25519_BYTES);
    // R is the neutral point and S is 0. With a sound key that computes and fits no message. With
    // one of a small order it fits every message, or one in 2, 4 or 8: anybody could sign.
    static const uint8_t signature[ED25519_SIG_SIZE] = {1};
    for (uint8_t message = 0; message < 64; message++)
        if (ed25519_check(key, &message, 1, signature) != SIG_VERIFY_E)
            return refuse(error,
                          "Use another Ed25519 key: this one is not a point of the curve, or "
                          "one for which anybody can sign.");
    return true;
}

static bool verify_eddsa(const struct jwt_key *key, const uint8_t *message, size_t len,
                         const uint8_t *signature, size_t signature_len)
{
    return signature_len == ED25519_SIG_SIZE && ed25519_check(key, message, len, signature) == 0;
}

// --- All

bool jwt_key_verify(const struct jwt_key *key, const void *message, size_t len,
                    const uint8_t *signature, size_t signature_len)
{
    CHECK(len <= UINT32_MAX);
    switch (key->alg) {
    case JWT_HS256:
        return verify_hs256(key, message, len, signature, signature_len);
    case JWT_RS256:
        return verify_rs256(key, message, len, signature, signature_len);
    case JWT_ES256:
        return verify_es256(key, message, len, signature, signature_len);
    case JWT_EDDSA:
        return verify_eddsa(key, message, len, signature, signature_len);
    case JWT_ALG_COUNT:
        break;
    }
    UNREACHABLE();
}

void jwt_key_thread_end(void)
{
#ifdef FP_ECC
    wc_ecc_fp_free();
#endif
}
