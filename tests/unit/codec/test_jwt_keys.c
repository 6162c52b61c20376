// SPDX-License-Identifier: MIT
#include "codec/jwt_keys.h"

#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KID(kid) ",\"kid\":\"" kid "\""

static const struct {
    const char *name, *text;
    unsigned count, skipped;
    const char *error; // contains; NULL: good
} jwks[] = {
    {"one", JWT_MAKE_JWKS(JWT_MAKE_RS256("")), 1, 0, NULL},
    {"all four kinds", JWT_MAKE_ALL, 4, 0, NULL},
    {"other members", "{\"x\":1,\"keys\":[" JWT_MAKE_ES256(KID("a")) "]}", 1, 0, NULL},
    {"as a provider has it",
     JWT_MAKE_JWKS("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"x\",\"y\":\"y\",\"kid\":\"a\"}"
                   "," JWT_MAKE_RS256(KID("a") ",\"use\":\"sig\"") "," JWT_MAKE_RS256(
                       KID("a") ",\"use\":\"enc\",\"alg\":\"RSA-OAEP\"")),
     1, 2, NULL},
    {"kids that differ", JWT_MAKE_JWKS(JWT_MAKE_HS256(KID("a")) "," JWT_MAKE_HS256(KID("aa"))), 2,
     0, NULL},
    {"two without kid", JWT_MAKE_JWKS(JWT_MAKE_HS256("") "," JWT_MAKE_HS256("")), 2, 0, NULL},
    {"one kid twice", JWT_MAKE_JWKS(JWT_MAKE_HS256(KID("a")) "," JWT_MAKE_ES256(KID("a"))), 0, 0,
     "Key 2 of the JWKS: Give it a kid of its own"},
    {"empty", "{\"keys\":[]}", 0, 0, "Put a key into the JWKS"},
    {"none of ours", JWT_MAKE_JWKS("{\"kty\":\"AKP\"}"), 0, 0, "of its 1 keys none does"},
    {"the second is bad", JWT_MAKE_JWKS(JWT_MAKE_HS256("") ",{}"), 0, 0,
     "Key 2 of the JWKS: Give it a kty"},
    {"private", JWT_MAKE_JWKS(JWT_MAKE_RS256(",\"d\":\"AQAB\"")), 0, 0,
     "Key 1 of the JWKS: Take out d"},
    {"a key alone", JWT_MAKE_HS256(""), 0, 0, "Give a JWKS: an object whose member keys"},
    {"keys an object", "{\"keys\":{}}", 0, 0, "Give a JWKS: an object whose member keys"},
    {"an array", "[]", 0, 0, "Correct the JWKS near line 1"},
    {"not JSON", "{\n\"keys\":[}", 0, 0, "Correct the JWKS near line 2"},
    {"member twice", "{\"keys\":[],\"keys\":[]}", 0, 0, "Correct the JWKS near line 1"},
    {"nothing", "", 0, 0, "Correct the JWKS"},
    {"PEM", JWT_MAKE_RSA_PEM, 0, 0, "name this as the PEM key that it is"},
};

Test(jwt_keys, jwks)
{
    for (size_t i = 0; i < sizeof jwks / sizeof jwks[0]; i++) {
        struct jwt_keys *keys = jwt_keys_create();
        char error[JWT_KEYS_ERROR_BYTES] = "";
        int status = jwt_keys_add_jwks(keys, jwks[i].text, strlen(jwks[i].text), error);
        cr_expect_eq(status, jwks[i].error == NULL ? 0 : -EINVAL, "%s: %s", jwks[i].name, error);
        cr_expect_eq(keys->count, jwks[i].count, "%s", jwks[i].name);
        cr_expect_eq(keys->skipped, jwks[i].skipped, "%s", jwks[i].name);
        if (jwks[i].error != NULL)
            cr_expect_not_null(strstr(error, jwks[i].error), "%s: %s", jwks[i].name, error);
        jwt_keys_destroy(keys);
    }
}

// What is added comes on top, and what fails leaves nothing behind.
Test(jwt_keys, all_or_nothing)
{
    static const char bad[] =
        JWT_MAKE_JWKS("{\"kty\":\"AKP\"}," JWT_MAKE_ES256(KID("b")) "," JWT_MAKE_ES256(KID("a")));
    struct jwt_keys *keys = jwt_keys_create();
    char error[JWT_KEYS_ERROR_BYTES] = "";
    static const char good[] = JWT_MAKE_JWKS(JWT_MAKE_HS256(KID("a")));
    cr_assert_eq(jwt_keys_add_jwks(keys, good, strlen(good), error), 0);
    cr_assert_eq(jwt_keys_add_pem(keys, JWT_MAKE_RSA_PEM, strlen(JWT_MAKE_RSA_PEM), error), 0);
    cr_assert_eq(jwt_keys_add_secret(keys, JWT_MAKE_SECRET, strlen(JWT_MAKE_SECRET), error), 0);
    cr_expect_eq(jwt_keys_add_jwks(keys, bad, strlen(bad), error), -EINVAL);
    cr_expect_not_null(strstr(error, "Key 3"), "%s", error);
    cr_expect_eq(jwt_keys_add_pem(keys, good, strlen(good), error), -EINVAL);
    cr_expect_eq(jwt_keys_add_secret(keys, "short", 5, error), -EINVAL);
    cr_assert_eq(keys->count, 3);
    cr_expect_eq(keys->skipped, 0);
    cr_expect_eq(keys->list[0]->alg, JWT_HS256);
    cr_expect_eq(keys->list[1]->alg, JWT_RS256);
    cr_expect_eq(keys->list[2]->alg, JWT_HS256);
    jwt_keys_destroy(keys);
}

Test(jwt_keys, at_most_64)
{
    static const char one[] = JWT_MAKE_JWKS(JWT_MAKE_HS256(""));
    static const char two[] = JWT_MAKE_JWKS(JWT_MAKE_HS256("") "," JWT_MAKE_HS256(""));
    struct jwt_keys *keys = jwt_keys_create();
    char error[JWT_KEYS_ERROR_BYTES] = "";
    for (unsigned i = 0; i < JWT_KEYS_MAX - 1; i++)
        cr_assert_eq(jwt_keys_add_jwks(keys, one, strlen(one), error), 0, "%s", error);
    cr_expect_eq(jwt_keys_add_jwks(keys, two, strlen(two), error), -EINVAL);
    cr_expect_not_null(strstr(error, "Key 2 of the JWKS: Remove keys"), "%s", error);
    cr_expect_eq(keys->count, JWT_KEYS_MAX - 1);
    cr_expect_eq(jwt_keys_add_jwks(keys, one, strlen(one), error), 0);
    cr_expect_eq(jwt_keys_add_secret(keys, JWT_MAKE_SECRET, 40, error), -EINVAL);
    cr_expect_not_null(strstr(error, "Remove keys"), "%s", error);
    cr_expect_eq(keys->count, JWT_KEYS_MAX);
    jwt_keys_destroy(keys);
}

// A public key as the secret of an HMAC would let everybody who knows it sign.
Test(jwt_keys, a_public_key_is_no_secret)
{
    static const char *const texts[] = {JWT_MAKE_RSA_PEM, JWT_MAKE_P256_PEM, JWT_MAKE_ALL,
                                        JWT_MAKE_RS256("")};
    struct jwt_keys *keys = jwt_keys_create();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char error[JWT_KEYS_ERROR_BYTES] = "";
        size_t len = strlen(texts[i]) > 1000 ? 1000 : strlen(texts[i]);
        cr_expect_eq(jwt_keys_add_secret(keys, texts[i], len, error), -EINVAL);
        cr_expect_not_null(strstr(error, "would let everybody sign"), "%s", error);
    }
    cr_expect_eq(keys->count, 0);
    jwt_keys_destroy(keys);
}

// Whichever it is; nothing becomes a secret because it is not known to be something else.
static const struct {
    const char *name, *text;
    size_t len; // 0: of the text
    int alg;    // -1: refused
} either[] = {
    {"JWKS", JWT_MAKE_JWKS(JWT_MAKE_ES256("")), 0, JWT_ES256},
    {"JWKS behind blanks", " \r\n\t" JWT_MAKE_JWKS(JWT_MAKE_HS256("")), 0, JWT_HS256},
    {"PEM", JWT_MAKE_RSA_PEM, 0, JWT_RS256},
    {"PEM behind a comment", "our key\n" JWT_MAKE_P256_PEM, 0, JWT_ES256},
    {"secret", JWT_MAKE_SECRET, 0, -1},
    {"ssh", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZx1Y9sX0o3k0n3c2b5cQ3p0k9a alice@example", 0,
     -1},
    {"base64 of a DER", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", 0, -1},
    {"DER", "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", 44,
     -1},
    {"PEM in UTF-16", "\xff\xfe-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0P\0U\0B\0L\0I\0C\0", 36, -1},
    {"JWKS behind a mark of order", "\xef\xbb\xbf" JWT_MAKE_JWKS(JWT_MAKE_ES256("")), 0, -1},
    {"page", "<!DOCTYPE html><html><title>404 Not Found</title><p>The key is elsewhere.", 0, -1},
    {"blanks", "                                        ", 0, -1},
    {"nothing", "", 0, -1},
};

Test(jwt_keys, what_is_no_public_key_is_not_a_secret)
{
    for (size_t i = 0; i < sizeof either / sizeof either[0]; i++) {
        struct jwt_keys *keys = jwt_keys_create();
        char error[JWT_KEYS_ERROR_BYTES] = "";
        size_t len = either[i].len ? either[i].len : strlen(either[i].text);
        int status = jwt_keys_add_public(keys, either[i].text, len, error);
        cr_assert_eq(status, either[i].alg < 0 ? -EINVAL : 0, "%s: %s", either[i].name, error);
        cr_assert_eq(keys->count, status == 0, "%s", either[i].name);
        if (status == 0)
            cr_expect_eq((int)keys->list[0]->alg, either[i].alg, "%s", either[i].name);
        else
            cr_expect_not_null(strstr(error, "hs256:FILE"), "%s: %s", either[i].name, error);
        jwt_keys_destroy(keys);
    }
}

// What goes wrong with a secret must not end up in a log.
Test(jwt_keys, errors_do_not_quote)
{
    static const char *const texts[] = {
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hunter2hunter2\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hunter2hunter2\",}]}",
        "hunter2hunter2hunter2hunter2hunter2hunter2",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hunter2hunter2\",\"k\":\"hunter2hunter2\"}]}",
    };
    struct jwt_keys *keys = jwt_keys_create();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char error[JWT_KEYS_ERROR_BYTES] = "";
        cr_expect_eq(jwt_keys_add_jwks(keys, texts[i], strlen(texts[i]), error), -EINVAL);
        cr_expect_null(strstr(error, "hunter2"), "%s", error);
        cr_expect_eq(jwt_keys_add_pem(keys, texts[i], strlen(texts[i]), error), -EINVAL);
        cr_expect_null(strstr(error, "hunter2"), "%s", error);
    }
    jwt_keys_destroy(keys);
}

Test(jwt_keys, too_long)
{
    size_t len = JWT_KEYS_TEXT_MAX_BYTES + 1;
    char *text = malloc(len), error[JWT_KEYS_ERROR_BYTES] = "";
    struct jwt_keys *keys = jwt_keys_create();
    memset(text, ' ', len);
    memcpy(text, JWT_MAKE_ALL, strlen(JWT_MAKE_ALL));
    cr_expect_eq(jwt_keys_add_jwks(keys, text, len, error), -EINVAL);
    cr_expect_not_null(strstr(error, "at most 256 KiB"), "%s", error);
    cr_expect_eq(jwt_keys_add_jwks(keys, text, len - 1, error), 0, "%s", error);
    memcpy(text, JWT_MAKE_ED25519_PEM, strlen(JWT_MAKE_ED25519_PEM));
    cr_expect_eq(jwt_keys_add_pem(keys, text, len, error), -EINVAL);
    cr_expect_not_null(strstr(error, "at most 256 KiB"), "%s", error);
    jwt_keys_destroy(keys);
    free(text);
}

Test(jwt_keys, destroy_nothing)
{
    jwt_keys_destroy(NULL);
}
