// SPDX-License-Identifier: MIT
#include "codec/http_write.h"

#include <criterion/criterion.h>
#include <signal.h>

#define COMMON "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

static const struct {
    struct http_answer answer;
    const char *head;
} cases[] = {
    {{.status = 200, .body_bytes = 3},
     "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n" COMMON
     "\r\n"},
    {{.status = 426, .extra = "Sec-WebSocket-Version: 13\r\n", .content_type = "text/html"},
     "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/html\r\nContent-Length: 0\r\n" COMMON
     "Sec-WebSocket-Version: 13\r\n\r\n"},
    {{.status = 200, .head_only = true, .body_bytes = 1234567, .content_type = "application/json"},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234567\r\n" COMMON
     "\r\n"},
    {{.status = 204}, "HTTP/1.1 204 No Content\r\n" COMMON "\r\n"},
    {{.status = 599},
     "HTTP/1.1 599 \r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n" COMMON
     "\r\n"},
};

Test(http_write, heads)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HTTP_ANSWER_HEAD_MAX_BYTES];
        size_t len = http_answer_head_write(out, sizeof out, &cases[i].answer);
        cr_expect_eq(len, strlen(cases[i].head), "%zu", i);
        cr_expect_arr_eq(out, cases[i].head, strlen(cases[i].head), "%zu", i);
    }
}

Test(http_write, fits_exactly)
{
    char out[HTTP_ANSWER_HEAD_MAX_BYTES];
    size_t len = strlen(cases[0].head);
    out[len] = '!';
    cr_assert_eq(http_answer_head_write(out, len, &cases[0].answer), len);
    cr_assert_eq(out[len], '!');
}

Test(http_write, too_long_is_our_bug, .signal = SIGABRT)
{
    char out[HTTP_ANSWER_HEAD_MAX_BYTES];
    http_answer_head_write(out, strlen(cases[0].head) - 1, &cases[0].answer);
}

Test(http_write, interim_status_is_our_bug, .signal = SIGABRT)
{
    char out[HTTP_ANSWER_HEAD_MAX_BYTES];
    http_answer_head_write(out, sizeof out, &(struct http_answer){.status = 101});
}

// Whatever the parsers answer has a phrase.
Test(http_write, status_texts)
{
    static const int statuses[] = {101, 200, 400, 403, 404, 405, 408,
                                   414, 426, 429, 431, 500, 503, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        cr_expect_neq(http_status_text(statuses[i])[0], '\0', "%d", statuses[i]);
}
