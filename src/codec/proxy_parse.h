// SPDX-License-Identifier: MIT
//
// PROXY headers, versions 1 and 2, as a receiver sees them (HAProxy's doc/proxy-protocol.txt,
// sections 2.1 and 2.2): who stands behind the load balancer. Strict, resumable at any byte, no
// I/O, fixed memory: the addresses are collected in the parser, TLVs are checked while they pass
// and kept nowhere. A header must come first on a listener that is told to expect one and is never
// guessed, and its sender is to be trusted beforehand: a header proves nothing by itself.
#pragma once

#include "base/check.h"
#include "base/ip.h"

#define PROXY_V1_MAX_BYTES 107 // of a line with its CR LF

// Of a whole header. Headers are meant to fit the smallest segment (536 bytes), and what senders
// add (host names, a certificate's subject, ids) leaves much room here; the length field could
// announce 64 KiB that we would have to read before anything is known about the peer.
#define PROXY_MAX_BYTES 4096

#define PROXY_UNIQUE_ID_MAX_BYTES 128

// The ends of the connection that the proxy accepted.
struct proxy_endpoints {
    struct ip source, destination; // the client, and what it connected to
    uint16_t source_port, destination_port;
    // The header brings no addresses, those of the connection itself stay and the fields above are
    // zero: a proxy's own connection (LOCAL, as health checks are) or one that has no IP addresses
    // (UNKNOWN, AF_UNSPEC, AF_UNIX).
    bool local;
    bool unknown; // of these, the latter
};

struct proxy_parser {
    struct proxy_endpoints endpoints; // valid after PROXY_COMPLETE
    uint32_t crc;                     // of what has come of a version 2 header
    uint32_t crc_sent;                // PP2_TYPE_CRC32C, when has_crc
    uint32_t tlv;                     // type and length of the current TLV: 8 and 16 bits
    uint16_t have_bytes;              // of the header
    uint16_t total_bytes;             // of a version 2 header, as announced
    uint16_t element_end;             // where its addresses, TLV header or TLV value end
    uint8_t state;
    bool has_crc;
    uint8_t head[PROXY_V1_MAX_BYTES]; // the first bytes: a line, or all of version 2 up to the TLVs
};

enum proxy_result {
    PROXY_INCOMPLETE, // all input consumed, the header goes on
    PROXY_COMPLETE,   // *cursor is behind the header
    PROXY_BAD,        // *error says why; the parser must not be used any more
};

void proxy_parser_init(struct proxy_parser *parser);

// The version shows in the first bytes; what is neither is bad at the first byte that differs.
// *error is a sentence for the log. LOCAL and AF_UNSPEC headers are skipped to their announced end
// without a look at what they hold, as the specification asks. PP2_TYPE_CRC32C must be right
// elsewhere.
enum proxy_result proxy_parse(struct proxy_parser *parser, const uint8_t **cursor,
                              const uint8_t *end, const char **error);
