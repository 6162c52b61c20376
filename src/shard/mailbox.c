// SPDX-License-Identifier: MIT
#include "shard/mailbox.h"

#include <stdlib.h>
#include <string.h>

static bool push(struct mailbox *mailbox, const struct mail *mail)
{
    struct spsc_item item;
    memcpy(&item, mail, sizeof item);
    return spsc_push(mailbox->queue, &item);
}

static void wait_in_line(struct mailbox *mailbox, const struct mail *mail)
{
    if (mailbox->count == mailbox->capacity) {
        uint32_t capacity = mailbox->capacity ? mailbox->capacity * 2 : 256;
        struct mail *larger = malloc(capacity * sizeof *larger);
        CHECK(larger); // see base/check.h: a lost mail would be a join or a leave that never was
        for (uint32_t i = 0; i < mailbox->count; i++)
            larger[i] = mailbox->waiting[(mailbox->head + i) & (mailbox->capacity - 1)];
        free(mailbox->waiting);
        mailbox->waiting = larger;
        mailbox->capacity = capacity;
        mailbox->head = 0;
    }
    mailbox->waiting[(mailbox->head + mailbox->count++) & (mailbox->capacity - 1)] = *mail;
}

void mailbox_post(struct mailbox *mailbox, const struct mail *mail)
{
    // Behind others that wait, or the order would be lost.
    if (mailbox->count || !push(mailbox, mail))
        wait_in_line(mailbox, mail);
}

uint32_t mailbox_flush(struct mailbox *mailbox)
{
    while (mailbox->count && push(mailbox, &mailbox->waiting[mailbox->head])) {
        mailbox->head = (mailbox->head + 1) & (mailbox->capacity - 1);
        mailbox->count--;
    }
    return spsc_publish(mailbox->queue);
}

void mailbox_fini(struct mailbox *mailbox)
{
    CHECK(mailbox->count == 0);
    free(mailbox->waiting);
}
