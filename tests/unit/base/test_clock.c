// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <criterion/criterion.h>

Test(clock, monotonic_time_does_not_go_back)
{
    uint64_t last_ns = clock_monotonic_ns();
    for (int i = 0; i < 100000; i++) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns < last_ns)
            cr_assert_fail("went back");
        last_ns = now_ns;
    }
}

Test(clock, milliseconds_are_nanoseconds_rounded_down)
{
    uint64_t before_ns = clock_monotonic_ns();
    uint64_t ms = clock_monotonic_ms();
    uint64_t after_ns = clock_monotonic_ns();
    cr_assert_leq(before_ns / 1000000, ms);
    cr_assert_leq(ms, after_ns / 1000000);
}

Test(clock, thread_time_grows_with_work)
{
    uint64_t start_ns = clock_thread_cpu_ns();
    while (clock_thread_cpu_ns() == start_ns)
        continue;
    cr_assert_gt(clock_thread_cpu_ns(), start_ns);
}

Test(clock, realtime_is_milliseconds_since_1970)
{
    const uint64_t year_2024_ms = UINT64_C(1704067200000);
    const uint64_t year_2200_ms = UINT64_C(7258118400000);
    cr_assert_gt(clock_realtime_ms(), year_2024_ms);
    cr_assert_lt(clock_realtime_ms(), year_2200_ms);
}
