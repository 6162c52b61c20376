// SPDX-License-Identifier: MIT
//
// Sessions: wolfSSL fed from the caller's memory and drained into it.
#include "codec/tls_internal.h"
#include "codec/x509_subject.h"

#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/asn.h>

#define RECORD_HEADER_BYTES 5
#define HELLO_MAX_BYTES     (RECORD_HEADER_BYTES + TLS_RECORD_MAX_BYTES)
// A record's header, nonce (1.2), tag and inner type (1.3); AEAD suites have no padding of ours.
#define RECORD_EXTRA_BYTES 32

struct tls_session {
    WOLFSSL *ssl;                // NULL until it is known which certificate is asked for
    struct tls_context *context; // until the handshake is complete: one reference
    const uint8_t *in, *in_end;  // what the caller gave and wolfSSL has not taken yet
    uint8_t *out;                // where tls_write wants ciphertext, or NULL: into `pending`
    size_t out_len;
    uint8_t *pending; // malloc'd
    uint32_t pending_len, pending_capacity;
    uint8_t *hello; // the first record as far as it has arrived, or NULL
    uint32_t hello_len, hello_capacity;
    char *subject;      // of the peer's certificate, or NULL
    uint64_t expires_s; // that certificate's end, since 1970; 0: none
    int error;          // wolfSSL's
    bool failed, closing, out_of_memory;
    bool spoken; // something has been sent, or waits to be
};

struct tls_session *tls_session_create(struct tls_context *context, const char *host)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->context = context;
    context->refs++;
    if (!context->is_client)
        return session;
    session->ssl = wolfSSL_new(context->identities[0].ctx);
    if (!session->ssl ||
        (host && wolfSSL_UseSNI(session->ssl, WOLFSSL_SNI_HOST_NAME, host,
                                (unsigned short)strlen(host)) != WOLFSSL_SUCCESS) ||
        (host && context->checks_peer &&
         wolfSSL_check_domain_name(session->ssl, host) != WOLFSSL_SUCCESS)) {
        tls_session_destroy(session);
        return NULL;
    }
    wolfSSL_SetIOReadCtx(session->ssl, session);
    wolfSSL_SetIOWriteCtx(session->ssl, session);
    return session;
}

static void handshake_over(struct tls_session *session)
{
    if (session->context)
        tls_context_unref(session->context);
    session->context = NULL;
}

void tls_session_destroy(struct tls_session *session)
{
    wolfSSL_free(session->ssl);
    handshake_over(session);
    free(session->pending);
    free(session->hello);
    free(session->subject);
    free(session);
}

// --- wolfSSL's callbacks

int tls_session_receive(WOLFSSL *ssl, char *bytes, int len, void *context)
{
    struct tls_session *session = context;
    (void)ssl;
    size_t have = (size_t)(session->in_end - session->in);
    size_t take = have < (size_t)len ? have : (size_t)len;
    if (take == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(bytes, session->in, take);
    session->in += take;
    return (int)take;
}

static bool keep_pending(struct tls_session *session, const char *bytes, size_t len)
{
    session->spoken = true;
    if (session->pending_len + len > session->pending_capacity) {
        size_t capacity = session->pending_len + len + 512;
        uint8_t *larger = realloc(session->pending, capacity);
        if (!larger) {
            session->out_of_memory = true;
            return false;
        }
        session->pending = larger;
        session->pending_capacity = (uint32_t)capacity;
    }
    memcpy(session->pending + session->pending_len, bytes, len);
    session->pending_len += (uint32_t)len;
    return true;
}

int tls_session_send(WOLFSSL *ssl, char *bytes, int len, void *context)
{
    struct tls_session *session = context;
    (void)ssl;
    if (!session->out)
        return keep_pending(session, bytes, (size_t)len) ? len : WOLFSSL_CBIO_ERR_GENERAL;
    memcpy(session->out + session->out_len, bytes, (size_t)len);
    session->out_len += (size_t)len;
    return len;
}

// The leaf is at hand only here: it is not kept, which would cost kilobytes per session.
int tls_session_verify(int good, WOLFSSL_X509_STORE_CTX *store)
{
    struct tls_session *session = store->userCtx;
    if (!good || store->error_depth != 0 || store->totalCerts == 0)
        return good;
    char subject[X509_SUBJECT_MAX_BYTES + 1];
    (void)x509_subject(store->certs->buffer, store->certs->length, subject); // "" when refused
    free(session->subject);
    session->subject = strdup(subject);
    DecodedCert certificate;
    wc_InitDecodedCert(&certificate, store->certs->buffer, store->certs->length, NULL);
    if (wc_ParseCert(&certificate, CERT_TYPE, NO_VERIFY, NULL) == 0)
        session->expires_s = tls_not_after_s(&certificate);
    wc_FreeDecodedCert(&certificate);
    return session->subject != NULL;
}

// --- The handshake

// Which certificate the client asks for stands in its hello, so this comes before all else.
static bool begin(struct tls_session *session, const uint8_t *hello, size_t len)
{
    char name[TLS_NAME_MAX_BYTES + 1];
    word32 name_len = sizeof name;
    if (session->context->count < 2 || len < RECORD_HEADER_BYTES ||
        wolfSSL_SNI_GetFromBuffer(hello, (word32)len, WOLFSSL_SNI_HOST_NAME, (byte *)name,
                                  &name_len) != WOLFSSL_SUCCESS)
        name_len = 0;
    WOLFSSL *ssl = wolfSSL_new(tls_context_choose(session->context, name, name_len));
    char protocol[] = "http/1.1";
    if (!ssl || wolfSSL_UseALPN(ssl, protocol, sizeof protocol - 1,
                                WOLFSSL_ALPN_FAILED_ON_MISMATCH) != WOLFSSL_SUCCESS) {
        wolfSSL_free(ssl);
        session->out_of_memory = true;
        return false;
    }
    wolfSSL_SetIOReadCtx(ssl, session);
    wolfSSL_SetIOWriteCtx(ssl, session);
    wolfSSL_SetCertCbCtx(ssl, session);
    session->ssl = ssl;
    return true;
}

// How much is missing until the first record is whole; what is no handshake is wolfSSL's to refuse.
static size_t hello_missing(const uint8_t *bytes, size_t len)
{
    if (len < RECORD_HEADER_BYTES)
        return RECORD_HEADER_BYTES - len;
    size_t whole = RECORD_HEADER_BYTES + (size_t)(bytes[3] << 8 | bytes[4]);
    bool is_handshake = bytes[0] == 22 && whole <= HELLO_MAX_BYTES;
    return is_handshake && whole > len ? whole - len : 0;
}

static bool hello_add(struct tls_session *session, const uint8_t *bytes, size_t len)
{
    if (session->hello_len + len > session->hello_capacity) {
        size_t capacity = session->hello_len + len + 256; // what has arrived, not what is announced
        uint8_t *larger = realloc(session->hello, capacity);
        if (!larger) {
            session->out_of_memory = true;
            return false;
        }
        session->hello = larger;
        session->hello_capacity = (uint32_t)capacity;
    }
    memcpy(session->hello + session->hello_len, bytes, len);
    session->hello_len += (uint32_t)len;
    return true;
}

// Collects the first record. True when there is a session to go on with.
static bool collect_hello(struct tls_session *session, const uint8_t **cursor, const uint8_t *end)
{
    if (!session->hello && hello_missing(*cursor, (size_t)(end - *cursor)) == 0)
        return begin(session, *cursor, (size_t)(end - *cursor)); // the usual case: no copy
    size_t missing;
    while (*cursor < end && (missing = hello_missing(session->hello, session->hello_len)) > 0) {
        size_t have = (size_t)(end - *cursor), take = have < missing ? have : missing;
        if (!hello_add(session, *cursor, take))
            return false;
        *cursor += take;
    }
    return hello_missing(session->hello, session->hello_len) == 0 &&
           begin(session, session->hello, session->hello_len);
}

// wolfSSL does not say why it refuses some hellos (no common suite, for one); a peer that only sees
// the connection end would try again and again.
static void say_something(struct tls_session *session)
{
    static const char alert[] = {21, 3, 3, 0, 2, 2, 40}; // handshake_failure
    if (!session->spoken && session->context && !session->context->is_client)
        (void)keep_pending(session, alert, sizeof alert);
}

static enum tls_result fail(struct tls_session *session, int error)
{
    session->failed = true;
    session->error = error;
    say_something(session);
    return TLS_FAILED;
}

static enum tls_result accept_from(struct tls_session *session, const uint8_t **cursor,
                                   const uint8_t *end)
{
    session->in = *cursor;
    session->in_end = end;
    bool is_client = session->context->is_client;
    int result = is_client ? wolfSSL_connect(session->ssl) : wolfSSL_accept(session->ssl);
    *cursor = session->in;
    session->in = session->in_end = NULL;
    if (result == WOLFSSL_SUCCESS)
        return TLS_DONE;
    int error = wolfSSL_get_error(session->ssl, result);
    return error == WOLFSSL_ERROR_WANT_READ ? TLS_WANT_INPUT : fail(session, error);
}

enum tls_result tls_handshake(struct tls_session *session, const uint8_t **cursor,
                              const uint8_t *end)
{
    enum tls_result result = TLS_WANT_INPUT;
    if (session->failed)
        return TLS_FAILED;
    if (!session->ssl) {
        if (*cursor == end)
            return TLS_WANT_INPUT;
        if (!collect_hello(session, cursor, end))
            return session->out_of_memory ? fail(session, MEMORY_E) : TLS_WANT_INPUT;
    }
    if (session->hello) {
        const uint8_t *hello = session->hello;
        result = accept_from(session, &hello, session->hello + session->hello_len);
        free(session->hello);
        session->hello = NULL;
    }
    if (result == TLS_WANT_INPUT && (*cursor < end || session->context->is_client))
        result = accept_from(session, cursor, end);
    if (result == TLS_DONE)
        handshake_over(session);
    return result;
}

// --- Data

enum tls_result tls_read(struct tls_session *session, const uint8_t **cursor, const uint8_t *end,
                         uint8_t *plain, size_t plain_max, size_t *plain_len)
{
    *plain_len = 0;
    if (session->failed)
        return TLS_FAILED;
    session->in = *cursor;
    session->in_end = end;
    int result = wolfSSL_read(session->ssl, plain, (int)plain_max);
    *cursor = session->in;
    session->in = session->in_end = NULL;
    if (result > 0) {
        *plain_len = (size_t)result;
        return TLS_DATA;
    }
    int error = wolfSSL_get_error(session->ssl, result);
    if (error == WOLFSSL_ERROR_WANT_READ)
        return TLS_WANT_INPUT;
    return error == WOLFSSL_ERROR_ZERO_RETURN ? TLS_CLOSED : fail(session, error);
}

size_t tls_pending_bytes(const struct tls_session *session)
{
    return session->pending_len;
}

size_t tls_write_max(const struct tls_session *session, size_t len)
{
    size_t records = (len + TLS_RECORD_MAX_BYTES - 1) / TLS_RECORD_MAX_BYTES;
    // One more for the key update that wolfSSL makes when a key has sealed enough.
    return session->pending_len + len + (records + 1) * RECORD_EXTRA_BYTES;
}

size_t tls_write(struct tls_session *session, const uint8_t *bytes, size_t len, uint8_t *out)
{
    size_t taken = session->pending_len;
    if (taken) {
        memcpy(out, session->pending, taken);
        free(session->pending); // it is needed once or twice in a connection's life
        session->pending = NULL;
        session->pending_len = session->pending_capacity = 0;
    }
    if (len == 0)
        return taken;
    if (session->failed || session->closing)
        return 0;
    session->out = out;
    session->out_len = taken;
    int result = wolfSSL_write(session->ssl, bytes, (int)len);
    session->out = NULL;
    if (result == (int)len)
        return session->out_len;
    (void)fail(session, wolfSSL_get_error(session->ssl, result));
    return 0;
}

void tls_close(struct tls_session *session)
{
    if (session->closing || session->failed || !session->ssl || session->context)
        return;
    session->closing = true;
    (void)wolfSSL_shutdown(session->ssl); // the alert is all we want of it
}

// --- For logs

const char *tls_session_subject(const struct tls_session *session)
{
    return session->subject;
}

uint64_t tls_session_subject_expires_s(const struct tls_session *session)
{
    return session->expires_s;
}

const char *tls_session_error(const struct tls_session *session)
{
    return session->error ? wolfSSL_ERR_reason_error_string((unsigned long)session->error) : "none";
}

const char *tls_session_version(const struct tls_session *session)
{
    return session->ssl ? wolfSSL_get_version(session->ssl) : "none";
}

const char *tls_session_cipher(const struct tls_session *session)
{
    const char *name = session->ssl ? wolfSSL_get_cipher_name(session->ssl) : NULL;
    return name ? name : "none";
}

bool tls_session_resumed(const struct tls_session *session)
{
    return session->ssl && wolfSSL_session_reused(session->ssl);
}
