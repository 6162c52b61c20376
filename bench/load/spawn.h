// SPDX-License-Identifier: MIT
//
// A server started for the run and stopped behind it.
#pragma once

#include "ring/sock.h"

#include <sys/types.h>

// Runs the command by /bin/sh (with `exec` before it, so that the process is the server and not a
// shell) and waits until the address accepts connections. The server's standard output goes to
// stderr. Returns the process id, or -1 with a sentence in error.
pid_t spawn_server(const char *command, const struct sock_address *address, char *error,
                   size_t error_bytes);

// SIGTERM, and SIGKILL when that does not help within two seconds.
void spawn_stop(pid_t pid);
