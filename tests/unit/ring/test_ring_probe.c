// SPDX-License-Identifier: MIT
#include "ring/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

Test(ring_probe, finds_what_this_kernel_does)
{
    struct ring_features features;
    char error[256] = "";
    cr_assert(ring_probe(&features, error, sizeof error) == 0, "%s", error);
    // Every kernel with DEFER_TASKRUN rings can do this; a probe that says no is wrong.
    cr_assert(features.msg_ring);
    cr_assert(features.inline_silent);
}

Test(ring_probe, names_cause_and_remedy)
{
    // Without a free descriptor no ring can be made: the message must say what to raise.
    struct rlimit before, none;
    struct ring_features features;
    char error[256] = "";
    cr_assert(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){3, before.rlim_max};
    cr_assert(setrlimit(RLIMIT_NOFILE, &none) == 0);
    int result = ring_probe(&features, error, sizeof error);
    cr_assert(setrlimit(RLIMIT_NOFILE, &before) == 0);
    cr_assert(result == -EMFILE);
    cr_assert(strstr(error, "ulimit -n") != NULL);
}
