// SPDX-License-Identifier: MIT
//
// Two TLS sessions that talk to each other through memory, in pieces of any size. Certificates come
// from the folder that the environment variable RINGCAST_CERTIFICATES names.
#pragma once

#include "codec/tls.h"

struct tls_pair {
    struct tls_session *server, *client;
    size_t cut_bytes; // of what is handed over at once
    uint8_t *last;    // what was received last, and how much
    size_t last_bytes;
};

// The contents of a file in the folder of certificates; malloc'd.
char *tls_pair_file(const char *name, size_t *bytes);

struct tls_certificate tls_pair_certificate(const char *name);
void tls_pair_certificate_free(struct tls_certificate *certificate);

// NULL with a sentence in error when it was refused. client_ca: a file's name, or NULL.
struct tls_context *tls_pair_server_context(const char *const *names, unsigned count,
                                            const char *client_ca, char error[256]);
struct tls_context *tls_pair_client_context(const struct tls_client_options *options);

void tls_pair_init(struct tls_pair *pair, struct tls_context *server, struct tls_context *client,
                   const char *host, size_t cut_bytes);
void tls_pair_fini(struct tls_pair *pair);

// Both sides until both are done or one has failed.
enum tls_result tls_pair_handshake(struct tls_pair *pair);

// Hands over what is pending in `from`; returns the receiver's last word (TLS_WANT_INPUT: all
// well).
enum tls_result tls_pair_receive(struct tls_pair *pair, struct tls_session *from,
                                 struct tls_session *to);

// So many bytes from client to server and back; true when they arrive as they were.
bool tls_pair_echo(struct tls_pair *pair, size_t bytes);
