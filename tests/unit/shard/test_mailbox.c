// SPDX-License-Identifier: MIT
#include "shard/mailbox.h"

#include <criterion/criterion.h>
#include <string.h>

#define CAPACITY 8

static struct spsc queue;
static struct mailbox mailbox;

static void set_up(void)
{
    cr_assert(spsc_init(&queue, CAPACITY) == 0);
    mailbox = (struct mailbox){.queue = &queue};
}

static uint32_t receive(uint64_t *next_id, uint32_t max)
{
    struct spsc_item items[CAPACITY];
    uint32_t count = spsc_pop(&queue, items, max);
    for (uint32_t i = 0; i < count; i++) {
        struct mail mail;
        memcpy(&mail, &items[i], sizeof mail);
        cr_assert(mail.id == (*next_id)++, "mails must keep their order");
    }
    return count;
}

Test(mailbox, keeps_order_and_loses_nothing_when_the_queue_is_full)
{
    set_up();
    uint64_t sent = 0, received = 0;
    // Bursts of every size against reads of every size.
    for (uint32_t burst = 0; burst <= 3 * CAPACITY; burst++)
        for (uint32_t take = 0; take <= CAPACITY; take++) {
            for (uint32_t i = 0; i < burst; i++)
                mailbox_post(&mailbox, &(struct mail){.kind = MAIL_SEND, .id = sent++});
            mailbox_flush(&mailbox);
            receive(&received, take);
        }
    do
        mailbox_flush(&mailbox);
    while (receive(&received, CAPACITY));
    cr_assert(received == sent && mailbox.count == 0);
    mailbox_fini(&mailbox);
    spsc_fini(&queue);
}

Test(mailbox, shows_nothing_before_the_flush)
{
    set_up();
    mailbox_post(&mailbox, &(struct mail){.kind = MAIL_SEND});
    cr_assert(spsc_empty(&queue));
    cr_assert(mailbox_flush(&mailbox) == 1);
    cr_assert(!spsc_empty(&queue));
}

Test(mailbox, is_crowded_past_its_mark)
{
    set_up();
    for (uint64_t i = 0; i < CAPACITY + MAILBOX_CROWDED; i++)
        mailbox_post(&mailbox, &(struct mail){.kind = MAIL_SEND, .id = i});
    cr_assert(!mailbox_crowded(&mailbox));
    mailbox_post(&mailbox, &(struct mail){.kind = MAIL_SEND});
    cr_assert(mailbox_crowded(&mailbox));
}
