// SPDX-License-Identifier: MIT
#include "server/activation.h"

#include "server/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long number(const char *text)
{
    char *end;
    if (!text || *text < '0' || *text > '9')
        return -1;
    errno = 0;
    long value = strtol(text, &end, 10);
    return *end || errno ? -1 : value;
}

static int check_socket(int fd, char *error, size_t error_bytes)
{
    int listens = 0, type = 0;
    socklen_t len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens &&
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        return 0;
    }
    snprintf(
        error, error_bytes,
        "descriptor %d, which systemd passed, is no listening stream socket: use ListenStream= "
        "and Accept=no in the socket unit",
        fd);
    return -EINVAL;
}

int activation_read(struct activation *activation, char **environment, int first_fd, char *error,
                    size_t error_bytes)
{
    const char *names = environment_value(environment, "LISTEN_FDNAMES");
    long count = number(environment_value(environment, "LISTEN_FDS"));
    activation->count = 0;
    if (count <= 0 || number(environment_value(environment, "LISTEN_PID")) != (long)getpid())
        return 0;
    if (count > ACTIVATION_MAX) {
        snprintf(error, error_bytes, "systemd passed more than %d sockets", ACTIVATION_MAX);
        return -EINVAL;
    }
    for (int i = 0; i < (int)count; i++) {
        size_t len = names ? strcspn(names, ":") : 0;
        if (check_socket(first_fd + i, error, error_bytes))
            return -EINVAL;
        activation->fds[i] = first_fd + i;
        activation->names[i] = names ? names : "";
        activation->name_bytes[i] = len;
        if (names)
            names += len + (names[len] == ':');
    }
    activation->count = (unsigned)count;
    return 0;
}

int activation_next(const struct activation *activation, const char *name, unsigned *index)
{
    while (*index < activation->count) {
        unsigned i = (*index)++;
        if (!name || (strlen(name) == activation->name_bytes[i] &&
                      memcmp(name, activation->names[i], activation->name_bytes[i]) == 0))
            return activation->fds[i];
    }
    return -1;
}
