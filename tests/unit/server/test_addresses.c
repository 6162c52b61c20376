// SPDX-License-Identifier: MIT
#include "server/addresses.h"

#include <criterion/criterion.h>
#include <string.h>

static struct addresses addresses;
static struct activation activation;
static char error[256];

static void pass(const char *name, int fd)
{
    unsigned i = activation.count++;
    activation.fds[i] = fd;
    activation.names[i] = name;
    activation.name_bytes[i] = strlen(name);
}

Test(addresses, words_become_fields)
{
    cr_assert_eq(addresses_read(&addresses, "127.0.0.1:80,[::1]:443 tls proxy", &activation, error,
                                sizeof error),
                 0, "%s", error);
    cr_assert_eq(addresses.count, 2);
    cr_assert_str_eq(addresses.listeners[0].address, "127.0.0.1:80");
    cr_assert(!addresses.listeners[0].tls && !addresses.listeners[0].proxy);
    cr_assert_str_eq(addresses.listeners[1].address, "[::1]:443");
    cr_assert(addresses.listeners[1].tls && addresses.listeners[1].proxy);
}

Test(addresses, sockets_of_systemd_are_given_as_descriptors)
{
    pass("plain", 3);
    pass("secure", 4);
    pass("plain", 5);
    cr_assert_eq(addresses_read(&addresses, "systemd:plain,*:80,systemd:secure tls", &activation,
                                error, sizeof error),
                 0, "%s", error);
    cr_assert_eq(addresses.count, 4);
    static const int fds[] = {3, 5, -1, 4};
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(addresses.listeners[i].address == NULL, fds[i] >= 0);
        cr_assert(fds[i] < 0 || addresses.listeners[i].fd == fds[i]);
        cr_assert_eq(addresses.listeners[i].tls, fds[i] == 4);
    }
}

Test(addresses, too_many_and_none_are_told)
{
    cr_assert_lt(addresses_read(&addresses, "systemd:web", &activation, error, sizeof error), 0);
    cr_assert(strstr(error, "no socket named web"), "%s", error);
    for (int fd = 3; fd < 3 + RINGCAST_LISTENERS_MAX; fd++)
        pass("web", fd);
    cr_assert_eq(addresses_read(&addresses, "systemd", &activation, error, sizeof error), 0);
    cr_assert_lt(addresses_read(&addresses, "*:80,systemd", &activation, error, sizeof error), 0);
    cr_assert(strstr(error, "more than 8"), "%s", error);
}

Test(addresses, tls_is_asked_of_the_list)
{
    cr_assert(addresses_have_tls("*:80, *:443 tls"));
    cr_assert_not(addresses_have_tls("*:80, *:443 proxy"));
}
