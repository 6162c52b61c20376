// SPDX-License-Identifier: MIT
//
// What a connection may do and who it is: the claims of a verified token, or the subject of a
// verified TLS client certificate. One immutable object in one piece of memory.
//
// The claim `rooms` says which rooms the connection may read (receive from) and write (publish to):
// an array of patterns for both, or an object {"read": [...], "write": [...]}, in which a missing
// list means no room. A pattern is the name of a room, or a prefix with a `*` behind it; `*` alone
// stands for all. A `*` elsewhere is a character like any other. Without the claim every room is
// allowed. A claim that is not exactly this makes the whole token bad: what was meant to limit must
// not be ignored.
//
// Memory: what the JSON has, less than 8 kB for a token of JWT_MAX_BYTES. Thread: any, it does not
// change; its owner destroys it.
#pragma once

#include "base/check.h"

#define CLAIMS_SUB_MAX_BYTES  256
#define CLAIMS_NAME_MAX_BYTES 200 // of a room, as in its URL
#define CLAIMS_PATTERNS_MAX   64  // in each of the two lists

struct json_t;
struct claims_pattern;

struct claims_rooms {
    const struct claims_pattern *patterns;
    unsigned count;
};

struct claims {
    const char *sub;     // UTF-8, ends with NUL; "" when nobody is named
    const char *payload; // JSON as it was signed, ends with NUL; "" when there was no token
    size_t sub_len, payload_len;
    uint64_t exp_s; // end of validity, Unix time; 0: none
    struct claims_rooms read, write;
};

enum claims_result { CLAIMS_OK, CLAIMS_BAD, CLAIMS_NO_MEMORY };

// From a payload, as text and parsed (json_strict_parse), with the time that the caller has read
// from it: `sub` (absent, or a string of at most CLAIMS_SUB_MAX_BYTES) and `rooms` are checked
// here. *claims is set on CLAIMS_OK only.
MUST_USE enum claims_result claims_create(struct claims **claims, const char *payload, size_t len,
                                          const struct json_t *object, uint64_t exp_s);

// From a certificate's subject (x509_subject.h): sub is the subject, every room is allowed, and
// exp_s is 0: whoever knows the certificate's end may set it before the claims are shared. Bad:
// empty, which is what stands for a subject that cannot be written; longer than
// CLAIMS_SUB_MAX_BYTES, not UTF-8, or with a NUL in it.
MUST_USE enum claims_result claims_from_subject(struct claims **claims, const char *subject,
                                                size_t len);

// Nothing happens to NULL.
void claims_destroy(struct claims *claims);

// Whether the room of this name, decoded, may be read from or written to.
bool claims_may_read(const struct claims *claims, const char *name, size_t len);
bool claims_may_write(const struct claims *claims, const char *name, size_t len);
