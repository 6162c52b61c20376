// SPDX-License-Identifier: MIT
//
// Sockets that the service manager opened for us (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES in the environment. They stay open when we end, so that clients who connect during
// a restart wait in their backlog instead of being refused.
#pragma once

#include "base/check.h"

#define ACTIVATION_MAX 64

struct activation {
    int fds[ACTIVATION_MAX];
    const char *names[ACTIVATION_MAX]; // not terminated: name_bytes long
    size_t name_bytes[ACTIVATION_MAX];
    unsigned count;
};

// What this process was given; nothing when the variables are for another process. first_fd: 3, but
// for tests. The environment must stay as it is. Returns 0 or -EINVAL with a sentence in error.
MUST_USE int activation_read(struct activation *activation, char **environment, int first_fd,
                             char *error, size_t error_bytes);

// The next socket after *index that has this name (NULL: any), or -1. Begin with *index 0.
int activation_next(const struct activation *activation, const char *name, unsigned *index);
