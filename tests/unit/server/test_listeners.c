// SPDX-License-Identifier: MIT
#include "server/listeners.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct listeners listeners;
static char error[512];
static const struct activation none; // nothing was passed

static bool can_connect(const struct sock_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM, 0);
    bool connected = connect(fd, (const void *)&address->storage, address->bytes) == 0;
    close(fd);
    return connected;
}

Test(listeners, every_shard_listens_on_the_port_that_the_kernel_chose)
{
    cr_assert_eq(
        listeners_open(&listeners, "127.0.0.1:0,127.0.0.2:0", &none, 3, error, sizeof error), 0,
        "%s", error);
    cr_assert_eq(listeners.count, 2);
    for (unsigned shard = 0; shard < 3; shard++)
        for (unsigned i = 0; i < 2; i++) {
            struct sock_address local;
            char expected[SOCK_TEXT_BYTES], text[SOCK_TEXT_BYTES];
            cr_assert_eq(sock_local(listeners.fds[shard][i], &local), 0);
            sock_format(&local, text);
            sock_format(&listeners.addresses[i], expected);
            cr_assert_str_eq(text, expected);
            cr_assert_null(strstr(text, ":0"), "a real port");
        }
    char text[128];
    listeners_format(&listeners, text, sizeof text);
    cr_assert_eq(strncmp(text, "127.0.0.1:", 10), 0);
    cr_assert(strstr(text, ", 127.0.0.2:"));
    listeners_close(&listeners);
}

Test(listeners, a_port_that_another_server_shares_out_is_not_silently_shared)
{
    static struct listeners second;
    char address[SOCK_TEXT_BYTES];
    cr_assert_eq(listeners_open(&listeners, "127.0.0.1:0", &none, 2, error, sizeof error), 0);
    listeners_format(&listeners, address, sizeof address);
    cr_assert_eq(listeners_open(&second, address, &none, 2, error, sizeof error), -EADDRINUSE);
    cr_assert(strstr(error, address) && strstr(error, "another port"), "%s", error);
    listeners_close(&second);
    listeners_close(&listeners);
    cr_assert_eq(listeners_open(&second, address, &none, 2, error, sizeof error), 0, "free again");
    listeners_close(&second);
}

Test(listeners, an_address_of_another_machine_is_told)
{
    cr_assert_eq(listeners_open(&listeners, "192.0.2.1:0", &none, 1, error, sizeof error),
                 -EADDRNOTAVAIL);
    cr_assert(strstr(error, "does not have this address"), "%s", error);
    listeners_close(&listeners);
}

Test(listeners, all_addresses_are_also_those_of_ipv4)
{
    cr_assert_eq(listeners_open(&listeners, "*:0", &none, 1, error, sizeof error), 0, "%s", error);
    char text[SOCK_TEXT_BYTES], v4[SOCK_TEXT_BYTES];
    sock_format(&listeners.addresses[0], text);
    snprintf(v4, sizeof v4, "127.0.0.1%s", strrchr(text, ':'));
    struct sock_address address;
    cr_assert_eq(sock_parse(v4, &address, error, sizeof error), 0);
    cr_assert(can_connect(&address));
    listeners_close(&listeners);
}

Test(listeners, shut_down_they_refuse)
{
    cr_assert_eq(listeners_open(&listeners, "127.0.0.1:0", &none, 2, error, sizeof error), 0);
    cr_assert(can_connect(&listeners.addresses[0]));
    listeners_shutdown(&listeners);
    cr_assert_not(can_connect(&listeners.addresses[0]));
    listeners_close(&listeners);
}
