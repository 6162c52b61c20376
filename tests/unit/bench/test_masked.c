// SPDX-License-Identifier: MIT
#include "load/masked.h"

#include <criterion/criterion.h>
#include <string.h>

Test(masked, secrets_and_nothing_else)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"", ""},
        {"-n", "-n"},
        {"Authorization: Bearer abc", "Authorization:…"},
        {"--header=authorization:x", "--header=authorization:…"},
        {"Proxy-Authorization: Basic eDp5", "Proxy-Authorization:…"},
        {"Cookie: a=b; c=d\r\nX-Other: 1\r\n", "Cookie:…\r\nX-Other: 1\r\n"},
        {"X-Api-Key: 7", "X-Api-Key:…"},
        {"ws://h/p?access_token=abc&x=1", "ws://h/p?access_token=…&x=1"},
        {"ws://h/p?x=1&Token=abc", "ws://h/p?x=1&Token=…"},
        {"curl 'http://h/?secret=1' -v", "curl 'http://h/?secret=…' -v"},
        {"ws://h/token?x=1", "ws://h/token?x=1"},
        {"authorization", "authorization"},
        {"?token", "?token"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(masked_copy(out, sizeof out, cases[i].text), cases[i].masked, "%s: %s",
                         cases[i].text, out);
}

Test(masked, never_more_than_fits)
{
    char out[64];
    static const char text[] = "Authorization: x\r\nws://h/?token=y&auth=z";
    for (size_t bytes = 1; bytes <= sizeof out; bytes++) {
        memset(out, '#', sizeof out);
        masked_copy(out, bytes, text);
        cr_assert_lt(strnlen(out, bytes), bytes);
        for (size_t i = bytes; i < sizeof out; i++)
            cr_assert_eq(out[i], '#');
    }
}
