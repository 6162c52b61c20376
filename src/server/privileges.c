// SPDX-License-Identifier: MIT
#include "server/privileges.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define GROUPS_MAX 1024

static bool is_user(uid_t uid)
{
    uid_t real, effective, saved;
    return getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
           saved == uid;
}

static bool has_group(const gid_t *groups, int count, gid_t group)
{
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

// Whoever starts a process chooses its groups. Others than the user's may be meant, or forgotten.
static void warn_of_groups(const struct passwd *entry)
{
    gid_t own[GROUPS_MAX], given[GROUPS_MAX + 1];
    int own_count = GROUPS_MAX, given_count = getgroups(GROUPS_MAX, given);
    if (given_count < 0 || getgrouplist(entry->pw_name, entry->pw_gid, own, &own_count) < 0)
        return;
    given[given_count++] = getegid();
    for (int i = 0; i < given_count; i++)
        if (!has_group(own, own_count, given[i])) {
            log_warn(
                "user %s is not in group %u, but was started with its rights: give it none that "
                "it does not need",
                entry->pw_name, (unsigned)given[i]);
            return;
        }
}

static int become(const char *user, char *error, size_t error_bytes)
{
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        int result = errno ? -errno : -ENOENT;
        snprintf(error, error_bytes, "there is no user '%.80s' to become", user);
        return result;
    }
    if (is_user(entry->pw_uid)) {
        warn_of_groups(entry);
        return 0;
    }
    if (initgroups(user, entry->pw_gid) || setgid(entry->pw_gid) ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid)) {
        int result = -errno;
        snprintf(error, error_bytes,
                 "cannot become user '%.80s': %s: start as root, or without the option user", user,
                 strerror(-result));
        return result;
    }
    CHECK(setuid(0) != 0 || entry->pw_uid == 0); // there is no way back
    return 0;
}

int privileges_drop(const char *user, char *error, size_t error_bytes)
{
    int result = *user ? become(user, error, error_bytes) : 0;
    if (!result)
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); // nothing is lost where it is not known
    return result;
}
