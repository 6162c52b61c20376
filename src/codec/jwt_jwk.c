// SPDX-License-Identifier: MIT
#include "codec/jwt_jwk.h"

#include "codec/base64url.h"

#include <jansson.h>
#include <string.h>

// What a member may decode to: one byte more than allowed, so that too much is seen as such.
#define VALUE_MAX_BYTES (JWT_RSA_MAX_BITS / 8 + 1)

struct value {
    uint8_t bytes[VALUE_MAX_BYTES];
    size_t len;
};

static enum jwt_jwk_result bad(const char **error, const char *sentence)
{
    *error = sentence;
    return JWT_JWK_BAD;
}

// A member that may be absent. False: it is there and not a string.
static bool read_text(const json_t *jwk, const char *name, const char **text)
{
    const json_t *member = json_object_get(jwk, name);
    *text = json_string_value(member);
    return member == NULL || *text != NULL;
}

static bool read_value(const json_t *jwk, const char *name, struct value *value)
{
    const json_t *member = json_object_get(jwk, name);
    if (!json_is_string(member))
        return false;
    int len = base64url_decode(json_string_value(member), json_string_length(member), value->bytes,
                               sizeof value->bytes);
    value->len = len < 0 ? 0 : (size_t)len;
    return len > 0;
}

// --- The kinds of key

static enum jwt_jwk_result parse_oct(const json_t *jwk, struct jwt_key *key, const char **error)
{
    struct value secret;
    if (!read_value(jwk, "k", &secret))
        return bad(error, "Write k, the secret of at most 1024 bytes, as base64url without "
                          "padding.");
    return jwt_key_secret(key, secret.bytes, secret.len, error) ? JWT_JWK_OK : JWT_JWK_BAD;
}

static enum jwt_jwk_result parse_rsa(const json_t *jwk, struct jwt_key *key, const char **error)
{
    struct value modulus, exponent;
    if (!read_value(jwk, "n", &modulus) || !read_value(jwk, "e", &exponent))
        return bad(error, "Write n, of at most 8192 bits, and e as base64url without padding.");
    return jwt_key_rsa(key, modulus.bytes, modulus.len, exponent.bytes, exponent.len, error)
               ? JWT_JWK_OK
               : JWT_JWK_BAD;
}

static enum jwt_jwk_result parse_ec(const json_t *jwk, struct jwt_key *key, const char **error)
{
    struct value x, y;
    if (!read_value(jwk, "x", &x) || !read_value(jwk, "y", &y) || x.len != JWT_P256_BYTES ||
        y.len != JWT_P256_BYTES)
        return bad(error, "Write x and y, 32 bytes each, as base64url without padding.");
    return jwt_key_p256(key, x.bytes, y.bytes, error) ? JWT_JWK_OK : JWT_JWK_BAD;
}

static enum jwt_jwk_result parse_okp(const json_t *jwk, struct jwt_key *key, const char **error)
{
    struct value x;
    if (!read_value(jwk, "x", &x) || x.len != JWT_ED25519_BYTES)
        return bad(error, "Write x, 32 bytes, as base64url without padding.");
    return jwt_key_ed25519(key, x.bytes, error) ? JWT_JWK_OK : JWT_JWK_BAD;
}

static const struct kind {
    const char *kty, *crv; // crv NULL: this kind of key has none
    enum jwt_alg alg;
    enum jwt_jwk_result (*parse)(const json_t *jwk, struct jwt_key *key, const char **error);
} kinds[] = {
    {"oct", NULL, JWT_HS256, parse_oct},
    {"RSA", NULL, JWT_RS256, parse_rsa},
    {"EC", "P-256", JWT_ES256, parse_ec},
    {"OKP", "Ed25519", JWT_EDDSA, parse_okp},
};

// --- What it is for

static bool lists_verify(const json_t *key_ops)
{
    for (size_t i = 0; i < json_array_size(key_ops); i++) {
        const char *operation = json_string_value(json_array_get(key_ops, i));
        if (operation != NULL && strcmp(operation, "verify") == 0)
            return true;
    }
    return false;
}

static enum jwt_jwk_result check_use(const json_t *jwk, const char **error)
{
    const json_t *key_ops = json_object_get(jwk, "key_ops");
    const char *use;
    if (!read_text(jwk, "use", &use) || (key_ops != NULL && !json_is_array(key_ops)))
        return bad(error, "Write use as a string and key_ops as an array, or leave them out.");
    if ((use != NULL && strcmp(use, "sig") != 0) || (key_ops != NULL && !lists_verify(key_ops)))
        return JWT_JWK_SKIPPED;
    return JWT_JWK_OK;
}

// *kind is set if the key is one of ours.
static enum jwt_jwk_result find_kind(const json_t *jwk, const struct kind **kind,
                                     const char **error)
{
    const char *kty, *crv, *alg;
    if (!read_text(jwk, "kty", &kty) || !read_text(jwk, "crv", &crv) ||
        !read_text(jwk, "alg", &alg) || kty == NULL)
        return bad(error, "Give it a kty, and write kty, crv and alg as strings.");
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].kty, kty) != 0)
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        return JWT_JWK_SKIPPED;
    if (kinds[i].crv != NULL && crv == NULL)
        return bad(error, "Give it a crv, as its kty needs one.");
    if (kinds[i].crv != NULL && strcmp(kinds[i].crv, crv) != 0)
        return JWT_JWK_SKIPPED;
    *kind = &kinds[i];
    enum jwt_alg named = alg == NULL ? kinds[i].alg : jwt_alg_find(alg, strlen(alg));
    if (named == kinds[i].alg)
        return JWT_JWK_OK;
    if (named == JWT_ALG_COUNT)
        return JWT_JWK_SKIPPED;
    return bad(error, "Correct alg or kty: this algorithm does not use this kind of key.");
}

static enum jwt_jwk_result set_kid(const json_t *jwk, struct jwt_key *key, const char **error)
{
    const json_t *kid = json_object_get(jwk, "kid");
    size_t len = json_string_length(kid);
    if (kid == NULL)
        return JWT_JWK_OK;
    if (len == 0 || len > sizeof key->kid)
        return bad(error, "Write kid as a string of 1 to 256 bytes, or leave it out.");
    memcpy(key->kid, json_string_value(kid), len);
    key->kid_len = (uint16_t)len;
    return JWT_JWK_OK;
}

enum jwt_jwk_result jwt_jwk_parse(const struct json_t *jwk, struct jwt_key *key, const char **error)
{
    if (!json_is_object(jwk))
        return bad(error, "Write every key as an object.");
    if (json_object_get(jwk, "d") != NULL)
        return bad(error, "Take out d and the other private members: the private key stays with "
                          "whoever signs the tokens.");
    const struct kind *kind = NULL;
    enum jwt_jwk_result result = check_use(jwk, error);
    if (result == JWT_JWK_OK)
        result = find_kind(jwk, &kind, error);
    if (result == JWT_JWK_OK)
        result = kind->parse(jwk, key, error);
    if (result == JWT_JWK_OK)
        result = set_kid(jwk, key, error);
    return result;
}
