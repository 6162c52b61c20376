// SPDX-License-Identifier: MIT
#include "hub/run.h"

#include <criterion/criterion.h>
#include <string.h>

Test(run, shares_one_frame_and_gives_it_back)
{
    struct frame_pool frames;
    struct run_pool runs;
    frame_pool_init(&frames, NULL, 0);
    run_pool_init(&runs, &frames);
    struct run *run = run_copy(&runs, "hello", 5, 1);
    cr_assert(run_len(run) == 5 && memcmp(run_bytes(run), "hello", 5) == 0);
    for (int i = 0; i < 1000; i++)
        (void)run_ref(run);
    for (int i = 0; i < 1000; i++)
        run_unref(&runs, run);
    cr_assert(counter_read(&frames.live_count) == 1 && runs.live_count == 1);
    run_unref(&runs, run);
    cr_assert(counter_read(&frames.live_count) == 0 && runs.live_count == 0);
    struct run *again = run_copy(&runs, "x", 1, 1);
    cr_assert(again == run, "runs are reused");
    run_unref(&runs, again);
    run_pool_fini(&runs);
    frame_pool_fini(&frames);
}
