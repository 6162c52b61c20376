// SPDX-License-Identifier: MIT
//
// Which web pages may open WebSockets here (RFC 6455, section 10.2): a list of origins as browsers
// send them (RFC 6454, section 7), with commas between. Whoever sends no Origin is no browser and
// is not judged by this.
//
//   https://example.org, https://*.example.org, http://localhost:3000, same
//
// A star in front of a host stands for one or more labels. `same`: the page came from this server,
// which is when the origin's host and port are those of the Host header, and its scheme is https
// or, where the connection has no TLS, http. A page of http could be anybody's on the way, and must
// not get at what is kept for https. That of https may come to a connection without TLS, since TLS
// may end at a balancer; on such a connection pages of both are taken. An empty list allows all.
#pragma once

#include "base/check.h"

#define ORIGINS_MAX            64
#define ORIGINS_TEXT_MAX_BYTES 1024

struct origins {
    char text[ORIGINS_TEXT_MAX_BYTES]; // the items, each ended by NUL
    const char *item[ORIGINS_MAX];
    unsigned count;
    bool same;
};

// 0, or -EINVAL with a sentence in error. Items point into the object: it must not move.
MUST_USE int origins_parse(struct origins *origins, const char *text, char *error,
                           size_t error_bytes);

// Both as sent. origin_len 0: none was sent.
bool origins_allow(const struct origins *origins, const char *origin, size_t origin_len,
                   const char *host, size_t host_len, bool has_tls);
