// SPDX-License-Identifier: MIT
#include "conn/origins.h"

#include <criterion/criterion.h>
#include <string.h>

static struct origins origins;
static char error[256];

static const struct {
    const char *list, *origin, *host;
    bool good; // without TLS; what a list names is the same with it
} cases[] = {
    {"", "https://anything.example", "h", true},
    {"https://a.example", "", "h", true},
    {"https://a.example", "https://a.example", "h", true},
    {"https://a.example", "HTTPS://A.Example", "h", true},
    {"https://a.example", "http://a.example", "h", false},
    {"https://a.example", "https://a.example:444", "h", false},
    {"https://a.example", "https://a.example.evil", "h", false},
    {"https://a.example", "https://xa.example", "h", false},
    {"https://a.example", "null", "h", false},
    {"https://a.example,null", "null", "h", true},
    {"https://*.example", "https://a.example", "h", true},
    {"https://*.example", "https://a.b.example", "h", true},
    {"https://*.example", "https://example", "h", false},
    {"https://*.example", "https://.example", "h", false},
    {"https://*.example", "https://a.example:1", "h", false},
    {"https://*.example:1", "https://a.example:1", "h", true},
    {"https://*.example", "http://a.example", "h", false},
    {"https://*.example", "https://evilexample", "h", false},
    {" http://x:1 ,\thttps://y", "https://y", "h", true},
    {"same", "https://h:8443", "h:8443", true},
    {"same", "https://H", "h", true},
    {"same", "https://h:8443", "h", false},
    {"same", "https://g", "h", false},
    {"same", "null", "null", false},
    {"same,https://g", "https://g", "h", true},
};

Test(origins, cases)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(origins_parse(&origins, cases[i].list, error, sizeof error), 0, "%s: %s",
                     cases[i].list, error);
        cr_expect_eq(origins_allow(&origins, cases[i].origin, strlen(cases[i].origin),
                                   cases[i].host, strlen(cases[i].host), false),
                     cases[i].good, "%s: %s at %s", cases[i].list, cases[i].origin, cases[i].host);
    }
}

static const struct {
    const char *list, *origin;
    bool plain, tls; // allowed on a connection without and with
} schemes[] = {
    {"same", "https://h", true, true},    {"same", "HTTPS://h", true, true},
    {"same", "http://h", true, false},    {"same", "HTTP://H", true, false},
    {"same", "ftp://h", false, false},    {"same", "chrome-extension://h", false, false},
    {"same", "://h", false, false},       {"same,http://h", "http://h", true, true},
    {"http://h", "http://h", true, true},
};

Test(origins, the_scheme_of_same)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        for (int has_tls = 0; has_tls < 2; has_tls++) {
            cr_assert_eq(origins_parse(&origins, schemes[i].list, error, sizeof error), 0);
            bool allowed = origins_allow(&origins, schemes[i].origin, strlen(schemes[i].origin),
                                         "h", 1, has_tls);
            cr_expect_eq(allowed, has_tls ? schemes[i].tls : schemes[i].plain, "%s %s %d",
                         schemes[i].list, schemes[i].origin, has_tls);
        }
}

static const struct {
    const char *list, *said;
} bad[] = {
    {"example.org", "is no origin"},
    {"https://", "is no origin"},
    {"://x", "is no origin"},
    {"https://a/", "is no origin"},
    {"https://a/path", "is no origin"},
    {"https://u@a", "is no origin"},
    {"https://a*", "is no origin"},
    {"https://*", "is no origin"},
    {"https://*.", "is no origin"},
    {"*", "is no origin"},
    {"https://a https://b", "put commas between"},
    {"https://a,", "missing behind a comma"},
    {"https://a,,https://b", "missing behind a comma"},
    {",https://a", "is no origin"},
};

Test(origins, wrong_lists_are_told)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error[0] = 0;
        cr_expect_eq(origins_parse(&origins, bad[i].list, error, sizeof error), -22, "%s",
                     bad[i].list);
        cr_expect(strstr(error, bad[i].said), "%s: %s", bad[i].list, error);
    }
}

Test(origins, too_many_or_too_long)
{
    char text[2048] = "";
    for (size_t i = 0; i <= ORIGINS_MAX; i++)
        memcpy(text + 9 * i, "http://a,", 9);
    text[9 * (ORIGINS_MAX + 1) - 1] = 0;
    cr_expect_neq(origins_parse(&origins, text, error, sizeof error), 0);
    cr_expect(strstr(error, "more than 64"));
    memset(text, 'a', sizeof text - 1);
    cr_expect_neq(origins_parse(&origins, text, error, sizeof error), 0);
    cr_expect(strstr(error, "longer than 1023"));
}
