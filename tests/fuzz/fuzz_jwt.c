// SPDX-License-Identifier: MIT
//
// Tokens. The first byte steers: an even one takes the rest as a token as it stands; an odd one
// takes it as header, line end, payload (or only the payload, behind a good header, where there is
// no line end) and signs that, so that what lies behind the signature is reached. What is accepted
// has to be what it promises, and no longer so with any one character changed.
#include "codec/jwt.h"
#include "fuzz/fuzz.h"
#include "support/jwt_make.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define NOW_S    1300819379 // a second before the tokens of RFC 7515 expire
#define LEEWAY_S 60

static struct jwt_keys *keys;

static void make_keys(void)
{
    static const char jwks[] = JWT_MAKE_JWKS(JWT_MAKE_HS256("") "," JWT_MAKE_RS256(
        ",\"kid\":\"r\"") "," JWT_MAKE_ES256("") "," JWT_MAKE_EDDSA(",\"kid\":\"e\""));
    char error[JWT_KEYS_ERROR_BYTES];
    keys = jwt_keys_create();
    CHECK(keys != NULL && jwt_keys_add_jwks(keys, jwks, strlen(jwks), error) == 0);
}

static enum jwt_result verify(const char *token, size_t len, const struct jwt_options *options)
{
    struct claims *claims = NULL;
    enum jwt_result result = jwt_verify(token, len, keys, options, &claims);
    CHECK((result == JWT_OK) == (claims != NULL));
    CHECK(jwt_result_info(result)->text[0] != 0);
    claims_destroy(claims);
    return result;
}

// What a lenient reader of the payload finds in it.
static void check_claims(const struct claims *claims, const struct jwt_options *options)
{
    json_t *payload = json_loadb(claims->payload, claims->payload_len, 0, NULL);
    CHECK(json_is_object(payload));
    const json_t *exp = json_object_get(payload, "exp"), *aud = json_object_get(payload, "aud");
    const json_t *iss = json_object_get(payload, "iss"), *sub = json_object_get(payload, "sub");
    CHECK(exp != NULL || options->exp_optional);
    CHECK(claims->exp_s == (exp == NULL ? 0 : (uint64_t)ceil(json_number_value(exp))));
    CHECK(exp == NULL || options->now_s < claims->exp_s + options->leeway_s);
    CHECK(json_number_value(json_object_get(payload, "nbf")) <= NOW_S + LEEWAY_S);
    CHECK(json_number_value(json_object_get(payload, "iat")) <= NOW_S + LEEWAY_S);
    CHECK(options->audience != NULL ? aud != NULL : aud == NULL);
    CHECK(options->audience == NULL || json_is_array(aud) ||
          strcmp(json_string_value(aud), options->audience) == 0);
    CHECK(options->issuer == NULL || strcmp(json_string_value(iss), options->issuer) == 0);
    CHECK(strcmp(claims->sub, sub == NULL ? "" : json_string_value(sub)) == 0);
    json_decref(payload);
}

static void check_token(const char *token, size_t len, const struct jwt_options *options,
                        unsigned steer)
{
    struct claims *claims = NULL;
    enum jwt_result result = jwt_verify(token, len, keys, options, &claims);
    CHECK((result == JWT_OK) == (claims != NULL));
    CHECK((result == JWT_TOO_LONG) == (len > JWT_MAX_BYTES));
    if (result != JWT_OK)
        return;
    check_claims(claims, options);
    struct jwt_options later = *options;
    later.now_s = claims->exp_s + options->leeway_s;
    CHECK(claims->exp_s == 0 || verify(token, len, &later) == JWT_EXPIRED);
    claims_destroy(claims);

    char other[JWT_MAX_BYTES];
    memcpy(other, token, len);
    other[steer * 31 % len] = (char)(other[steer * 31 % len] ^ (1 << steer % 8));
    CHECK(verify(other, len, options) != JWT_OK);
    CHECK(verify(token, len - 1, options) != JWT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (keys == NULL)
        make_keys();
    if (len == 0 || len > JWT_MAX_BYTES + 64)
        return 0;
    unsigned steer = bytes[0];
    struct jwt_options options = {
        .now_s = NOW_S,
        .leeway_s = LEEWAY_S,
        .audience = steer & 2 ? "ringcast" : NULL,
        .issuer = steer & 4 ? "joe" : NULL,
        .exp_optional = (steer & 8) != 0,
    };
    const char *text = (const char *)bytes + 1;
    len--;
    if (steer % 2 == 0) {
        check_token(text, len, &options, steer);
        return 0;
    }
    static const char plain[] = "{\"alg\":\"HS256\"}";
    const char *line_end = memchr(text, '\n', len);
    const char *payload = line_end == NULL ? text : line_end + 1;
    const char *header = line_end == NULL ? plain : text;
    size_t header_len = line_end == NULL ? strlen(plain) : (size_t)(line_end - text);
    char token[JWT_MAKE_TOKEN_MAX_BYTES];
    size_t token_len = jwt_make_token_of(token, JWT_HS256, header, header_len, payload,
                                         len - (size_t)(payload - text));
    check_token(token, token_len, &options, steer);
    return 0;
}
