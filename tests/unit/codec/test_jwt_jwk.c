// SPDX-License-Identifier: MIT
#include "codec/jwt_jwk.h"

#include "codec/json_strict.h"
#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define OK      JWT_JWK_OK
#define SKIPPED JWT_JWK_SKIPPED
#define BAD     JWT_JWK_BAD
#define ZEROES  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
    const char *name, *text;
    enum jwt_jwk_result result;
    enum jwt_alg alg;
    const char *error; // begins so
} cases[] = {
    {"oct", JWT_MAKE_HS256(""), OK, JWT_HS256, NULL},
    {"RSA", JWT_MAKE_RS256(""), OK, JWT_RS256, NULL},
    {"EC", JWT_MAKE_ES256(""), OK, JWT_ES256, NULL},
    {"OKP", JWT_MAKE_EDDSA(""), OK, JWT_EDDSA, NULL},
    {"with alg", JWT_MAKE_HS256(",\"alg\":\"HS256\""), OK, JWT_HS256, NULL},
    {"with all that is known",
     JWT_MAKE_RS256(",\"alg\":\"RS256\",\"use\":\"sig\",\"key_ops\":[\"sign\",\"verify\"],"
                    "\"kid\":\"a\",\"x5c\":[\"MII\"],\"x5t\":\"x\""),
     OK, JWT_RS256, NULL},

    {"unknown kty", "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"x\"}", SKIPPED, 0, NULL},
    {"kty in other letters", "{\"kty\":\"rsa\"}", SKIPPED, 0, NULL},
    {"P-384", "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"x\",\"y\":\"y\"}", SKIPPED, 0, NULL},
    {"X25519", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"x\"}", SKIPPED, 0, NULL},
    {"for encryption", JWT_MAKE_RS256(",\"use\":\"enc\""), SKIPPED, 0, NULL},
    {"only for signing", JWT_MAKE_HS256(",\"key_ops\":[\"sign\"]"), SKIPPED, 0, NULL},
    {"for nothing", JWT_MAKE_HS256(",\"key_ops\":[]"), SKIPPED, 0, NULL},
    {"RS512", JWT_MAKE_RS256(",\"alg\":\"RS512\""), SKIPPED, 0, NULL},
    {"RSA-OAEP", JWT_MAKE_RS256(",\"alg\":\"RSA-OAEP\""), SKIPPED, 0, NULL},
    {"HS512", JWT_MAKE_HS256(",\"alg\":\"HS512\""), SKIPPED, 0, NULL},
    {"none", JWT_MAKE_HS256(",\"alg\":\"none\""), SKIPPED, 0, NULL},

    {"no object", "[]", BAD, 0, "Write every key as an object"},
    {"no kty", "{\"k\":\"" JWT_MAKE_SECRET "\"}", BAD, 0, "Give it a kty"},
    {"kty a number", "{\"kty\":1}", BAD, 0, "Give it a kty"},
    {"alg a number", JWT_MAKE_HS256(",\"alg\":256"), BAD, 0, "Give it a kty"},
    {"use a number", JWT_MAKE_HS256(",\"use\":1"), BAD, 0, "Write use as"},
    {"key_ops a string", JWT_MAKE_HS256(",\"key_ops\":\"verify\""), BAD, 0, "Write use as"},
    {"RSA for HS256", JWT_MAKE_RS256(",\"alg\":\"HS256\""), BAD, 0, "Correct alg or kty"},
    {"oct for RS256", JWT_MAKE_HS256(",\"alg\":\"RS256\""), BAD, 0, "Correct alg or kty"},
    {"EC for EdDSA", JWT_MAKE_ES256(",\"alg\":\"EdDSA\""), BAD, 0, "Correct alg or kty"},
    {"private RSA", JWT_MAKE_RS256(",\"d\":\"AQAB\""), BAD, 0, "Take out d"},
    {"private and not for us", "{\"kty\":\"EC\",\"crv\":\"P-384\",\"d\":\"AQAB\"}", BAD, 0,
     "Take out d"},
    {"EC without crv", "{\"kty\":\"EC\",\"x\":\"" JWT_MAKE_X "\",\"y\":\"" JWT_MAKE_Y "\"}", BAD, 0,
     "Give it a crv"},
    {"no k", "{\"kty\":\"oct\"}", BAD, 0, "Write k"},
    {"k padded", "{\"kty\":\"oct\",\"k\":\"" JWT_MAKE_SECRET "==\"}", BAD, 0, "Write k"},
    {"k of 31 bytes", "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA\"}", BAD,
     0, "Use a secret of at least 32"},
    {"no n", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", BAD, 0, "Write n"},
    {"no e", "{\"kty\":\"RSA\",\"n\":\"" JWT_MAKE_MODULUS "\"}", BAD, 0, "Write n"},
    {"n too short", "{\"kty\":\"RSA\",\"n\":\"" ZEROES "\",\"e\":\"AQAB\"}", BAD, 0,
     "Use an RSA key of at least 2048 bits"},
    {"e is 1", "{\"kty\":\"RSA\",\"n\":\"" JWT_MAKE_MODULUS "\",\"e\":\"AQ\"}", BAD, 0,
     "Use an RSA key with the exponent"},
    {"x too short", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"" JWT_MAKE_Y "\"}",
     BAD, 0, "Write x and y"},
    {"no y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWT_MAKE_X "\"}", BAD, 0,
     "Write x and y"},
    {"off the curve",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWT_MAKE_X "\",\"y\":\"" ZEROES "\"}", BAD, 0,
     "Use another EC key"},
    {"x of 31 bytes",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA\"}",
     BAD, 0, "Write x"},
    {"x is a number", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":1}", BAD, 0, "Write x"},
    {"kid a number", JWT_MAKE_HS256(",\"kid\":1"), BAD, 0, "Write kid"},
    {"kid null", JWT_MAKE_HS256(",\"kid\":null"), BAD, 0, "Write kid"},
    {"kid empty", JWT_MAKE_HS256(",\"kid\":\"\""), BAD, 0, "Write kid"},
};

static enum jwt_jwk_result parse(const char *text, struct jwt_key *key, const char **error)
{
    char wrapped[4096];
    snprintf(wrapped, sizeof wrapped, "{\"key\":%s}", text);
    json_t *root = json_strict_parse(wrapped, strlen(wrapped), NULL);
    cr_assert_not_null(root, "%s", text);
    enum jwt_jwk_result result = jwt_jwk_parse(json_object_get(root, "key"), key, error);
    json_decref(root);
    return result;
}

Test(jwt_jwk, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt_key key;
        const char *error = "";
        enum jwt_jwk_result result = parse(cases[i].text, &key, &error);
        cr_expect_eq(result, cases[i].result, "%s: %s", cases[i].name, error);
        if (result == OK)
            cr_expect_eq(key.alg, cases[i].alg, "%s", cases[i].name);
        if (result == BAD && cases[i].error != NULL)
            cr_expect_eq(strncmp(error, cases[i].error, strlen(cases[i].error)), 0, "%s: %s",
                         cases[i].name, error);
    }
}

Test(jwt_jwk, kid)
{
    for (size_t len = 0; len <= JWT_KID_MAX_BYTES + 1; len++) {
        char text[1024], kid[JWT_KID_MAX_BYTES + 2] = "";
        struct jwt_key key;
        const char *error = "";
        memset(kid, 'k', len);
        snprintf(text, sizeof text, JWT_MAKE_HS256(",\"kid\":\"%s\""), kid);
        bool good = parse(text, &key, &error) == OK;
        cr_expect_eq(good, len >= 1 && len <= JWT_KID_MAX_BYTES, "%zu bytes: %s", len, error);
        cr_expect(!good || (key.kid_len == len && memcmp(key.kid, kid, len) == 0));
    }
}

// Some providers write a byte 0 before a modulus whose first bit is set.
Test(jwt_jwk, leading_zeroes)
{
    struct jwt_key key, padded;
    const char *error = "";
    char text[1024] = "{\"kty\":\"RSA\",\"e\":\"AAAAAAEAAQ\",\"n\":\"AAAA" JWT_MAKE_MODULUS "\"}";
    cr_assert_eq(parse(JWT_MAKE_RS256(""), &key, &error), OK);
    cr_assert_eq(parse(text, &padded, &error), OK, "%s", error);
    cr_expect_arr_eq(&key, &padded, sizeof key);
}
