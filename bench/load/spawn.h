// SPDX-License-Identifier: MIT
//
// A server started for the run and stopped behind it.
#pragma once

#include "ring/sock.h"

#include <sys/types.h>

// Runs the command by /bin/sh, in a process group of its own, and waits until the address accepts
// connections. The server's standard output goes to stderr. Returns the process id of the shell, or
// of what it has become, or -1 with a sentence in error.
pid_t spawn_server(const char *command, const struct sock_address *address, char *error,
                   size_t error_bytes);

// True when it has ended by itself, with "exit code 3" or "signal 11" in `how`.
bool spawn_ended(pid_t pid, char *how, size_t how_bytes);

// SIGTERM to the whole group, and SIGKILL when that does not help within two seconds.
void spawn_stop(pid_t pid);
