// SPDX-License-Identifier: MIT
#include "codec/jwt_pem.h"

#include "codec/base64url.h"
#include "codec/der.h"

#include <string.h>

#define BEGIN     "-----BEGIN "
#define BEGIN_KEY BEGIN "PUBLIC KEY-----"
#define END_KEY   "-----END PUBLIC KEY-----"

// AlgorithmIdentifiers: rsaEncryption with NULL, id-ecPublicKey with secp256r1, id-Ed25519.
static const uint8_t rsa_algorithm[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                        0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
static const uint8_t p256_algorithm[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                         0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t ed25519_algorithm[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static bool refuse(const char **error, const char *sentence)
{
    *error = sentence;
    return false;
}

static const char *find(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word));
}

bool jwt_pem_looks_like(const char *text, size_t len)
{
    return find(text, len, BEGIN) != NULL;
}

// --- DER

// A number that is not negative, in its shortest form.
static bool is_natural(struct der number)
{
    if (number.len == 0 || number.bytes[0] >= 0x80)
        return false;
    return number.len == 1 || number.bytes[0] != 0 || number.bytes[1] >= 0x80;
}

static bool is_algorithm(struct der found, const uint8_t *expected, size_t len)
{
    return found.len == len && memcmp(found.bytes, expected, len) == 0;
}

// --- The three kinds of key

static bool parse_rsa(struct der bits, struct jwt_key *key, const char **error)
{
    struct der numbers, modulus, exponent;
    if (!der_take_last(&bits, DER_SEQUENCE, &numbers) ||
        !der_take(&numbers, DER_INTEGER, &modulus) ||
        !der_take_last(&numbers, DER_INTEGER, &exponent) || !is_natural(modulus) ||
        !is_natural(exponent))
        return refuse(error, "Export the RSA key again: it is not two positive numbers.");
    return jwt_key_rsa(key, modulus.bytes, modulus.len, exponent.bytes, exponent.len, error);
}

static bool parse_p256(struct der bits, struct jwt_key *key, const char **error)
{
    if (bits.len != 1 + 2 * JWT_P256_BYTES || bits.bytes[0] != 4)
        return refuse(error, "Write the EC key's point uncompressed: openssl ec -pubin -in KEY "
                             "-conv_form uncompressed -pubout");
    return jwt_key_p256(key, bits.bytes + 1, bits.bytes + 1 + JWT_P256_BYTES, error);
}

static bool parse_ed25519(struct der bits, struct jwt_key *key, const char **error)
{
    if (bits.len != JWT_ED25519_BYTES)
        return refuse(error, "Export the Ed25519 key again: it is not 32 bytes long.");
    return jwt_key_ed25519(key, bits.bytes, error);
}

static bool parse_der(struct der in, struct jwt_key *key, const char **error)
{
    struct der info, algorithm, bits;
    // The first octet of a BIT STRING says how many of the last one's bits are not used.
    if (!der_take_last(&in, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
        !der_take_last(&info, DER_BIT_STRING, &bits) || bits.len == 0 || bits.bytes[0] != 0)
        return refuse(error, "Export the public key again: what stands between its BEGIN and END "
                             "lines is not the DER of one.");
    bits.bytes++;
    bits.len--;
    if (is_algorithm(algorithm, rsa_algorithm, sizeof rsa_algorithm))
        return parse_rsa(bits, key, error);
    if (is_algorithm(algorithm, p256_algorithm, sizeof p256_algorithm))
        return parse_p256(bits, key, error);
    if (is_algorithm(algorithm, ed25519_algorithm, sizeof ed25519_algorithm))
        return parse_ed25519(bits, key, error);
    return refuse(error, "Use an RSA, P-256 or Ed25519 key: the algorithms are RS256, ES256 and "
                         "EdDSA.");
}

// --- PEM

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

// Base64 with padding, in lines. Returns the length, or -1.
static int decode_lines(const char *text, size_t len, uint8_t *out, size_t out_max)
{
    char digits[JWT_PEM_DER_MAX_BYTES * 4 / 3 + 4];
    size_t count = 0, padding = 0;
    for (size_t i = 0; i < len; i++) {
        char character = text[i];
        if (is_blank(character))
            continue;
        if (character == '=') {
            padding++;
            continue;
        }
        if (padding != 0 || count == sizeof digits || character == '-' || character == '_')
            return -1;
        digits[count++] = character == '+' ? '-' : character == '/' ? '_' : character;
    }
    if (padding > 2 || (count + padding) % 4 != 0)
        return -1;
    return base64url_decode(digits, count, out, out_max);
}

// What is there instead of a public key, if it can be told.
static const char *mistaken(const char *text, size_t len)
{
    if (find(text, len, "PRIVATE KEY-----") != NULL)
        return "Give the public key only (openssl pkey -in KEY -pubout): the private one stays "
               "with whoever signs the tokens.";
    if (find(text, len, BEGIN "CERTIFICATE") != NULL)
        return "Give the public key of the certificate: openssl x509 -in CERTIFICATE -noout "
               "-pubkey";
    if (find(text, len, BEGIN "RSA PUBLIC KEY") != NULL)
        return "Give the key as a PUBLIC KEY: openssl rsa -RSAPublicKey_in -in KEY -pubout";
    return NULL;
}

bool jwt_pem_parse(const char *text, size_t len, struct jwt_key *key, const char **error)
{
    const char *mistake = mistaken(text, len), *limit = text + len;
    if (mistake != NULL)
        return refuse(error, mistake);
    const char *begin = find(text, len, BEGIN_KEY);
    if (begin == NULL)
        return refuse(error, "Give a public key in PEM: it begins with " BEGIN_KEY);
    begin += strlen(BEGIN_KEY);
    const char *end = find(begin, (size_t)(limit - begin), END_KEY);
    if (end == NULL)
        return refuse(error, "Give the whole public key: it ends with " END_KEY);
    const char *behind = end + strlen(END_KEY);
    if (jwt_pem_looks_like(behind, (size_t)(limit - behind)))
        return refuse(error, "Give one public key only; several go into a JWKS.");
    uint8_t der[JWT_PEM_DER_MAX_BYTES];
    int der_len = decode_lines(begin, (size_t)(end - begin), der, sizeof der);
    if (der_len < 0)
        return refuse(error, "Export the public key again: what stands between its BEGIN and END "
                             "lines is not base64, or too long.");
    return parse_der((struct der){der, (size_t)der_len}, key, error);
}
