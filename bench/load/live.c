// SPDX-License-Identifier: MIT
#include "load/live.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_NS UINT64_C(250000000)

void live_begin(struct live *live, const struct bench *bench)
{
    *live = (struct live){.on = !bench->options.quiet && isatty(STDERR_FILENO)};
}

static double p99_ms(const struct bench *bench, size_t offset)
{
    struct hdr *merged = calloc(1, sizeof *merged);
    if (!merged)
        return 0;
    for (uint32_t w = 0; w < bench->thread_count; w++)
        hdr_merge(merged, (const struct hdr *)((const uint8_t *)&bench->workers[w] + offset));
    double ms = (double)hdr_quantile(merged, 0.99) / 1e6;
    free(merged);
    return ms;
}

void live_write(char *out, size_t out_bytes, struct bench *bench, const uint64_t before[COUNTS],
                const uint64_t now[COUNTS], double seconds)
{
#define RATE(symbol) ((double)(now[COUNT_##symbol] - before[COUNT_##symbol]) / seconds)
    enum phase phase = bench_phase(bench);
    uint64_t open =
        now[COUNT_opened] - now[COUNT_lost] - now[COUNT_dropped] - now[COUNT_slow_ended];
    uint64_t errors =
        now[COUNT_failed] + now[COUNT_lost] + now[COUNT_misplaced] + now[COUNT_damaged];
    int len = snprintf(out, out_bytes, "%llu open, ", (unsigned long long)open);
    char *rest = out + len;
    size_t rest_bytes = out_bytes - (size_t)len;
    if (phase < PHASE_LOAD)
        len = snprintf(rest, rest_bytes, "%.0f handshakes/s, p99 %.2f ms", RATE(opened),
                       p99_ms(bench, offsetof(struct worker, handshake)));
    else if (bench->scenario->tick)
        len = snprintf(rest, rest_bytes, "%.0f messages/s, %.0f deliveries/s, p99 %.2f ms",
                       RATE(published), RATE(delivered),
                       p99_ms(bench, offsetof(struct worker, latency)));
    else
        len = snprintf(rest, rest_bytes, "%.0f pings/s answered", RATE(pings));
    snprintf(rest + len, rest_bytes - (size_t)len, ", %llu errors", (unsigned long long)errors);
#undef RATE
}

void live_show(struct live *live, struct bench *bench)
{
    uint64_t now_ns = clock_monotonic_ns(), counts[COUNTS];
    if (!live->on || now_ns - live->shown_ns < STEP_NS)
        return;
    worker_add_counts(bench, counts);
    if (live->shown_ns) {
        char line[200];
        live_write(line, sizeof line, bench, live->counts, counts,
                   (double)(now_ns - live->shown_ns) / 1e9);
        fprintf(stderr, "\r\033[K%s", line);
        fflush(stderr);
    }
    memcpy(live->counts, counts, sizeof counts);
    live->shown_ns = now_ns;
}

void live_end(const struct live *live)
{
    if (live->on)
        fprintf(stderr, "\r\033[K");
}
