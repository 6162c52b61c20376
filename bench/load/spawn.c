// SPDX-License-Identifier: MIT
#include "load/spawn.h"

#include <errno.h>
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
    char line[4096];
    int len = snprintf(line, sizeof line, "exec %s", command);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGINT, SIG_IGN); // the terminal's Ctrl-C is for the load tool, which then stops us
    dup2(STDERR_FILENO, STDOUT_FILENO);
    if (len > 0 && (size_t)len < sizeof line)
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
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
    for (int waited_ms = 0; waited_ms < READY_LIMIT_MS; waited_ms += STEP_MS) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid) {
            snprintf(error, error_bytes, "--spawn: '%.100s' ended with %s %d", command,
                     WIFEXITED(status) ? "exit code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
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

void spawn_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int waited_ms = 0; waited_ms < STOP_LIMIT_MS; waited_ms += STEP_MS) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(STEP_MS * 1000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
