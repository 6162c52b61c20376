// SPDX-License-Identifier: MIT
//
// Private to src/codec: what contexts (tls_context.c) and sessions (tls.c) know of each other.
#pragma once

#include "codec/tls.h"
#include "codec/tls_tickets.h"

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

struct DecodedCert;

#define TLS_NAME_MAX_BYTES 255

// One name that a certificate is for; "*.example.com" stands for any one label.
struct tls_name {
    struct tls_name *next;
    size_t len;
    char text[];
};

struct tls_identity {
    WOLFSSL_CTX *ctx;
    struct tls_name *names;
};

struct tls_context {
    uint32_t refs; // its owner's, and one per session that is in its handshake
    struct tls_identity identities[TLS_CERTIFICATES_MAX];
    unsigned count;
    bool is_client, checks_peer;
    uint64_t expires_s;
    struct tls_tickets tickets;
    uint32_t ticket_lifetime_s; // 0: none
};

// The WOLFSSL_CTX for who asked for this name (len 0: for none).
WOLFSSL_CTX *tls_context_choose(const struct tls_context *context, const char *name, size_t len);

void tls_context_unref(struct tls_context *context);

// When it ends, in seconds since 1970; 0: that cannot be told.
uint64_t tls_not_after_s(const struct DecodedCert *certificate);

// Whether the private key in PEM belongs to the certificate: RSA, EC and Ed25519; false for others.
bool tls_key_matches(const char *pem, size_t len, const struct DecodedCert *certificate);

// wolfSSL's callbacks; their context is the session.
int tls_session_receive(WOLFSSL *ssl, char *bytes, int len, void *session);
int tls_session_send(WOLFSSL *ssl, char *bytes, int len, void *session);
int tls_session_verify(int good, WOLFSSL_X509_STORE_CTX *store);
