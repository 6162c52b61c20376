// SPDX-License-Identifier: MIT
#include "load/handshake.h"

#include "base/rand.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void write_key(char out[WS_KEY_BYTES + 1], uint64_t seed)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct rand rand;
    rand_seed(&rand, seed);
    uint64_t bits = 0;
    // 16 bytes are 21 whole characters and one that carries the last two bits.
    for (int i = 0; i < 22; i++) {
        if (i % 10 == 0)
            bits = rand_next(&rand);
        out[i] = alphabet[i < 21 ? bits & 63 : (bits & 3) << 4];
        bits >>= 6;
    }
    out[22] = out[23] = '=';
    out[24] = 0;
}

size_t handshake_request_write(char *out, size_t out_max, const struct handshake_request *request)
{
    char key[WS_KEY_BYTES + 1];
    write_key(key, request->key_seed);
    int len = snprintf(
        out, out_max,
        "GET %s HTTP/1.1\r\n"
        "Host: %s\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "%s%s%s%s\r\n",
        request->path, request->host, key, request->subprotocol ? "Sec-WebSocket-Protocol: " : "",
        request->subprotocol ? request->subprotocol : "", request->subprotocol ? "\r\n" : "",
        request->headers ? request->headers : "");
    return len > 0 && (size_t)len < out_max ? (size_t)len : 0;
}

// The value of a header line inside the head, or NULL; without surrounding blanks.
static const char *find_header(const char *head, size_t len, const char *name, size_t *value_len)
{
    size_t name_len = strlen(name);
    const char *end = head + len, *line = memchr(head, '\n', len);
    while (line && ++line < end) {
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        if (!stop)
            break;
        if ((size_t)(stop - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            while (value < stop && (*value == ' ' || *value == '\t'))
                value++;
            while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            *value_len = (size_t)(stop - value);
            return value;
        }
        line = memchr(stop, '\n', (size_t)(end - stop));
    }
    return NULL;
}

static enum handshake_result refuse_status(const char *head, size_t len, char *error,
                                           size_t error_bytes)
{
    const char *stop = memchr(head, '\r', len);
    int line_len = stop ? (int)(stop - head) : 0;
    if (len >= 5 && memcmp(head, "HTTP/", 5) == 0)
        snprintf(error, error_bytes, "the server refused the upgrade: %.*s",
                 line_len < 120 ? line_len : 120, head);
    else
        snprintf(error, error_bytes, "the server does not answer in HTTP");
    return HANDSHAKE_REFUSED;
}

static bool accept_matches(const char *head, size_t len, uint64_t key_seed)
{
    char key[WS_KEY_BYTES + 1], accept[WS_ACCEPT_BYTES];
    write_key(key, key_seed);
    ws_accept_key(key, accept);
    size_t value_len;
    const char *value = find_header(head, len, "Sec-WebSocket-Accept", &value_len);
    return value && value_len == WS_ACCEPT_BYTES && memcmp(value, accept, value_len) == 0;
}

enum handshake_result handshake_answer_read(const uint8_t *bytes, size_t len, uint64_t key_seed,
                                            size_t *head_bytes, char *error, size_t error_bytes)
{
    const char *head = (const char *)bytes;
    const char *end = memmem(head, len, "\r\n\r\n", 4);
    if (len >= 5 && memcmp(head, "HTTP/", 5) != 0)
        return refuse_status(head, len, error, error_bytes);
    if (!end && len < HANDSHAKE_ANSWER_MAX_BYTES)
        return HANDSHAKE_INCOMPLETE;
    if (!end) {
        snprintf(error, error_bytes, "the server's answer to the upgrade is longer than %d bytes",
                 HANDSHAKE_ANSWER_MAX_BYTES);
        return HANDSHAKE_REFUSED;
    }
    *head_bytes = (size_t)(end - head) + 4;
    if (*head_bytes < 12 || memcmp(head, "HTTP/1.1 101", 12) != 0)
        return refuse_status(head, *head_bytes, error, error_bytes);
    if (!accept_matches(head, *head_bytes, key_seed)) {
        snprintf(error, error_bytes, "the server's Sec-WebSocket-Accept does not fit the key");
        return HANDSHAKE_REFUSED;
    }
    return HANDSHAKE_ACCEPTED;
}
