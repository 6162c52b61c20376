// SPDX-License-Identifier: MIT
#include "codec/proxy_parse.h"

#include "base/crc32c.h"

#include <string.h>

// Where in the header the next byte stands.
enum state {
    STATE_PREFIX,    // what tells the version: "PROXY " or the signature
    STATE_LINE,      // the rest of version 1
    STATE_FIXED,     // version 2, bytes 13 to 16
    STATE_ADDRESSES, // as many as the family has, or all there is when it is to be skipped
    STATE_TLV,       // type and length
    STATE_VALUE,     // skipped
    STATE_CRC_VALUE, // PP2_TYPE_CRC32C
    STATE_DONE,
};

enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX };

static const uint8_t address_bytes[] = {
    [FAMILY_UNSPEC] = 0,
    [FAMILY_INET] = 2 * 4 + 2 * 2,
    [FAMILY_INET6] = 2 * 16 + 2 * 2,
    [FAMILY_UNIX] = 2 * 108,
};

#define LINE_WORDS 5 // protocol, two addresses, two ports

#define VERSION_AND_COMMAND  12 // offsets in version 2
#define FAMILY_AND_TRANSPORT 13
#define LENGTH               14
#define FIXED_BYTES          16
#define TLV_HEADER_BYTES     3
#define TLV_CRC32C           0x03
#define TLV_UNIQUE_ID        0x05
#define CRC_BYTES            4

static const uint8_t v1_prefix[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                       0x0A, 'Q',  'U',  'I',  'T',  0x0A};

_Static_assert(FIXED_BYTES + 2 * 16 + 2 * 2 <= PROXY_V1_MAX_BYTES, "the addresses fit `head`");

void proxy_parser_init(struct proxy_parser *parser)
{
    memset(parser, 0, sizeof *parser);
    parser->state = STATE_PREFIX;
}

static uint16_t load_be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static const char *step_prefix(struct proxy_parser *parser, uint8_t byte)
{
    bool is_v1 = parser->head[0] == v1_prefix[0];
    const uint8_t *prefix = is_v1 ? v1_prefix : v2_signature;
    size_t prefix_bytes = is_v1 ? sizeof v1_prefix : sizeof v2_signature;
    if (byte != prefix[parser->have_bytes - 1])
        return "this listener expects a PROXY protocol header: send one (HAProxy: send-proxy-v2) "
               "or connect to another port";
    if (parser->have_bytes < prefix_bytes)
        return NULL;
    parser->state = is_v1 ? STATE_LINE : STATE_FIXED;
    parser->crc = crc32c_update(0, v2_signature, sizeof v2_signature);
    return NULL;
}

struct word {
    const char *text;
    size_t len;
};

static bool is_word(struct word word, const char *expected)
{
    return word.len == strlen(expected) && memcmp(word.text, expected, word.len) == 0;
}

// Takes a line apart at every single space: two in a row have an empty word between them. Returns
// how many words there are, which may be more than were stored.
static size_t split(const char *text, size_t len, struct word *words, size_t words_max)
{
    size_t count = 0;
    for (size_t begin = 0; begin <= len; count++) {
        const char *space = memchr(text + begin, ' ', len - begin);
        size_t end = space == NULL ? len : (size_t)(space - text);
        if (count < words_max)
            words[count] = (struct word){text + begin, end - begin};
        begin = end + 1;
    }
    return count;
}

static bool parse_address(struct word word, bool is_v4, struct ip *out)
{
    bool has_colon = memchr(word.text, ':', word.len) != NULL;
    return has_colon != is_v4 && ip_parse(word.text, word.len, out) == 0;
}

static bool parse_port(struct word word, uint16_t *out)
{
    unsigned value = 0;
    if (word.len == 0 || word.len > 5 || (word.text[0] == '0' && word.len > 1))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.text[i] < '0' || word.text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(word.text[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

static const char *line_end(struct proxy_parser *parser)
{
    struct proxy_endpoints *endpoints = &parser->endpoints;
    struct word words[LINE_WORDS];
    size_t count = split((const char *)parser->head + sizeof v1_prefix,
                         parser->have_bytes - sizeof v1_prefix - strlen("\r\n"), words, LINE_WORDS);
    parser->state = STATE_DONE;
    endpoints->local = endpoints->unknown = is_word(words[0], "UNKNOWN");
    if (endpoints->local)
        return NULL;
    bool is_v4 = is_word(words[0], "TCP4");
    if (!is_v4 && !is_word(words[0], "TCP6"))
        return "the PROXY line names another protocol: send TCP4, TCP6 or UNKNOWN";
    if (count != LINE_WORDS)
        return "the PROXY line is malformed: send protocol, two addresses and two ports with one "
               "space between";
    if (!parse_address(words[1], is_v4, &endpoints->source) ||
        !parse_address(words[2], is_v4, &endpoints->destination))
        return "the PROXY line has a bad address: send numeric ones, IPv4 with TCP4 and IPv6 with "
               "TCP6";
    if (!parse_port(words[3], &endpoints->source_port) ||
        !parse_port(words[4], &endpoints->destination_port))
        return "the PROXY line has a bad port: send decimal numbers from 0 to 65535 without "
               "leading zeros";
    return NULL;
}

// The end is waited for before anything is decoded. A CR or LF that stands alone is refused in
// UNKNOWN lines too: whatever follows it might be meant for somebody else.
static const char *step_line(struct proxy_parser *parser, uint8_t byte)
{
    bool behind_cr = parser->head[parser->have_bytes - 2] == '\r';
    if (behind_cr != (byte == '\n'))
        return "the PROXY line is malformed: end it with CR LF, neither of them alone";
    if (byte == '\n')
        return line_end(parser);
    if (parser->have_bytes == PROXY_V1_MAX_BYTES)
        return "the PROXY line is too long: send at most 107 bytes";
    return NULL;
}

// What must hold once the header is whole.
static const char *header_end(struct proxy_parser *parser)
{
    parser->state = STATE_DONE;
    if (parser->has_crc && parser->crc != parser->crc_sent)
        return "the PROXY header does not match its checksum: let the sender compute CRC32c over "
               "the whole header, or leave it out";
    return NULL;
}

// What follows the addresses or a TLV.
static const char *element_end(struct proxy_parser *parser)
{
    uint16_t left_bytes = parser->total_bytes - parser->have_bytes;
    if (left_bytes == 0)
        return header_end(parser);
    if (left_bytes < TLV_HEADER_BYTES)
        return "the PROXY header is malformed: its last TLV is cut";
    parser->state = STATE_TLV;
    parser->element_end = parser->have_bytes + TLV_HEADER_BYTES;
    parser->tlv = 0;
    return NULL;
}

static const char *addresses_end(struct proxy_parser *parser)
{
    struct proxy_endpoints *endpoints = &parser->endpoints;
    const uint8_t *at = parser->head + FIXED_BYTES;
    if (endpoints->local)
        return element_end(parser);
    if (parser->head[FAMILY_AND_TRANSPORT] >> 4 == FAMILY_INET) {
        endpoints->source = ip_from_v4(at);
        endpoints->destination = ip_from_v4(at + 4);
        at += 8;
    } else {
        memcpy(endpoints->source.bytes, at, 16);
        memcpy(endpoints->destination.bytes, at + 16, 16);
        at += 32;
    }
    endpoints->source_port = load_be16(at);
    endpoints->destination_port = load_be16(at + 2);
    return element_end(parser);
}

static bool is_local_command(const struct proxy_parser *parser)
{
    return (parser->head[VERSION_AND_COMMAND] & 0xF) == 0;
}

static const char *fixed_end(struct proxy_parser *parser)
{
    unsigned family = parser->head[FAMILY_AND_TRANSPORT] >> 4;
    unsigned length = load_be16(parser->head + LENGTH);
    if (FIXED_BYTES + length > PROXY_MAX_BYTES)
        return "the PROXY header is too long: send fewer or shorter TLVs, at most 4096 bytes in "
               "all";
    parser->total_bytes = (uint16_t)(FIXED_BYTES + length);
    bool is_skipped = is_local_command(parser) || family == FAMILY_UNSPEC;
    unsigned addresses = is_skipped ? length : address_bytes[family];
    if (length < addresses)
        return "the PROXY header is malformed: its length leaves no room for the addresses of its "
               "family";
    parser->endpoints.local = is_skipped || family == FAMILY_UNIX;
    parser->endpoints.unknown = parser->endpoints.local && !is_local_command(parser);
    parser->state = STATE_ADDRESSES;
    parser->element_end = (uint16_t)(FIXED_BYTES + addresses);
    return addresses == 0 ? addresses_end(parser) : NULL;
}

// A proxy's own connection has no family worth looking at.
static const char *check_family(const struct proxy_parser *parser, uint8_t byte)
{
    unsigned family = byte >> 4, transport = byte & 0xF;
    if (is_local_command(parser))
        return NULL;
    if (family > FAMILY_UNIX || transport > 2)
        return "the PROXY header names an unassigned family or transport: send TCP over IPv4 "
               "(0x11) or IPv6 (0x21)";
    if (transport == 2)
        return "the PROXY header announces datagrams: send STREAM (TCP) connections here";
    if (transport == 0 && family != FAMILY_UNSPEC)
        return "the PROXY header names a family without a transport: send STREAM (TCP) with it";
    return NULL;
}

static const char *step_fixed(struct proxy_parser *parser, uint8_t byte)
{
    switch (parser->have_bytes - 1) {
    case VERSION_AND_COMMAND:
        if (byte >> 4 != 2)
            return "the PROXY header has an unknown version: send version 1 or 2 (HAProxy: "
                   "send-proxy-v2)";
        return (byte & 0xF) <= 1 ? NULL
                                 : "the PROXY header has an unassigned command: send LOCAL or "
                                   "PROXY";
    case FAMILY_AND_TRANSPORT:
        return check_family(parser, byte);
    case FIXED_BYTES - 1:
        return fixed_end(parser);
    }
    return NULL;
}

static const char *step_tlv(struct proxy_parser *parser, uint8_t byte)
{
    parser->tlv = parser->tlv << 8 | byte;
    if (parser->have_bytes < parser->element_end)
        return NULL;
    unsigned type = parser->tlv >> 16, length = parser->tlv & 0xFFFF;
    if (length > (unsigned)(parser->total_bytes - parser->have_bytes))
        return "the PROXY header is malformed: a TLV is longer than what is left of the header";
    if (type == TLV_CRC32C && (length != CRC_BYTES || parser->has_crc))
        return "the PROXY header is malformed: send at most one PP2_TYPE_CRC32C, of 4 bytes";
    if (type == TLV_UNIQUE_ID && length > PROXY_UNIQUE_ID_MAX_BYTES)
        return "the PROXY header has too long a PP2_TYPE_UNIQUE_ID: send at most 128 bytes";
    parser->has_crc |= type == TLV_CRC32C;
    parser->state = type == TLV_CRC32C ? STATE_CRC_VALUE : STATE_VALUE;
    parser->element_end = (uint16_t)(parser->have_bytes + length);
    return length == 0 ? element_end(parser) : NULL;
}

static const char *step_v2(struct proxy_parser *parser, uint8_t byte)
{
    enum state state = parser->state;
    uint8_t counted = state == STATE_CRC_VALUE ? 0 : byte;
    parser->crc = crc32c_update(parser->crc, &counted, 1);
    if (state == STATE_FIXED)
        return step_fixed(parser, byte);
    if (state == STATE_TLV)
        return step_tlv(parser, byte);
    if (state == STATE_CRC_VALUE)
        parser->crc_sent = parser->crc_sent << 8 | byte; // network order, as HAProxy sends it
    if (parser->have_bytes < parser->element_end)
        return NULL;
    return state == STATE_ADDRESSES ? addresses_end(parser) : element_end(parser);
}

enum proxy_result proxy_parse(struct proxy_parser *parser, const uint8_t **cursor,
                              const uint8_t *end, const char **error)
{
    while (*cursor < end) {
        uint8_t byte = *(*cursor)++;
        CHECK(parser->state != STATE_DONE);
        if (parser->have_bytes < sizeof parser->head)
            parser->head[parser->have_bytes] = byte;
        parser->have_bytes++;
        const char *fault = parser->state == STATE_PREFIX ? step_prefix(parser, byte)
                            : parser->state == STATE_LINE ? step_line(parser, byte)
                                                          : step_v2(parser, byte);
        if (fault != NULL) {
            *error = fault;
            return PROXY_BAD;
        }
        if (parser->state == STATE_DONE)
            return PROXY_COMPLETE;
    }
    return PROXY_INCOMPLETE;
}
