// SPDX-License-Identifier: MIT
#include "codec/jwt_pem.h"

#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <string.h>

#define BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define END   "-----END PUBLIC KEY-----\n"
// The Ed25519 key, in two halves.
#define LEFT  "MCowBQYDK2VwAyEA11qYAYKxCrfV"
#define RIGHT "S/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const struct {
    const char *name, *text;
    const char *error; // begins so; NULL: good
} cases[] = {
    {"RSA", JWT_MAKE_RSA_PEM, NULL},
    {"P-256", JWT_MAKE_P256_PEM, NULL},
    {"Ed25519", JWT_MAKE_ED25519_PEM, NULL},
    {"comment before", "the key of 2026\n" JWT_MAKE_ED25519_PEM, NULL},
    {"text behind", JWT_MAKE_ED25519_PEM "\n\nend\n", NULL},
    {"CR LF", "-----BEGIN PUBLIC KEY-----\r\n" LEFT "\r\n" RIGHT "\r\n-----END PUBLIC KEY-----\r\n",
     NULL},
    {"one line", "-----BEGIN PUBLIC KEY-----" LEFT RIGHT "-----END PUBLIC KEY-----", NULL},
    {"short lines", BEGIN LEFT "\n\n \t" RIGHT "\n" END, NULL},
    {"nothing", "", "Give a public key in PEM"},
    {"JWKS", JWT_MAKE_ALL, "Give a public key in PEM"},
    {"private", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
     "Give the public key only"},
    {"private RSA", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
     "Give the public key only"},
    {"private EC", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
     "Give the public key only"},
    {"private, encrypted",
     "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
     "Give the public key only"},
    {"private behind", JWT_MAKE_ED25519_PEM "-----BEGIN PRIVATE KEY-----\n",
     "Give the public key only"},
    {"certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     "Give the public key of the certificate"},
    {"PKCS#1", "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
     "Give the key as a PUBLIC KEY"},
    {"cut", BEGIN LEFT, "Give the whole public key"},
    {"end before begin", END LEFT RIGHT "\n" BEGIN, "Give the whole public key"},
    {"two", JWT_MAKE_ED25519_PEM JWT_MAKE_P256_PEM, "Give one public key only"},
    {"empty", BEGIN END,
     "Export the public key again: what stands between its BEGIN and END lines "
     "is not the DER"},
    {"half", BEGIN LEFT "\n" END, "Export the public key again"},
    {"too much", BEGIN LEFT RIGHT "\nAAAA\n" END, "Export the public key again"},
    {"no padding", BEGIN LEFT "S/7TyWQHOg7hcvPapiMlrwIaaPcHURo\n" END,
     "Export the public key again"},
    {"too much padding", BEGIN LEFT RIGHT "====\n" END, "Export the public key again"},
    {"padding inside", BEGIN LEFT "=" RIGHT "\n" END, "Export the public key again"},
    {"padding before the end", BEGIN LEFT "=S/7TyWQHOg7hcvPapiMlrwIaaPcHURo\n" END,
     "Export the public key again"},
    {"other alphabet", BEGIN LEFT "S_7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n" END,
     "Export the public key again"},
    {"not base64", BEGIN LEFT "S!7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n" END,
     "Export the public key again"},
    {"headers", BEGIN "Proc-Type: 4\n\n" LEFT RIGHT "\n" END, "Export the public key again"},
    {"compressed point",
     BEGIN
     "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEU=\n" END,
     "Write the EC key's point uncompressed"},
};

Test(jwt_pem, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt_key key;
        const char *error = "";
        bool good = jwt_pem_parse(cases[i].text, strlen(cases[i].text), &key, &error);
        cr_expect_eq(good, cases[i].error == NULL, "%s: %s", cases[i].name, error);
        if (cases[i].error != NULL)
            cr_expect_eq(strncmp(error, cases[i].error, strlen(cases[i].error)), 0, "%s: %s",
                         cases[i].name, error);
    }
}

Test(jwt_pem, verifies)
{
    static const struct {
        enum jwt_alg alg;
        const char *text;
    } keys[] = {
        {JWT_RS256, JWT_MAKE_RSA_PEM},
        {JWT_ES256, JWT_MAKE_P256_PEM},
        {JWT_EDDSA, JWT_MAKE_ED25519_PEM},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct jwt_key key;
        const char *error = "";
        uint8_t signature[JWT_MAKE_SIGNATURE_MAX_BYTES];
        size_t len = jwt_make_sign(keys[i].alg, "a", 1, signature);
        cr_assert(jwt_pem_parse(keys[i].text, strlen(keys[i].text), &key, &error), "%s", error);
        cr_expect_eq(key.alg, keys[i].alg);
        cr_expect(jwt_key_verify(&key, "a", 1, signature, len));
    }
}

// --- The DER inside

// The bytes between the lines of a PEM text, and back.
static size_t der_of(const char *pem, uint8_t *der)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = 0;
    uint32_t bits = 0, count = 0;
    for (const char *c = pem + strlen(BEGIN); *c != '-'; c++) {
        const char *digit = strchr(digits, *c);
        if (digit == NULL || *c == 0)
            continue;
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            der[len++] = (uint8_t)(bits >> count);
        }
    }
    return len;
}

static bool parse_der(const uint8_t *der, size_t len, const char **error)
{
    char pem[4096] = BEGIN;
    struct jwt_key key;
    size_t begin = strlen(pem), end = begin + jwt_make_encode(pem + begin, der, len);
    for (size_t i = begin; i < end; i++)
        pem[i] = pem[i] == '-' ? '+' : pem[i] == '_' ? '/' : pem[i];
    while ((end - begin) % 4 != 0)
        pem[end++] = '=';
    memcpy(pem + end, END, sizeof END);
    return jwt_pem_parse(pem, strlen(pem), &key, error);
}

Test(jwt_pem, der_cut_or_longer)
{
    static const char *const pems[] = {JWT_MAKE_RSA_PEM, JWT_MAKE_P256_PEM, JWT_MAKE_ED25519_PEM};
    for (size_t i = 0; i < sizeof pems / sizeof pems[0]; i++) {
        uint8_t der[512] = {0};
        const char *error = NULL;
        size_t len = der_of(pems[i], der);
        cr_assert(parse_der(der, len, &error));
        for (size_t cut = 0; cut < len; cut++)
            cr_expect_not(parse_der(der, cut, &error), "key %zu cut at %zu", i, cut);
        cr_expect_not(parse_der(der, len + 1, &error), "key %zu, one byte more", i);
    }
}

// Nothing of what stands around the numbers is optional.
Test(jwt_pem, every_byte_of_the_frame_counts)
{
    static const struct {
        const char *pem;
        size_t frame_bytes; // before the first number
    } keys[] = {{JWT_MAKE_RSA_PEM, 32}, {JWT_MAKE_P256_PEM, 27}, {JWT_MAKE_ED25519_PEM, 12}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        uint8_t der[512];
        const char *error = NULL;
        size_t len = der_of(keys[i].pem, der);
        for (size_t at = 0; at < keys[i].frame_bytes; at++)
            for (unsigned bit = 0; bit < 8; bit++) {
                der[at] ^= (uint8_t)(1 << bit);
                cr_expect_not(parse_der(der, len, &error), "key %zu, byte %zu", i, at);
                der[at] ^= (uint8_t)(1 << bit);
            }
    }
}

Test(jwt_pem, der_in_other_forms)
{
    uint8_t der[512], other[512];
    const char *error = NULL;
    size_t len = der_of(JWT_MAKE_ED25519_PEM, der);
    // The first length in two bytes where one does.
    memcpy(other + 3, der + 2, len - 2);
    memcpy(other, (const uint8_t[]){0x30, 0x81, (uint8_t)(len - 2)}, 3);
    cr_expect_not(parse_der(other, len + 1, &error), "long form");
    // Indefinite length.
    memcpy(other, der, len);
    other[1] = 0x80;
    memset(other + len, 0, 2);
    cr_expect_not(parse_der(other, len + 2, &error), "indefinite");

    len = der_of(JWT_MAKE_RSA_PEM, der);
    der[16] = 0x0a; // id-RSASSA-PSS: meant for another algorithm
    cr_expect_not(parse_der(der, len, &error));
    cr_expect_eq(strncmp(error, "Use an RSA, P-256 or Ed25519 key", 32), 0, "%s", error);
    der[16] = 0x01;
    der[len - 3] ^= 0x80; // the exponent becomes negative
    cr_expect_not(parse_der(der, len, &error));
    cr_expect_eq(strncmp(error, "Export the RSA key again", 24), 0, "%s", error);
}

// The modulus, whose first bit is set, behind so many bytes 0; all lengths around it are right.
static bool parse_padded(unsigned zeroes, const char **error)
{
    uint8_t der[512], other[512] = {0};
    size_t len = der_of(JWT_MAKE_RSA_PEM, der);
    memcpy(other, der, 32);
    memcpy(other + 32 + zeroes, der + 33, len - 33);
    static const size_t lengths[] = {3, 22, 27, 31}; // their last bytes
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned value = (unsigned)(other[lengths[i] - 1] << 8 | other[lengths[i]]) - 1 + zeroes;
        other[lengths[i] - 1] = (uint8_t)(value >> 8);
        other[lengths[i]] = (uint8_t)value;
    }
    return parse_der(other, len - 1 + zeroes, error);
}

Test(jwt_pem, modulus_in_other_forms)
{
    const char *error = "";
    cr_expect(parse_padded(1, &error), "%s", error);
    cr_expect_not(parse_padded(0, &error), "negative");
    cr_expect_eq(strncmp(error, "Export the RSA key again", 24), 0, "%s", error);
    cr_expect_not(parse_padded(2, &error), "longer than it has to be");
    cr_expect_eq(strncmp(error, "Export the RSA key again", 24), 0, "%s", error);
}

Test(jwt_pem, too_long)
{
    static char pem[8192] = BEGIN;
    struct jwt_key key;
    const char *error = "";
    memset(pem + strlen(BEGIN), 'A', 4096);
    memcpy(pem + strlen(BEGIN) + 4096, END, sizeof END);
    cr_expect_not(jwt_pem_parse(pem, strlen(pem), &key, &error));
    cr_expect_not_null(strstr(error, "too long"), "%s", error);
}

Test(jwt_pem, looks_like)
{
    cr_expect(jwt_pem_looks_like(JWT_MAKE_RSA_PEM, strlen(JWT_MAKE_RSA_PEM)));
    cr_expect(jwt_pem_looks_like("x\n-----BEGIN ANYTHING", 22));
    cr_expect_not(jwt_pem_looks_like("-----BEGIN", 10));
    cr_expect_not(jwt_pem_looks_like("", 0));
}
