// SPDX-License-Identifier: MIT
//
// What a shard posts to one peer: the bounded queue between them, and a local FIFO for what does
// not fit. Posting never blocks and never drops. Past MAILBOX_CROWDED waiting mails the mailbox is
// crowded: those who publish are then held (hub/hub.h), which is what bounds the FIFO.
//
// Thread: the posting shard's.
#pragma once

#include "hub/mail.h"

#define MAILBOX_QUEUE_MAILS 4096
#ifndef MAILBOX_CROWDED
#define MAILBOX_CROWDED 1024
#endif

struct mailbox {
    struct spsc *queue;   // to the peer; NULL for the shard itself
    struct mail *waiting; // FIFO ring of `capacity` (a power of two)
    uint32_t head, count, capacity;
};

void mailbox_post(struct mailbox *mailbox, const struct mail *mail);

// Moves what waits into the queue and shows the peer what is new; returns how many mails that were.
uint32_t mailbox_flush(struct mailbox *mailbox);

static inline bool mailbox_crowded(const struct mailbox *mailbox)
{
    return mailbox->count > MAILBOX_CROWDED;
}

void mailbox_fini(struct mailbox *mailbox);
