// SPDX-License-Identifier: MIT
//
// Who gets in: the Origin of a browser's page, and a token at the upgrade (RFC 6750: the header
// Authorization: Bearer, or ?token= in the target, once). A gate does not change; a new
// configuration makes a new one.
//
// Thread: one shard's.
#pragma once

#include "codec/http_parse.h"
#include "codec/jwt.h"
#include "conn/origins.h"

enum gate_auth { GATE_OFF, GATE_OPTIONAL, GATE_REQUIRED };

struct gate {
    struct origins origins;
    enum gate_auth auth;
    struct jwt_keys *keys;   // owned; NULL when auth is GATE_OFF
    char *audience, *issuer; // owned; NULL: not asked for
    uint64_t leeway_s;
};

// Takes what `gate` owns with it.
void gate_destroy(struct gate *gate);

struct gate_answer {
    int status;         // 0: let in; else of the HTTP answer
    const char *text;   // a sentence for its body
    const char *reason; // one word for the log
    bool bad_token;     // 401 though there was a token
    bool bad_subject;   // 403 for the certificate, not for the Origin
};

// What the connection says of the client.
struct gate_client {
    bool has_tls;
    const char *subject;        // of its TLS certificate, or NULL
    uint64_t subject_expires_s; // when that ends, Unix time; 0: never
};

// Whether judging takes the verification of a signature: a hundred times the work of a message.
bool gate_verifies(const struct gate *gate, const struct http_parser *http);

// Judges an upgrade. The subject counts as who the client is where there is no token; where there
// is one, the claims end with what ends first. On status 0, *claims belongs to the caller; NULL:
// nothing is known of the client, and nothing is forbidden.
struct gate_answer gate_judge(const struct gate *gate, const struct http_parser *http,
                              const struct gate_client *client, uint64_t unix_s,
                              struct claims **claims);
