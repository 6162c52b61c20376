// SPDX-License-Identifier: MIT
#include "server/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int privileges_drop(const char *user, char *error, size_t error_bytes)
{
    if (!*user)
        return 0;
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        int result = errno ? -errno : -ENOENT;
        snprintf(error, error_bytes, "there is no user '%.80s' to become", user);
        return result;
    }
    if (entry->pw_uid == getuid() && entry->pw_uid == geteuid())
        return 0; // started as that user
    if (initgroups(user, entry->pw_gid) || setgid(entry->pw_gid) || setuid(entry->pw_uid)) {
        int result = -errno;
        snprintf(error, error_bytes,
                 "cannot become user '%.80s': %s: start as root, or without the option user", user,
                 strerror(-result));
        return result;
    }
    CHECK(setuid(0) != 0 || entry->pw_uid == 0); // there is no way back
    return 0;
}
