// SPDX-License-Identifier: MIT
//
// Scenarios idle and connect: connections that say nothing. What is measured of them (handshakes,
// the server's memory and CPU, pings, losses) is measured in every run.
#include "load/client.h"

#include <string.h>

static void message(struct worker *worker, struct client *client, const uint8_t *bytes, size_t have,
                    uint64_t total_bytes)
{
    (void)client;
    (void)bytes;
    (void)have;
    (void)total_bytes;
    worker_count(worker, other, 1);
}

const struct scenario scenario_idle = {
    .name = "idle",
    .default_path = "/room/idle",
    .loads = true,
    .message = message,
};

const struct scenario scenario_connect = {
    .name = "connect",
    .default_path = "/room/idle",
    .message = message,
};

const struct scenario *scenario_find(const char *name)
{
    static const struct scenario *const all[] = {
        &scenario_fanout, &scenario_echo,  &scenario_idle,  &scenario_connect,
        &scenario_slow,   &scenario_storm, &scenario_churn,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
