// SPDX-License-Identifier: MIT
//
// What the process is told by signals, handled by the main thread one after the other; no handler
// ever runs.
#pragma once

#include "server/reload.h"

// Before any thread is created: all of them inherit the mask.
void signals_block(void);

// SIGTERM and SIGINT drain and end (a second one ends at once), SIGHUP re-reads the configuration.
// Returns when all shards have ended.
void signals_serve(struct server *server, const struct reload_source *source);
