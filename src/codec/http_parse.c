// SPDX-License-Identifier: MIT
#include "codec/http_parse.h"

#include <string.h>

// Where in the head the next byte stands.
enum state {
    STATE_START,    // before everything: one empty line may come first (RFC 9112, section 2.2)
    STATE_START_LF, // in that empty line
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_REQUEST_LF, // behind the CR of the request line
    STATE_LINE,       // first byte of a header line, or of the empty line
    STATE_NAME,
    STATE_VALUE,
    STATE_VALUE_LF,
    STATE_END_LF, // behind the CR of the empty line
    STATE_DONE,
};

enum field {
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_UPGRADE,
    FIELD_WS_KEY,
    FIELD_WS_VERSION,
    FIELD_WS_PROTOCOL,
    FIELD_WS_EXTENSIONS,
    FIELD_ORIGIN,
    FIELD_AUTHORIZATION,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_COUNT, // any other
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_HOST] = "host",
    [FIELD_CONNECTION] = "connection",
    [FIELD_UPGRADE] = "upgrade",
    [FIELD_WS_KEY] = "sec-websocket-key",
    [FIELD_WS_VERSION] = "sec-websocket-version",
    [FIELD_WS_PROTOCOL] = "sec-websocket-protocol",
    [FIELD_WS_EXTENSIONS] = "sec-websocket-extensions",
    [FIELD_ORIGIN] = "origin",
    [FIELD_AUTHORIZATION] = "authorization",
    [FIELD_CONTENT_LENGTH] = "content-length",
    [FIELD_TRANSFER_ENCODING] = "transfer-encoding",
};

// The longest registered method has 17 characters (UPDATEREDIRECTREF).
#define METHOD_MAX_BYTES 32

struct fault {
    int status;
    const char *error;
};

static const struct fault no_fault = {0, NULL};

static struct fault bad(const char *error)
{
    return (struct fault){400, error};
}

void http_parser_init(struct http_parser *parser)
{
    // Not the head: clearing 8 KiB per connection would cost more than the rest of the handshake.
    memset(parser, 0, offsetof(struct http_parser, head));
    parser->state = STATE_START;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_visible(uint8_t byte)
{
    return byte > ' ' && byte < 0x7F;
}

// A character of a token (RFC 9110, section 5.6.2).
static bool is_token(uint8_t byte)
{
    uint8_t letter = byte | 0x20;
    return is_digit(byte) || (letter >= 'a' && letter <= 'z') ||
           (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character | 0x20) : character;
}

// Compares with a lower-case word, whatever the locale.
static bool equals_nocase(const char *text, size_t len, const char *word)
{
    if (len != strlen(word))
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower(text[i]) != word[i])
            return false;
    return true;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

// Takes the blanks from both ends.
static struct http_span trimmed(const struct http_parser *parser, size_t begin, size_t end)
{
    while (begin < end && is_blank(parser->head[begin]))
        begin++;
    while (end > begin && is_blank(parser->head[end - 1]))
        end--;
    return (struct http_span){(uint16_t)begin, (uint16_t)(end - begin)};
}

// What has been collected since the current element began, without the byte just read.
static struct http_span element(const struct http_parser *parser)
{
    return (struct http_span){parser->element_start,
                              (uint16_t)(parser->have_bytes - 1 - parser->element_start)};
}

// The next byte starts an element.
static struct fault enter(struct http_parser *parser, enum state state)
{
    parser->state = (uint8_t)state;
    parser->element_start = parser->have_bytes;
    return no_fault;
}

static struct fault expect_lf(struct http_parser *parser, uint8_t byte, enum state next)
{
    if (byte != '\n')
        return bad("End every line with CR LF: a CR stands alone.");
    return enter(parser, next);
}

static enum http_method method_of(const char *text, size_t len)
{
    if (len == 3 && memcmp(text, "GET", 3) == 0)
        return HTTP_GET;
    if (len == 4 && memcmp(text, "HEAD", 4) == 0)
        return HTTP_HEAD;
    return HTTP_OTHER_METHOD;
}

static struct fault step_method(struct http_parser *parser, uint8_t byte)
{
    struct http_span method = element(parser);
    if (byte == ' ' && method.len != 0) {
        parser->request.method = method_of(http_text(parser, method), method.len);
        return enter(parser, STATE_TARGET);
    }
    if (!is_token(byte))
        return method.len == 0 && byte == 0x16
                   ? bad("Connect without TLS: this port speaks plain HTTP.")
                   : bad("Start with a request line: a method, one space, a target, one space, "
                         "HTTP/1.1.");
    if (method.len == METHOD_MAX_BYTES)
        return bad("Send a shorter method.");
    return no_fault;
}

// uri-host [":" port] as far as single characters tell (RFC 9110, section 7.2): nothing that could
// make a cache or log take a part of it for a path or for user information.
static bool host_legal(const struct http_parser *parser, struct http_span host)
{
    for (size_t i = 0; i < host.len; i++) {
        uint8_t byte = (uint8_t)http_text(parser, host)[i];
        if (!is_visible(byte) || strchr("\"#/<>?@\\^`{|}", byte) != NULL)
            return false;
    }
    return true;
}

// How long "http://", "https://", "ws://" or "wss://" is at the start of a target; 0: it is none.
static size_t scheme_bytes(const char *text, size_t len)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t scheme = strlen(schemes[i]);
        if (len >= scheme && equals_nocase(text, scheme, schemes[i]))
            return scheme;
    }
    return 0;
}

// Absolute form (RFC 9112, section 3.2.2): its authority is the host, what follows is the target in
// origin form.
static struct fault take_authority(struct http_parser *parser)
{
    struct http_span *target = &parser->request.target;
    const char *text = http_text(parser, *target);
    size_t scheme = scheme_bytes(text, target->len);
    if (scheme == 0)
        return bad("Send the target in origin form: it starts with '/'.");
    size_t end = scheme;
    while (end < target->len && text[end] != '/' && text[end] != '?')
        end++;
    parser->authority =
        (struct http_span){(uint16_t)(target->offset + scheme), (uint16_t)(end - scheme)};
    if (end == scheme || text[scheme] == ':' || !host_legal(parser, parser->authority))
        return bad("Send a valid target: a scheme, \"://\", a name or address, a port, a path.");
    if (end < target->len && text[end] == '/') {
        target->offset = (uint16_t)(target->offset + end);
        target->len = (uint16_t)(target->len - end);
        return no_fault;
    }
    // An empty path is "/": the last one of the scheme's stands for it.
    if (end < target->len)
        parser->request.query = (struct http_span){(uint16_t)(target->offset + end + 1),
                                                   (uint16_t)(target->len - end - 1)};
    *target = (struct http_span){(uint16_t)(target->offset + scheme - 1), 1};
    return no_fault;
}

static struct fault target_end(struct http_parser *parser)
{
    struct http_request *request = &parser->request;
    request->target = element(parser);
    if (*http_text(parser, request->target) != '/') {
        struct fault fault = take_authority(parser);
        if (fault.error != NULL)
            return fault;
    }
    request->path = request->target;
    const char *text = http_text(parser, request->target);
    const char *mark = memchr(text, '?', request->target.len);
    if (mark == NULL)
        return no_fault;
    request->path.len = (uint16_t)(mark - text);
    request->query.offset = (uint16_t)(request->target.offset + request->path.len + 1);
    request->query.len = (uint16_t)(request->target.len - request->path.len - 1);
    return no_fault;
}

static struct fault step_target(struct http_parser *parser, uint8_t byte)
{
    struct http_span target = element(parser);
    if (byte == ' ' && target.len != 0) {
        struct fault fault = target_end(parser);
        return fault.error != NULL ? fault : enter(parser, STATE_VERSION);
    }
    bool scheme = lower((char)byte) == 'h' || lower((char)byte) == 'w';
    if (target.len == 0 && byte != '/' && !scheme)
        return bad("Send the target in origin form: it starts with '/', behind exactly one space.");
    if (byte == '#')
        return bad("Leave the fragment out of the target: it must not contain '#'.");
    if (!is_visible(byte))
        return bad("Percent-encode the target: it may hold visible ASCII characters only.");
    if (target.len == HTTP_TARGET_MAX_BYTES)
        return (struct fault){414, "Send a target of at most 2048 bytes."};
    return no_fault;
}

// HTTP/1.0 and HTTP/1.1. A server may treat a later 1.x as 1.1, but none will ever exist.
static struct fault step_version(struct http_parser *parser, uint8_t byte)
{
    static const char name[] = "HTTP/";
    size_t at = element(parser).len;
    if (at < 5)
        return byte == (uint8_t)name[at] ? no_fault
                                         : bad("End the request line with one space and HTTP/1.1.");
    if (at == 5 || at == 7) {
        if (!is_digit(byte))
            return bad("Give the version as HTTP/1.1: a digit is missing.");
        if (byte > '1' || (at == 5 && byte == '0'))
            return (struct fault){505, "Speak HTTP/1.1: no other version is supported."};
        parser->request.minor_version = (uint8_t)(byte - '0');
        return no_fault;
    }
    if (at == 6)
        return byte == '.' ? no_fault : bad("Give the version as HTTP/1.1: the dot is missing.");
    if (byte != '\r')
        return bad("End the request line with CR LF right behind the version.");
    return enter(parser, STATE_REQUEST_LF);
}

static bool seen(const struct http_parser *parser, enum field field)
{
    return (parser->seen >> field & 1) != 0;
}

// What the head as a whole must fulfil.
static struct fault head_end(struct http_parser *parser)
{
    // RFC 9112, section 3.2.
    if (parser->request.minor_version == 1 && !seen(parser, FIELD_HOST))
        return bad("Send a Host header: HTTP/1.1 requires it.");
    // RFC 9112, section 6.1: the framing is faulty, and what it hides may be a second request.
    if (parser->request.minor_version == 0 && seen(parser, FIELD_TRANSFER_ENCODING))
        return bad("Send no Transfer-Encoding with HTTP/1.0.");
    // RFC 9112, section 3.2.2: whoever sends an absolute form means that one.
    if (parser->authority.len)
        parser->request.host = parser->authority;
    parser->state = STATE_DONE;
    return no_fault;
}

static struct fault step_name(struct http_parser *parser, uint8_t byte)
{
    struct http_span name = element(parser);
    if (byte == ':' && name.len != 0) {
        parser->name = name;
        return enter(parser, STATE_VALUE);
    }
    if (is_token(byte))
        return no_fault;
    if (is_blank((char)byte) && name.len != 0)
        return bad("Put no space between a header's name and its colon.");
    return bad("Start every header line with a name and a colon.");
}

static struct fault step_line(struct http_parser *parser, uint8_t byte)
{
    if (byte == '\r')
        return enter(parser, STATE_END_LF);
    if (is_blank((char)byte))
        return bad("Put every header on one line: a line must not start with a space or tab.");
    if (parser->header_count == HTTP_HEADERS_MAX)
        return (struct fault){431, "Send at most 64 headers."};
    parser->header_count++;
    parser->state = STATE_NAME;
    return step_name(parser, byte);
}

static struct fault step_value(struct http_parser *parser, uint8_t byte)
{
    if (byte == '\r') {
        parser->value = element(parser);
        return enter(parser, STATE_VALUE_LF);
    }
    if (byte == '\n')
        return bad("End every line with CR LF: an LF stands alone.");
    if ((byte < ' ' && byte != '\t') || byte == 0x7F)
        return bad("Leave control characters out of header values.");
    return no_fault;
}

static enum field field_of(const char *name, size_t len)
{
    for (unsigned field = 0; field < FIELD_COUNT; field++)
        if (equals_nocase(name, len, field_names[field]))
            return (enum field)field;
    return FIELD_COUNT;
}

// True when a comma-separated list contains a lower-case word as an element of its own.
static bool lists(const struct http_parser *parser, struct http_span list, const char *word)
{
    size_t end = (size_t)list.offset + list.len;
    for (size_t begin = list.offset; begin < end;) {
        const char *comma = memchr(parser->head + begin, ',', end - begin);
        size_t stop = comma == NULL ? end : (size_t)(comma - parser->head);
        struct http_span item = trimmed(parser, begin, stop);
        if (equals_nocase(http_text(parser, item), item.len, word))
            return true;
        begin = stop + 1;
    }
    return false;
}

// Only one line with digits: lists of equal values are how requests are smuggled (RFC 9112,
// section 11.2), and no client needs them.
static struct fault content_length(struct http_parser *parser, struct http_span value)
{
    if (value.len == 0)
        return bad("Give Content-Length as a decimal number.");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = (uint8_t)http_text(parser, value)[i];
        if (!is_digit(byte))
            return bad("Give Content-Length as one decimal number.");
        if (byte != '0')
            parser->request.has_body = true;
    }
    return no_fault;
}

static void keep_first(struct http_span *kept, struct http_span value, bool again)
{
    if (!again)
        *kept = value;
}

// One row per known header; longer than other functions because the table is.
static struct fault field_take(struct http_parser *parser, enum field field, struct http_span value,
                               bool again)
{
    struct http_request *request = &parser->request;
    switch (field) {
    case FIELD_HOST:
        request->host = value;
        if (again)
            return bad("Send exactly one Host header.");
        return host_legal(parser, value) ? no_fault
                                         : bad("Send a valid Host: a name or address and a port.");
    case FIELD_CONNECTION:
        request->connection_upgrade |= lists(parser, value, "upgrade");
        request->connection_close |= lists(parser, value, "close");
        return no_fault;
    case FIELD_UPGRADE:
        request->upgrade_websocket |= lists(parser, value, "websocket");
        return no_fault;
    case FIELD_WS_KEY:
        keep_first(&request->ws_key, value, again);
        request->duplicate_ws_header |= again;
        return no_fault;
    case FIELD_WS_VERSION:
        keep_first(&request->ws_version, value, again);
        request->duplicate_ws_header |= again;
        return no_fault;
    case FIELD_WS_PROTOCOL:
        keep_first(&request->ws_protocol, value, again);
        return no_fault;
    case FIELD_WS_EXTENSIONS:
        keep_first(&request->ws_extensions, value, again);
        return no_fault;
    case FIELD_ORIGIN:
        request->origin = value;
        return again ? bad("Send at most one Origin header.") : no_fault;
    case FIELD_AUTHORIZATION:
        request->authorization = value;
        return again ? bad("Send at most one Authorization header.") : no_fault;
    case FIELD_CONTENT_LENGTH:
        return again ? bad("Send at most one Content-Length header.")
                     : content_length(parser, value);
    case FIELD_TRANSFER_ENCODING:
        request->has_body = true;
        return no_fault;
    case FIELD_COUNT:
        break;
    }
    return no_fault;
}

static struct fault step_value_lf(struct http_parser *parser, uint8_t byte)
{
    struct fault fault = expect_lf(parser, byte, STATE_LINE);
    if (fault.error != NULL)
        return fault;
    enum field field = field_of(http_text(parser, parser->name), parser->name.len);
    struct http_span value =
        trimmed(parser, parser->value.offset, (size_t)parser->value.offset + parser->value.len);
    bool again = seen(parser, field);
    parser->seen |= (uint16_t)(1U << field);
    fault = field_take(parser, field, value, again);
    if (fault.error == NULL && seen(parser, FIELD_CONTENT_LENGTH) &&
        seen(parser, FIELD_TRANSFER_ENCODING))
        return bad("Send Content-Length or Transfer-Encoding, not both.");
    return fault;
}

static struct fault step(struct http_parser *parser, uint8_t byte)
{
    switch ((enum state)parser->state) {
    case STATE_START:
        parser->state = byte == '\r' ? STATE_START_LF : STATE_METHOD;
        return byte == '\r' ? no_fault : step_method(parser, byte);
    case STATE_START_LF:
        parser->have_bytes = 0; // the empty line is no part of the head
        return expect_lf(parser, byte, STATE_METHOD);
    case STATE_METHOD:
        return step_method(parser, byte);
    case STATE_TARGET:
        return step_target(parser, byte);
    case STATE_VERSION:
        return step_version(parser, byte);
    case STATE_REQUEST_LF:
        return expect_lf(parser, byte, STATE_LINE);
    case STATE_LINE:
        return step_line(parser, byte);
    case STATE_NAME:
        return step_name(parser, byte);
    case STATE_VALUE:
        return step_value(parser, byte);
    case STATE_VALUE_LF:
        return step_value_lf(parser, byte);
    case STATE_END_LF: {
        struct fault fault = expect_lf(parser, byte, STATE_END_LF);
        return fault.error != NULL ? fault : head_end(parser);
    }
    case STATE_DONE:
        break;
    }
    UNREACHABLE();
}

enum http_result http_parse(struct http_parser *parser, const uint8_t **cursor, const uint8_t *end,
                            int *status, const char **error)
{
    while (*cursor < end) {
        struct fault fault = {431, "Send a shorter request head: at most 8192 bytes."};
        if (parser->have_bytes < HTTP_HEAD_MAX_BYTES) {
            uint8_t byte = *(*cursor)++;
            parser->head[parser->have_bytes++] = (char)byte;
            fault = step(parser, byte);
        }
        if (fault.error != NULL) {
            *status = fault.status;
            *error = fault.error;
            return HTTP_BAD;
        }
        if (parser->state == STATE_DONE)
            return HTTP_COMPLETE;
    }
    return HTTP_INCOMPLETE;
}

static int hex_value(char digit)
{
    if (is_digit((uint8_t)digit))
        return digit - '0';
    char letter = lower(digit);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

int http_percent_decode(const char *in, size_t len, uint8_t *out, size_t out_max)
{
    size_t have = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)in[i];
        if (byte == '%') {
            if (len - i < 3)
                return -1;
            int high = hex_value(in[i + 1]), low = hex_value(in[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (have == out_max)
            return -1;
        out[have++] = byte;
    }
    return (int)have;
}

const char *http_query_find(const char *query, size_t len, const char *name, size_t *value_len)
{
    size_t name_len = strlen(name);
    for (size_t begin = 0; begin < len;) {
        const char *pair = query + begin;
        const char *ampersand = memchr(pair, '&', len - begin);
        size_t pair_len = ampersand == NULL ? len - begin : (size_t)(ampersand - pair);
        const char *equals = memchr(pair, '=', pair_len);
        size_t key_len = equals == NULL ? pair_len : (size_t)(equals - pair);
        if (key_len == name_len && memcmp(pair, name, name_len) == 0) {
            *value_len = equals == NULL ? 0 : pair_len - key_len - 1;
            return equals == NULL ? pair + pair_len : equals + 1;
        }
        begin += pair_len + 1;
    }
    return NULL;
}
