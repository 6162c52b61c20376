// SPDX-License-Identifier: MIT
#include "ring/sock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
    const char *text;
    const char *means; // NULL: refused
} cases[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080"},
    {"localhost:1", "127.0.0.1:1"},
    {"*:8080", "[::]:8080"},
    {":8080", "[::]:8080"},
    {"[::1]:443", "[::1]:443"},
    {"[::]:0", "[::]:0"},
    {"8080", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"127.0.0.1:65536", NULL},
    {"127.0.0.1:-1", NULL},
    {"127.0.0.1:80x", NULL},
    {"::1:80", NULL},
    {"example.org:80", NULL},
    {"999.0.0.1:80", NULL},
    {"", NULL},
};

Test(sock, parses_addresses)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sock_address address;
        char error[160] = "", text[SOCK_TEXT_BYTES] = "";
        int result = sock_parse(cases[i].text, &address, error, sizeof error);
        cr_assert((result == 0) == (cases[i].means != NULL), "'%s': %s", cases[i].text, error);
        if (result) {
            cr_assert(strlen(error) > 10, "'%s' is refused without a reason", cases[i].text);
            continue;
        }
        sock_format(&address, text);
        cr_assert(strcmp(text, cases[i].means) == 0, "'%s' became %s", cases[i].text, text);
    }
}

Test(sock, formats_unix_sockets)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sock_address address = {.bytes = sizeof local};
    char text[SOCK_TEXT_BYTES];
    memset(local.sun_path, 'x', sizeof local.sun_path); // it need not end
    memcpy(&address.storage, &local, sizeof local);
    sock_format(&address, text);
    cr_assert(strlen(text) == SOCK_TEXT_BYTES - 1 && strncmp(text, "unix:xxx", 8) == 0, "%s", text);
}

Test(sock, listeners_share_a_port)
{
    struct sock_address address, actual;
    char error[160];
    cr_assert(sock_parse("127.0.0.1:0", &address, error, sizeof error) == 0);
    int first = sock_listen(&address, 16);
    cr_assert(first >= 0);
    cr_assert(sock_local(first, &actual) == 0);
    int second = sock_listen(&actual, 16);
    cr_assert(second >= 0, "a second shard must be able to listen on the same port");
    close(first);
    close(second);
}

Test(sock, says_why_it_cannot_listen)
{
    struct sock_address address;
    char error[160];
    // A documentation address (RFC 5737): no machine has it.
    cr_assert(sock_parse("192.0.2.1:0", &address, error, sizeof error) == 0);
    cr_assert(sock_listen(&address, 16) == -EADDRNOTAVAIL);
}
