// SPDX-License-Identifier: MIT
#include "load/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_LIMIT_MS 10000
#define STOP_LIMIT_MS  2000
#define STEP_MS        20

static _Noreturn void become_server(const char *command)
{
    // A group of its own: a terminal's Ctrl-C is for the load tool, which then stops all of it.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static bool accepts(const struct sock_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool connected = connect(fd, (const void *)&address->storage, address->bytes) == 0;
    close(fd);
    return connected;
}

pid_t spawn_server(const char *command, const struct sock_address *address, char *error,
                   size_t error_bytes)
{
    if (accepts(address)) {
        snprintf(error, error_bytes,
                 "--spawn: something accepts connections at that address already");
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_server(command);
    if (pid < 0) {
        snprintf(error, error_bytes, "--spawn: %s", strerror(errno));
        return -1;
    }
    setpgid(pid, pid); // both do, so that it has happened for either
    for (int waited_ms = 0; waited_ms < READY_LIMIT_MS; waited_ms += STEP_MS) {
        char how[64];
        if (spawn_ended(pid, how, sizeof how)) {
            snprintf(error, error_bytes, "--spawn: '%.100s' ended with %s", command, how);
            spawn_stop(pid);
            return -1;
        }
        if (accepts(address))
            return pid;
        usleep(STEP_MS * 1000);
    }
    spawn_stop(pid);
    snprintf(error, error_bytes, "--spawn: '%.100s' accepts no connections after %d s", command,
             READY_LIMIT_MS / 1000);
    return -1;
}

bool spawn_ended(pid_t pid, char *how, size_t how_bytes)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
        return false;
    snprintf(how, how_bytes, "%s %d", info.si_code == CLD_EXITED ? "exit code" : "signal",
             info.si_status);
    return true;
}

// True when nobody of the group is left; the shell itself is reaped on the way.
static bool is_gone(pid_t pid)
{
    (void)waitpid(pid, NULL, WNOHANG);
    return kill(-pid, 0) && errno == ESRCH;
}

void spawn_stop(pid_t pid)
{
    kill(-pid, SIGTERM);
    for (int waited_ms = 0; waited_ms < STOP_LIMIT_MS; waited_ms += STEP_MS) {
        if (is_gone(pid))
            return;
        usleep(STEP_MS * 1000);
    }
    kill(-pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}
