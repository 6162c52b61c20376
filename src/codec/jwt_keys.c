// SPDX-License-Identifier: MIT
#include "codec/jwt_keys.h"

#include "codec/json_strict.h"
#include "codec/jwt_jwk.h"
#include "codec/jwt_pem.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jwt_keys *jwt_keys_create(void)
{
    return calloc(1, sizeof(struct jwt_keys));
}

// Takes off what was added behind `count`.
static void cut(struct jwt_keys *keys, unsigned count)
{
    while (keys->count > count) {
        struct jwt_key *key = keys->list[--keys->count];
        explicit_bzero(key, sizeof *key);
        free(key);
        keys->list[keys->count] = NULL;
    }
}

void jwt_keys_destroy(struct jwt_keys *keys)
{
    if (keys == NULL)
        return;
    cut(keys, 0);
    free(keys);
}

static int refuse(char error[JWT_KEYS_ERROR_BYTES], const char *sentence)
{
    snprintf(error, JWT_KEYS_ERROR_BYTES, "%s", sentence);
    return -EINVAL;
}

static bool has_kid(const struct jwt_keys *keys, const struct jwt_key *key)
{
    for (unsigned i = 0; i < keys->count; i++)
        if (keys->list[i]->kid_len == key->kid_len &&
            memcmp(keys->list[i]->kid, key->kid, key->kid_len) == 0)
            return true;
    return false;
}

static int append(struct jwt_keys *keys, const struct jwt_key *key, const char **error)
{
    *error = "Remove keys: a set has at most 64.";
    if (keys->count == JWT_KEYS_MAX)
        return -EINVAL;
    *error = "Give it a kid of its own: another key has the same.";
    if (key->kid_len != 0 && has_kid(keys, key))
        return -EINVAL;
    struct jwt_key *copy = malloc(sizeof *copy);
    *error = "Provide more memory: there was none for a key.";
    if (copy == NULL)
        return -ENOMEM;
    *copy = *key;
    keys->list[keys->count++] = copy;
    return 0;
}

// --- JWKS

static int add_jwk(struct jwt_keys *keys, const json_t *jwk, const char **error)
{
    struct jwt_key key;
    int status = -EINVAL;
    switch (jwt_jwk_parse(jwk, &key, error)) {
    case JWT_JWK_OK:
        status = append(keys, &key, error);
        break;
    case JWT_JWK_SKIPPED:
        keys->skipped++;
        return 0;
    case JWT_JWK_BAD:
        break;
    }
    explicit_bzero(&key, sizeof key);
    return status;
}

static int add_list(struct jwt_keys *keys, const json_t *list, char error[JWT_KEYS_ERROR_BYTES])
{
    unsigned count = keys->count, skipped = keys->skipped;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *sentence = NULL;
        int status = add_jwk(keys, json_array_get(list, i), &sentence);
        if (status == 0)
            continue;
        snprintf(error, JWT_KEYS_ERROR_BYTES, "Key %zu of the JWKS: %s", i + 1, sentence);
        cut(keys, count);
        keys->skipped = skipped;
        return status;
    }
    if (keys->count > count)
        return 0;
    snprintf(error, JWT_KEYS_ERROR_BYTES,
             "Put a key into the JWKS that verifies HS256, RS256, ES256 or EdDSA: of its %zu keys "
             "none does.",
             json_array_size(list));
    keys->skipped = skipped;
    return -EINVAL;
}

int jwt_keys_add_jwks(struct jwt_keys *keys, const char *text, size_t len,
                      char error[JWT_KEYS_ERROR_BYTES])
{
    if (len > JWT_KEYS_TEXT_MAX_BYTES)
        return refuse(error, "Give a JWKS of at most 256 KiB.");
    if (jwt_pem_looks_like(text, len))
        return refuse(error, "Give a JWKS, which is JSON, or name this as the PEM key that it is.");
    unsigned line;
    json_t *root = json_strict_parse(text, len, &line);
    if (root == NULL) {
        snprintf(error, JWT_KEYS_ERROR_BYTES,
                 "Correct the JWKS near line %u: it has to be one JSON object with no member "
                 "twice, at most %d levels deep.",
                 line, JSON_STRICT_DEPTH_MAX);
        return -EINVAL;
    }
    const json_t *list = json_object_get(root, "keys");
    int status = json_is_array(list)
                     ? add_list(keys, list, error)
                     : refuse(error, "Give a JWKS: an object whose member keys is an array of "
                                     "keys, also where there is only one.");
    json_decref(root);
    return status;
}

// --- PEM and secrets

int jwt_keys_add_pem(struct jwt_keys *keys, const char *text, size_t len,
                     char error[JWT_KEYS_ERROR_BYTES])
{
    if (len > JWT_KEYS_TEXT_MAX_BYTES)
        return refuse(error, "Give a PEM text of at most 256 KiB.");
    struct jwt_key key;
    const char *sentence = NULL;
    int status = -EINVAL;
    if (jwt_pem_parse(text, len, &key, &sentence))
        status = append(keys, &key, &sentence);
    if (status != 0)
        snprintf(error, JWT_KEYS_ERROR_BYTES, "%s", sentence);
    return status;
}

int jwt_keys_add_public(struct jwt_keys *keys, const char *text, size_t len,
                        char error[JWT_KEYS_ERROR_BYTES])
{
    size_t blank = 0;
    while (blank < len && memchr(" \t\r\n", text[blank], 4))
        blank++;
    if (blank < len && text[blank] == '{')
        return jwt_keys_add_jwks(keys, text, len, error);
    if (jwt_pem_looks_like(text, len))
        return jwt_keys_add_pem(keys, text, len, error);
    return refuse(error, "Give a JWKS, or a public key in PEM: this is neither. If it is a secret "
                         "for HS256, say so: hs256:FILE in auth_keys, RINGCAST_KEY_SECRET in the "
                         "library.");
}

int jwt_keys_add_secret(struct jwt_keys *keys, const void *secret, size_t len,
                        char error[JWT_KEYS_ERROR_BYTES])
{
    static const char member[] = "\"kty\"";
    if (jwt_pem_looks_like(secret, len) || memmem(secret, len, member, sizeof member - 1) != NULL)
        return refuse(error, "Give a secret, or name this as the PEM key or JWKS that it is: as a "
                             "secret, a public key would let everybody sign.");
    struct jwt_key key;
    const char *sentence = NULL;
    int status = -EINVAL;
    if (jwt_key_secret(&key, secret, len, &sentence))
        status = append(keys, &key, &sentence);
    explicit_bzero(&key, sizeof key);
    if (status != 0)
        snprintf(error, JWT_KEYS_ERROR_BYTES, "%s", sentence);
    return status;
}
