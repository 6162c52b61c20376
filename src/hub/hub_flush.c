// SPDX-License-Identifier: MIT
//
// The hub's part of the flush: what waits in a room becomes a run, and the run is handed out in
// slices.
#include "hub/hub_internal.h"

void hub_flush_begin(struct hub *hub)
{
    list_append_all(&hub->flushing, &hub->dirty);
    home_poll_waiting(hub);
}

// A member that is left out of some of these messages gets a run of the others, and is skipped by
// the slices. That is one more run per such member, so room_batch bounds how many there are.
static void give_excluded(struct hub *hub, struct room *room, uint32_t slot, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = room->pending[i]->exclude_id;
        uint32_t connection = id ? hub->ops->local_slot(hub->context, id) : SLAB_NONE;
        if (connection == SLAB_NONE)
            continue;
        struct membership *membership =
            hub_find_membership(hub->ops->memberships(hub->context, connection), slot);
        if (!membership || room->entries[membership->index].skip)
            continue;
        room->entries[membership->index].skip = 1;
        uint32_t messages;
        struct run *run = room_lay(room, n, id, hub->runs, &messages);
        if (run) {
            hub->ops->deliver(hub->context, connection, run);
            run_unref(hub->runs, run);
        } else if (messages) {
            hub->ops->give_up(hub->context, connection);
        }
    }
}

// Without memory for the run the members are given up, and there is none.
static void begin_run(struct hub *hub, struct room *room, uint32_t slot)
{
    uint32_t messages;
    uint32_t n = room_batch(room, HUB_RUN_MAX_BYTES, HUB_RUN_MAX_EXCLUDED);
    give_excluded(hub, room, slot, n);
    room->run = room_lay(room, n, 0, hub->runs, &messages);
    if (!room->run)
        hub_give_up(hub, room);
    room->cursor = 0;
    room_drop_batch(room, n, hub->runs->frames);
    if (room->congested && room->pending_bytes <= HUB_PENDING_MARK / 2 &&
        room->pending_count <= HUB_PENDING_FRAMES / 2)
        hub_set_congested(hub, room, false);
}

// The next room, with a run; NULL when none is left for this tick.
static struct room *next_room(struct hub *hub)
{
    struct list_node *node;
    while ((node = list_first(&hub->flushing))) {
        struct room *room = CONTAINER_OF(node, struct room, dirty);
        list_remove(node);
        if (!room->run)
            begin_run(hub, room, slab_slot(&hub->rooms, room));
        if (room->run)
            return room;
        if (room->pending_count)
            list_push_back(&hub->dirty, node);
    }
    return NULL;
}

bool hub_next_slice(struct hub *hub, uint32_t budget, struct hub_slice *slice)
{
    if (hub->finished)
        run_unref(hub->runs, hub->finished);
    hub->finished = NULL;
    struct room *room = next_room(hub);
    if (!room)
        return false;
    uint32_t left = room->count - room->cursor;
    uint32_t cost = hub_send_cost(run_len(room->run));
    uint32_t fit = budget > cost ? budget / cost : 1;
    *slice = (struct hub_slice){.run = room->run,
                                .entries = room->entries + room->cursor,
                                .count = left < fit ? left : fit};
    slice->cost = slice->count * cost < budget ? slice->count * cost : budget;
    room->cursor += slice->count;
    if (room->cursor == room->count) {
        hub->finished = room->run;
        room->run = NULL;
        room->cursor = 0;
    }
    if (room->run || room->pending_count)
        list_push_back(&hub->dirty, &room->dirty);
    return true;
}
