// SPDX-License-Identifier: MIT
#include "hub/room.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct room_name *room_name_create(uint64_t hash, const uint8_t *bytes, size_t len)
{
    CHECK(len >= 1 && len <= ROOM_NAME_MAX_BYTES);
    struct room_name *name = malloc(sizeof *name + len);
    if (!name)
        return NULL;
    name->hash = hash;
    name->len = (uint8_t)len;
    memcpy(name->bytes, bytes, len);
    return name;
}

int room_add(struct room *room, uint32_t connection, uint32_t membership, uint32_t *index,
             uint32_t *moved)
{
    struct room_entry *entries =
        array_reserve(room->entries, room->count, &room->capacity, 2, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    room->entries = entries;
    *index = room->count++;
    *moved = ROOM_NONE;
    if (room->run) {
        // The run was published before the join: the new one goes among those who have it.
        if (room->cursor != *index) {
            room->entries[*index] = room->entries[room->cursor];
            *moved = *index;
        }
        *index = room->cursor++;
    }
    room->entries[*index] =
        (struct room_entry){.connection = connection, .membership = membership & 0x7fffffffU};
    return 0;
}

uint32_t room_remove(struct room *room, uint32_t index, uint32_t moved[2])
{
    CHECK(index < room->count);
    uint32_t moves = 0;
    if (index < room->cursor) {
        // Its gap is filled from the last one that has the run, whose gap is filled from the end.
        room->cursor--;
        if (index != room->cursor) {
            room->entries[index] = room->entries[room->cursor];
            moved[moves++] = index;
        }
        index = room->cursor;
    }
    room->count--;
    if (index != room->count) {
        room->entries[index] = room->entries[room->count];
        moved[moves++] = index;
    }
    return moves;
}

int room_append(struct room *room, struct frame *frame)
{
    struct frame **pending = array_reserve(room->pending, room->pending_count,
                                           &room->pending_capacity, 2, sizeof *pending);
    if (!pending)
        return -ENOMEM;
    room->pending = pending;
    room->pending[room->pending_count++] = frame;
    room->pending_bytes += frame->len;
    return 0;
}

uint32_t room_batch(const struct room *room, uint32_t max_bytes, uint32_t max_excluded)
{
    uint32_t n = 0, excluded = 0;
    uint64_t bytes = 0;
    for (; n < room->pending_count; n++) {
        const struct frame *frame = room->pending[n];
        bytes += frame->len;
        excluded += frame->exclude_id != 0;
        if (n && (bytes > max_bytes || excluded > max_excluded))
            break;
    }
    return n;
}

static bool wanted(const struct frame *frame, uint64_t exclude_id)
{
    return exclude_id == 0 || frame->exclude_id != exclude_id;
}

struct run *room_lay(const struct room *room, uint32_t n, uint64_t exclude_id,
                     struct run_pool *runs, uint32_t *messages)
{
    struct frame *only = NULL;
    uint32_t bytes = 0;
    *messages = 0;
    for (uint32_t i = 0; i < n; i++)
        if (wanted(room->pending[i], exclude_id)) {
            only = room->pending[i];
            bytes += only->len;
            ++*messages;
        }
    if (*messages == 0)
        return NULL;
    if (*messages == 1) {
        frame_ref(only, 1);
        struct run *run = run_create(runs, only, 1);
        if (!run)
            frame_unref(runs->frames, only);
        return run;
    }
    struct frame *laid = frame_create(runs->frames, bytes);
    if (!laid)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (wanted(room->pending[i], exclude_id)) {
            memcpy(laid->data + laid->len, frame_bytes(room->pending[i]), room->pending[i]->len);
            laid->len += room->pending[i]->len;
        }
    struct run *run = run_create(runs, laid, *messages);
    if (!run)
        frame_unref(runs->frames, laid);
    return run;
}

void room_drop_batch(struct room *room, uint32_t n, struct frame_pool *frames)
{
    for (uint32_t i = 0; i < n; i++) {
        room->pending_bytes -= room->pending[i]->len;
        frame_unref(frames, room->pending[i]);
    }
    room->pending_count -= n;
    if (room->pending_count) {
        memmove(room->pending, room->pending + n, room->pending_count * sizeof *room->pending);
    } else if (room->pending_capacity > 64) {
        // A burst must not cost a quiet room memory for ever.
        free(room->pending);
        room->pending = NULL;
        room->pending_capacity = 0;
    }
}

void room_fini(struct room *room, struct run_pool *runs)
{
    room_drop_batch(room, room->pending_count, runs->frames);
    if (room->run)
        run_unref(runs, room->run);
    free(room->pending);
    free(room->entries);
    free(room->name);
}
