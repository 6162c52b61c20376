// SPDX-License-Identifier: MIT
//
// Keys in all their forms. The first byte says which: a JWKS, a public key in PEM, a secret. Either
// there are more keys afterwards, each of them sound, or there is a sentence and nothing has
// changed.
#include "codec/jwt_keys.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static int add(unsigned form, struct jwt_keys *keys, const char *text, size_t len,
               char error[JWT_KEYS_ERROR_BYTES])
{
    switch (form % 3) {
    case 0:
        return jwt_keys_add_jwks(keys, text, len, error);
    case 1:
        return jwt_keys_add_pem(keys, text, len, error);
    default:
        return jwt_keys_add_secret(keys, text, len, error);
    }
}

static void check_material(const struct jwt_key *key)
{
    switch (key->alg) {
    case JWT_HS256:
        CHECK(key->material_len >= JWT_SECRET_MIN_BYTES);
        CHECK(key->material_len <= JWT_SECRET_MAX_BYTES);
        break;
    case JWT_RS256:
        CHECK(key->material_len >= JWT_RSA_MIN_BITS / 8 && key->material[0] != 0);
        CHECK(key->exponent >= 3 && key->exponent % 2 == 1);
        break;
    case JWT_ES256:
        CHECK(key->material_len == 65 && key->material[0] == 4);
        break;
    case JWT_EDDSA:
        CHECK(key->material_len == 32);
        break;
    case JWT_ALG_COUNT:
        UNREACHABLE();
    }
}

// Nobody has signed anything, least of all with zeroes.
static void check_key(const struct jwt_key *key)
{
    static const uint8_t zeroes[JWT_RSA_MAX_BITS / 8];
    CHECK(key->kid_len <= JWT_KID_MAX_BYTES);
    check_material(key);
    CHECK(!jwt_key_verify(key, "a", 1, zeroes, 32));
    CHECK(!jwt_key_verify(key, "a", 1, zeroes, 64));
    CHECK(!jwt_key_verify(key, "a", 1, zeroes, key->material_len));
}

static void check_set(const struct jwt_keys *keys)
{
    CHECK(keys->count <= JWT_KEYS_MAX);
    for (unsigned i = 0; i < keys->count; i++) {
        const struct jwt_key *key = keys->list[i];
        check_key(key);
        for (unsigned other = 0; other < i && key->kid_len != 0; other++)
            CHECK(keys->list[other]->kid_len != key->kid_len ||
                  memcmp(keys->list[other]->kid, key->kid, key->kid_len) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    struct jwt_keys *keys = jwt_keys_create();
    CHECK(keys != NULL);
    // Twice: the second time its kids are taken.
    for (unsigned round = 0; round < 2; round++) {
        unsigned count = keys->count, skipped = keys->skipped;
        char error[JWT_KEYS_ERROR_BYTES] = "";
        int status = add(bytes[0], keys, (const char *)bytes + 1, len - 1, error);
        CHECK(status == 0 || status == -EINVAL);
        if (status == 0)
            CHECK(keys->count > count);
        else {
            CHECK(keys->count == count && keys->skipped == skipped);
            CHECK(error[0] != 0 && strlen(error) < JWT_KEYS_ERROR_BYTES - 1);
        }
    }
    check_set(keys);
    jwt_keys_destroy(keys);
    return 0;
}
