// SPDX-License-Identifier: MIT
//
// TLS 1.3 and 1.2 (RFC 8446, RFC 5246) as a codec over wolfSSL: bytes in, bytes out, no I/O, no
// clock. A context holds certificates and keys, a session is one connection's state. No
// renegotiation, no 0-RTT, no session cache: sessions are resumed by tickets (tls_tickets.h).
//
// A session gives ciphertext in two ways. tls_write seals into memory that the caller provides,
// without any of its own. What a session has to say for itself (handshake messages, alerts, answers
// to key updates) waits in it as `pending`, is bounded by what the peer sent, and goes out in front
// of the next tls_write: so the order of the records is the order in which they were made.
//
// Memory: about 4.5 kB for an open session that is idle; up to 16 kB more while a record has not
// wholly arrived; nothing before the first byte of the peer's hello.
//
// Thread: a context and its sessions belong to one shard. A context may be made on another thread
// and handed over.
#pragma once

#include "base/check.h"

struct tls_context;
struct tls_session;

// One certificate chain and its private key, as the contents of PEM files.
struct tls_certificate {
    const char *name; // for error messages: where it came from
    const char *chain;
    size_t chain_bytes;
    const char *key;
    size_t key_bytes;
};

struct tls_options {
    const struct tls_certificate *certificates; // the first one serves who asks for no known name
    unsigned certificate_count;
    const char *client_ca; // PEM of who may sign client certificates; NULL: none are asked for
    size_t client_ca_bytes;
    bool client_required;         // else a client without a certificate is let in
    bool tls13_only;              // else 1.2 as well
    uint32_t ticket_lifetime_s;   // 0: no tickets
    uint8_t ticket_secret[32];    // the same on all shards
    bool ticket_secret_is_shared; // with other processes: keys are derived by time alone
};

#define TLS_CERTIFICATES_MAX 16
#ifndef TLS_RECORD_MAX_BYTES
#define TLS_RECORD_MAX_BYTES 16384 // of plaintext (RFC 8446, section 5.1)
#endif

// False in a build without TLS: then nothing below may be called but tls_context_create, which
// fails.
bool tls_available(void);

// False when the wolfSSL we run with does AES without the processor's help: TLS works, slowly.
bool tls_accelerated(void);

// Before any other thread uses TLS; may be called again. Returns 0 or -errno.
MUST_USE int tls_global_init(void);

// Server's context. Returns 0, or -EINVAL with a sentence in error that says what to change, or
// -ENOMEM. The options are not needed any more afterwards. now_s: seconds since 1970.
MUST_USE int tls_context_create(struct tls_context **context, const struct tls_options *options,
                                uint64_t now_s, char *error, size_t error_bytes);

// Sessions that exist keep what they need of it.
void tls_context_destroy(struct tls_context *context);

// Mixes any number of bytes into the secret of tickets.
void tls_ticket_secret(const void *bytes, size_t len, uint8_t secret[32]);

// What time it is: chooses the ticket keys. Once a tick or so.
void tls_context_set_time(struct tls_context *context, uint64_t now_s);

// Takes over the tickets of the context that this one replaces, if both have a secret of their own
// and the same lifetime: then a change of certificates does not end sessions, and nobody has to
// keep what the keys were made of.
void tls_context_inherit(struct tls_context *context, const struct tls_context *before);

// When the first of the certificates ends, in seconds since 1970; 0 when unknown.
uint64_t tls_context_expires_s(const struct tls_context *context);

// A client's context, for the load tool and the tests. ca: PEM of who is trusted; NULL: the peer's
// certificate is not checked. Certificate (may be NULL): shown when the server asks.
struct tls_client_options {
    const char *ca;
    size_t ca_bytes;
    const struct tls_certificate *certificate;
    bool tls12_only, tls13_only;
    const char *groups; // NULL: X25519 and P-256; "P-256": that one only
};
MUST_USE int tls_client_context_create(struct tls_context **context,
                                       const struct tls_client_options *options, char *error,
                                       size_t error_bytes);

// --- Sessions

// NULL when memory has run out. The context must outlive the handshake. host: a client's: the name
// it asks for (SNI) and, where the peer is checked, expects; NULL for a server's session.
MUST_USE struct tls_session *tls_session_create(struct tls_context *context, const char *host);
void tls_session_destroy(struct tls_session *session);

enum tls_result {
    TLS_WANT_INPUT, // everything up to `end` is consumed
    TLS_DONE,       // the handshake is complete
    TLS_DATA,       // *plain_len bytes of plaintext
    TLS_CLOSED,     // the peer has closed in order: close_notify
    TLS_FAILED,     // tls_session_error says why; an alert may be pending
};

// Goes on with the handshake. A client's begins with no input at all. On TLS_DONE what follows
// *cursor belongs to tls_read.
enum tls_result tls_handshake(struct tls_session *session, const uint8_t **cursor,
                              const uint8_t *end);

// Opens what arrives. Called until it says something else than TLS_DATA; plain_max should be
// TLS_RECORD_MAX_BYTES.
enum tls_result tls_read(struct tls_session *session, const uint8_t **cursor, const uint8_t *end,
                         uint8_t *plain, size_t plain_max, size_t *plain_len);

// Room that tls_write needs for so much plaintext, what is pending included.
size_t tls_write_max(const struct tls_session *session, size_t len);

// Seals bytes (len may be 0) behind what is pending into `out`, which has room for tls_write_max.
// Returns the length of the ciphertext; 0: nothing was pending and len is 0, or the session has
// failed.
size_t tls_write(struct tls_session *session, const uint8_t *bytes, size_t len, uint8_t *out);

// Bytes that wait to be sent.
size_t tls_pending_bytes(const struct tls_session *session);

// Queues close_notify, once.
void tls_close(struct tls_session *session);

// The subject of the peer's verified certificate, as x509_subject.h writes it; "" when that refuses
// it, so that nobody can be told by it; NULL: no certificate was shown. Until tls_session_destroy.
const char *tls_session_subject(const struct tls_session *session);

// When that certificate ends, in seconds since 1970; 0: there is none.
uint64_t tls_session_subject_expires_s(const struct tls_session *session);

// For logs: what went wrong; "TLSv1.3"; "TLS_AES_128_GCM_SHA256".
const char *tls_session_error(const struct tls_session *session);
const char *tls_session_version(const struct tls_session *session);
const char *tls_session_cipher(const struct tls_session *session);
bool tls_session_resumed(const struct tls_session *session);
