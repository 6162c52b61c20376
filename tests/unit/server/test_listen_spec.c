// SPDX-License-Identifier: MIT
#include "server/listen_spec.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX 4

static const struct {
    const char *text;
    int count;
    const char *written; // the first item
    bool tls, proxy, activated;
} good[] = {
    {"*:8080", 1, "*:8080", false, false, false},
    {" 127.0.0.1:1 ,\t[::1]:2", 2, "127.0.0.1:1", false, false, false},
    {"*:8443 tls", 1, "*:8443 tls", true, false, false},
    {"*:8443  proxy\ttls ", 1, "*:8443 tls proxy", true, true, false},
    {"[::]:9 proxy,:8080", 2, "[::]:9 proxy", false, true, false},
    {"systemd", 1, "systemd", false, false, true},
    {"systemd:web tls", 1, "systemd:web tls", true, false, true},
    {"*:1,*:2,*:3,*:4", 4, "*:1", false, false, false},
};

Test(listen_spec, good_ones)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct listen_spec specs[MAX], again[MAX];
        char error[256] = "", written[256];
        cr_assert_eq(listen_specs_parse(good[i].text, specs, MAX, error, sizeof error),
                     good[i].count, "%s: %s", good[i].text, error);
        cr_expect_eq(specs[0].tls, good[i].tls);
        cr_expect_eq(specs[0].proxy, good[i].proxy);
        cr_expect_eq(specs[0].activated, good[i].activated);
        (void)listen_spec_format(&specs[0], written, sizeof written);
        cr_expect_str_eq(written, good[i].written);
        cr_assert_eq(listen_specs_parse(written, again, MAX, error, sizeof error), 1);
        cr_expect_str_eq(again[0].address, specs[0].address);
    }
}

static const struct {
    const char *text, *said;
} bad[] = {
    {"", "no address"},
    {"*:80,", "no address"},
    {"tls", "no address"},
    {"*:80 ssl", "'ssl' behind *:80 is neither tls nor proxy"},
    {"*:80 TLS", "neither tls nor proxy"},
    {"*:80 tls tls", "stands twice"},
    {"*:1,*:2,*:3,*:4,*:5", "more than 4"},
    {"example.org:80", "neither a numeric address"},
    {"systemd:", "needs the name"},
    {"systemdx", "no address"},
};

Test(listen_spec, bad_ones)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct listen_spec specs[MAX];
        char error[256] = "";
        cr_assert_lt(listen_specs_parse(bad[i].text, specs, MAX, error, sizeof error), 0, "%s",
                     bad[i].text);
        cr_expect(strstr(error, bad[i].said), "'%s' was answered with: %s", bad[i].text, error);
    }
}

Test(listen_spec, names_of_activated_sockets)
{
    struct listen_spec specs[MAX];
    char error[256];
    cr_assert_eq(listen_specs_parse("systemd,systemd:web,*:1", specs, MAX, error, sizeof error), 3);
    cr_expect_null(listen_spec_socket_name(&specs[0]));
    cr_expect_str_eq(listen_spec_socket_name(&specs[1]), "web");
    cr_expect_null(listen_spec_socket_name(&specs[2]));
}
