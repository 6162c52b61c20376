// SPDX-License-Identifier: MIT
//
// The home's half of the hub: one order per room, and the back-pressure on its publishers.
#include "hub/hub_internal.h"

#include <stdlib.h>

const uint8_t *home_key(const void *hub, uint32_t slot, size_t *len)
{
    const struct home *home = slab_at(&((const struct hub *)hub)->homes, slot);
    *len = home->name->len;
    return home->name->bytes;
}

static struct home *find(struct hub *hub, struct home_address at)
{
    return slab_find(&hub->homes, at.slot, at.generation);
}

static uint32_t find_or_create(struct hub *hub, struct room_name *name)
{
    uint32_t slot = map_find(&hub->homes_by_name, name->hash, name->bytes, name->len);
    if (slot != MAP_NONE) {
        free(name);
        return slot;
    }
    slot = slab_take(&hub->homes);
    if (slot == SLAB_NONE) {
        free(name);
        return MAP_NONE;
    }
    struct home *home = slab_at(&hub->homes, slot);
    home->name = name;
    if (map_insert(&hub->homes_by_name, name->hash, slot)) {
        home_fini(home);
        slab_release(&hub->homes, slot);
        return MAP_NONE;
    }
    counter_add(&hub->counters.homes, 1);
    return slot;
}

static void free_home(struct hub *hub, uint32_t slot)
{
    struct home *home = slab_at(&hub->homes, slot);
    map_remove(&hub->homes_by_name, home->name->hash, slot);
    home_fini(home);
    slab_release(&hub->homes, slot);
    counter_add(&hub->counters.homes, (uint64_t)-1);
}

static void tell_site(struct hub *hub, const struct home_site *site, bool paused)
{
    if (site->shard == hub->options.shard) {
        hub_room_set_paused(hub, site->slot, site->generation, paused);
        return;
    }
    struct mail mail = {.kind = paused ? MAIL_PAUSE : MAIL_RESUME,
                        .slot = site->slot,
                        .generation = site->generation};
    hub->ops->post(hub->context, site->shard, &mail);
}

static void update_paused(struct hub *hub, struct home *home)
{
    bool paused = home->congested_count > 0 || list_linked(&home->waiting);
    if (paused == home->paused)
        return;
    home->paused = paused;
    if (paused)
        counter_add(&hub->counters.room_pauses, 1);
    for (uint16_t i = 0; i < home->site_count; i++)
        tell_site(hub, &home->sites[i], paused);
}

bool home_join(struct hub *hub, struct room_name *name, uint16_t shard, uint32_t room_slot,
               uint32_t room_generation, struct home_address *at)
{
    uint32_t slot = find_or_create(hub, name);
    if (slot == MAP_NONE)
        return false;
    struct home *home = slab_at(&hub->homes, slot);
    if (home_add_site(home, shard, room_slot, room_generation)) {
        if (home->site_count == 0)
            free_home(hub, slot);
        return false;
    }
    *at = (struct home_address){slot, slab_generation(&hub->homes, slot)};
    return true;
}

void home_leave(struct hub *hub, struct home_address at, uint16_t shard)
{
    struct home *home = find(hub, at);
    CHECK(home);
    struct home_site *site = home_find_site(home, shard);
    CHECK(site);
    home_remove_site(home, site);
    if (home->site_count == 0)
        free_home(hub, at.slot);
    else
        update_paused(hub, home);
}

static void pass_to_sites(struct hub *hub, struct home *home, struct frame *frame)
{
    counter_add(&hub->counters.published, 1);
    frame_ref(frame, home->site_count); // ours is dropped at the end: it must outlive the loop
    for (uint16_t i = 0; i < home->site_count; i++) {
        const struct home_site *site = &home->sites[i];
        if (site->shard == hub->options.shard) {
            hub_room_deliver(hub, site->slot, site->generation, frame);
            continue;
        }
        struct mail mail = {.kind = MAIL_DELIVER,
                            .slot = site->slot,
                            .generation = site->generation,
                            .frame = frame};
        hub->ops->post(hub->context, site->shard, &mail);
        if (hub->ops->crowded(hub->context, site->shard) && !list_linked(&home->waiting))
            list_push_back(&hub->waiting, &home->waiting);
    }
    frame_unref(hub->runs->frames, frame);
    update_paused(hub, home);
}

void home_publish(struct hub *hub, struct home_address at, struct frame *frame)
{
    struct home *home = find(hub, at);
    if (home) {
        pass_to_sites(hub, home, frame);
        return;
    }
    counter_add(&hub->counters.stale_mails, 1);
    frame_unref(hub->runs->frames, frame);
}

bool home_may_publish(const struct hub *hub, uint64_t hash, const uint8_t *name, size_t name_len)
{
    uint32_t slot = map_find(&hub->homes_by_name, hash, name, name_len);
    return slot == MAP_NONE || !((const struct home *)slab_at(&hub->homes, slot))->paused;
}

void home_publish_name(struct hub *hub, uint64_t hash, const uint8_t *name, size_t name_len,
                       struct frame *frame)
{
    uint32_t slot = map_find(&hub->homes_by_name, hash, name, name_len);
    if (slot == MAP_NONE)
        frame_unref(hub->runs->frames, frame); // nobody is in it
    else
        pass_to_sites(hub, slab_at(&hub->homes, slot), frame);
}

void home_set_congested(struct hub *hub, struct home_address at, uint16_t shard, bool congested)
{
    struct home *home = find(hub, at);
    struct home_site *site = home ? home_find_site(home, shard) : NULL;
    if (!site || site->congested == congested)
        return;
    site->congested = congested;
    home->congested_count =
        (uint16_t)(congested ? home->congested_count + 1 : home->congested_count - 1);
    update_paused(hub, home);
}

static bool any_site_crowded(struct hub *hub, const struct home *home)
{
    for (uint16_t i = 0; i < home->site_count; i++)
        if (home->sites[i].shard != hub->options.shard &&
            hub->ops->crowded(hub->context, home->sites[i].shard))
            return true;
    return false;
}

void home_poll_waiting(struct hub *hub)
{
    struct list_node *node = list_first(&hub->waiting);
    while (node) {
        struct list_node *next = node->next == &hub->waiting.head ? NULL : node->next;
        struct home *home = CONTAINER_OF(node, struct home, waiting);
        if (!any_site_crowded(hub, home)) {
            list_remove(node);
            update_paused(hub, home);
        }
        node = next;
    }
}
