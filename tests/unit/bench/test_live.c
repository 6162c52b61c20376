// SPDX-License-Identifier: MIT
#include "load/live.h"

#include <criterion/criterion.h>

static struct worker worker;
static struct bench bench = {.workers = &worker, .thread_count = 1};
static uint64_t before[COUNTS], now[COUNTS];

static void check(const struct scenario *scenario, enum phase phase, const char *wanted)
{
    char line[200];
    bench.scenario = scenario;
    atomic_store(&bench.phase, phase);
    live_write(line, sizeof line, &bench, before, now, 0.5);
    cr_assert_str_eq(line, wanted);
}

Test(live, says_what_the_phase_is_about)
{
    hdr_add(&worker.latency, 128);
    hdr_add_many(&worker.handshake, 12000000, 2);
    before[COUNT_opened] = 100;
    now[COUNT_opened] = 160;
    now[COUNT_failed] = 2;
    now[COUNT_lost] = 3;
    now[COUNT_dropped] = 10;
    now[COUNT_published] = 50;
    now[COUNT_delivered] = 5000;
    now[COUNT_pings] = 4;
    now[COUNT_damaged] = 1;
    check(&scenario_connect, PHASE_OPEN, "147 open, 120 handshakes/s, p99 12.00 ms, 6 errors");
    check(&scenario_fanout, PHASE_LOAD,
          "147 open, 100 messages/s, 10000 deliveries/s, p99 0.00 ms, 6 errors");
    check(&scenario_idle, PHASE_LOAD, "147 open, 8 pings/s answered, 6 errors");
}
