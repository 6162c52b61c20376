// SPDX-License-Identifier: MIT
#include "codec/http_header.h"

#include <criterion/criterion.h>
#include <string.h>

static struct http_parser parser;

static void parse(const char *text)
{
    const uint8_t *cursor = (const uint8_t *)text, *end = cursor + strlen(text);
    int status;
    const char *error;
    http_parser_init(&parser);
    cr_assert_eq(http_parse(&parser, &cursor, end, &status, &error), HTTP_COMPLETE);
}

static void expect(const char *name, const char *wanted)
{
    size_t len = 0;
    const char *value = http_header_find(&parser, name, &len);
    cr_assert_eq(value != NULL, wanted != NULL, "%s", name);
    cr_assert(!wanted || (len == strlen(wanted) && memcmp(value, wanted, len) == 0), "%s", name);
}

Test(http_header, finds_the_first_of_a_name_whatever_its_case)
{
    parse("GET /Host: HTTP/1.1\r\nHost: example.org\r\nX-One: \t a b\t \r\nx-one: second\r\n"
          "X-Empty:\r\nX-O: short\r\n\r\nX-Behind: it\r\n");
    expect("host", "example.org");
    expect("X-ONE", "a b");
    expect("x-empty", "");
    expect("x-o", "short");
    expect("x", NULL);
    expect("x-one-more", NULL);
    expect("x-behind", NULL);
    expect("", NULL);
}

Test(http_header, a_head_may_have_none)
{
    parse("GET / HTTP/1.0\r\n\r\n");
    expect("host", NULL);
}

Test(http_header, the_method_is_as_sent)
{
    size_t len;
    parse("\r\nPROPFIND / HTTP/1.0\r\n\r\n");
    const char *method = http_method(&parser, &len);
    cr_assert(len == 8 && memcmp(method, "PROPFIND", 8) == 0);
}
