// SPDX-License-Identifier: MIT
#include "codec/jwt.h"

#include "codec/base64url.h"
#include "codec/json_strict.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define PART_MAX_BYTES BASE64URL_DECODED_BYTES(JWT_MAX_BYTES)

static const struct jwt_result_info infos[JWT_RESULT_COUNT] = {
#define JWT_RESULT(symbol, name, text) {name, text},
#include "codec/jwt_result.def"
#undef JWT_RESULT
};

_Static_assert(JWT_MAX_BYTES == 4096, "the text of TOO_LONG names it");

const struct jwt_result_info *jwt_result_info(enum jwt_result result)
{
    CHECK((unsigned)result < JWT_RESULT_COUNT);
    return &infos[result];
}

struct part {
    const char *text;
    size_t len;
};

struct token {
    struct part header, payload, signature;
    struct part signed_part; // header, dot, payload
};

struct candidates {
    const struct jwt_key *list[JWT_TRIES_MAX];
    unsigned count;
};

// Exactly three parts; what is in them is checked when they are decoded.
static bool split(const char *text, size_t len, struct token *token)
{
    const char *end = text + len, *first = memchr(text, '.', len);
    if (first == NULL)
        return false;
    const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false;
    token->header = (struct part){text, (size_t)(first - text)};
    token->payload = (struct part){first + 1, (size_t)(second - first - 1)};
    token->signature = (struct part){second + 1, (size_t)(end - second - 1)};
    token->signed_part = (struct part){text, (size_t)(second - text)};
    return true;
}

static int decode(struct part part, uint8_t out[PART_MAX_BYTES])
{
    return base64url_decode(part.text, part.len, out, PART_MAX_BYTES);
}

static bool equals(const json_t *string, const char *text)
{
    size_t len = strlen(text);
    return json_string_length(string) == len && memcmp(json_string_value(string), text, len) == 0;
}

// --- The header

// The media type, whose "application/" may be left out (RFC 7515, section 4.1.9; RFC 9068, section
// 2.1). Any other one is another kind of document, which must not pass for this one (RFC 8725,
// section 3.11).
static bool type_good(const json_t *typ)
{
    static const char prefix[] = "application/";
    if (typ == NULL)
        return true;
    const char *text = json_string_value(typ);
    if (text == NULL)
        return false;
    if (strncasecmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    return strcasecmp(text, "JWT") == 0 || strcasecmp(text, "at+jwt") == 0;
}

static bool has_kid(const struct jwt_key *key, const json_t *kid)
{
    return key->kid_len != 0 && key->kid_len == json_string_length(kid) &&
           memcmp(key->kid, json_string_value(kid), key->kid_len) == 0;
}

static enum jwt_result select_keys(const struct jwt_keys *keys, enum jwt_alg alg, const json_t *kid,
                                   struct candidates *candidates)
{
    candidates->count = 0;
    for (unsigned i = 0; kid != NULL && i < keys->count; i++)
        if (has_kid(keys->list[i], kid)) {
            candidates->list[candidates->count++] = keys->list[i];
            return keys->list[i]->alg == alg ? JWT_OK : JWT_ALGORITHM;
        }
    for (unsigned i = 0; i < keys->count && candidates->count < JWT_TRIES_MAX; i++)
        if (keys->list[i]->alg == alg && (kid == NULL || keys->list[i]->kid_len == 0))
            candidates->list[candidates->count++] = keys->list[i];
    if (candidates->count > 0)
        return JWT_OK;
    return kid == NULL ? JWT_ALGORITHM : JWT_UNKNOWN_KEY;
}

static enum jwt_result read_header(const json_t *header, const struct jwt_keys *keys,
                                   struct candidates *candidates)
{
    const json_t *alg = json_object_get(header, "alg"), *kid = json_object_get(header, "kid");
    if (!json_is_string(alg) || (kid != NULL && !json_is_string(kid)))
        return JWT_MALFORMED;
    // An extension that has to be understood; we understand none (RFC 7515, section 4.1.11).
    if (json_object_get(header, "crit") != NULL || !type_good(json_object_get(header, "typ")))
        return JWT_HEADER;
    enum jwt_alg found = jwt_alg_find(json_string_value(alg), json_string_length(alg));
    if (found == JWT_ALG_COUNT)
        return JWT_ALGORITHM;
    return select_keys(keys, found, kid, candidates);
}

static enum jwt_result check_header(struct part part, const struct jwt_keys *keys,
                                    struct candidates *candidates)
{
    uint8_t text[PART_MAX_BYTES];
    int len = decode(part, text);
    json_t *header = len < 0 ? NULL : json_strict_parse((const char *)text, (size_t)len, NULL);
    if (header == NULL)
        return JWT_MALFORMED;
    enum jwt_result result = read_header(header, keys, candidates);
    json_decref(header);
    return result;
}

static enum jwt_result check_signature(const struct token *token,
                                       const struct candidates *candidates)
{
    uint8_t signature[PART_MAX_BYTES];
    int len = decode(token->signature, signature);
    if (len < 0)
        return JWT_MALFORMED;
    for (unsigned i = 0; i < candidates->count; i++)
        if (jwt_key_verify(candidates->list[i], token->signed_part.text, token->signed_part.len,
                           signature, (size_t)len))
            return JWT_OK;
    return JWT_SIGNATURE;
}

// --- The payload

// A NumericDate (RFC 7519, section 2) or nothing, which counts as 0. Rounded up: then the whole
// seconds that are before it, and those that are not, stay the same.
static bool read_date(const json_t *value, uint64_t *date_s)
{
    *date_s = 0;
    if (value == NULL)
        return true;
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        *date_s = (uint64_t)number;
        return number >= 0 && number <= (json_int_t)JWT_TIME_MAX_S;
    }
    double number = json_real_value(value);
    if (!json_is_real(value) || !(number >= 0 && number <= (double)JWT_TIME_MAX_S))
        return false;
    *date_s = (uint64_t)ceil(number);
    return true;
}

static enum jwt_result check_dates(const json_t *payload, const struct jwt_options *options,
                                   uint64_t *exp_s)
{
    const json_t *exp = json_object_get(payload, "exp");
    uint64_t nbf_s, iat_s;
    if (!read_date(exp, exp_s) || !read_date(json_object_get(payload, "nbf"), &nbf_s) ||
        !read_date(json_object_get(payload, "iat"), &iat_s) ||
        (exp == NULL && !options->exp_optional))
        return JWT_CLAIM;
    // An end at 0 is over even where the leeway is longer than the time since: 0 means none.
    if (exp != NULL && (*exp_s == 0 || options->now_s >= *exp_s + options->leeway_s))
        return JWT_EXPIRED;
    if (nbf_s > options->now_s + options->leeway_s || iat_s > options->now_s + options->leeway_s)
        return JWT_NOT_YET_VALID;
    return JWT_OK;
}

static enum jwt_result check_issuer(const json_t *iss, const char *issuer)
{
    if (iss != NULL && !json_is_string(iss))
        return JWT_CLAIM;
    return issuer == NULL || (iss != NULL && equals(iss, issuer)) ? JWT_OK : JWT_ISSUER;
}

static enum jwt_result check_audience(const json_t *aud, const char *audience)
{
    bool found = aud != NULL && audience != NULL && json_is_string(aud) && equals(aud, audience);
    if (aud != NULL && !json_is_string(aud) && !json_is_array(aud))
        return JWT_CLAIM;
    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *entry = json_array_get(aud, i);
        if (!json_is_string(entry))
            return JWT_CLAIM;
        found = found || (audience != NULL && equals(entry, audience));
    }
    return found || (aud == NULL && audience == NULL) ? JWT_OK : JWT_AUDIENCE;
}

static enum jwt_result make_claims(const json_t *payload, struct part text, uint64_t exp_s,
                                   struct claims **claims)
{
    switch (claims_create(claims, text.text, text.len, payload, exp_s)) {
    case CLAIMS_OK:
        return JWT_OK;
    case CLAIMS_BAD:
        return JWT_CLAIM;
    case CLAIMS_NO_MEMORY:
        return JWT_NO_MEMORY;
    }
    UNREACHABLE();
}

enum jwt_result jwt_read_payload(const char *text, size_t len, struct claims **claims)
{
    uint64_t exp_s;
    json_t *payload = len <= JWT_MAX_BYTES ? json_strict_parse(text, len, NULL) : NULL;
    *claims = NULL;
    if (payload == NULL)
        return JWT_MALFORMED;
    enum jwt_result result = JWT_CLAIM;
    if (read_date(json_object_get(payload, "exp"), &exp_s))
        result = make_claims(payload, (struct part){text, len}, exp_s, claims);
    json_decref(payload);
    return result;
}

static enum jwt_result read_payload(const json_t *payload, struct part text,
                                    const struct jwt_options *options, struct claims **claims)
{
    uint64_t exp_s = 0;
    enum jwt_result result = check_dates(payload, options, &exp_s);
    if (result == JWT_OK)
        result = check_issuer(json_object_get(payload, "iss"), options->issuer);
    if (result == JWT_OK)
        result = check_audience(json_object_get(payload, "aud"), options->audience);
    if (result != JWT_OK)
        return result;
    return make_claims(payload, text, exp_s, claims);
}

static enum jwt_result check_payload(struct part part, const struct jwt_options *options,
                                     struct claims **claims)
{
    uint8_t text[PART_MAX_BYTES];
    int len = decode(part, text);
    json_t *payload = len < 0 ? NULL : json_strict_parse((const char *)text, (size_t)len, NULL);
    if (payload == NULL)
        return JWT_MALFORMED;
    struct part decoded = {(const char *)text, (size_t)len};
    enum jwt_result result = read_payload(payload, decoded, options, claims);
    json_decref(payload);
    return result;
}

enum jwt_result jwt_verify(const char *token, size_t len, const struct jwt_keys *keys,
                           const struct jwt_options *options, struct claims **claims)
{
    CHECK(options->leeway_s <= JWT_TIME_MAX_S && options->now_s <= JWT_TIME_MAX_S);
    *claims = NULL;
    if (len > JWT_MAX_BYTES)
        return JWT_TOO_LONG;
    struct token parts;
    if (!split(token, len, &parts))
        return JWT_MALFORMED;
    struct candidates candidates;
    enum jwt_result result = check_header(parts.header, keys, &candidates);
    if (result == JWT_OK)
        result = check_signature(&parts, &candidates);
    if (result == JWT_OK)
        result = check_payload(parts.payload, options, claims);
    return result;
}
