// SPDX-License-Identifier: MIT
#include "embed/listeners.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct listeners listeners;
static char error[512];

// Opens listeners on these addresses, "a b".
static int open_on(struct listeners *out, const char *list, uint16_t shards)
{
    static char texts[4][64];
    struct ringcast_listener wanted[4] = {{0}};
    size_t count = 0;
    while (*list) {
        size_t len = strcspn(list, " ");
        snprintf(texts[count], sizeof texts[0], "%.*s", (int)len, list);
        wanted[count] = (struct ringcast_listener){.address = texts[count]};
        count++;
        list += len + strspn(list + len, " ");
    }
    return listeners_open(out, wanted, count, shards, error, sizeof error);
}

static bool can_connect(const struct sock_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM, 0);
    bool connected = connect(fd, (const void *)&address->storage, address->bytes) == 0;
    close(fd);
    return connected;
}

Test(listeners, every_shard_listens_on_the_port_that_the_kernel_chose)
{
    cr_assert_eq(open_on(&listeners, "127.0.0.1:0 127.0.0.2:0", 3), 0, "%s", error);
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
    listeners_close(&listeners);
}

Test(listeners, a_port_that_another_server_shares_out_is_not_silently_shared)
{
    static struct listeners second;
    char address[SOCK_TEXT_BYTES];
    cr_assert_eq(open_on(&listeners, "127.0.0.1:0", 2), 0);
    sock_format(&listeners.addresses[0], address);
    cr_assert_eq(open_on(&second, address, 2), -EADDRINUSE);
    cr_assert(strstr(error, address) && strstr(error, "another port"), "%s", error);
    listeners_close(&second);
    listeners_close(&listeners);
    cr_assert_eq(open_on(&second, address, 2), 0, "free again");
    listeners_close(&second);
}

Test(listeners, an_address_of_another_machine_is_told)
{
    cr_assert_eq(open_on(&listeners, "192.0.2.1:0", 1), -EADDRNOTAVAIL);
    cr_assert(strstr(error, "does not have this address"), "%s", error);
    listeners_close(&listeners);
}

Test(listeners, all_addresses_are_also_those_of_ipv4)
{
    cr_assert_eq(open_on(&listeners, "*:0", 1), 0, "%s", error);
    char text[SOCK_TEXT_BYTES], v4[SOCK_TEXT_BYTES];
    sock_format(&listeners.addresses[0], text);
    snprintf(v4, sizeof v4, "127.0.0.1%s", strrchr(text, ':'));
    struct sock_address address;
    cr_assert_eq(sock_parse(v4, &address, error, sizeof error), 0);
    cr_assert(can_connect(&address));
    listeners_close(&listeners);
}

Test(listeners, a_socket_that_the_program_brings_serves_all_shards_and_stays_open)
{
    struct sock_address address;
    cr_assert_eq(sock_parse("127.0.0.1:0", &address, error, sizeof error), 0);
    int fd = sock_listen(&address, 16);
    struct ringcast_listener wanted = {.fd = fd, .tls = true};
    cr_assert_eq(listeners_open(&listeners, &wanted, 1, 2, error, sizeof error), 0, "%s", error);
    cr_assert(listeners.fds[0][0] == fd && listeners.fds[1][0] == fd && listeners.tls[0]);
    listeners_close(&listeners);
    cr_assert_eq(sock_local(fd, &address), 0);
    cr_assert(can_connect(&address), "for whoever comes next");
    close(fd);
}

Test(listeners, a_descriptor_that_does_not_listen_is_told)
{
    struct ringcast_listener wanted = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    cr_assert_eq(listeners_open(&listeners, &wanted, 1, 2, error, sizeof error), -EINVAL);
    cr_assert(strstr(error, "does not listen"), "%s", error);
    listeners_close(&listeners);
    close(wanted.fd);
}
