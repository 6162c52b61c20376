// SPDX-License-Identifier: MIT
//
// Certificates, keys and settings: what all sessions of a shard have in common.
#include "codec/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/hash.h>

// AEAD suites with forward secrecy only, in the order of our preference.
#define SUITES_13 "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256"
#define SUITES_12                                                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

bool tls_available(void)
{
    return true;
}

bool tls_accelerated(void)
{
#if defined(WOLFSSL_AESNI) || defined(WOLFSSL_ARMASM)
    return true;
#else
    return false;
#endif
}

int tls_global_init(void)
{
    return wolfSSL_Init() == WOLFSSL_SUCCESS ? 0 : -ENOMEM;
}

// --- Names

static bool add_name(struct tls_identity *identity, const char *text, size_t len)
{
    if (len == 0 || len > TLS_NAME_MAX_BYTES)
        return true; // nobody can ask for it
    struct tls_name *name = malloc(sizeof *name + len);
    if (!name)
        return false;
    name->len = len;
    memcpy(name->text, text, len);
    name->next = identity->names;
    identity->names = name;
    return true;
}

// RFC 6125, section 6.4.3: a star stands for the whole leftmost label.
static bool matches(const struct tls_name *name, const char *asked, size_t len)
{
    if (name->len > 2 && name->text[0] == '*' && name->text[1] == '.') {
        const char *dot = memchr(asked, '.', len);
        if (!dot || dot == asked)
            return false;
        size_t rest = len - (size_t)(dot - asked);
        return rest == name->len - 1 && strncasecmp(dot, name->text + 1, rest) == 0;
    }
    return name->len == len && strncasecmp(name->text, asked, len) == 0;
}

static bool names_match(const struct tls_name *names, const char *asked, size_t len)
{
    for (; names; names = names->next)
        if (matches(names, asked, len))
            return true;
    return false;
}

WOLFSSL_CTX *tls_context_choose(const struct tls_context *context, const char *name, size_t len)
{
    for (unsigned i = 0; len && i < context->count; i++)
        if (names_match(context->identities[i].names, name, len))
            return context->identities[i].ctx;
    return context->identities[0].ctx;
}

// --- Certificates

static int complain(char *error, size_t error_bytes, const char *name, const char *what, int code)
{
    char reason[WOLFSSL_MAX_ERROR_SZ] = "";
    if (code)
        wolfSSL_ERR_error_string_n((unsigned long)code, reason, sizeof reason);
    snprintf(error, error_bytes, "%s: %s%s%s", name, what, *reason ? ": " : "", reason);
    return -EINVAL;
}

uint64_t tls_not_after_s(const DecodedCert *certificate)
{
    const byte *date;
    byte format;
    int len;
    struct tm when;
    if (wc_GetDateInfo(certificate->afterDate, certificate->afterDateLen, &date, &format, &len) ||
        wc_GetDateAsCalendarTime(date, len, format, &when))
        return 0;
    time_t at = timegm(&when);
    return at > 0 ? (uint64_t)at : 0;
}

static int take_names(struct tls_identity *identity, const DecodedCert *certificate)
{
    bool fits = true, has_dns = false;
    for (const DNS_entry *entry = certificate->altNames; entry; entry = entry->next)
        if (entry->type == ASN_DNS_TYPE) {
            has_dns = true;
            fits = fits && add_name(identity, entry->name, (size_t)entry->len);
        }
    // The common name counts only where there are no others (RFC 6125, section 6.4.4).
    if (!has_dns && certificate->subjectCN && certificate->subjectCNLen > 0)
        fits =
            fits && add_name(identity, certificate->subjectCN, (size_t)certificate->subjectCNLen);
    return fits ? 0 : -ENOMEM;
}

// Reads the leaf: whom it is for, until when, and whether the key is its own.
static int read_leaf(struct tls_context *context, struct tls_identity *identity,
                     const struct tls_certificate *from, char *error, size_t error_bytes)
{
    DecodedCert certificate;
    uint8_t *der = malloc(from->chain_bytes);
    if (!der)
        return -ENOMEM;
    int len = wc_CertPemToDer((const byte *)from->chain, (int)from->chain_bytes, der,
                              (int)from->chain_bytes, CERT_TYPE);
    if (len <= 0) {
        free(der);
        return complain(error, error_bytes, from->name, "is not a certificate in PEM", len);
    }
    wc_InitDecodedCert(&certificate, der, (word32)len, NULL);
    int result = wc_ParseCert(&certificate, CERT_TYPE, NO_VERIFY, NULL);
    // An expired certificate is complained of at start-up but served: that is the operator's
    // choice.
    if (result == 0 || result == ASN_AFTER_DATE_E || result == ASN_BEFORE_DATE_E) {
        uint64_t expires_s = tls_not_after_s(&certificate);
        if (expires_s && (!context->expires_s || expires_s < context->expires_s))
            context->expires_s = expires_s;
        result = tls_key_matches(from->key, from->key_bytes, &certificate)
                     ? take_names(identity, &certificate)
                     : complain(error, error_bytes, from->name,
                                "the private key is not this certificate's: give the files in "
                                "pairs",
                                0);
    } else {
        result =
            complain(error, error_bytes, from->name, "is not a certificate we can read", result);
    }
    wc_FreeDecodedCert(&certificate);
    free(der);
    return result;
}

static int load_certificate(struct tls_context *context, struct tls_identity *identity,
                            const struct tls_certificate *from, char *error, size_t error_bytes)
{
    WOLFSSL_CTX *ctx = identity->ctx;
    int result = wolfSSL_CTX_use_certificate_chain_buffer_format(
        ctx, (const byte *)from->chain, (long)from->chain_bytes, WOLFSSL_FILETYPE_PEM);
    if (result != WOLFSSL_SUCCESS)
        return complain(error, error_bytes, from->name,
                        "is not a certificate chain in PEM, the server's own first", result);
    result = wolfSSL_CTX_use_PrivateKey_buffer(ctx, (const byte *)from->key, (long)from->key_bytes,
                                               WOLFSSL_FILETYPE_PEM);
    if (result != WOLFSSL_SUCCESS)
        return complain(error, error_bytes, from->name,
                        "its key is not an unencrypted RSA or P-256 private key in PEM", result);
    return read_leaf(context, identity, from, error, error_bytes);
}

// --- Tickets

static int on_ticket(WOLFSSL *ssl, byte *name, byte *nonce, byte *tag, int seal, byte *ticket,
                     int len, int *out_len, void *user)
{
    struct tls_tickets *tickets = user;
    (void)ssl;
    if (len < 0)
        return WOLFSSL_TICKET_RET_REJECT;
    *out_len = len; // GCM adds nothing but the tag
    if (seal) {
        tls_ticket_seal(tickets, name, nonce, tag, ticket, (size_t)len);
        return WOLFSSL_TICKET_RET_OK;
    }
    switch (tls_ticket_open(tickets, name, nonce, tag, ticket, (size_t)len)) {
    case TLS_TICKET_GOOD:
        return WOLFSSL_TICKET_RET_OK;
    case TLS_TICKET_OLD:
        return WOLFSSL_TICKET_RET_CREATE;
    case TLS_TICKET_BAD:
        break;
    }
    return WOLFSSL_TICKET_RET_REJECT;
}

static bool set_tickets(struct tls_context *context, WOLFSSL_CTX *ctx)
{
    if (!context->ticket_lifetime_s)
        return wolfSSL_CTX_NoTicketTLSv12(ctx) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_no_ticket_TLSv13(ctx) == 0;
    return wolfSSL_CTX_set_TicketEncCb(ctx, on_ticket) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketEncCtx(ctx, &context->tickets) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketHint(ctx, (int)context->ticket_lifetime_s) == WOLFSSL_SUCCESS;
}

void tls_ticket_secret(const void *bytes, size_t len, uint8_t secret[32])
{
    CHECK(wc_Sha256Hash(bytes, (word32)len, secret) == 0); // takes no memory and cannot fail
}

void tls_context_set_time(struct tls_context *context, uint64_t now_s)
{
    if (context->ticket_lifetime_s)
        tls_tickets_advance(&context->tickets, now_s);
}

void tls_context_inherit(struct tls_context *context, const struct tls_context *before)
{
    // What is shared is as good as new; with another lifetime the epochs are others.
    if (context->ticket_lifetime_s && context->ticket_lifetime_s == before->ticket_lifetime_s &&
        !context->tickets.shared && !before->tickets.shared)
        context->tickets = before->tickets;
}

uint64_t tls_context_expires_s(const struct tls_context *context)
{
    return context->expires_s;
}

// --- Contexts

// wolfSSL takes a list of groups only from who may speak 1.3.
static bool set_groups(WOLFSSL_CTX *ctx, bool tls13, bool p256_only)
{
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
    if (tls13)
        return wolfSSL_CTX_set_groups(ctx, p256_only ? groups + 1 : groups, p256_only ? 1 : 2) ==
               WOLFSSL_SUCCESS;
    for (int i = p256_only; i < 2; i++)
        if (wolfSSL_CTX_UseSupportedCurve(ctx, (word16)groups[i]) != WOLFSSL_SUCCESS)
            return false;
    return true;
}

static bool set_protocol(WOLFSSL_CTX *ctx, bool tls12, bool tls13, bool p256_only)
{
    const char *suites = !tls12 ? SUITES_13 : !tls13 ? SUITES_12 : SUITES_13 ":" SUITES_12;
    wolfSSL_CTX_SetIORecv(ctx, tls_session_receive);
    wolfSSL_CTX_SetIOSend(ctx, tls_session_send);
    return wolfSSL_CTX_SetMinVersion(ctx, tls12 ? WOLFSSL_TLSV1_2 : WOLFSSL_TLSV1_3) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_cipher_list(ctx, suites) == WOLFSSL_SUCCESS &&
           set_groups(ctx, tls13, p256_only);
}

static int set_peer_check(struct tls_context *context, WOLFSSL_CTX *ctx,
                          const struct tls_options *options, char *error, size_t error_bytes)
{
    if (!options->client_ca) {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
        return 0;
    }
    context->checks_peer = true;
    int result =
        wolfSSL_CTX_load_verify_buffer(ctx, (const byte *)options->client_ca,
                                       (long)options->client_ca_bytes, WOLFSSL_FILETYPE_PEM);
    if (result != WOLFSSL_SUCCESS)
        return complain(error, error_bytes, "the authorities for client certificates",
                        "the file has to hold certificates in PEM", result);
    wolfSSL_CTX_set_verify(ctx,
                           WOLFSSL_VERIFY_PEER |
                               (options->client_required ? WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           tls_session_verify);
    return 0;
}

static int make_identity(struct tls_context *context, const struct tls_options *options, unsigned i,
                         char *error, size_t error_bytes)
{
    struct tls_identity *identity = &context->identities[i];
    identity->ctx = wolfSSL_CTX_new(options->tls13_only ? wolfTLSv1_3_server_method()
                                                        : wolfSSLv23_server_method());
    context->count = i + 1;
    if (!identity->ctx || !set_protocol(identity->ctx, !options->tls13_only, true, false) ||
        !set_tickets(context, identity->ctx))
        return -ENOMEM;
    int result = set_peer_check(context, identity->ctx, options, error, error_bytes);
    return result
               ? result
               : load_certificate(context, identity, &options->certificates[i], error, error_bytes);
}

int tls_context_create(struct tls_context **out, const struct tls_options *options, uint64_t now_s,
                       char *error, size_t error_bytes)
{
    CHECK(options->certificate_count > 0 && options->certificate_count <= TLS_CERTIFICATES_MAX);
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return -ENOMEM;
    context->refs = 1;
    // A resumed session would not show its client's certificate again.
    context->ticket_lifetime_s = options->client_ca ? 0 : options->ticket_lifetime_s;
    if (context->ticket_lifetime_s)
        tls_tickets_init(&context->tickets, options->ticket_secret,
                         options->ticket_secret_is_shared, options->ticket_lifetime_s, now_s);
    int result = 0;
    for (unsigned i = 0; !result && i < options->certificate_count; i++)
        result = make_identity(context, options, i, error, error_bytes);
    if (result) {
        tls_context_destroy(context);
        return result;
    }
    *out = context;
    return 0;
}

static int set_server_check(struct tls_context *context, WOLFSSL_CTX *ctx,
                            const struct tls_client_options *options, char *error,
                            size_t error_bytes)
{
    // Said in either case: what holds otherwise depends on how wolfSSL was built.
    wolfSSL_CTX_set_verify(ctx, options->ca ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE, NULL);
    context->checks_peer = options->ca;
    if (!options->ca ||
        wolfSSL_CTX_load_verify_buffer(ctx, (const byte *)options->ca, (long)options->ca_bytes,
                                       WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS)
        return 0;
    return complain(error, error_bytes, "the trusted authorities",
                    "the file has to hold certificates in PEM", 0);
}

int tls_client_context_create(struct tls_context **out, const struct tls_client_options *options,
                              char *error, size_t error_bytes)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return -ENOMEM;
    context->refs = 1;
    WOLFSSL_METHOD *method = options->tls12_only   ? wolfTLSv1_2_client_method()
                             : options->tls13_only ? wolfTLSv1_3_client_method()
                                                   : wolfSSLv23_client_method();
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
    context->identities[0].ctx = ctx;
    context->count = 1;
    context->is_client = true;
    int result = 0;
    bool p256_only = options->groups && strcmp(options->groups, "P-256") == 0;
    if (!ctx || !set_protocol(ctx, !options->tls13_only, !options->tls12_only, p256_only) ||
        wolfSSL_CTX_UseSessionTicket(ctx) != WOLFSSL_SUCCESS)
        result = -ENOMEM;
    if (!result && options->certificate)
        result = load_certificate(context, &context->identities[0], options->certificate, error,
                                  error_bytes);
    if (!result)
        result = set_server_check(context, ctx, options, error, error_bytes);
    if (result) {
        tls_context_destroy(context);
        return result;
    }
    *out = context;
    return 0;
}

void tls_context_unref(struct tls_context *context)
{
    if (--context->refs)
        return;
    for (unsigned i = 0; i < context->count; i++) {
        struct tls_identity *identity = &context->identities[i];
        wolfSSL_CTX_free(identity->ctx); // lives on for as long as sessions use it
        while (identity->names) {
            struct tls_name *name = identity->names;
            identity->names = name->next;
            free(name);
        }
    }
    explicit_bzero(context, sizeof *context); // the tickets' keys
    free(context);
}

void tls_context_destroy(struct tls_context *context)
{
    tls_context_unref(context);
}
