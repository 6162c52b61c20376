// SPDX-License-Identifier: MIT
//
// Whether a private key is a certificate's. Not every wolfSSL looks (Debian's takes any EC key for
// the right one), so the public part is computed from the private one here, and compared.
#include "codec/tls_internal.h"

#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/rsa.h>

#define RSA_MAX_BYTES (16384 / 8)
#define EC_MAX_BYTES  (1 + 2 * 66) // a point of P-521

struct part {
    const uint8_t *bytes;
    word32 len;
};

struct rsa_public {
    byte n[RSA_MAX_BYTES], e[RSA_MAX_BYTES];
    word32 n_len, e_len;
};

static bool flatten(RsaKey *key, struct rsa_public *out)
{
    out->n_len = sizeof out->n;
    out->e_len = sizeof out->e;
    return wc_RsaFlattenPublicKey(key, out->e, &out->e_len, out->n, &out->n_len) == 0;
}

static bool rsa_matches(struct part private_key, struct part public_key)
{
    RsaKey ours, theirs;
    struct rsa_public a, b;
    word32 at = 0, public_at = 0;
    if (wc_InitRsaKey(&ours, NULL))
        return false;
    if (wc_InitRsaKey(&theirs, NULL)) {
        wc_FreeRsaKey(&ours);
        return false;
    }
    bool same = wc_RsaPrivateKeyDecode(private_key.bytes, &at, &ours, private_key.len) == 0 &&
                wc_RsaPublicKeyDecode(public_key.bytes, &public_at, &theirs, public_key.len) == 0 &&
                flatten(&ours, &a) && flatten(&theirs, &b) && a.n_len == b.n_len &&
                a.e_len == b.e_len && memcmp(a.n, b.n, a.n_len) == 0 &&
                memcmp(a.e, b.e, a.e_len) == 0;
    wc_FreeRsaKey(&ours);
    wc_FreeRsaKey(&theirs);
    return same;
}

// A public part that stands beside the private one in the file is not what counts.
static bool ec_matches(struct part private_key, struct part public_key)
{
    ecc_key ours, theirs;
    byte a[EC_MAX_BYTES], b[EC_MAX_BYTES];
    word32 at = 0, public_at = 0, a_len = sizeof a, b_len = sizeof b;
    if (wc_ecc_init(&ours))
        return false;
    if (wc_ecc_init(&theirs)) {
        wc_ecc_free(&ours);
        return false;
    }
    bool same = wc_EccPrivateKeyDecode(private_key.bytes, &at, &ours, private_key.len) == 0 &&
                wc_EccPublicKeyDecode(public_key.bytes, &public_at, &theirs, public_key.len) == 0 &&
                wc_ecc_make_pub(&ours, NULL) == 0 && wc_ecc_export_x963(&ours, a, &a_len) == 0 &&
                wc_ecc_export_x963(&theirs, b, &b_len) == 0 && a_len == b_len &&
                memcmp(a, b, a_len) == 0;
    wc_ecc_free(&ours);
    wc_ecc_free(&theirs);
    return same;
}

static bool ed25519_matches(struct part private_key, struct part public_key)
{
#ifdef HAVE_ED25519
    ed25519_key ours;
    byte made[ED25519_PUB_KEY_SIZE];
    word32 at = 0;
    if (wc_ed25519_init(&ours))
        return false;
    bool same = wc_Ed25519PrivateKeyDecode(private_key.bytes, &at, &ours, private_key.len) == 0 &&
                wc_ed25519_make_public(&ours, made, sizeof made) == 0 &&
                public_key.len == sizeof made && memcmp(made, public_key.bytes, sizeof made) == 0;
    wc_ed25519_free(&ours);
    return same;
#else
    (void)private_key, (void)public_key;
    return false;
#endif
}

bool tls_key_matches(const char *pem, size_t len, const DecodedCert *certificate)
{
    uint8_t *der = malloc(len + 1);
    if (!der)
        return false;
    int der_len = wc_KeyPemToDer((const byte *)pem, (int)len, der, (int)len, NULL);
    struct part private_key = {der, der_len > 0 ? (word32)der_len : 0};
    struct part public_key = {certificate->publicKey, certificate->pubKeySize};
    bool same = false;
    if (der_len > 0 && public_key.bytes)
        switch (certificate->keyOID) {
        case RSAk:
            same = rsa_matches(private_key, public_key);
            break;
        case ECDSAk:
            same = ec_matches(private_key, public_key);
            break;
        case ED25519k:
            same = ed25519_matches(private_key, public_key);
            break;
        }
    explicit_bzero(der, len + 1);
    free(der);
    return same;
}
