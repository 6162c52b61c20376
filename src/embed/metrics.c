// SPDX-License-Identifier: MIT
#include "embed/embed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric {
    const char *name;
    const char *kind; // "counter" or "gauge"
    const char *help;
    size_t offset; // of the counter in struct shard
};

static const struct metric metrics[] = {
#define ROW(part, name, kind, help) {#name, #kind, help, offsetof(struct shard, part.name)},
#define COUNTER(name, kind, help)   ROW(net.counters, name, kind, help)
#include "net/net_counters.def"
#undef COUNTER
#define COUNTER(name, kind, help) ROW(conns.counters, name, kind, help)
#include "conn/conn_counters.def"
#undef COUNTER
#define COUNTER(name, kind, help) ROW(hub.counters, name, kind, help)
#include "hub/hub_counters.def"
#undef COUNTER
#define COUNTER(name, kind, help) ROW(counters, name, kind, help)
#include "shard/shard_counters.def"
#undef COUNTER
    {"frames", "gauge", "Messages in memory", offsetof(struct shard, frames.live_count)},
    {"frames_heap_bytes", "gauge", "Bytes of messages outside of the send memory",
     offsetof(struct shard, frames.heap_bytes)},
};

// Also told per shard: how evenly the kernel spreads connections, and which shard has the work.
static const struct metric shard_metrics[] = {
    {"connections", "gauge", "Open connections by shard",
     offsetof(struct shard, net.counters.connections)},
    {"deliveries", "counter", "Messages given to connections by shard",
     offsetof(struct shard, net.counters.deliveries)},
    {"ticks", "counter", "Turns of the loop by shard", offsetof(struct shard, counters.ticks)},
};

static uint64_t read_at(const struct shard *shard, size_t offset)
{
    return counter_read((const counter *)(const void *)((const uint8_t *)shard + offset));
}

static const char *suffix(const char *kind)
{
    return *kind == 'c' ? "_total" : "";
}

static void head(FILE *out, const char *name, const char *kind, const char *help)
{
    fprintf(out, "# HELP ringcast_%s %s\n# TYPE ringcast_%s %s\n", name, help, name, kind);
}

static void write_sums(FILE *out, const struct shard_group *group)
{
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        char name[64];
        uint64_t sum = 0;
        for (uint16_t i = 0; i < group->count; i++)
            sum += read_at(group->shards[i], metrics[m].offset);
        snprintf(name, sizeof name, "%s%s", metrics[m].name, suffix(metrics[m].kind));
        head(out, name, metrics[m].kind, metrics[m].help);
        fprintf(out, "ringcast_%s %" PRIu64 "\n", name, sum);
    }
}

static void write_by_shard(FILE *out, const struct shard_group *group)
{
    for (size_t m = 0; m < sizeof shard_metrics / sizeof *shard_metrics; m++) {
        const struct metric *metric = &shard_metrics[m];
        char name[64];
        snprintf(name, sizeof name, "shard_%s%s", metric->name, suffix(metric->kind));
        head(out, name, metric->kind, metric->help);
        for (uint16_t i = 0; i < group->count; i++)
            fprintf(out, "ringcast_%s{shard=\"%u\"} %" PRIu64 "\n", name, i,
                    read_at(group->shards[i], metric->offset));
    }
}

static void write_closes(FILE *out, const struct shard_group *group)
{
    head(out, "closes_total", "counter", "Connections closed by reason");
    for (unsigned reason = CLOSE_REASON_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
        uint64_t sum = 0;
        for (uint16_t i = 0; i < group->count; i++)
            sum += counter_read(&group->shards[i]->net.counters.closed[reason]);
        fprintf(out, "ringcast_closes_total{reason=\"%s\"} %" PRIu64 "\n",
                close_reason_info((enum close_reason)reason)->name, sum);
    }
}

static void write_ticks(FILE *out, const struct shard_group *group)
{
    uint64_t count = 0, sum_ns = 0;
    head(out, "tick_seconds", "histogram", "Work of a turn of the loop, without waiting");
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        for (uint16_t i = 0; i < group->count; i++)
            count += counter_read(&group->shards[i]->counters.tick.buckets[bucket]);
        if (bucket + 1 < HISTOGRAM_BUCKETS)
            fprintf(out, "ringcast_tick_seconds_bucket{le=\"%.9g\"} %" PRIu64 "\n",
                    (double)(1ULL << (bucket + 10)) / 1e9, count);
    }
    for (uint16_t i = 0; i < group->count; i++)
        sum_ns += counter_read(&group->shards[i]->counters.tick.sum_ns);
    fprintf(out, "ringcast_tick_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", count);
    fprintf(out, "ringcast_tick_seconds_sum %.9f\n", (double)sum_ns / 1e9);
    fprintf(out, "ringcast_tick_seconds_count %" PRIu64 "\n", count);
}

static void write_queues(FILE *out, const struct shard_group *group)
{
    head(out, "queue_depth", "gauge", "Mails in the queue between two shards");
    for (uint16_t from = 0; from < group->count; from++)
        for (uint16_t to = 0; to < group->count; to++)
            if (from != to)
                fprintf(out, "ringcast_queue_depth{from=\"%u\",to=\"%u\"} %u\n", from, to,
                        spsc_depth(&group->queues[(uint32_t)from * group->count + to]));
}

static void write_overflows(FILE *out, const struct ringcast *rc)
{
    uint64_t sum = 0;
    // Acquire: pairs with the release in start_threads; before it rings are being made.
    bool has_rings = atomic_load_explicit(&rc->has_started, memory_order_acquire);
    for (uint16_t i = 0; has_rings && i < rc->group.count; i++)
        sum += ring_overflow_count(rc->group.shards[i]->ring);
    head(out, "cq_overflows_total", "counter", "Times that a completion queue overflowed");
    fprintf(out, "ringcast_cq_overflows_total %" PRIu64 "\n", sum);
}

static void write_instance(FILE *out, const struct ringcast *rc)
{
    head(out, "build_info", "gauge", "The version; always 1");
    fprintf(out, "ringcast_build_info{version=\"%s\"} 1\n", RINGCAST_VERSION);
    head(out, "uptime_seconds", "gauge", "Time since the start");
    fprintf(out, "ringcast_uptime_seconds %.3f\n",
            (double)(rc->options.clock_ms() - rc->started_ms) / 1e3);
    head(out, "shards", "gauge", "Threads");
    fprintf(out, "ringcast_shards %u\n", rc->group.count);
    head(out, "max_connections", "gauge", "Connections that there is place for");
    fprintf(out, "ringcast_max_connections %" PRIu64 "\n", rc->capacity);
    head(out, "client_memory_bytes", "gauge", "Memory that clients make the server hold");
    fprintf(out, "ringcast_client_memory_bytes %" PRIu64 "\n",
            atomic_load_explicit(&rc->group.held_bytes, memory_order_relaxed));
    head(out, "client_memory_limit_bytes", "gauge", "Above this those who hold most are evicted");
    fprintf(out, "ringcast_client_memory_limit_bytes %" PRIu64 "\n", rc->group.held_max_bytes);
    uint64_t expires_s = ringcast_tls_expires_s(rc);
    if (expires_s) {
        head(out, "tls_certificate_expiry_seconds", "gauge",
             "When the first TLS certificate expires, in seconds since 1970");
        fprintf(out, "ringcast_tls_certificate_expiry_seconds %" PRIu64 "\n", expires_s);
    }
}

char *ringcast_metrics(const struct ringcast *rc, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!out)
        return NULL;
    write_instance(out, rc);
    write_sums(out, &rc->group);
    write_by_shard(out, &rc->group);
    write_closes(out, &rc->group);
    write_ticks(out, &rc->group);
    write_queues(out, &rc->group);
    write_overflows(out, rc);
    bool failed = ferror(out) != 0;
    if (fclose(out) || failed) {
        free(text);
        return NULL;
    }
    return text;
}
