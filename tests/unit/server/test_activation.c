// SPDX-License-Identifier: MIT
#include "server/activation.h"

#include "ring/sock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct activation activation;
static char error[256];

static char *pid_variable(int offset)
{
    static char text[2][64];
    snprintf(text[offset], sizeof text[offset], "LISTEN_PID=%d", (int)getpid() + offset);
    return text[offset];
}

// Descriptors in a row, as a service manager leaves them.
static int listen_twice(void)
{
    struct sock_address address;
    cr_assert_eq(sock_parse("127.0.0.1:0", &address, error, sizeof error), 0);
    int first = sock_listen(&address, 1), second = sock_listen(&address, 1);
    cr_assert_eq(second, first + 1);
    return first;
}

Test(activation, sockets_by_name)
{
    int first = listen_twice();
    char *environment[] = {pid_variable(0), "LISTEN_FDS=2", "LISTEN_FDNAMES=web:tls", NULL};
    cr_assert_eq(activation_read(&activation, environment, first, error, sizeof error), 0, "%s",
                 error);
    unsigned index = 0;
    cr_expect_eq(activation_next(&activation, "tls", &index), first + 1);
    cr_expect_eq(activation_next(&activation, "tls", &index), -1);
    index = 0;
    cr_expect_eq(activation_next(&activation, NULL, &index), first);
    cr_expect_eq(activation_next(&activation, NULL, &index), first + 1);
    cr_expect_eq(activation_next(&activation, NULL, &index), -1);
    index = 0;
    cr_expect_eq(activation_next(&activation, "we", &index), -1);
}

Test(activation, names_may_be_missing)
{
    int first = listen_twice();
    char *environment[] = {pid_variable(0), "LISTEN_FDS=2", NULL};
    cr_assert_eq(activation_read(&activation, environment, first, error, sizeof error), 0);
    unsigned index = 0;
    cr_expect_eq(activation_next(&activation, NULL, &index), first);
    cr_expect_eq(activation.count, 2);
}

Test(activation, what_is_for_another_process_is_left_alone)
{
    char *foreign[] = {pid_variable(1), "LISTEN_FDS=2", NULL};
    char *no_pid[] = {"LISTEN_FDS=2", NULL};
    char *nonsense[] = {pid_variable(0), "LISTEN_FDS=two", NULL};
    char **all[] = {foreign, no_pid, NULL, nonsense};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_expect_eq(activation_read(&activation, all[i], 1000, error, sizeof error), 0);
        cr_expect_eq(activation.count, 0);
    }
}

Test(activation, what_does_not_listen_is_refused)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    char *environment[] = {pid_variable(0), "LISTEN_FDS=1", NULL};
    cr_expect_eq(activation_read(&activation, environment, ends[0], error, sizeof error), -EINVAL);
    cr_expect(strstr(error, "no listening stream socket"), "%s", error);
}
