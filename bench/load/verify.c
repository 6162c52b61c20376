// SPDX-License-Identifier: MIT
#include "load/verify.h"

#include <errno.h>
#include <stdlib.h>

int verify_init(struct verify *verify, uint32_t streams)
{
    *verify = (struct verify){.streams = streams};
    verify->next = calloc(streams ? streams : 1, sizeof *verify->next);
    return verify->next ? 0 : -ENOMEM;
}

void verify_fini(struct verify *verify)
{
    free(verify->next);
    free(verify->gap_first);
    free(verify->gaps);
    *verify = (struct verify){0};
}

static bool ready_for_gaps(struct verify *verify)
{
    if (!verify->gap_first)
        verify->gap_first = calloc(verify->streams, sizeof *verify->gap_first);
    if (!verify->gaps)
        verify->gaps = calloc(VERIFY_GAPS_MAX, sizeof *verify->gaps);
    return verify->gap_first && verify->gaps;
}

static uint32_t take_gap(struct verify *verify)
{
    uint32_t place = verify->gap_free;
    if (place)
        verify->gap_free = verify->gaps[place - 1].next;
    else if (verify->gap_count < VERIFY_GAPS_MAX)
        place = ++verify->gap_count;
    return place;
}

static void add_gap(struct verify *verify, uint32_t stream, uint32_t from, uint32_t to)
{
    uint32_t place = ready_for_gaps(verify) ? take_gap(verify) : 0;
    if (!place) {
        counter_add(&verify->forgotten, to - from);
        return;
    }
    verify->gaps[place - 1] = (struct verify_gap){from, to, verify->gap_first[stream]};
    verify->gap_first[stream] = place;
}

static void drop_gap(struct verify *verify, uint32_t *link)
{
    uint32_t place = *link;
    *link = verify->gaps[place - 1].next;
    verify->gaps[place - 1].next = verify->gap_free;
    verify->gap_free = place;
}

// Takes one number out of the stream's gaps; false when no gap holds it.
static bool fill_gap(struct verify *verify, uint32_t stream, uint32_t sequence)
{
    if (!verify->gap_first)
        return false;
    for (uint32_t *link = &verify->gap_first[stream]; *link; link = &verify->gaps[*link - 1].next) {
        struct verify_gap *gap = &verify->gaps[*link - 1];
        if (sequence < gap->from || sequence >= gap->to)
            continue;
        uint32_t from = sequence + 1, to = gap->to;
        gap->to = sequence;
        if (gap->from == gap->to)
            drop_gap(verify, link);
        if (from < to)
            add_gap(verify, stream, from, to);
        return true;
    }
    return false;
}

enum verify_result verify_unexpected(struct verify *verify, uint32_t stream, uint32_t sequence)
{
    uint32_t next = verify->next[stream];
    if (sequence > next) {
        add_gap(verify, stream, next, sequence);
        counter_add(&verify->skipped, sequence - next);
        verify->next[stream] = sequence + 1;
        return VERIFY_NEW;
    }
    if (fill_gap(verify, stream, sequence)) {
        counter_add(&verify->reordered, 1);
        counter_add(&verify->skipped, (uint64_t)-1);
        return VERIFY_REORDERED;
    }
    counter_add(&verify->doubled, 1);
    return VERIFY_DOUBLED;
}

uint64_t verify_missing(const struct verify *verify, uint32_t stream, uint32_t published)
{
    uint64_t missing = 0;
    if (published > verify->next[stream])
        missing = published - verify->next[stream];
    uint32_t place = verify->gap_first ? verify->gap_first[stream] : 0;
    for (; place; place = verify->gaps[place - 1].next)
        missing += verify->gaps[place - 1].to - verify->gaps[place - 1].from;
    return missing;
}

void verify_restart(struct verify *verify, uint32_t stream, uint32_t sequence)
{
    while (verify->gap_first && verify->gap_first[stream])
        drop_gap(verify, &verify->gap_first[stream]);
    verify->next[stream] = sequence;
}
