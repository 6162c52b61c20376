// SPDX-License-Identifier: MIT
//
// ws_handshake_check on whatever http_parse accepts: never OK without what RFC 6455, section 4.2.1,
// asks for. The input is a request head; a key is judged by a decoder of our own.
#include "codec/ws_handshake.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct http_parser parser;

static int digit_value(char digit)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = memchr(alphabet, digit, sizeof alphabet - 1);
    return found == NULL ? -1 : (int)(found - alphabet);
}

// 16 bytes are 21 digits, one with two bits only, and "==".
static bool key_legal(const char *key, size_t len)
{
    if (len != WS_KEY_BYTES || key[22] != '=' || key[23] != '=')
        return false;
    for (int i = 0; i < 22; i++)
        if (digit_value(key[i]) < 0)
            return false;
    return (digit_value(key[21]) & 15) == 0;
}

static void check_accepted(const struct http_request *request)
{
    CHECK(request->method == HTTP_GET && request->minor_version == 1);
    CHECK(request->upgrade_websocket && request->connection_upgrade);
    CHECK(!request->has_body && !request->duplicate_ws_header);
    CHECK(request->ws_version.len == 2);
    CHECK(memcmp(http_text(&parser, request->ws_version), "13", 2) == 0);

    char out[WS_SWITCHING_MAX_BYTES], accept[WS_ACCEPT_BYTES];
    size_t len = ws_switching_write(out, http_text(&parser, request->ws_key));
    ws_accept_key(http_text(&parser, request->ws_key), accept);
    CHECK(len <= sizeof out && memcmp(out + len - 4, "\r\n\r\n", 4) == 0);
    CHECK(memcmp(out + len - 4 - WS_ACCEPT_BYTES, accept, WS_ACCEPT_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int status = 0;
    const char *error = NULL;
    const uint8_t *cursor = bytes;
    http_parser_init(&parser);
    if (http_parse(&parser, &cursor, bytes + len, &status, &error) != HTTP_COMPLETE)
        return 0;
    const struct http_request *request = &parser.request;
    bool key_good = key_legal(http_text(&parser, request->ws_key), request->ws_key.len);
    switch (ws_handshake_check(&parser, &status, &error)) {
    case WS_HANDSHAKE_OK:
        CHECK(key_good);
        check_accepted(request);
        break;
    case WS_HANDSHAKE_NOT_UPGRADE:
        CHECK(!request->upgrade_websocket);
        break;
    case WS_HANDSHAKE_BAD:
        CHECK((status == 400 || status == 426) && error != NULL);
        // The key is judged last: with a good one, something else has to be wrong.
        CHECK(!key_good || strstr(error, "Sec-WebSocket-Key: the base64") == NULL);
        break;
    }
    return 0;
}
