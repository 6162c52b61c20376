// SPDX-License-Identifier: MIT
//
// The member's half of the hub: local rooms, joins, leaves, mails. The home's half is hub_home.c;
// the slices of the flush are in hub_flush.c.
#include "hub/hub.h"

#include "hub/hub_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *room_key(const void *hub, uint32_t slot, size_t *len)
{
    const struct room *room = slab_at(&((const struct hub *)hub)->rooms, slot);
    *len = room->name->len;
    return room->name->bytes;
}

int hub_init(struct hub *hub, const struct hub_options *options, const struct hub_ops *ops,
             void *context, struct run_pool *runs)
{
    memset(hub, 0, sizeof *hub);
    hub->options = *options;
    hub->ops = ops;
    hub->context = context;
    hub->runs = runs;
    list_init(&hub->dirty);
    list_init(&hub->flushing);
    list_init(&hub->waiting);
    map_init(&hub->rooms_by_name, room_key, hub);
    map_init(&hub->homes_by_name, home_key, hub);
    int error = slab_init(&hub->rooms, sizeof(struct room), options->max_rooms);
    if (error)
        return error;
    error = slab_init(&hub->homes, sizeof(struct home), options->max_rooms);
    if (error)
        slab_fini(&hub->rooms);
    return error;
}

void hub_fini(struct hub *hub)
{
    CHECK(list_empty(&hub->dirty) && list_empty(&hub->flushing));
    if (hub->finished)
        run_unref(hub->runs, hub->finished);
    map_fini(&hub->rooms_by_name);
    map_fini(&hub->homes_by_name);
    slab_fini(&hub->rooms);
    slab_fini(&hub->homes);
}

// --- Memberships of one connection

struct membership *hub_find_membership(struct memberships *of, uint32_t room)
{
    for (uint32_t i = 0; i < of->count; i++)
        if (memberships_at(of, i)->room == room)
            return memberships_at(of, i);
    return NULL;
}

static bool reserve_membership(struct memberships *of)
{
    if (of->count < (of->capacity ? of->capacity : 1))
        return true;
    uint32_t capacity = of->capacity ? of->capacity * 2 : 4;
    struct membership *many = realloc(of->capacity ? of->many : NULL, capacity * sizeof *many);
    if (!many)
        return false;
    if (!of->capacity)
        many[0] = of->one;
    of->many = many;
    of->capacity = capacity;
    return true;
}

static void remove_membership(struct hub *hub, struct memberships *of, uint32_t index)
{
    uint32_t last = --of->count;
    if (index != last) {
        // The last one takes the gap; its room's entry must know.
        struct membership moved = of->capacity ? of->many[last] : of->one;
        of->many[index] = moved;
        struct room *room = slab_at(&hub->rooms, moved.room);
        room->entries[moved.index].membership = index & 0x7fffffffU;
    }
    if (of->count == 0 && of->capacity) {
        free(of->many);
        memset(of, 0, sizeof *of);
    }
}

// --- Rooms

static uint32_t find_room(const struct hub *hub, const uint8_t *name, size_t len, uint64_t *hash)
{
    *hash = hash_bytes(&hub->options.hash_key, name, len);
    return map_find(&hub->rooms_by_name, *hash, name, len);
}

static uint16_t home_shard(uint16_t shard_count, uint64_t hash)
{
    return (uint16_t)((hash >> 32) % shard_count);
}

static void free_room(struct hub *hub, uint32_t slot)
{
    struct room *room = slab_at(&hub->rooms, slot);
    if (list_linked(&room->dirty))
        list_remove(&room->dirty);
    if (room->user)
        hub->ops->room_ended(hub->context, room->name, room->user);
    map_remove(&hub->rooms_by_name, room->name->hash, slot);
    room_fini(room, hub->runs);
    slab_release(&hub->rooms, slot);
    counter_add(&hub->counters.rooms, (uint64_t)-1);
}

static void leave_home(struct hub *hub, uint32_t slot)
{
    struct room *room = slab_at(&hub->rooms, slot);
    if (room->home_shard == hub->options.shard) {
        struct home_address at = {room->home_slot, room->home_generation};
        home_leave(hub, at, hub->options.shard);
    } else {
        struct mail mail = {
            .kind = MAIL_LEAVE, .slot = room->home_slot, .generation = room->home_generation};
        hub->ops->post(hub->context, room->home_shard, &mail);
    }
    free_room(hub, slot);
}

static bool enter_home(struct hub *hub, uint32_t slot, struct room_name *name)
{
    struct room *room = slab_at(&hub->rooms, slot);
    uint32_t generation = slab_generation(&hub->rooms, slot);
    if (room->home_shard != hub->options.shard) {
        struct mail mail = {
            .kind = MAIL_JOIN, .slot = slot, .generation = generation, .name = name};
        hub->ops->post(hub->context, room->home_shard, &mail);
        return true;
    }
    struct home_address at;
    if (!home_join(hub, name, hub->options.shard, slot, generation, &at))
        return false;
    room->home_slot = at.slot;
    room->home_generation = at.generation;
    room->state = ROOM_ACTIVE;
    room->paused = ((struct home *)slab_at(&hub->homes, at.slot))->paused;
    return true;
}

// A new room, on its way to its home or there already; MAP_NONE when there is no place.
static uint32_t create_room(struct hub *hub, const uint8_t *bytes, size_t len, uint64_t hash)
{
    uint32_t slot = slab_take(&hub->rooms);
    if (slot == SLAB_NONE)
        return MAP_NONE;
    struct room *room = slab_at(&hub->rooms, slot);
    struct room_name *for_home = room_name_create(hash, bytes, len);
    room->name = room_name_create(hash, bytes, len);
    room->home_shard = home_shard(hub->options.shard_count, hash);
    if (!room->name || !for_home || map_insert(&hub->rooms_by_name, hash, slot)) {
        free(for_home);
        free(room->name);
        slab_release(&hub->rooms, slot);
        return MAP_NONE;
    }
    counter_add(&hub->counters.rooms, 1);
    if (enter_home(hub, slot, for_home))
        return slot;
    free_room(hub, slot);
    return MAP_NONE;
}

// --- Joining and leaving

static enum hub_join joined_now(const struct room *room)
{
    return room->state == ROOM_ACTIVE ? HUB_JOINED : HUB_PENDING;
}

static enum hub_join refuse(struct hub *hub)
{
    counter_add(&hub->counters.joins_refused, 1);
    return HUB_REFUSED;
}

static void abandon_if_empty(struct hub *hub, uint32_t slot)
{
    const struct room *room = slab_at(&hub->rooms, slot);
    // Until the home has answered we do not know where to leave from: the answer looks again.
    if (room->count == 0 && room->state == ROOM_ACTIVE)
        leave_home(hub, slot);
}

// The entry's member must know where it is now.
static void entry_moved(struct hub *hub, struct room *room, uint32_t index)
{
    const struct room_entry *entry = &room->entries[index];
    struct memberships *theirs = hub->ops->memberships(hub->context, entry->connection);
    memberships_at(theirs, entry->membership)->index = index;
}

enum hub_join hub_join(struct hub *hub, uint32_t connection, const uint8_t *name, size_t name_len)
{
    CHECK(name_len >= 1 && name_len <= ROOM_NAME_MAX_BYTES);
    uint64_t hash;
    struct memberships *of = hub->ops->memberships(hub->context, connection);
    uint32_t slot = find_room(hub, name, name_len, &hash);
    if (slot != MAP_NONE && hub_find_membership(of, slot))
        return joined_now(slab_at(&hub->rooms, slot));
    if (!reserve_membership(of))
        return refuse(hub);
    if (slot == MAP_NONE)
        slot = create_room(hub, name, name_len, hash);
    if (slot == MAP_NONE)
        return refuse(hub);
    struct room *room = slab_at(&hub->rooms, slot);
    uint32_t index, moved;
    if (room_add(room, connection, of->count, &index, &moved)) {
        abandon_if_empty(hub, slot);
        return refuse(hub);
    }
    if (moved != ROOM_NONE)
        entry_moved(hub, room, moved);
    of->count++;
    *memberships_at(of, of->count - 1) = (struct membership){slot, index};
    counter_add(&hub->counters.memberships, 1);
    return joined_now(room);
}

static void leave(struct hub *hub, struct memberships *of, uint32_t index)
{
    struct membership gone = *memberships_at(of, index);
    struct room *room = slab_at(&hub->rooms, gone.room);
    uint32_t moved[2];
    uint32_t moves = room_remove(room, gone.index, moved);
    for (uint32_t i = 0; i < moves; i++)
        entry_moved(hub, room, moved[i]);
    remove_membership(hub, of, index);
    counter_add(&hub->counters.memberships, (uint64_t)-1);
    abandon_if_empty(hub, gone.room);
}

bool hub_leave(struct hub *hub, uint32_t connection, const uint8_t *name, size_t name_len)
{
    uint64_t hash;
    uint32_t slot = find_room(hub, name, name_len, &hash);
    struct memberships *of = hub->ops->memberships(hub->context, connection);
    struct membership *membership = slot == MAP_NONE ? NULL : hub_find_membership(of, slot);
    if (!membership)
        return false;
    struct room *room = slab_at(&hub->rooms, slot);
    leave(hub, of, room->entries[membership->index].membership);
    return true;
}

void hub_leave_all(struct hub *hub, uint32_t connection)
{
    struct memberships *of = hub->ops->memberships(hub->context, connection);
    while (of->count)
        leave(hub, of, of->count - 1);
}

bool hub_is_member(const struct hub *hub, uint32_t connection, uint32_t room)
{
    return hub_find_membership(hub->ops->memberships(hub->context, connection), room);
}

static void join_answered(struct hub *hub, const struct mail *mail)
{
    // The slot cannot be stale: a room that waits for this answer is kept.
    struct room *room = slab_find(&hub->rooms, mail->slot, mail->generation);
    CHECK(room && room->state == ROOM_JOINING);
    bool accepted = mail->kind == MAIL_JOINED;
    if (accepted) {
        room->state = ROOM_ACTIVE;
        room->home_slot = mail->home_slot;
        room->home_generation = (uint32_t)mail->id;
        for (uint32_t i = 0; i < room->count; i++)
            hub->ops->joined(hub->context, room->entries[i].connection, room->name, true);
        abandon_if_empty(hub, mail->slot);
        return;
    }
    while (room->count) {
        struct room_entry last = room->entries[room->count - 1];
        leave(hub, hub->ops->memberships(hub->context, last.connection), last.membership);
        counter_add(&hub->counters.joins_refused, 1);
        hub->ops->joined(hub->context, last.connection, room->name, false);
    }
    free_room(hub, mail->slot);
}

// --- Publishing

static void mark_dirty(struct hub *hub, struct room *room)
{
    if (!list_linked(&room->dirty))
        list_push_back(&hub->dirty, &room->dirty);
}

void hub_set_congested(struct hub *hub, struct room *room, bool congested)
{
    room->congested = congested;
    struct home_address at = {room->home_slot, room->home_generation};
    if (room->home_shard == hub->options.shard) {
        home_set_congested(hub, at, hub->options.shard, congested);
        return;
    }
    struct mail mail = {.kind = congested ? MAIL_CONGESTED : MAIL_RELIEVED,
                        .slot = at.slot,
                        .generation = at.generation};
    hub->ops->post(hub->context, room->home_shard, &mail);
}

void hub_give_up(struct hub *hub, const struct room *room)
{
    for (uint32_t i = 0; i < room->count; i++)
        hub->ops->give_up(hub->context, room->entries[i].connection);
}

void hub_room_deliver(struct hub *hub, uint32_t slot, uint32_t generation, struct frame *frame)
{
    struct room *room = slab_find(&hub->rooms, slot, generation);
    if (!room || room->count == 0) {
        counter_add(&hub->counters.stale_mails, 1);
        frame_unref(hub->runs->frames, frame);
        return;
    }
    if (room_append(room, frame)) {
        hub_give_up(hub, room);
        frame_unref(hub->runs->frames, frame);
        return;
    }
    mark_dirty(hub, room);
    if (!room->congested &&
        (room->pending_bytes > HUB_PENDING_MARK || room->pending_count > HUB_PENDING_FRAMES))
        hub_set_congested(hub, room, true);
}

void hub_room_set_paused(struct hub *hub, uint32_t slot, uint32_t generation, bool paused)
{
    struct room *room = slab_find(&hub->rooms, slot, generation);
    if (!room)
        return;
    room->paused = paused;
    if (!paused)
        hub->ops->resumed(hub->context);
}

bool hub_may_publish(const struct hub *hub, uint32_t slot)
{
    const struct room *room = slab_at(&hub->rooms, slot);
    return !room->paused && (room->home_shard == hub->options.shard ||
                             !hub->ops->crowded(hub->context, room->home_shard));
}

bool hub_publish(struct hub *hub, uint32_t slot, struct frame *frame)
{
    const struct room *room = slab_at(&hub->rooms, slot);
    CHECK(room->state == ROOM_ACTIVE);
    struct home_address at = {room->home_slot, room->home_generation};
    if (room->home_shard == hub->options.shard) {
        home_publish(hub, at, frame);
    } else {
        struct mail mail = {
            .kind = MAIL_PUBLISH, .slot = at.slot, .generation = at.generation, .frame = frame};
        hub->ops->post(hub->context, room->home_shard, &mail);
    }
    return hub_may_publish(hub, slot);
}

uint16_t hub_home_shard(const struct hash_key *key, uint16_t shard_count, const uint8_t *bytes,
                        size_t len)
{
    return home_shard(shard_count, hash_bytes(key, bytes, len));
}

bool hub_may_publish_name(const struct hub *hub, const uint8_t *bytes, size_t len)
{
    uint64_t hash;
    uint32_t slot = find_room(hub, bytes, len, &hash);
    if (slot != MAP_NONE)
        return hub_may_publish(hub, slot);
    uint16_t home = home_shard(hub->options.shard_count, hash);
    return home == hub->options.shard ? home_may_publish(hub, hash, bytes, len)
                                      : !hub->ops->crowded(hub->context, home);
}

int hub_publish_name(struct hub *hub, const uint8_t *bytes, size_t len, struct frame *frame)
{
    uint64_t hash = hash_bytes(&hub->options.hash_key, bytes, len);
    uint16_t home = home_shard(hub->options.shard_count, hash);
    if (home == hub->options.shard) {
        home_publish_name(hub, hash, bytes, len, frame);
        return 0;
    }
    struct room_name *name = room_name_create(hash, bytes, len);
    if (!name) {
        frame_unref(hub->runs->frames, frame);
        return -ENOMEM;
    }
    struct mail mail = {.kind = MAIL_PUBLISH_NAME, .frame = frame, .id = (uint64_t)(uintptr_t)name};
    hub->ops->post(hub->context, home, &mail);
    return 0;
}

// --- Mails

static void answer_join(struct hub *hub, uint16_t from, const struct mail *mail)
{
    struct home_address at = {0, 0};
    bool accepted = home_join(hub, mail->name, from, mail->slot, mail->generation, &at);
    struct mail answer = {.kind = accepted ? MAIL_JOINED : MAIL_REFUSED,
                          .slot = mail->slot,
                          .generation = mail->generation,
                          .home_slot = at.slot,
                          .id = at.generation};
    hub->ops->post(hub->context, from, &answer);
    if (accepted && ((struct home *)slab_at(&hub->homes, at.slot))->paused) {
        answer.kind = MAIL_PAUSE;
        hub->ops->post(hub->context, from, &answer);
    }
}

void hub_receive(struct hub *hub, uint16_t from, const struct mail *mail)
{
    struct home_address home = {mail->slot, mail->generation};
    switch ((enum mail_kind)mail->kind) {
    case MAIL_JOIN:
        answer_join(hub, from, mail);
        return;
    case MAIL_LEAVE:
        home_leave(hub, home, from);
        return;
    case MAIL_PUBLISH:
        home_publish(hub, home, mail->frame);
        return;
    case MAIL_CONGESTED:
    case MAIL_RELIEVED:
        home_set_congested(hub, home, from, mail->kind == MAIL_CONGESTED);
        return;
    case MAIL_JOINED:
    case MAIL_REFUSED:
        join_answered(hub, mail);
        return;
    case MAIL_DELIVER:
        hub_room_deliver(hub, mail->slot, mail->generation, mail->frame);
        return;
    case MAIL_PAUSE:
    case MAIL_RESUME:
        hub_room_set_paused(hub, mail->slot, mail->generation, mail->kind == MAIL_PAUSE);
        return;
    case MAIL_PUBLISH_NAME: {
        struct room_name *name = (void *)(uintptr_t)mail->id;
        home_publish_name(hub, name->hash, name->bytes, name->len, mail->frame);
        free(name);
        return;
    }
    case MAIL_NONE:
    case MAIL_BROADCAST:
    case MAIL_SEND:
    case MAIL_COMMAND:
    case MAIL_KINDS:
        break;
    }
    UNREACHABLE();
}

struct room *hub_find_room(const struct hub *hub, const uint8_t *name, size_t name_len)
{
    uint64_t hash;
    uint32_t slot = find_room(hub, name, name_len, &hash);
    return slot == MAP_NONE ? NULL : slab_at(&hub->rooms, slot);
}

uint32_t hub_member_count(const struct hub *hub, const uint8_t *name, size_t name_len)
{
    const struct room *room = hub_find_room(hub, name, name_len);
    return room ? room->count : 0;
}
