// SPDX-License-Identifier: MIT
//
// SIGHUP: the configuration and the files that it names are read again. What can change while we
// run does; what cannot is told; what is wrong changes nothing and is told.
#pragma once

#include "server/server.h"

// Where the configuration came from.
struct reload_source {
    int argc;
    char **argv;
};

// Thread: main.
void reload(struct server *server, const struct reload_source *source);
