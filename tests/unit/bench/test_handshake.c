// SPDX-License-Identifier: MIT
#include "load/handshake.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char error[200];

static struct handshake_request request = {.path = "/room/1", .host = "h:1", .key_seed = 5};

// The answer of a good server to `request`, by the server's own code.
static size_t good_answer(char out[WS_SWITCHING_MAX_BYTES])
{
    char text[1024];
    cr_assert_gt(handshake_request_write(text, sizeof text, &request), 0);
    const char *key = strstr(text, "Sec-WebSocket-Key: ");
    cr_assert_not_null(key);
    return ws_switching_write(out, key + strlen("Sec-WebSocket-Key: "));
}

static enum handshake_result judge(const char *answer, size_t len, size_t *head_bytes)
{
    return handshake_answer_read((const uint8_t *)answer, len, request.key_seed, head_bytes, error,
                                 sizeof error);
}

Test(handshake, a_server_takes_the_request)
{
    static struct http_parser parser;
    struct handshake_request full = request;
    full.subprotocol = "chat";
    full.headers = "X-Extra: 1\r\n";
    char text[1024];
    size_t len = handshake_request_write(text, sizeof text, &full);
    const uint8_t *at = (const uint8_t *)text;
    int status;
    const char *why;
    http_parser_init(&parser);
    cr_assert_eq(http_parse(&parser, &at, at + len, &status, &why), HTTP_COMPLETE);
    cr_assert_eq(at, (const uint8_t *)text + len);
    cr_assert_eq(ws_handshake_check(&parser, &status, &why), WS_HANDSHAKE_OK);
    cr_assert_not_null(strstr(text, "\r\nSec-WebSocket-Protocol: chat\r\nX-Extra: 1\r\n\r\n"));
}

Test(handshake, too_long_a_request)
{
    char text[64];
    cr_assert_eq(handshake_request_write(text, sizeof text, &request), 0);
}

Test(handshake, keys_differ)
{
    char a[1024], b[1024];
    struct handshake_request other = request;
    other.key_seed = 6;
    (void)handshake_request_write(a, sizeof a, &request);
    (void)handshake_request_write(b, sizeof b, &other);
    cr_assert_str_neq(a, b);
}

Test(handshake, the_answer_may_come_in_parts_and_with_frames)
{
    char answer[WS_SWITCHING_MAX_BYTES + 3];
    size_t len = good_answer(answer), head_bytes = 0;
    for (size_t cut = 0; cut < len; cut++)
        cr_assert_eq(judge(answer, cut, &head_bytes), HANDSHAKE_INCOMPLETE);
    memcpy(answer + len, "\x81\x01x", 3);
    cr_assert_eq(judge(answer, len + 3, &head_bytes), HANDSHAKE_ACCEPTED);
    cr_assert_eq(head_bytes, len);
}

Test(handshake, refusals_say_why)
{
    char answer[WS_SWITCHING_MAX_BYTES];
    size_t len = good_answer(answer), head_bytes;
    memcpy(strstr(answer, "101"), "200", 3);
    cr_assert_eq(judge(answer, len, &head_bytes), HANDSHAKE_REFUSED);
    len = good_answer(answer);
    strcasestr(answer, "Sec-WebSocket-Accept: ")[22] ^= 1;
    cr_assert_eq(judge(answer, len, &head_bytes), HANDSHAKE_REFUSED);
    cr_assert_not_null(strstr(error, "Accept"));
    static const char not_found[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    cr_assert_eq(judge(not_found, sizeof not_found - 1, &head_bytes), HANDSHAKE_REFUSED);
    cr_assert_not_null(strstr(error, "404 Not Found"));
    cr_assert_eq(judge("SSH-2.0-x\r\n", 11, &head_bytes), HANDSHAKE_REFUSED);
    static const char no_accept[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    cr_assert_eq(judge(no_accept, sizeof no_accept - 1, &head_bytes), HANDSHAKE_REFUSED);
}

Test(handshake, an_endless_answer)
{
    static char answer[HANDSHAKE_ANSWER_MAX_BYTES];
    size_t head_bytes;
    memset(answer, 'x', sizeof answer);
    memcpy(answer, "HTTP/1.1 101 ", 13);
    cr_assert_eq(judge(answer, sizeof answer, &head_bytes), HANDSHAKE_REFUSED);
}
