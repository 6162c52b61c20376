// SPDX-License-Identifier: MIT
#include "ringcast/ringcast.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define BASE64 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define JWKS   "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" BASE64 "\"}]}"

static const struct {
    const char *text;
    int kind;
    const char *says; // NULL: accepted
} cases[] = {
    {JWKS, RINGCAST_KEY_PUBLIC, NULL},
    {SECRET, RINGCAST_KEY_SECRET, NULL},
    {SECRET "\r\n", RINGCAST_KEY_SECRET, NULL},
    {SECRET, RINGCAST_KEY_PUBLIC, "k: Give a JWKS, or a public key in PEM"},
    {"ssh-ed25519 " SECRET, RINGCAST_KEY_PUBLIC, "RINGCAST_KEY_SECRET"},
    {"0123456789abcdef0123456789abcde\n", RINGCAST_KEY_SECRET, "at least 32 bytes"},
    {JWKS, RINGCAST_KEY_SECRET, "would let everybody sign"},
    {SECRET, 7, "enum ringcast_key_kind"},
};

Test(access, a_secret_has_to_be_called_one)
{
    char error[512];
    for (size_t i = 0; ringcast_tls_available() && i < sizeof cases / sizeof cases[0]; i++) {
        struct ringcast_key key = {"k", cases[i].text, strlen(cases[i].text),
                                   (enum ringcast_key_kind)cases[i].kind};
        struct ringcast_access access = {
            .auth = RINGCAST_AUTH_REQUIRED, .keys = &key, .key_count = 1};
        error[0] = 0;
        int result = ringcast_set_access(NULL, &access, error, sizeof error);
        cr_expect_eq(result, cases[i].says ? -EINVAL : 0, "%zu: %s", i, error);
        cr_expect(!cases[i].says || strstr(error, cases[i].says), "%zu: %s", i, error);
    }
}
