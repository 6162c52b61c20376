// SPDX-License-Identifier: MIT
#include "load/client.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CLIENTS = 4, MESSAGES = 4096, BYTES = 114 };

static struct bench bench;
static struct client clients[CLIENTS];
static struct client *dirty[CLIENTS];
static struct worker worker = {.bench = &bench, .dirty = dirty, .clients = clients};

static void add(struct client *client, uint32_t number)
{
    uint8_t *out = client_out(&worker, client, BYTES);
    cr_assert_not_null(out);
    memset(out, (int)(number * 7 + client->index), BYTES);
}

static void check(const struct client *client)
{
    cr_assert_eq(client->out_bytes, MESSAGES * BYTES);
    for (uint32_t i = 0; i < MESSAGES; i++)
        cr_assert_eq(client->out[i * BYTES + BYTES - 1], (uint8_t)(i * 7 + client->index));
}

// Also beyond the arena's chunks, and where clients send by turns, memory grows with what is sent.
Test(client_out, memory_is_a_few_times_what_is_sent)
{
    for (uint32_t together = 1; together <= CLIENTS; together++) {
        memset(clients, 0, sizeof clients);
        worker.dirty_count = 0;
        arena_init(&worker.arenas[0], 256 * 1024, 16);
        for (uint32_t i = 0; i < MESSAGES; i++)
            for (uint32_t c = 0; c < together; c++) {
                clients[c].index = c;
                add(&clients[c], i);
            }
        for (uint32_t c = 0; c < together; c++)
            check(&clients[c]);
        cr_assert_lt(worker.arenas[0].used_bytes, 5 * together * MESSAGES * BYTES);
        cr_assert_eq(worker.dirty_count, together);
        arena_fini(&worker.arenas[0]);
    }
}
