// SPDX-License-Identifier: MIT
#include "hub/home.h"

#include <errno.h>
#include <stdlib.h>

int home_add_site(struct home *home, uint16_t shard, uint32_t slot, uint32_t generation)
{
    CHECK(!home_find_site(home, shard));
    if (home->site_count == home->site_capacity) {
        uint16_t capacity = home->site_capacity ? (uint16_t)(home->site_capacity * 2) : 1;
        struct home_site *sites = realloc(home->sites, capacity * sizeof *sites);
        if (!sites)
            return -ENOMEM;
        home->sites = sites;
        home->site_capacity = capacity;
    }
    home->sites[home->site_count++] =
        (struct home_site){.slot = slot, .generation = generation, .shard = shard};
    return 0;
}

struct home_site *home_find_site(struct home *home, uint16_t shard)
{
    for (uint16_t i = 0; i < home->site_count; i++)
        if (home->sites[i].shard == shard)
            return &home->sites[i];
    return NULL;
}

void home_remove_site(struct home *home, struct home_site *site)
{
    home->congested_count = (uint16_t)(home->congested_count - site->congested);
    *site = home->sites[--home->site_count];
}

void home_fini(struct home *home)
{
    if (list_linked(&home->waiting))
        list_remove(&home->waiting);
    free(home->sites);
    free(home->name);
}
