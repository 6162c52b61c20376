// SPDX-License-Identifier: MIT
#include "codec/ws_handshake.h"

#include <criterion/criterion.h>

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define GET     "GET /chat HTTP/1.1\r\nHost: h\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define WITH_KEY(key) GET UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " key "\r\n\r\n"

static const struct {
    const char *name, *head;
    enum ws_handshake_result result;
    int status;
} cases[] = {
    {"RFC 6455, 1.2", WITH_KEY(KEY), WS_HANDSHAKE_OK, 0},
    {"case and lists",
     GET "CONNECTION: keep-alive, uPgRaDe\r\nupgrade: h2c, WebSocket\r\n"
         "sec-websocket-version: 13\r\nsec-websocket-key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_OK, 0},
    {"Content-Length: 0",
     GET UPGRADE "Content-Length: 0\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_OK, 0},
    {"ordinary", GET "\r\n", WS_HANDSHAKE_NOT_UPGRADE, 0},
    {"other upgrade", GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", WS_HANDSHAKE_NOT_UPGRADE,
     0},
    {"POST",
     "POST / HTTP/1.1\r\nHost: h\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
     "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"HEAD",
     "HEAD / HTTP/1.1\r\nHost: h\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
     "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"HTTP/1.0",
     "GET / HTTP/1.0\r\nHost: h\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
     "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"no Connection",
     GET "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"body",
     GET UPGRADE "Content-Length: 1\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"chunked",
     GET UPGRADE "Transfer-Encoding: chunked\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"two keys",
     GET UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
                 "\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"two versions",
     GET UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 400},
    {"no version", GET UPGRADE "Sec-WebSocket-Key: " KEY "\r\n\r\n", WS_HANDSHAKE_BAD, 426},
    {"version 8", GET UPGRADE "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 426},
    {"version 013", GET UPGRADE "Sec-WebSocket-Version: 013\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
     WS_HANDSHAKE_BAD, 426},
    {"version before key", GET UPGRADE "\r\n", WS_HANDSHAKE_BAD, 426},
    {"no key", GET UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", WS_HANDSHAKE_BAD, 400},
    {"empty key", WITH_KEY(""), WS_HANDSHAKE_BAD, 400},
    {"15 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25j"), WS_HANDSHAKE_BAD, 400},
    {"17 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25jZWU="), WS_HANDSHAKE_BAD, 400},
    {"18 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25jZWVl"), WS_HANDSHAKE_BAD, 400},
    {"no padding", WITH_KEY("dGhlIHNhbXBsZSBub25jZQ"), WS_HANDSHAKE_BAD, 400},
    {"stray bits", WITH_KEY("dGhlIHNhbXBsZSBub25jZR=="), WS_HANDSHAKE_BAD, 400},
    {"URL alphabet", WITH_KEY("-GhlIHNhbXBsZSBub25jZQ=="), WS_HANDSHAKE_BAD, 400},
    {"both other characters", WITH_KEY("+/hlIHNhbXBsZSBub25jZQ=="), WS_HANDSHAKE_OK, 0},
    {"space inside", WITH_KEY("dGhlIHNh XBsZSBub25jZQ=="), WS_HANDSHAKE_BAD, 400},
    {"padding inside", WITH_KEY("dGhl=HNhbXBsZSBub25jZQ=="), WS_HANDSHAKE_BAD, 400},
    {"not ASCII", WITH_KEY("\xff\x80hlIHNhbXBsZSBub25jZQ=="), WS_HANDSHAKE_BAD, 400},
};

static struct http_parser parser;

static void parse(const char *head)
{
    const uint8_t *cursor = (const uint8_t *)head;
    int status;
    const char *error = "";
    http_parser_init(&parser);
    enum http_result result = http_parse(&parser, &cursor, cursor + strlen(head), &status, &error);
    cr_assert_eq(result, HTTP_COMPLETE, "%s", error);
}

Test(ws_handshake, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = 0;
        const char *error = NULL;
        parse(cases[i].head);
        cr_expect_eq(ws_handshake_check(&parser, &status, &error), cases[i].result, "%s",
                     cases[i].name);
        if (cases[i].result == WS_HANDSHAKE_BAD) {
            cr_expect_eq(status, cases[i].status, "%s", cases[i].name);
            cr_expect(error != NULL && error[0] != '\0', "%s", cases[i].name);
        }
    }
}

Test(ws_handshake, accept_key)
{
    char accept[WS_ACCEPT_BYTES + 1] = {0};
    ws_accept_key(KEY, accept);
    cr_assert_str_eq(accept, ACCEPT);
}

Test(ws_handshake, switching_answer)
{
    static const char expected[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n";
    char out[WS_SWITCHING_MAX_BYTES];
    cr_assert_eq(ws_switching_write(out, KEY), sizeof expected - 1);
    cr_assert_arr_eq(out, expected, sizeof expected - 1);
}
