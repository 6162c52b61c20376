// SPDX-License-Identifier: MIT
#include "support/jwt_make.h"

#include "codec/base64url.h"

#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

#define ED25519_SECRET "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define P256_SECRET    "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"

// RSAPrivateKey (RFC 8017, appendix A.1.2).
static const char rsa_private[] =
    "MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qP"
    "CJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0"
    "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qC"
    "o5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
    "yuXpoQIDAQABAoIBABKucaRpzQorw35SbEUAVx8dYXUdZOlJcHtiWQ-dC6V8ljxAHj_PLyzTveyI5QO_xkObCyjI"
    "L303l2cfUhPu2MFaJdjVzqACXuOrLot_eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1On95fZCXxTUtxNEG1"
    "Xcc7m0rtzJKs45J-N_V9DP1edYH6USyPSWGp6wuA-KgHRnKKVf9GRx80JQY7nVNkL17eHoTWEwga-lwi0FEoW9Y7"
    "lDtWXYmKBWhUE-U8PGxlJf8f40493HDw1WRQ_aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU"
    "bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3Khoo"
    "KeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y"
    "2XDwGUcCgYEAuQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zF"
    "YHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJID"
    "Ez9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7DOX4IKjzdahm-ctDAJN4O_y7OW5FKebvUjdAIt2GuoTZ71iTG-7F0F-l"
    "P88jtjP4U4qe7VHoewl4MKOfXZKTe-YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q-d5PCsDzqtm27kxuvULVeya-TEd"
    "AB1ijQKBgQCH_3r6YrVH_uCWGy6bzV1nGNOdjKc9tmkfOJmN54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYj"
    "agqvo3cOj1TRqNocX40omfCCMx3bD1yPPf_6TI2XECva_ggqEY2mYzmIiA5LVVmc5nrybr-lssFKneeyxN2Wq93S"
    "0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1ZNqMtuhdBJqUnBi6tjKMF-34X"
    "f0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZ"
    "LkN1";

size_t jwt_make_encode(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *in = bytes;
    char *cursor = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)in[i] << 16;
        group |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
        group |= i + 2 < len ? in[i + 2] : 0;
        size_t count = len - i >= 3 ? 4 : len - i + 1;
        for (size_t k = 0; k < count; k++)
            *cursor++ = digits[group >> (18 - 6 * k) & 63];
    }
    *cursor = 0;
    return (size_t)(cursor - out);
}

static size_t decode(const char *text, uint8_t *out, size_t out_max)
{
    int len = base64url_decode(text, strlen(text), out, out_max);
    CHECK(len > 0);
    return (size_t)len;
}

void jwt_make_hmac(const void *secret, size_t secret_len, const void *message, size_t len,
                   uint8_t signature[32])
{
    Hmac hmac;
    CHECK(wc_HmacInit(&hmac, NULL, INVALID_DEVID) == 0);
    CHECK(wc_HmacSetKey(&hmac, WC_SHA256, secret, (word32)secret_len) == 0);
    CHECK(wc_HmacUpdate(&hmac, message, (word32)len) == 0);
    CHECK(wc_HmacFinal(&hmac, signature) == 0);
    wc_HmacFree(&hmac);
}

static size_t sign_rs256(const uint8_t *hash, uint8_t *signature, WC_RNG *rng)
{
    static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                          0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                          0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t der[2048], content[sizeof digest_info + 32];
    size_t der_len = decode(rsa_private, der, sizeof der);
    memcpy(content, digest_info, sizeof digest_info);
    memcpy(content + sizeof digest_info, hash, 32);
    RsaKey rsa;
    word32 index = 0;
    CHECK(wc_InitRsaKey(&rsa, NULL) == 0);
    CHECK(wc_RsaPrivateKeyDecode(der, &index, &rsa, (word32)der_len) == 0);
    CHECK(wc_RsaSetRNG(&rsa, rng) == 0);
    int len =
        wc_RsaSSL_Sign(content, sizeof content, signature, JWT_MAKE_SIGNATURE_MAX_BYTES, &rsa, rng);
    CHECK(len == 256);
    wc_FreeRsaKey(&rsa);
    return (size_t)len;
}

static size_t sign_es256(const uint8_t *hash, uint8_t *signature, WC_RNG *rng)
{
    uint8_t secret[32], point[65] = {4}, der[80], r[32], s[32];
    word32 der_len = sizeof der, r_len = sizeof r, s_len = sizeof s;
    decode(P256_SECRET, secret, sizeof secret);
    decode(JWT_MAKE_X, point + 1, 32);
    decode(JWT_MAKE_Y, point + 33, 32);
    ecc_key ecc;
    CHECK(wc_ecc_init(&ecc) == 0);
    CHECK(wc_ecc_import_private_key_ex(secret, sizeof secret, point, sizeof point, &ecc,
                                       ECC_SECP256R1) == 0);
    CHECK(wc_ecc_sign_hash(hash, 32, der, &der_len, rng, &ecc) == 0);
    CHECK(wc_ecc_sig_to_rs(der, der_len, r, &r_len, s, &s_len) == 0);
    wc_ecc_free(&ecc);
    memset(signature, 0, 64);
    memcpy(signature + 32 - r_len, r, r_len);
    memcpy(signature + 64 - s_len, s, s_len);
    return 64;
}

static size_t sign_eddsa(const void *message, size_t len, uint8_t *signature)
{
    uint8_t secret[32], point[32];
    word32 signature_len = 64;
    decode(ED25519_SECRET, secret, sizeof secret);
    decode(JWT_MAKE_POINT, point, sizeof point);
    ed25519_key key;
    CHECK(wc_ed25519_init(&key) == 0);
    CHECK(wc_ed25519_import_private_key(secret, 32, point, 32, &key) == 0);
    CHECK(wc_ed25519_sign_msg(message, (word32)len, signature, &signature_len, &key) == 0);
    wc_ed25519_free(&key);
    return signature_len;
}

static size_t sign_hash(enum jwt_alg alg, const void *message, size_t len, uint8_t *signature)
{
    uint8_t hash[32];
    WC_RNG rng;
    CHECK(wc_Sha256Hash(message, (word32)len, hash) == 0);
    CHECK(wc_InitRng(&rng) == 0);
    size_t signature_len =
        alg == JWT_RS256 ? sign_rs256(hash, signature, &rng) : sign_es256(hash, signature, &rng);
    wc_FreeRng(&rng);
    return signature_len;
}

size_t jwt_make_sign(enum jwt_alg alg, const void *message, size_t len,
                     uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES])
{
    uint8_t secret[64];
    switch (alg) {
    case JWT_HS256:
        decode(JWT_MAKE_SECRET, secret, sizeof secret);
        jwt_make_hmac(secret, sizeof secret, message, len, signature);
        return 32;
    case JWT_EDDSA:
        return sign_eddsa(message, len, signature);
    default:
        return sign_hash(alg, message, len, signature);
    }
}

size_t jwt_make_token_of(char token[JWT_MAKE_TOKEN_MAX_BYTES], enum jwt_alg alg, const void *header,
                         size_t header_len, const void *payload, size_t payload_len)
{
    uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES];
    CHECK((header_len + payload_len + sizeof signature) * 4 / 3 + 8 < JWT_MAKE_TOKEN_MAX_BYTES);
    size_t len = jwt_make_encode(token, header, header_len);
    token[len++] = '.';
    len += jwt_make_encode(token + len, payload, payload_len);
    size_t signature_len = jwt_make_sign(alg, token, len, signature);
    token[len++] = '.';
    return len + jwt_make_encode(token + len, signature, signature_len);
}

size_t jwt_make_token(char token[JWT_MAKE_TOKEN_MAX_BYTES], enum jwt_alg alg, const char *header,
                      const char *payload)
{
    return jwt_make_token_of(token, alg, header, strlen(header), payload, strlen(payload));
}
