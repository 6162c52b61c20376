// SPDX-License-Identifier: MIT
//
// TLS on the load's connections (wss://), over codec/tls.h. Each worker has a context of its own
// and one scratch buffer into which records are opened; each connection has a session between its
// connect and its end. What a tick has for a connection is sealed at the flush and leaves in one
// send. A plain connection has no session, and that is all it costs it.
//
// Without --tls-ca the server's certificate is not looked at, and the reports say so.
//
// Thread: secure_prepare and secure_fini the main one, everything else the worker's.
#pragma once

#include "load/client.h"

struct secure; // the certificates of a run, in bench->secure; NULL for ws://

// Reads the files that the options name and tries them. Returns 0, or -errno with a sentence in
// error: bad usage.
MUST_USE int secure_prepare(struct bench *bench, char *error, size_t error_bytes);
void secure_fini(struct secure *secure);

// One line on how the server's certificate is checked.
const char *secure_check_text(const struct bench *bench);

// The worker's context and scratch buffer. Returns 0 or -errno.
MUST_USE int secure_start(struct worker *worker);

// The connection stands: makes its session and queues the hello.
void secure_begin(struct worker *worker, struct client *client);

// Bytes from the server: goes on with the handshake, which ends in client_ask; gives what the
// records hold to client_take.
void secure_receive(struct worker *worker, struct client *client, const uint8_t *bytes, size_t len);

// Seals what the client has to send in this tick, behind what its session has to say, into the
// tick's arena. NULL: there is nothing, or the client had to be ended.
const uint8_t *secure_seal(struct worker *worker, struct client *client, uint32_t *len);

void secure_drop(struct client *client);
