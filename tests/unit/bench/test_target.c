// SPDX-License-Identifier: MIT
#include "load/target.h"

#include <criterion/criterion.h>

static struct target target;
static char error[256];

static int parse(const char *url)
{
    return target_parse(&target, url, "/default", error, sizeof error);
}

static void check(const char *url, const char *address, const char *host, const char *path)
{
    char text[SOCK_TEXT_BYTES];
    cr_assert_eq(parse(url), 0, "%s: %s", url, error);
    sock_format(&target.address, text);
    cr_assert_str_eq(text, address);
    cr_assert_str_eq(target.host, host);
    cr_assert_str_eq(target.path, path);
}

Test(target, urls)
{
    check("ws://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", "/default");
    check("ws://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:8080", "/");
    check("ws://localhost/chat?a=1", "127.0.0.1:80", "localhost", "/chat?a=1");
    check("ws://localhost:81?a=1", "127.0.0.1:81", "localhost:81", "/?a=1");
    check("ws://[::1]:9000/room/{room}", "[::1]:9000", "[::1]:9000", "/room/{room}");
    check("ws://[::1]/x", "[::1]:80", "[::1]", "/x");
    check("wss://127.0.0.1/x", "127.0.0.1:443", "127.0.0.1", "/x");
    check("wss://[::1]:8443", "[::1]:8443", "[::1]:8443", "/default");
}

Test(target, names)
{
    cr_assert_eq(parse("wss://localhost:9"), 0);
    cr_assert(target.secure);
    cr_assert_str_eq(target.name, "localhost");
    cr_assert_eq(parse("ws://127.0.0.1:9"), 0);
    cr_assert_not(target.secure);
    cr_assert_str_eq(target.name, "");
    cr_assert_eq(parse("wss://[::1]:9"), 0);
    cr_assert_str_eq(target.name, "");
}

Test(target, loopback)
{
    cr_assert_eq(parse("ws://127.3.2.1:8080"), 0);
    cr_assert(target.loopback);
    cr_assert_eq(parse("ws://10.0.0.1:8080"), 0);
    cr_assert_not(target.loopback);
}

Test(target, wrong_urls)
{
    static const char *const wrong[] = {
        "",       "127.0.0.1:8080",     "http://127.0.0.1", "wss:/127.0.0.1",
        "ws://",  "ws://:8080",         "ws://a$b/x",       "ws://127.0.0.1:99999",
        "ws:///", "ws://127.0.0.1/a b", "ws://*:80/",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error[0] = 0;
        cr_assert_neq(parse(wrong[i]), 0, "%s", wrong[i]);
        cr_assert_neq(error[0], 0);
    }
}

static void check_expand(const char *text, const char *expected)
{
    char out[32] = {0};
    size_t len = target_expand(out, sizeof out, text, 7, 12345);
    out[len] = 0;
    cr_assert_str_eq(out, expected);
}

Test(target, expand)
{
    check_expand("/room/{room}", "/room/7");
    check_expand("/{room}/{id}{id}", "/7/1234512345");
    check_expand("/{rooms}{", "/{rooms}{");
    check_expand("/0123456789012345678901234567890123", "");
}

Test(target, sources)
{
    struct sock_address address;
    char text[SOCK_TEXT_BYTES];
    target_source(&address, 0);
    sock_format(&address, text);
    cr_assert_str_eq(text, "127.0.0.2:0");
    target_source(&address, 300);
    sock_format(&address, text);
    cr_assert_str_eq(text, "127.0.1.46:0");
}
