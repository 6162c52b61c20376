// SPDX-License-Identifier: MIT
#include "net/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_SAMPLE 16 // entries that backlog_held_bytes looks at

struct backlog *backlog_create(void)
{
    return calloc(1, sizeof(struct backlog));
}

void backlog_destroy(struct backlog *backlog, struct run_pool *runs)
{
    CHECK(!backlog->notif_run);
    if (backlog->sealed)
        run_unref(runs, backlog->sealed);
    for (uint32_t i = 0; i < backlog->count; i++)
        run_unref(runs, backlog_at(backlog, i)->run);
    free(backlog->entries);
    free(backlog);
}

static int grow(struct backlog *backlog)
{
    uint32_t capacity = backlog->capacity ? backlog->capacity * 2 : 8;
    struct backlog_entry *entries = malloc(capacity * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < backlog->count; i++)
        entries[i] = *backlog_at(backlog, i);
    free(backlog->entries);
    backlog->entries = entries;
    backlog->head = 0;
    backlog->capacity = capacity;
    return 0;
}

int backlog_push(struct backlog *backlog, struct run *run, uint32_t sent_bytes, uint32_t now_ms)
{
    CHECK(sent_bytes == 0 || backlog->count == 0);
    CHECK(sent_bytes < run_len(run));
    if (backlog->count == backlog->capacity && grow(backlog))
        return -ENOMEM;
    *backlog_at(backlog, backlog->count++) =
        (struct backlog_entry){.run = run, .queued_ms = now_ms};
    backlog->messages += run->messages;
    backlog->bytes += run_len(run) - sent_bytes;
    if (sent_bytes)
        backlog->head_sent_bytes = sent_bytes;
    return 0;
}

int backlog_push_front(struct backlog *backlog, struct run *run, uint32_t sent_bytes,
                       uint32_t now_ms)
{
    CHECK(backlog->flight_count == 0 && backlog->head_sent_bytes == 0);
    CHECK(sent_bytes < run_len(run));
    if (backlog->count == backlog->capacity && grow(backlog))
        return -ENOMEM;
    backlog->head = (backlog->head - 1) & (backlog->capacity - 1);
    backlog->count++;
    *backlog_at(backlog, 0) = (struct backlog_entry){.run = run, .queued_ms = now_ms};
    backlog->messages += run->messages;
    backlog->bytes += run_len(run) - sent_bytes;
    backlog->head_sent_bytes = sent_bytes;
    return 0;
}

uint64_t backlog_held_bytes(const struct backlog *backlog)
{
    uint64_t own = 0, all = 1;
    uint32_t count = backlog->count < HELD_SAMPLE ? backlog->count : HELD_SAMPLE;
    for (uint32_t i = 0; i < count; i++) {
        // From the end: the newest are the least finished.
        const struct run *run = backlog_at(backlog, backlog->count - 1 - i)->run;
        all += run_len(run);
        if (!frame_registered(run->frame))
            own += run_len(run) / run->refs;
    }
    // double: the product of two 40-bit numbers.
    uint64_t bytes = (uint64_t)((double)backlog->bytes * (double)own / (double)all);
    return bytes + backlog_own_bytes(backlog) + (backlog->sealed ? run_len(backlog->sealed) : 0);
}

void backlog_gather(struct backlog *backlog, uint32_t max_bytes)
{
    CHECK(backlog->flight_count == 0 && backlog->count > 0);
    uint32_t bytes = 0, skip = backlog->head_sent_bytes;
    while (backlog->flight_count < backlog->count && backlog->flight_count < BACKLOG_GATHER) {
        const struct run *run = backlog_at(backlog, backlog->flight_count)->run;
        uint32_t len = run_len(run) - skip;
        if (backlog->flight_count && bytes + len > max_bytes)
            break;
        // iovec is not const-correct; a send only reads.
        union {
            const void *in;
            void *out;
        } base = {.in = run_bytes(run) + skip};
        backlog->pieces[backlog->flight_count++] = (struct iovec){base.out, len};
        bytes += len;
        skip = 0;
    }
    backlog->message =
        (struct msghdr){.msg_iov = backlog->pieces, .msg_iovlen = backlog->flight_count};
}

static void pop(struct backlog *backlog, struct run_pool *runs)
{
    struct run *run = backlog_at(backlog, 0)->run;
    backlog->messages -= run->messages;
    backlog->head = (backlog->head + 1) & (backlog->capacity - 1);
    backlog->count--;
    backlog->head_sent_bytes = 0;
    run_unref(runs, run);
}

void backlog_advance(struct backlog *backlog, uint32_t sent_bytes, struct run_pool *runs)
{
    backlog->flight_count = 0;
    CHECK(sent_bytes <= backlog->bytes);
    backlog->bytes -= sent_bytes;
    while (sent_bytes) {
        uint32_t left = run_len(backlog_at(backlog, 0)->run) - backlog->head_sent_bytes;
        if (sent_bytes < left) {
            backlog->head_sent_bytes += sent_bytes;
            return;
        }
        sent_bytes -= left;
        pop(backlog, runs);
    }
}

bool backlog_truncate(struct backlog *backlog, struct run_pool *runs)
{
    uint32_t keep = backlog->flight_count ? backlog->flight_count : 1;
    bool drops = backlog->count > keep;
    while (backlog->count > keep) {
        struct run *run = backlog_at(backlog, --backlog->count)->run;
        backlog->messages -= run->messages;
        backlog->bytes -= run_len(run);
        run_unref(runs, run);
    }
    return drops;
}
