// SPDX-License-Identifier: MIT
//
// Sockets that another server has upgraded: each becomes a file of the ring, then a connection.
#include "shard/shard_internal.h"

#include "base/log.h"
#include "net/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One on its way into the ring's table.
struct adoption {
    int fd; // in: the descriptor; out: the file
    int descriptor;
    struct inbox_adopt *adopt;
    uint8_t early[];
};

static uint32_t take_place(struct shard *shard)
{
    for (uint32_t i = 0; i < SHARD_ADOPTIONS; i++)
        if (!shard->adoptions[i])
            return i;
    return SHARD_ADOPTIONS;
}

void shard_tell_not_adopted(struct shard *shard, const struct inbox_adopt *adopt)
{
    if (shard->options.conn_ops->not_adopted)
        shard->options.conn_ops->not_adopted(shard->options.conn_context, adopt->decision.user);
}

static void refuse(struct shard *shard, struct inbox_adopt *adopt)
{
    counter_add(&shard->counters.adoptions_refused, 1);
    shard_tell_not_adopted(shard, adopt);
    claims_destroy(adopt->claims);
    free(adopt);
}

void shard_adopt(struct shard *shard, struct inbox_command *command)
{
    struct inbox_adopt *adopt = command->adopt;
    uint32_t place = take_place(shard);
    bool full = shard->net.open_count + shard->adoption_count >= shard->options.max_connections ||
                shard->phase >= SHARD_DRAINING || place == SHARD_ADOPTIONS;
    struct adoption *adoption = full ? NULL : malloc(sizeof *adoption + adopt->early_bytes);
    command->adopt = NULL;
    if (!adoption) {
        close(adopt->fd);
        refuse(shard, adopt);
        return;
    }
    *adoption = (struct adoption){.fd = adopt->fd, .descriptor = adopt->fd, .adopt = adopt};
    if (adopt->early_bytes)
        memcpy(adoption->early, command->text, adopt->early_bytes);
    shard->adoptions[place] = adoption;
    shard->adoption_count++;
    ring_adopt(shard->ring, &adoption->fd, op_pack(OP_ADOPT, 0, place));
}

void shard_on_adopted(struct shard *shard, const struct ring_completion *c)
{
    uint32_t place = op_slot(c->user_data);
    struct adoption *adoption = shard->adoptions[place];
    struct inbox_adopt *adopt = adoption->adopt;
    shard->adoptions[place] = NULL;
    shard->adoption_count--;
    close(adoption->descriptor);
    if (c->result == 1) {
        struct link_entry entry = {.address = adopt->address, .port = adopt->port};
        uint32_t file = (uint32_t)adoption->fd;
        link_accepted(&shard->net, file, &entry);
        struct conn *conn = conn_of(&shard->conns, file);
        conn_adopt(&shard->conns, conn, &adopt->decision, adopt->claims);
        if (adopt->early_bytes)
            link_give(&shard->net, &conn->link, adoption->early, adopt->early_bytes);
        free(adopt);
    } else {
        log_warn("socket not adopted: %s", strerror(-c->result));
        refuse(shard, adopt);
    }
    free(adoption);
}
