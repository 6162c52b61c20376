// SPDX-License-Identifier: MIT
#include "hub/room.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct frame_pool frames;
static struct run_pool runs;
static struct room room;

static void set_up(void)
{
    frame_pool_init(&frames, NULL, 0);
    run_pool_init(&runs, &frames);
    memset(&room, 0, sizeof room);
}

static void tear_down(void)
{
    room_fini(&room, &runs);
    run_pool_fini(&runs);
    frame_pool_fini(&frames);
}

// Every room of up to 6 members, every cursor, every leaver: who had the run and who still is to
// get it must be the same sets as before, less the leaver, and every move must be reported.
Test(room, leaving_keeps_the_border_of_the_cursor, .init = set_up, .fini = tear_down)
{
    for (uint32_t count = 1; count <= 6; count++)
        for (uint32_t cursor = 0; cursor <= count; cursor++)
            for (uint32_t leaver = 0; leaver < count; leaver++) {
                uint32_t at[6], index, none;
                room.count = 0;
                for (uint32_t i = 0; i < count; i++) {
                    cr_assert(room_add(&room, i, i, &index, &none) == 0);
                    cr_assert(index == i && none == ROOM_NONE);
                    at[i] = i;
                }
                room.cursor = cursor;
                uint32_t moved[2];
                uint32_t moves = room_remove(&room, leaver, moved);
                for (uint32_t m = 0; m < moves; m++)
                    at[room.entries[moved[m]].connection] = moved[m];
                cr_assert(room.count == count - 1);
                for (uint32_t i = 0; i < count; i++) {
                    if (i == leaver)
                        continue;
                    cr_assert(room.entries[at[i]].connection == i, "an unreported move");
                    cr_assert((at[i] < room.cursor) == (i < cursor), "%u crossed the border", i);
                }
            }
    room.count = room.cursor = 0;
}

static void append(const char *text, uint64_t exclude_id)
{
    struct frame *frame = frame_create(&frames, 64);
    memcpy(frame->data, text, strlen(text));
    frame->len = (uint32_t)strlen(text);
    frame->exclude_id = exclude_id;
    cr_assert(room_append(&room, frame) == 0);
}

static bool run_is(struct run *run, const char *text)
{
    bool same =
        run && run_len(run) == strlen(text) && memcmp(run_bytes(run), text, strlen(text)) == 0;
    if (run)
        run_unref(&runs, run);
    return same;
}

Test(room, who_joins_within_a_run_does_not_get_it, .init = set_up, .fini = tear_down)
{
    for (uint32_t count = 1; count <= 6; count++)
        for (uint32_t cursor = 0; cursor <= count; cursor++) {
            uint32_t index, moved;
            room.count = room.cursor = 0;
            for (uint32_t i = 0; i < count; i++)
                cr_assert(room_add(&room, i, i, &index, &moved) == 0);
            room.run = run_copy(&runs, "run", 3, 1);
            room.cursor = cursor;
            cr_assert(room_add(&room, 99, 0, &index, &moved) == 0);
            cr_assert(room.entries[index].connection == 99 && index < room.cursor);
            for (uint32_t i = 0; i < room.count; i++) {
                uint32_t who = room.entries[i].connection;
                cr_assert(who == 99 || (i < room.cursor) == (who < cursor));
                cr_assert(who == 99 || i == who || i == moved, "an unreported move");
            }
            run_unref(&runs, room.run);
            room.run = NULL;
        }
    room.count = room.cursor = 0;
}

Test(room, lays_messages_end_to_end, .init = set_up, .fini = tear_down)
{
    uint32_t messages;
    append("one", 0);
    append("two", 7);
    append("three", 0);
    append("four", 7);
    cr_assert(run_is(room_lay(&room, 4, 0, &runs, &messages), "onetwothreefour") && messages == 4);
    cr_assert(run_is(room_lay(&room, 4, 7, &runs, &messages), "onethree") && messages == 2);
    cr_assert(run_is(room_lay(&room, 2, 7, &runs, &messages), "one") && messages == 1);
    room_drop_batch(&room, 3, &frames);
    cr_assert(room.pending_count == 1 && room.pending_bytes == 4);
    cr_assert(room_lay(&room, 1, 7, &runs, &messages) == NULL && messages == 0);
    cr_assert(run_is(room_lay(&room, 1, 0, &runs, &messages), "four"));
}

Test(room, batches_are_bounded_but_never_empty, .init = set_up, .fini = tear_down)
{
    append("0123456789", 0);
    append("0123456789", 1);
    append("0123456789", 2);
    append("0123456789", 3);
    cr_assert(room_batch(&room, 1, 99) == 1);
    cr_assert(room_batch(&room, 20, 99) == 2);
    cr_assert(room_batch(&room, 1000, 99) == 4);
    cr_assert(room_batch(&room, 1000, 2) == 3);
    cr_assert(room_batch(&room, 1000, 0) == 1);
    room_drop_batch(&room, 1, &frames);
    cr_assert(room_batch(&room, 1000, 0) == 1);
}
