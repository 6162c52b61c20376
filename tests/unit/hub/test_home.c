// SPDX-License-Identifier: MIT
#include "hub/home.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(home, keeps_its_sites_in_every_order_of_leaving)
{
    for (unsigned seed = 0; seed < 200; seed++) {
        struct home home;
        memset(&home, 0, sizeof home);
        bool in[16] = {false};
        srand(seed);
        for (int step = 0; step < 200; step++) {
            uint16_t shard = (uint16_t)(rand() % 16);
            struct home_site *site = home_find_site(&home, shard);
            cr_assert((site != NULL) == in[shard]);
            if (site) {
                cr_assert(site->slot == shard + 100U && site->generation == shard + 200U);
                home_remove_site(&home, site);
            } else {
                cr_assert(home_add_site(&home, shard, shard + 100U, shard + 200U) == 0);
            }
            in[shard] = !in[shard];
        }
        home_fini(&home);
    }
}

Test(home, forgets_the_congestion_of_a_site_that_leaves)
{
    struct home home;
    memset(&home, 0, sizeof home);
    cr_assert(home_add_site(&home, 1, 0, 0) == 0);
    cr_assert(home_add_site(&home, 2, 0, 0) == 0);
    home_find_site(&home, 1)->congested = true;
    home.congested_count = 1;
    home_remove_site(&home, home_find_site(&home, 2));
    cr_assert(home.congested_count == 1);
    home_remove_site(&home, home_find_site(&home, 1));
    cr_assert(home.congested_count == 0 && home.site_count == 0);
    home_fini(&home);
}
