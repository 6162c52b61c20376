// SPDX-License-Identifier: MIT
#include "codec/http_write.h"

#include <stdio.h>
#include <string.h>

const char *http_status_text(int status)
{
    switch (status) {
    case 101:
        return "Switching Protocols";
    case 200:
        return "OK";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return ""; // the phrase may be absent (RFC 9112, section 4)
    }
}

struct writer {
    char *out;
    size_t max, have;
};

// A head that does not fit is our own bug: its parts are constants of ours.
static void append(struct writer *writer, const char *text)
{
    size_t len = strlen(text);
    CHECK(len <= writer->max - writer->have);
    memcpy(writer->out + writer->have, text, len);
    writer->have += len;
}

static void append_number(struct writer *writer, size_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", number);
    append(writer, digits);
}

size_t http_answer_head_write(char *out, size_t out_max, const struct http_answer *answer)
{
    CHECK(answer->status >= 200 && answer->status <= 599);
    struct writer writer = {out, out_max, 0};
    append(&writer, "HTTP/1.1 ");
    append_number(&writer, (size_t)answer->status);
    append(&writer, " ");
    append(&writer, http_status_text(answer->status));
    append(&writer, "\r\n");
    // 204 has no content, so it must not announce any (RFC 9110, section 8.6). An answer to HEAD
    // does: it has the headers that GET would have.
    if (answer->status != 204) {
        append(&writer, "Content-Type: ");
        append(&writer,
               answer->content_type != NULL ? answer->content_type : "text/plain; charset=utf-8");
        append(&writer, "\r\nContent-Length: ");
        append_number(&writer, answer->body_bytes);
        append(&writer, "\r\n");
    }
    append(&writer, "Connection: close\r\n"
                    "Cache-Control: no-store\r\n"
                    "X-Content-Type-Options: nosniff\r\n");
    if (answer->extra != NULL)
        append(&writer, answer->extra);
    append(&writer, "\r\n");
    return writer.have;
}
