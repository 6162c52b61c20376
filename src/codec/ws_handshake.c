// SPDX-License-Identifier: MIT
#include "codec/ws_handshake.h"

#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/coding.h>
#include <wolfssl/wolfcrypt/sha.h>

#define NONCE_BYTES 16

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

static void encode(const uint8_t *bytes, size_t len, char *text, size_t text_len)
{
    word32 have = (word32)text_len;
    int result = Base64_Encode_NoNl(bytes, (word32)len, (byte *)text, &have);
    CHECK(result == 0 && have == text_len);
}

// Decoding alone would let line ends, missing padding and stray bits of the last character pass:
// only the canonical form comes out again as it went in.
static bool key_legal(const char *key, size_t len)
{
    if (len != WS_KEY_BYTES)
        return false;
    uint8_t nonce[WS_KEY_BYTES];
    word32 nonce_len = sizeof nonce;
    if (Base64_Decode((const byte *)key, (word32)len, nonce, &nonce_len) != 0 ||
        nonce_len != NONCE_BYTES)
        return false;
    char canonical[WS_KEY_BYTES];
    encode(nonce, NONCE_BYTES, canonical, sizeof canonical);
    return memcmp(canonical, key, len) == 0;
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
    wc_Sha sha;
    uint8_t digest[WC_SHA_DIGEST_SIZE];
    // None of these can fail: the hash is computed in software, on the stack.
    CHECK(wc_InitSha(&sha) == 0);
    CHECK(wc_ShaUpdate(&sha, (const byte *)key, WS_KEY_BYTES) == 0);
    CHECK(wc_ShaUpdate(&sha, (const byte *)guid, sizeof guid - 1) == 0);
    CHECK(wc_ShaFinal(&sha, digest) == 0);
    wc_ShaFree(&sha);
    encode(digest, sizeof digest, accept, WS_ACCEPT_BYTES);
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
