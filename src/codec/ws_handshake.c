// SPDX-License-Identifier: MIT
#include "codec/ws_handshake.h"

#include "codec/sha1.h"

#include <string.h>

// RFC 6455, section 1.3.
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static const char answer_begin[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: ";
static const char answer_end[] = "\r\n\r\n";

_Static_assert(sizeof answer_begin - 1 + WS_ACCEPT_BYTES + sizeof answer_end - 1 <=
                   WS_SWITCHING_MAX_BYTES,
               "the 101 answer must fit");

// RFC 4648, section 4.
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The base64 of 16 bytes is 22 characters and "==". The last one carries two bits of the nonce; its
// other four have to be zero, or it would not be the form that an encoder writes.
static bool key_legal(const char *key, size_t len)
{
    if (len != WS_KEY_BYTES || memcmp(key + 22, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < 22; i++)
        if (key[i] == 0 || !strchr(alphabet, key[i]))
            return false;
    return (strchr(alphabet, key[21]) - alphabet) % 16 == 0;
}

static void encode(const uint8_t digest[SHA1_BYTES], char text[WS_ACCEPT_BYTES])
{
    uint8_t padded[SHA1_BYTES + 1] = {0};
    memcpy(padded, digest, SHA1_BYTES);
    for (size_t i = 0, o = 0; i < sizeof padded; i += 3, o += 4) {
        uint32_t bits = (uint32_t)padded[i] << 16 | (uint32_t)padded[i + 1] << 8 | padded[i + 2];
        for (unsigned k = 0; k < 4; k++)
            text[o + k] = alphabet[bits >> (18 - 6 * k) & 63];
    }
    text[WS_ACCEPT_BYTES - 1] = '='; // 20 bytes are one short of a multiple of three
}

static bool version_13(const struct http_parser *parser)
{
    struct http_span version = parser->request.ws_version;
    return version.len == 2 && memcmp(http_text(parser, version), "13", 2) == 0;
}

enum ws_handshake_result ws_handshake_check(const struct http_parser *parser, int *status,
                                            const char **error)
{
    const struct http_request *request = &parser->request;
    if (!request->upgrade_websocket)
        return WS_HANDSHAKE_NOT_UPGRADE;

    *status = 400;
    *error = NULL;
    // Not 405: it would have to list the methods the resource allows, and the resource may well
    // allow this one. It is the handshake that is malformed (RFC 6455, section 4.2.1: "such as
    // 400").
    if (request->method != HTTP_GET)
        *error = "Open the WebSocket with GET.";
    // HTTP/1.0 has no Upgrade, and it could be ignored (RFC 9110, section 7.8). But the usual cause
    // is a proxy that speaks 1.0 to its backends, and then an ordinary answer would only puzzle.
    else if (request->minor_version != 1)
        *error = "Open the WebSocket with HTTP/1.1; if a proxy is in between, set its version.";
    else if (!request->connection_upgrade)
        *error = "Send Connection: Upgrade along with Upgrade: websocket.";
    else if (request->has_body)
        *error = "Send the opening handshake without a body.";
    else if (request->duplicate_ws_header)
        *error = "Send Sec-WebSocket-Key and Sec-WebSocket-Version once each.";
    // Before the key, which another version might form differently (RFC 6455, section 4.4).
    else if (!version_13(parser)) {
        *status = 426;
        *error = "Send Sec-WebSocket-Version: 13.";
    } else if (!key_legal(http_text(parser, request->ws_key), request->ws_key.len))
        *error = "Send a Sec-WebSocket-Key: the base64 of 16 bytes.";
    return *error == NULL ? WS_HANDSHAKE_OK : WS_HANDSHAKE_BAD;
}

void ws_accept_key(const char *key, char accept[WS_ACCEPT_BYTES])
{
    char text[WS_KEY_BYTES + sizeof guid - 1];
    uint8_t digest[SHA1_BYTES];
    memcpy(text, key, WS_KEY_BYTES);
    memcpy(text + WS_KEY_BYTES, guid, sizeof guid - 1);
    sha1(text, sizeof text, digest);
    encode(digest, accept);
}

size_t ws_switching_write(char *out, const char *key)
{
    char *cursor = out;
    memcpy(cursor, answer_begin, sizeof answer_begin - 1);
    cursor += sizeof answer_begin - 1;
    ws_accept_key(key, cursor);
    cursor += WS_ACCEPT_BYTES;
    memcpy(cursor, answer_end, sizeof answer_end - 1);
    cursor += sizeof answer_end - 1;
    return (size_t)(cursor - out);
}
