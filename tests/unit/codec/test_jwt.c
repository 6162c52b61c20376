// SPDX-License-Identifier: MIT
#include "codec/jwt.h"

#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define HS256    "{\"alg\":\"HS256\"}"
#define GOOD     "{\"exp\":2000}"
#define KID(kid) ",\"kid\":\"" kid "\""
#define DEEP     "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]" // with the object around it one level too many

static const struct jwt_options at_1000 = {.now_s = 1000, .leeway_s = 10};

static struct jwt_keys *keys_of(const char *jwks)
{
    struct jwt_keys *keys = jwt_keys_create();
    char error[JWT_KEYS_ERROR_BYTES] = "";
    cr_assert_eq(jwt_keys_add_jwks(keys, jwks, strlen(jwks), error), 0, "%s", error);
    return keys;
}

// What a token says, when the claims do not matter.
static enum jwt_result verify(const char *token, size_t len, const struct jwt_keys *keys,
                              const struct jwt_options *options)
{
    struct claims *claims = (struct claims *)1; // to be overwritten
    enum jwt_result result = jwt_verify(token, len, keys, options, &claims);
    cr_expect_eq(claims != NULL, result == JWT_OK);
    claims_destroy(claims);
    return result;
}

static enum jwt_result verify_made(enum jwt_alg alg, const char *header, const char *payload,
                                   const struct jwt_keys *keys, const struct jwt_options *options)
{
    static char token[JWT_MAKE_TOKEN_MAX_BYTES];
    size_t len = jwt_make_token(token, alg, header, payload);
    return verify(token, len, keys, options);
}

static void expect(const char *name, enum jwt_result found, enum jwt_result expected)
{
    cr_expect_eq(found, expected, "%s: %s, not %s", name, jwt_result_info(found)->name,
                 jwt_result_info(expected)->name);
}

// --- Published tokens

#define CLAIMS                                                                                     \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct {
    const char *name, *token;
} published[] = {
    {"RFC 7515, A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS
                      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515, A.2",
     "eyJhbGciOiJSUzI1NiJ9." CLAIMS
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp"
     "5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
     "b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9Q"
     "OYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515, A.3",
     "eyJhbGciOiJFUzI1NiJ9." CLAIMS
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
};

Test(jwt, published)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    struct jwt_options options = {.now_s = 1300819379, .issuer = "joe"};
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        size_t len = strlen(published[i].token);
        struct claims *claims = NULL;
        options.now_s = 1300819379;
        expect(published[i].name, jwt_verify(published[i].token, len, keys, &options, &claims),
               JWT_OK);
        cr_assert_not_null(claims);
        cr_expect_str_eq(claims->payload, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                                          "\"http://example.com/is_root\":true}");
        cr_expect_eq(claims->exp_s, 1300819380);
        claims_destroy(claims);
        options.now_s = 1300819380;
        expect(published[i].name, verify(published[i].token, len, keys, &options), JWT_EXPIRED);
    }
    jwt_keys_destroy(keys);
}

// RFC 8037, A.4: signed, but not claims. That this is noticed shows that the signature was found
// good.
Test(jwt, published_without_claims)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    char token[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                   "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                   "MuM0KAg";
    expect("as it is", verify(token, strlen(token), keys, &at_1000), JWT_MALFORMED);
    token[70] ^= 1;
    expect("forged", verify(token, strlen(token), keys, &at_1000), JWT_SIGNATURE);
    jwt_keys_destroy(keys);
}

Test(jwt, every_algorithm)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    for (unsigned alg = 0; alg < JWT_ALG_COUNT; alg++) {
        char header[64];
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", jwt_alg_name(alg));
        expect(header, verify_made(alg, header, GOOD, keys, &at_1000), JWT_OK);
        for (unsigned other = 0; other < JWT_ALG_COUNT; other++)
            if (other != alg)
                expect(header, verify_made(other, header, GOOD, keys, &at_1000), JWT_SIGNATURE);
    }
    jwt_keys_destroy(keys);
}

// --- Headers

static const struct {
    const char *name, *header;
    enum jwt_result result;
} headers[] = {
    {"plain", HS256, JWT_OK},
    {"JWT", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}", JWT_OK},
    {"jwt", "{\"typ\":\"jwt\",\"alg\":\"HS256\"}", JWT_OK},
    {"at+jwt", "{\"typ\":\"at+JWT\",\"alg\":\"HS256\"}", JWT_OK},
    {"whole media type", "{\"typ\":\"application/at+jwt\",\"alg\":\"HS256\"}", JWT_OK},
    {"keys in it are ignored",
     "{\"alg\":\"HS256\",\"jwk\":" JWT_MAKE_EDDSA("") ",\"jku\":\"https://example.com/\"}", JWT_OK},
    {"none", "{\"alg\":\"none\"}", JWT_ALGORITHM},
    {"None", "{\"alg\":\"None\"}", JWT_ALGORITHM},
    {"NONE", "{\"alg\":\"NONE\"}", JWT_ALGORITHM},
    {"empty", "{\"alg\":\"\"}", JWT_ALGORITHM},
    {"hs256", "{\"alg\":\"hs256\"}", JWT_ALGORITHM},
    {"HS512", "{\"alg\":\"HS512\"}", JWT_ALGORITHM},
    {"PS256", "{\"alg\":\"PS256\"}", JWT_ALGORITHM},
    {"another key's algorithm", "{\"alg\":\"RS256\"}", JWT_SIGNATURE},
    {"no alg", "{}", JWT_MALFORMED},
    {"alg null", "{\"alg\":null}", JWT_MALFORMED},
    {"alg a list", "{\"alg\":[\"HS256\"]}", JWT_MALFORMED},
    {"alg twice", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", JWT_MALFORMED},
    {"none behind", "{\"alg\":\"HS256\",\"alg\":\"none\"}", JWT_MALFORMED},
    {"kid a number", "{\"alg\":\"HS256\",\"kid\":1}", JWT_MALFORMED},
    {"crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", JWT_HEADER},
    {"crit empty", "{\"alg\":\"HS256\",\"crit\":[]}", JWT_HEADER},
    {"crit null", "{\"alg\":\"HS256\",\"crit\":null}", JWT_HEADER},
    {"typ a number", "{\"alg\":\"HS256\",\"typ\":1}", JWT_HEADER},
    {"typ empty", "{\"alg\":\"HS256\",\"typ\":\"\"}", JWT_HEADER},
    {"another typ", "{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", JWT_HEADER},
    {"typ with more", "{\"alg\":\"HS256\",\"typ\":\"JWT \"}", JWT_HEADER},
    {"an array", "[\"HS256\"]", JWT_MALFORMED},
    {"a string", "\"HS256\"", JWT_MALFORMED},
    {"not JSON", "alg=HS256", JWT_MALFORMED},
    {"nothing", "", JWT_MALFORMED},
    {"deep", "{\"alg\":\"HS256\",\"x\":" DEEP "}", JWT_MALFORMED},
};

Test(jwt, headers)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        expect(headers[i].name, verify_made(JWT_HS256, headers[i].header, GOOD, keys, &at_1000),
               headers[i].result);
    jwt_keys_destroy(keys);
}

// --- Which key

Test(jwt, kid_selects)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_JWKS(JWT_MAKE_HS256(KID("h")) "," JWT_MAKE_RS256(
        KID("r")) "," JWT_MAKE_ES256(KID("e")) "," JWT_MAKE_HS256(KID("h2"))));
    static const struct {
        enum jwt_alg alg;
        const char *header;
        enum jwt_result result;
    } tokens[] = {
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"h\"}", JWT_OK},
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"h2\"}", JWT_OK},
        {JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"r\"}", JWT_OK},
        {JWT_ES256, "{\"alg\":\"ES256\",\"kid\":\"e\"}", JWT_OK},
        {JWT_HS256, "{\"alg\":\"HS256\"}", JWT_OK},
        {JWT_ES256, "{\"alg\":\"ES256\"}", JWT_OK},
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"h3\"}", JWT_UNKNOWN_KEY},
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"\"}", JWT_UNKNOWN_KEY},
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"H\"}", JWT_UNKNOWN_KEY},
        {JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"r\"}", JWT_ALGORITHM},
        {JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"h\"}", JWT_ALGORITHM},
        {JWT_EDDSA, "{\"alg\":\"EdDSA\",\"kid\":\"h\"}", JWT_ALGORITHM},
        {JWT_EDDSA, "{\"alg\":\"EdDSA\",\"kid\":\"x\"}", JWT_UNKNOWN_KEY},
        {JWT_EDDSA, "{\"alg\":\"EdDSA\"}", JWT_ALGORITHM},
        {JWT_RS256, "{\"alg\":\"ES256\",\"kid\":\"e\"}", JWT_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        expect(tokens[i].header, verify_made(tokens[i].alg, tokens[i].header, GOOD, keys, &at_1000),
               tokens[i].result);
    jwt_keys_destroy(keys);
}

// A key in PEM has no kid, and whoever signs may well name one.
Test(jwt, kid_that_no_key_has_leaves_those_without)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_JWKS(JWT_MAKE_ES256(KID("e"))));
    char error[JWT_KEYS_ERROR_BYTES] = "";
    static const char header[] = "{\"alg\":\"RS256\",\"kid\":\"2026\"}";
    expect("before", verify_made(JWT_RS256, header, GOOD, keys, &at_1000), JWT_UNKNOWN_KEY);
    cr_assert_eq(jwt_keys_add_pem(keys, JWT_MAKE_RSA_PEM, strlen(JWT_MAKE_RSA_PEM), error), 0);
    expect("behind", verify_made(JWT_RS256, header, GOOD, keys, &at_1000), JWT_OK);
    expect("forged", verify_made(JWT_HS256, header, GOOD, keys, &at_1000), JWT_SIGNATURE);
    expect("kid of another",
           verify_made(JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"e\"}", GOOD, keys, &at_1000),
           JWT_ALGORITHM);
    jwt_keys_destroy(keys);
}

// Secrets "0000…" to "4444…"; only four of them are tried without a kid.
Test(jwt, at_most_four_keys_are_tried)
{
    struct jwt_keys *keys = jwt_keys_create();
    char token[JWT_MAKE_TOKEN_MAX_BYTES], error[JWT_KEYS_ERROR_BYTES] = "";
    uint8_t secret[32], signature[32];
    for (int i = 0; i < 5; i++) {
        memset(secret, '0' + i, sizeof secret);
        cr_assert_eq(jwt_keys_add_secret(keys, secret, sizeof secret, error), 0, "%s", error);
    }
    for (int i = 0; i < 5; i++) {
        size_t len = jwt_make_token(token, JWT_HS256, HS256, GOOD), dot = len;
        while (token[dot] != '.')
            dot--;
        memset(secret, '0' + i, sizeof secret);
        jwt_make_hmac(secret, sizeof secret, token, dot, signature);
        len = dot + 1 + jwt_make_encode(token + dot + 1, signature, sizeof signature);
        expect("key", verify(token, len, keys, &at_1000), i < 4 ? JWT_OK : JWT_SIGNATURE);
    }
    jwt_keys_destroy(keys);
}

Test(jwt, no_keys)
{
    struct jwt_keys *keys = jwt_keys_create();
    expect("without kid", verify_made(JWT_HS256, HS256, GOOD, keys, &at_1000), JWT_ALGORITHM);
    expect("with kid",
           verify_made(JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"a\"}", GOOD, keys, &at_1000),
           JWT_UNKNOWN_KEY);
    jwt_keys_destroy(keys);
}

// The classic: what everybody knows of an RSA key, used as the secret of an HMAC, and the other
// way.
Test(jwt, key_confusion)
{
    static const char *const secrets[] = {JWT_MAKE_RSA_PEM, JWT_MAKE_MODULUS, JWT_MAKE_RS256("")};
    struct jwt_keys *rsa = jwt_keys_create(), *secret = keys_of(JWT_MAKE_JWKS(JWT_MAKE_HS256("")));
    struct jwt_keys *both = keys_of(JWT_MAKE_ALL);
    char token[JWT_MAKE_TOKEN_MAX_BYTES], error[JWT_KEYS_ERROR_BYTES] = "";
    cr_assert_eq(jwt_keys_add_pem(rsa, JWT_MAKE_RSA_PEM, strlen(JWT_MAKE_RSA_PEM), error), 0);
    for (size_t i = 0; i < 2 * sizeof secrets / sizeof secrets[0]; i++) {
        const char *known = secrets[i / 2];
        uint8_t signature[32];
        // With and without the line end of the PEM text.
        size_t known_len = strlen(known) - i % 2;
        size_t len = jwt_make_encode(token, HS256, strlen(HS256));
        token[len++] = '.';
        len += jwt_make_encode(token + len, GOOD, strlen(GOOD));
        jwt_make_hmac(known, known_len, token, len, signature);
        token[len++] = '.';
        len += jwt_make_encode(token + len, signature, sizeof signature);
        expect("RSA key as secret", verify(token, len, rsa, &at_1000), JWT_ALGORITHM);
        expect("beside a secret", verify(token, len, both, &at_1000), JWT_SIGNATURE);
    }
    expect("RS256 by a secret", verify_made(JWT_HS256, "{\"alg\":\"RS256\"}", GOOD, rsa, &at_1000),
           JWT_SIGNATURE);
    expect("secret as RSA key",
           verify_made(JWT_RS256, "{\"alg\":\"RS256\"}", GOOD, secret, &at_1000), JWT_ALGORITHM);
    expect("secret, with HS256", verify_made(JWT_RS256, HS256, GOOD, secret, &at_1000),
           JWT_SIGNATURE);
    jwt_keys_destroy(rsa);
    jwt_keys_destroy(secret);
    jwt_keys_destroy(both);
}

// --- Forms

static const struct {
    const char *name, *token;
    enum jwt_result result;
} forms[] = {
    {"nothing", "", JWT_MALFORMED},
    {"no dots", "eyJhbGciOiJIUzI1NiJ9", JWT_MALFORMED},
    {"one dot", "eyJhbGciOiJIUzI1NiJ9.e30", JWT_MALFORMED},
    {"only dots", "..", JWT_MALFORMED},
    {"four parts", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.", JWT_MALFORMED},
    {"encrypted (five parts)", "eyJhbGciOiJkaXIifQ....", JWT_MALFORMED},
    {"JSON form", "{\"payload\":\"e30\",\"signatures\":[]}", JWT_MALFORMED},
    {"with its scheme", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA", JWT_MALFORMED},
    {"no header", ".e30.AAAA", JWT_MALFORMED},
    {"padding in the header", "eyJhbGciOiJIUzI1NiIgfQ==.e30.AAAA", JWT_MALFORMED},
    {"padding in the signature", "eyJhbGciOiJIUzI1NiJ9.e30.AAA=", JWT_MALFORMED},
    {"stray bits in the signature", "eyJhbGciOiJIUzI1NiJ9.e30.AAB", JWT_MALFORMED},
    {"other alphabet", "eyJhbGciOiJIUzI1NiJ9.e30.A+/A", JWT_MALFORMED},
    {"no signature", "eyJhbGciOiJIUzI1NiJ9.e30.", JWT_SIGNATURE},
    {"none, no signature", "eyJhbGciOiJub25lIn0.eyJleHAiOjIwMDB9.", JWT_ALGORITHM},
    {"none, with its signature", "eyJhbGciOiJub25lIn0.eyJleHAiOjIwMDB9.AAAA", JWT_ALGORITHM},
};

Test(jwt, forms)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        expect(forms[i].name, verify(forms[i].token, strlen(forms[i].token), keys, &at_1000),
               forms[i].result);
    expect("NUL", verify("\0.\0.\0", 5, keys, &at_1000), JWT_MALFORMED);
    jwt_keys_destroy(keys);
}

// No character can be changed, added or left out; so a token has one form only.
Test(jwt, every_character_counts)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    static const struct {
        enum jwt_alg alg;
        const char *header;
    } kinds[] = {{JWT_HS256, HS256}, {JWT_EDDSA, "{\"alg\":\"EdDSA\"}"}};
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        char token[JWT_MAKE_TOKEN_MAX_BYTES], other[JWT_MAKE_TOKEN_MAX_BYTES];
        size_t len = jwt_make_token(token, kinds[kind].alg, kinds[kind].header, GOOD);
        expect("as it is", verify(token, len, keys, &at_1000), JWT_OK);
        for (size_t i = 0; i < len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                memcpy(other, token, len);
                other[i] = (char)(other[i] ^ 1 << bit);
                cr_expect_neq(verify(other, len, keys, &at_1000), JWT_OK, "%zu changed", i);
            }
            cr_expect_neq(verify(token, i, keys, &at_1000), JWT_OK, "cut at %zu", i);
        }
        for (const char *c = "A=.\n "; *c != 0; c++) {
            memcpy(other, token, len);
            other[len] = *c;
            cr_expect_neq(verify(other, len + 1, keys, &at_1000), JWT_OK, "%c behind", *c);
            memcpy(other + 1, token, len);
            other[0] = *c;
            cr_expect_neq(verify(other, len + 1, keys, &at_1000), JWT_OK, "%c before", *c);
        }
    }
    jwt_keys_destroy(keys);
}

// The last character of 32 bytes in base64url has two bits too many, which must be 0.
Test(jwt, stray_bits)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    char token[JWT_MAKE_TOKEN_MAX_BYTES];
    size_t len = jwt_make_token(token, JWT_HS256, HS256, GOOD);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t last = (size_t)(strchr(digits, token[len - 1]) - digits);
    cr_assert_eq(last % 4, 0);
    for (size_t stray = 1; stray < 4; stray++) {
        token[len - 1] = digits[last + stray];
        expect("stray", verify(token, len, keys, &at_1000), JWT_MALFORMED);
    }
    jwt_keys_destroy(keys);
}

Test(jwt, length)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    size_t longest = 0;
    for (size_t filler = 2900; filler < 3060; filler++) {
        char payload[4096], token[JWT_MAKE_TOKEN_MAX_BYTES], text[4096] = "";
        memset(text, 'x', filler);
        snprintf(payload, sizeof payload, "{\"exp\":2000,\"x\":\"%s\"}", text);
        size_t len = jwt_make_token(token, JWT_HS256, HS256, payload);
        expect("length", verify(token, len, keys, &at_1000),
               len <= JWT_MAX_BYTES ? JWT_OK : JWT_TOO_LONG);
        longest = len <= JWT_MAX_BYTES && len > longest ? len : longest;
    }
    cr_expect_geq(longest, JWT_MAX_BYTES - 1);
    jwt_keys_destroy(keys);
}

// --- Payloads

static const struct {
    const char *name, *payload;
    enum jwt_result result; // at 1000, with a leeway of 10
} payloads[] = {
    {"exp", GOOD, JWT_OK},
    {"all",
     "{\"exp\":2000,\"nbf\":900,\"iat\":900,\"iss\":\"i\",\"sub\":\"s\",\"jti\":\"j\","
     "\"rooms\":[\"a\"]}",
     JWT_OK},
    {"exp within the leeway", "{\"exp\":991}", JWT_OK},
    {"exp at its end", "{\"exp\":990}", JWT_EXPIRED},
    {"exp long ago", "{\"exp\":1}", JWT_EXPIRED},
    {"exp 0", "{\"exp\":0}", JWT_EXPIRED},
    {"exp a real", "{\"exp\":1e3}", JWT_OK},
    {"exp a fraction within", "{\"exp\":990.25}", JWT_OK},
    {"exp a fraction over", "{\"exp\":989.75}", JWT_EXPIRED},
    {"exp -0.0", "{\"exp\":-0.0}", JWT_EXPIRED},
    {"exp at the limit", "{\"exp\":9007199254740992}", JWT_OK},
    {"exp above it", "{\"exp\":9007199254740993}", JWT_CLAIM},
    {"exp far above it", "{\"exp\":1e300}", JWT_CLAIM},
    {"exp negative", "{\"exp\":-1}", JWT_CLAIM},
    {"exp a negative fraction", "{\"exp\":-0.5}", JWT_CLAIM},
    {"exp a string", "{\"exp\":\"2000\"}", JWT_CLAIM},
    {"exp null", "{\"exp\":null}", JWT_CLAIM},
    {"no exp", "{}", JWT_CLAIM},
    {"exp of no JSON", "{\"exp\":1e999}", JWT_MALFORMED},
    {"nbf within the leeway", "{\"exp\":2000,\"nbf\":1010}", JWT_OK},
    {"nbf over it", "{\"exp\":2000,\"nbf\":1011}", JWT_NOT_YET_VALID},
    {"nbf a fraction over it", "{\"exp\":2000,\"nbf\":1010.001}", JWT_NOT_YET_VALID},
    {"nbf at the limit", "{\"exp\":2000,\"nbf\":9007199254740992}", JWT_NOT_YET_VALID},
    {"nbf 0", "{\"exp\":2000,\"nbf\":0}", JWT_OK},
    {"nbf negative", "{\"exp\":2000,\"nbf\":-1}", JWT_CLAIM},
    {"nbf a string", "{\"exp\":2000,\"nbf\":\"0\"}", JWT_CLAIM},
    {"iat within the leeway", "{\"exp\":2000,\"iat\":1010}", JWT_OK},
    {"iat over it", "{\"exp\":2000,\"iat\":1011}", JWT_NOT_YET_VALID},
    {"iat true", "{\"exp\":2000,\"iat\":true}", JWT_CLAIM},
    {"iss a number", "{\"exp\":2000,\"iss\":1}", JWT_CLAIM},
    {"aud a number", "{\"exp\":2000,\"aud\":1}", JWT_CLAIM},
    {"aud null", "{\"exp\":2000,\"aud\":null}", JWT_CLAIM},
    {"aud with a number", "{\"exp\":2000,\"aud\":[\"a\",1]}", JWT_CLAIM},
    {"aud, and nobody asks for it", "{\"exp\":2000,\"aud\":\"a\"}", JWT_AUDIENCE},
    {"aud empty", "{\"exp\":2000,\"aud\":[]}", JWT_AUDIENCE},
    {"sub a number", "{\"exp\":2000,\"sub\":1}", JWT_CLAIM},
    {"rooms malformed", "{\"exp\":2000,\"rooms\":\"a\"}", JWT_CLAIM},
    {"claim twice", "{\"exp\":2000,\"exp\":2000}", JWT_MALFORMED},
    {"claim twice, deeper", "{\"exp\":2000,\"x\":{\"a\":1,\"a\":1}}", JWT_MALFORMED},
    {"deep", "{\"exp\":2000,\"x\":" DEEP "}", JWT_MALFORMED},
    {"not JSON", "exp=2000", JWT_MALFORMED},
    {"an array", "[]", JWT_MALFORMED},
    {"nothing", "", JWT_MALFORMED},
    {"text behind", "{\"exp\":2000}x", JWT_MALFORMED},
    {"not UTF-8", "{\"exp\":2000,\"sub\":\"\xff\"}", JWT_MALFORMED},
};

Test(jwt, payloads)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        expect(payloads[i].name, verify_made(JWT_HS256, HS256, payloads[i].payload, keys, &at_1000),
               payloads[i].result);
        // Nothing of a payload is looked at before its signature.
        expect(payloads[i].name, verify_made(JWT_EDDSA, HS256, payloads[i].payload, keys, &at_1000),
               JWT_SIGNATURE);
    }
    jwt_keys_destroy(keys);
}

static const struct {
    const char *name, *audience, *issuer, *payload;
    bool exp_optional;
    enum jwt_result result;
} asked[] = {
    {"audience", "a", NULL, "{\"exp\":2000,\"aud\":\"a\"}", false, JWT_OK},
    {"audience among others", "a", NULL, "{\"exp\":2000,\"aud\":[\"b\",\"a\"]}", false, JWT_OK},
    {"another audience", "a", NULL, "{\"exp\":2000,\"aud\":\"b\"}", false, JWT_AUDIENCE},
    {"audience in other letters", "a", NULL, "{\"exp\":2000,\"aud\":\"A\"}", false, JWT_AUDIENCE},
    {"audience and more", "a", NULL, "{\"exp\":2000,\"aud\":\"ab\"}", false, JWT_AUDIENCE},
    {"other audiences", "a", NULL, "{\"exp\":2000,\"aud\":[\"b\",\"c\"]}", false, JWT_AUDIENCE},
    {"no audience", "a", NULL, GOOD, false, JWT_AUDIENCE},
    {"empty list", "a", NULL, "{\"exp\":2000,\"aud\":[]}", false, JWT_AUDIENCE},
    {"found, but not all strings", "a", NULL, "{\"exp\":2000,\"aud\":[\"a\",1]}", false, JWT_CLAIM},
    {"issuer", NULL, "i", "{\"exp\":2000,\"iss\":\"i\"}", false, JWT_OK},
    {"another issuer", NULL, "i", "{\"exp\":2000,\"iss\":\"j\"}", false, JWT_ISSUER},
    {"issuer and more", NULL, "i", "{\"exp\":2000,\"iss\":\"i/\"}", false, JWT_ISSUER},
    {"no issuer", NULL, "i", GOOD, false, JWT_ISSUER},
    {"both", "a", "i", "{\"exp\":2000,\"iss\":\"i\",\"aud\":\"a\"}", false, JWT_OK},
    {"exp may be missing", NULL, NULL, "{}", true, JWT_OK},
    {"exp counts if it is there", NULL, NULL, "{\"exp\":900}", true, JWT_EXPIRED},
    {"exp has to be a number", NULL, NULL, "{\"exp\":\"x\"}", true, JWT_CLAIM},
};

Test(jwt, what_is_asked_for)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct jwt_options options = at_1000;
        options.audience = asked[i].audience;
        options.issuer = asked[i].issuer;
        options.exp_optional = asked[i].exp_optional;
        expect(asked[i].name, verify_made(JWT_HS256, HS256, asked[i].payload, keys, &options),
               asked[i].result);
    }
    jwt_keys_destroy(keys);
}

// exp_s 0 stands for no end, so an end at 0 must not become one.
Test(jwt, end_at_0_within_the_leeway)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    const struct jwt_options options = {.now_s = 5, .leeway_s = 10};
    expect("0", verify_made(JWT_HS256, HS256, "{\"exp\":0}", keys, &options), JWT_EXPIRED);
    expect("1", verify_made(JWT_HS256, HS256, "{\"exp\":1}", keys, &options), JWT_OK);
    jwt_keys_destroy(keys);
}

Test(jwt, claims)
{
    struct jwt_keys *keys = keys_of(JWT_MAKE_ALL);
    static const char payload[] =
        "{\"exp\":1999.5,\"sub\":\"me\",\"rooms\":{\"read\":[\"a*\"],\"write\":[\"ab\"]}}";
    char token[JWT_MAKE_TOKEN_MAX_BYTES];
    struct claims *claims = NULL;
    size_t len = jwt_make_token(token, JWT_ES256, "{\"alg\":\"ES256\"}", payload);
    expect("claims", jwt_verify(token, len, keys, &at_1000, &claims), JWT_OK);
    cr_assert_not_null(claims);
    memset(token, 'x', sizeof token); // nothing of it is referred to
    jwt_keys_destroy(keys);
    cr_expect_eq(claims->exp_s, 2000);
    cr_expect_str_eq(claims->sub, "me");
    cr_expect_str_eq(claims->payload, payload);
    cr_expect(claims_may_read(claims, "abc", 3) && !claims_may_write(claims, "abc", 3));
    cr_expect(claims_may_read(claims, "ab", 2) && claims_may_write(claims, "ab", 2));
    claims_destroy(claims);
}

Test(jwt, results)
{
    for (unsigned i = 0; i < JWT_RESULT_COUNT; i++) {
        const struct jwt_result_info *info = jwt_result_info(i);
        cr_expect_eq(strspn(info->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(info->name));
        cr_expect_eq(info->text[strlen(info->text) - 1], '.', "%s", info->name);
        for (unsigned other = 0; other < i; other++)
            cr_expect_str_neq(info->name, jwt_result_info(other)->name);
    }
}

Test(jwt, unknown_result, .signal = SIGABRT)
{
    jwt_result_info(JWT_RESULT_COUNT);
}
