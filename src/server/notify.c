// SPDX-License-Identifier: MIT
#include "server/notify.h"

#include "base/log.h"
#include "server/environment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    struct sockaddr_un address;
    socklen_t address_bytes; // 0: nobody to tell
    uint64_t watchdog_ms;    // 0: nobody watches
    uint64_t next_ms;        // when to look at the shards
} notify;

void notify_init(char **environment)
{
    memset(&notify, 0, sizeof notify);
    const char *path = environment_value(environment, "NOTIFY_SOCKET");
    const char *period = environment_value(environment, "WATCHDOG_USEC");
    const char *pid = environment_value(environment, "WATCHDOG_PID");
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof notify.address.sun_path || (*path != '/' && *path != '@'))
        return;
    notify.address.sun_family = AF_UNIX;
    memcpy(notify.address.sun_path, path, len);
    if (*path == '@')
        notify.address.sun_path[0] = 0; // an abstract name
    notify.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    // Three times within what the manager waits for, so that one late look is no restart.
    if (period && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
        notify.watchdog_ms = strtoull(period, NULL, 10) / 1000 / 3;
}

void notify_send(const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (!notify.address_bytes)
        return;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (const void *)&notify.address,
               notify.address_bytes) < 0)
        log_debug("the service manager was not told: %s", strerror(errno));
    close(fd);
}

uint64_t notify_watchdog(struct ringcast *rc, uint64_t now_ms)
{
    if (!notify.watchdog_ms)
        return UINT64_MAX;
    if (now_ms < notify.next_ms)
        return notify.next_ms;
    if (ringcast_alive(rc) || notify.next_ms == 0)
        notify_send("WATCHDOG=1");
    else
        log_error("a shard is stuck: the service manager's watchdog is not answered");
    notify.next_ms = now_ms + notify.watchdog_ms;
    return notify.next_ms;
}
