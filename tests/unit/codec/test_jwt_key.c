// SPDX-License-Identifier: MIT
#include "codec/jwt_key.h"

#include "codec/base64url.h"
#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#define CLAIMS                                                                                     \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static size_t decode(const char *text, uint8_t *out, size_t out_max)
{
    int len = base64url_decode(text, strlen(text), out, out_max);
    cr_assert_geq(len, 0, "%s", text);
    return (size_t)len;
}

// The key of the algorithm that jwt_make signs with.
static struct jwt_key key_of(enum jwt_alg alg)
{
    uint8_t a[256], b[32];
    const uint8_t e[] = {1, 0, 1};
    struct jwt_key key;
    const char *error = NULL;
    bool good = false;
    switch (alg) {
    case JWT_HS256:
        good = jwt_key_secret(&key, a, decode(JWT_MAKE_SECRET, a, sizeof a), &error);
        break;
    case JWT_RS256:
        decode(JWT_MAKE_MODULUS, a, sizeof a);
        good = jwt_key_rsa(&key, a, sizeof a, e, sizeof e, &error);
        break;
    case JWT_ES256:
        decode(JWT_MAKE_X, a, sizeof a);
        decode(JWT_MAKE_Y, b, sizeof b);
        good = jwt_key_p256(&key, a, b, &error);
        break;
    default:
        decode(JWT_MAKE_POINT, a, sizeof a);
        good = jwt_key_ed25519(&key, a, &error);
    }
    cr_assert(good, "%s", error);
    cr_assert_eq(key.alg, alg);
    cr_assert_eq(key.kid_len, 0);
    return key;
}

static const struct {
    enum jwt_alg alg;
    const char *message, *signature;
} vectors[] = {
    // RFC 7515, appendices A.1, A.2 and A.3; RFC 8037, appendix A.4.
    {JWT_HS256, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS,
     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {JWT_RS256, "eyJhbGciOiJSUzI1NiJ9." CLAIMS,
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
     "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
     "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
     "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {JWT_ES256, "eyJhbGciOiJFUzI1NiJ9." CLAIMS,
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {JWT_EDDSA, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

Test(jwt_key, published_vectors)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct jwt_key key = key_of(vectors[i].alg);
        uint8_t signature[256];
        size_t len = decode(vectors[i].signature, signature, sizeof signature);
        cr_expect(
            jwt_key_verify(&key, vectors[i].message, strlen(vectors[i].message), signature, len),
            "%s", jwt_alg_name(vectors[i].alg));
    }
}

// Every bit of the signature counts, and some of the message; a signature of another length is
// none.
Test(jwt_key, anything_else_is_refused)
{
    for (unsigned alg = 0; alg < JWT_ALG_COUNT; alg++) {
        struct jwt_key key = key_of(alg);
        char message[] = "header.payload";
        uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES + 1] = {0};
        size_t len = jwt_make_sign(alg, message, strlen(message), signature);
        cr_assert(jwt_key_verify(&key, message, strlen(message), signature, len));
        for (size_t bit = 0; bit < len * 8; bit += alg == JWT_HS256 ? 1 : 7) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_not(jwt_key_verify(&key, message, strlen(message), signature, len),
                          "%s, bit %zu of the signature", jwt_alg_name(alg), bit);
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t i = 0; i < strlen(message); i++) {
            message[i] ^= 1;
            cr_expect_not(jwt_key_verify(&key, message, strlen(message), signature, len),
                          "%s, byte %zu of the message", jwt_alg_name(alg), i);
            message[i] ^= 1;
        }
        const size_t others[] = {0, 1, len - 1, len + 1};
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            cr_expect_not(jwt_key_verify(&key, message, strlen(message), signature, others[i]),
                          "%s, %zu bytes", jwt_alg_name(alg), others[i]);
    }
}

Test(jwt_key, signature_of_another_algorithm)
{
    for (unsigned alg = 0; alg < JWT_ALG_COUNT; alg++)
        for (unsigned other = 0; other < JWT_ALG_COUNT; other++) {
            struct jwt_key key = key_of(alg);
            uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES];
            size_t len = jwt_make_sign(other, "a", 1, signature);
            cr_expect_eq(jwt_key_verify(&key, "a", 1, signature, len), alg == other, "%s by %s",
                         jwt_alg_name(other), jwt_alg_name(alg));
        }
}

// The number of the signature plus the modulus is the same signature in wolfCrypt's eyes.
Test(jwt_key, rsa_signature_above_the_modulus)
{
    struct jwt_key key = key_of(JWT_RS256);
    uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES];
    unsigned tries = 0, carry = 1;
    for (char message = 'a'; message <= 'z' && carry != 0; message++, tries++) {
        cr_assert_eq(jwt_make_sign(JWT_RS256, &message, 1, signature), sizeof signature);
        carry = 0;
        for (size_t i = sizeof signature; i-- > 0;) {
            carry += (unsigned)signature[i] + key.material[i];
            signature[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry == 0)
            cr_expect_not(jwt_key_verify(&key, &message, 1, signature, sizeof signature));
    }
    cr_assert_eq(carry, 0, "none of %u signatures was small enough", tries);
}

// S plus the order of the group, which RFC 8032, section 5.1.7, forbids.
Test(jwt_key, ed25519_scalar_above_the_order)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct jwt_key key = key_of(JWT_EDDSA);
    uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES];
    size_t len = jwt_make_sign(JWT_EDDSA, "a", 1, signature);
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof order; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    cr_expect_not(jwt_key_verify(&key, "a", 1, signature, len));
}

Test(jwt_key, ecdsa_numbers_out_of_range)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    struct jwt_key key = key_of(JWT_ES256);
    uint8_t good[JWT_MAKE_SIGNATURE_MAX_BYTES], signature[64];
    size_t len = jwt_make_sign(JWT_ES256, "a", 1, good);
    for (size_t half = 0; half < 64; half += 32)
        for (int value = 0; value < 3; value++) {
            memcpy(signature, good, sizeof signature);
            if (value == 0)
                memset(signature + half, 0, 32);
            else if (value == 1)
                memcpy(signature + half, order, 32);
            else
                memset(signature + half, 0xff, 32);
            cr_expect_not(jwt_key_verify(&key, "a", 1, signature, len), "%zu, %d", half, value);
        }
    memset(signature, 0, sizeof signature);
    cr_expect_not(jwt_key_verify(&key, "a", 1, signature, len), "both 0");
}

// SEQUENCE { r, s }, as X.509 and TLS write it; padded to the right length, too.
Test(jwt_key, ecdsa_signature_in_der)
{
    struct jwt_key key = key_of(JWT_ES256);
    uint8_t raw[JWT_MAKE_SIGNATURE_MAX_BYTES], der[80] = {0x30, 0x44};
    jwt_make_sign(JWT_ES256, "a", 1, raw);
    size_t len = 2;
    for (size_t half = 0; half < 64; half += 32) {
        der[len++] = 0x02;
        der[len++] = 33;
        der[len++] = 0;
        memcpy(der + len, raw + half, 32);
        len += 32;
    }
    der[1] = (uint8_t)(len - 2);
    for (size_t cut = 60; cut <= len; cut++)
        cr_expect_not(jwt_key_verify(&key, "a", 1, der, cut), "%zu bytes", cut);
}

Test(jwt_key, names)
{
    static const char *const others[] = {"none",  "None",  "NONE",  "",      "HS25",  "HS2566",
                                         "hs256", "RS512", "PS256", "ES384", "EDDSA", "Ed25519"};
    for (unsigned alg = 0; alg < JWT_ALG_COUNT; alg++)
        cr_expect_eq(jwt_alg_find(jwt_alg_name(alg), strlen(jwt_alg_name(alg))), alg);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_eq(jwt_alg_find(others[i], strlen(others[i])), JWT_ALG_COUNT, "%s", others[i]);
    cr_expect_eq(jwt_alg_find("HS256\0", 6), JWT_ALG_COUNT, "NUL behind");
}

Test(jwt_key, secrets)
{
    static const struct {
        size_t len;
        const char *error; // begins so; NULL: good
    } lengths[] = {
        {0, "Use a secret of at least 32 bytes"},
        {31, "Use a secret of at least 32 bytes"},
        {32, NULL},
        {64, NULL},
        {65, NULL},
        {1024, NULL},
        {1025, "Use a secret of at most 1024 bytes"},
    };
    static uint8_t secret[1025];
    memset(secret, 'k', sizeof secret);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct jwt_key key;
        uint8_t signature[32];
        const char *error = NULL;
        bool good = jwt_key_secret(&key, secret, lengths[i].len, &error);
        cr_expect_eq(good, lengths[i].error == NULL, "%zu bytes", lengths[i].len);
        if (!good) {
            cr_expect_eq(strncmp(error, lengths[i].error, strlen(lengths[i].error)), 0, "%s",
                         error);
            continue;
        }
        jwt_make_hmac(secret, lengths[i].len, "a", 1, signature);
        cr_expect(jwt_key_verify(&key, "a", 1, signature, 32), "%zu bytes", lengths[i].len);
    }
}

// A modulus of ones, so odd, of that many bits, with or without zeroes before it.
static bool try_rsa(size_t bits, size_t zeroes, uint64_t exponent, bool is_even, const char **error)
{
    uint8_t modulus[1100], e[10] = {0};
    size_t len = zeroes + (bits + 7) / 8;
    memset(modulus, 0, sizeof modulus);
    memset(modulus + zeroes, 0xff, len - zeroes);
    if (len > zeroes)
        modulus[zeroes] = (uint8_t)(0xff >> (8 - bits % 8) % 8);
    if (is_even)
        modulus[len - 1] = 0xfe;
    for (size_t i = 0; i < 8; i++)
        e[2 + i] = (uint8_t)(exponent >> (56 - 8 * i));
    struct jwt_key key;
    bool good = jwt_key_rsa(&key, modulus, len, e, sizeof e, error);
    cr_expect(!good || (key.material_len == len - zeroes && key.exponent == exponent));
    return good;
}

Test(jwt_key, rsa_limits)
{
    static const struct {
        size_t bits, zeroes;
        uint64_t exponent;
        bool is_even;
        const char *error;
    } keys[] = {
        {2048, 0, 65537, false, NULL},
        {2048, 2, 65537, false, NULL},
        {2049, 0, 65537, false, NULL},
        {3072, 0, 65537, false, NULL},
        {4096, 1, 65537, false, NULL},
        {2048, 0, 3, false, NULL},
        {2048, 0, UINT32_MAX, false, NULL},
        {0, 0, 65537, false, "Use an RSA key of at least 2048 bits"},
        {0, 300, 65537, false, "Use an RSA key of at least 2048 bits"},
        {1024, 200, 65537, false, "Use an RSA key of at least 2048 bits"},
        {2047, 0, 65537, false, "Use an RSA key of at least 2048 bits"},
        {8193, 0, 65537, false, "Use an RSA key of at most 8192 bits"},
        {2048, 0, 0, false, "Use an RSA key with the exponent"},
        {2048, 0, 1, false, "Use an RSA key with the exponent"},
        {2048, 0, 65536, false, "Use an RSA key with the exponent"},
        {2048, 0, UINT64_C(0x100000001), false, "Use an RSA key with the exponent"},
        {2048, 0, UINT64_C(0x100010001), false, "Use an RSA key with the exponent"},
        {2048, 0, 65537, true, "Use another RSA key"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *error = "";
        bool good =
            try_rsa(keys[i].bits, keys[i].zeroes, keys[i].exponent, keys[i].is_even, &error);
        cr_expect_eq(good, keys[i].error == NULL, "key %zu: %s", i, error);
        if (keys[i].error != NULL)
            cr_expect_eq(strncmp(error, keys[i].error, strlen(keys[i].error)), 0, "key %zu: %s", i,
                         error);
    }
}

// What the linked wolfSSL cannot compute with is said when the key is loaded, not when tokens fail.
Test(jwt_key, rsa_longer_than_the_library_computes)
{
    const char *error = "";
    if (!try_rsa(8192, 0, 65537, false, &error))
        cr_expect_eq(strncmp(error, "Use an RSA key of at most 4096 bits", 35), 0, "%s", error);
}

Test(jwt_key, points)
{
    uint8_t x[32], y[32], zero[32] = {0}, ones[32];
    struct jwt_key key;
    const char *error = "";
    memset(ones, 0xff, sizeof ones);
    decode(JWT_MAKE_X, x, sizeof x);
    decode(JWT_MAKE_Y, y, sizeof y);
    cr_expect(jwt_key_p256(&key, x, y, &error));
    cr_expect_not(jwt_key_p256(&key, y, x, &error), "swapped");
    cr_expect_not(jwt_key_p256(&key, zero, zero, &error), "infinity");
    cr_expect_not(jwt_key_p256(&key, ones, y, &error), "above the prime");
    y[31] ^= 1;
    cr_expect_not(jwt_key_p256(&key, x, y, &error), "off the curve");
    cr_expect_eq(strncmp(error, "Use another EC key", 18), 0, "%s", error);

    uint8_t two[32] = {2}; // the y of no point
    cr_expect_not(jwt_key_ed25519(&key, two, &error), "no point");
    cr_expect_eq(strncmp(error, "Use another Ed25519 key", 23), 0, "%s", error);
}

// All points whose order divides 8, also as numbers above the prime: for these anybody can sign.
Test(jwt_key, ed25519_small_orders)
{
    static const uint8_t small[][32] = {
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    struct jwt_key key;
    const char *error = "";
    for (unsigned sign = 0; sign < 2; sign++) {
        uint8_t point[32];
        for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
            memcpy(point, small[i], sizeof point);
            point[31] |= (uint8_t)(sign << 7);
            cr_expect_not(jwt_key_ed25519(&key, point, &error), "%zu, sign %u", i, sign);
        }
        // The prime less 1, the prime and the prime plus 1.
        for (unsigned low = 0xec; low <= 0xee; low++) {
            memset(point, 0xff, sizeof point);
            point[0] = (uint8_t)low;
            point[31] = (uint8_t)(0x7f | sign << 7);
            cr_expect_not(jwt_key_ed25519(&key, point, &error), "%x, sign %u", low, sign);
        }
    }
}

struct shared {
    const struct jwt_key *keys;
    unsigned verified;
};

static void *verify_all(void *argument)
{
    struct shared *shared = argument;
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
            uint8_t signature[256];
            size_t len = decode(vectors[i].signature, signature, sizeof signature);
            shared->verified += jwt_key_verify(&shared->keys[i], vectors[i].message,
                                               strlen(vectors[i].message), signature, len);
        }
    jwt_key_thread_end();
    return NULL;
}

// The same keys on several threads at once, none of which changes them.
Test(jwt_key, threads)
{
    static struct jwt_key keys[JWT_ALG_COUNT], before[JWT_ALG_COUNT];
    for (unsigned alg = 0; alg < JWT_ALG_COUNT; alg++)
        keys[alg] = key_of(alg);
    memcpy(before, keys, sizeof keys);
    pthread_t threads[3];
    struct shared shared[3];
    for (size_t i = 0; i < 3; i++) {
        shared[i] = (struct shared){keys, 0};
        cr_assert_eq(pthread_create(&threads[i], NULL, verify_all, &shared[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(shared[i].verified, 20 * JWT_ALG_COUNT);
    }
    cr_expect_arr_eq(keys, before, sizeof keys);
}
