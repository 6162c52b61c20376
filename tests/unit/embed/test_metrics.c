// SPDX-License-Identifier: MIT
#include "embed/embed.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 3

static struct ringcast instance;
static char *text;

static void setup(void)
{
    struct shard_group *group = &instance.group;
    group->count = SHARDS;
    group->queues = aligned_alloc(CACHE_LINE_BYTES, sizeof *group->queues * SHARDS * SHARDS);
    memset(group->queues, 0, sizeof *group->queues * SHARDS * SHARDS);
    for (unsigned i = 0; i < SHARDS; i++) {
        group->shards[i] = aligned_alloc(CACHE_LINE_BYTES, sizeof *group->shards[i]);
        memset(group->shards[i], 0, sizeof *group->shards[i]);
    }
    instance.capacity = 1000;
    instance.options.clock_ms = clock_monotonic_ms;
}

static void teardown(void)
{
    for (unsigned i = 0; i < SHARDS; i++)
        free(instance.group.shards[i]);
    free(instance.group.queues);
    free(text);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static void render(void)
{
    size_t bytes;
    free(text);
    text = ringcast_metrics(&instance, &bytes);
    cr_assert_not_null(text);
    cr_assert_eq(bytes, strlen(text));
}

// The value of a sample by its name with labels; -1 when there is none.
static double value_of(const char *sample)
{
    char start[256];
    int len = snprintf(start, sizeof start, "\n%s ", sample);
    const char *found = strstr(text, start);
    return found ? strtod(found + len, NULL) : -1;
}

static bool matches(const regex_t *regex, const char *line)
{
    return regexec(regex, line, 0, NULL, 0) == 0;
}

// The family of a sample: its name without what a histogram adds.
static void family_of(const char *line, char out[128])
{
    static const char *const added[] = {"_bucket", "_sum", "_count"};
    size_t len = strcspn(line, "{ ");
    snprintf(out, 128, "%.*s", (int)len, line);
    for (size_t i = 0; i < 3; i++) {
        size_t tail = strlen(added[i]);
        if (strstr(out, "_seconds_") && len > tail && strcmp(out + len - tail, added[i]) == 0)
            out[len - tail] = 0;
    }
}

Test(metrics, every_line_is_prometheus_text)
{
    regex_t help, type, sample;
    regcomp(&help, "^# HELP ringcast_[a-z0-9_]+ [A-Z].*$", REG_EXTENDED | REG_NOSUB);
    regcomp(&type, "^# TYPE ringcast_[a-z0-9_]+ (counter|gauge|histogram)$",
            REG_EXTENDED | REG_NOSUB);
    regcomp(&sample,
            "^ringcast_[a-z0-9_]+(\\{[a-z]+=\"[^\"]+\"(,[a-z]+=\"[^\"]+\")*\\})? "
            "[0-9.e+-]+$",
            REG_EXTENDED | REG_NOSUB);
    render();
    char family[128] = "", described[128] = "";
    unsigned samples = 0;
    char *rest = strdup(text), *copy = rest;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            cr_assert(matches(&help, line), "%s", line);
            family_of(line + 7, described);
        } else if (*line == '#') {
            cr_assert(matches(&type, line), "%s", line);
            family_of(line + 7, family);
            cr_assert_str_eq(family, described, "HELP stands before TYPE");
        } else {
            cr_assert(matches(&sample, line), "%s", line);
            family_of(line, family);
            cr_assert_str_eq(family, described, "a sample stands under its own HELP: %s", line);
            samples++;
        }
    }
    cr_assert_gt(samples, 60);
    free(copy);
    regfree(&help);
    regfree(&type);
    regfree(&sample);
}

Test(metrics, no_family_is_told_twice)
{
    render();
    for (const char *at = text; (at = strstr(at, "# TYPE ")); at++) {
        char head[160];
        snprintf(head, sizeof head, "%.*s ", (int)(7 + strcspn(at + 7, " ")), at);
        cr_assert_null(strstr(at + 1, head), "twice: %s", head);
    }
}

Test(metrics, counters_are_sums_over_shards)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = instance.group.shards[i];
        counter_set(&shard->net.counters.connections, i + 1);
        counter_set(&shard->net.counters.closed[CLOSE_REASON_IDLE], 10);
        counter_set(&shard->conns.counters.messages_in, 100);
        counter_set(&shard->hub.counters.rooms, 1000);
        counter_set(&shard->counters.stalls, 5);
        counter_set(&shard->frames.live_count, 2);
    }
    render();
    cr_assert_eq(value_of("ringcast_connections"), 6);
    cr_assert_eq(value_of("ringcast_shard_connections{shard=\"2\"}"), 3);
    cr_assert_eq(value_of("ringcast_closes_total{reason=\"idle\"}"), 30);
    cr_assert_eq(value_of("ringcast_closes_total{reason=\"normal\"}"), 0);
    cr_assert_eq(value_of("ringcast_closes_total{reason=\"none\"}"), -1);
    cr_assert_eq(value_of("ringcast_messages_in_total"), 300);
    cr_assert_eq(value_of("ringcast_rooms"), 3000);
    cr_assert_eq(value_of("ringcast_stalls_total"), 15);
    cr_assert_eq(value_of("ringcast_frames"), 6);
    cr_assert_eq(value_of("ringcast_shards"), SHARDS);
    cr_assert_eq(value_of("ringcast_max_connections"), 1000);
    cr_assert_eq(value_of("ringcast_cq_overflows_total"), 0);
}

Test(metrics, the_histogram_is_cumulative)
{
    histogram_add(&instance.group.shards[0]->counters.tick, 500);
    histogram_add(&instance.group.shards[1]->counters.tick, 1500);
    histogram_add(&instance.group.shards[2]->counters.tick, 1500);
    histogram_add(&instance.group.shards[2]->counters.tick, 60000000000);
    render();
    cr_assert_eq(value_of("ringcast_tick_seconds_bucket{le=\"1.024e-06\"}"), 1);
    cr_assert_eq(value_of("ringcast_tick_seconds_bucket{le=\"2.048e-06\"}"), 3);
    cr_assert_eq(value_of("ringcast_tick_seconds_bucket{le=\"+Inf\"}"), 4);
    cr_assert_eq(value_of("ringcast_tick_seconds_count"), 4);
    cr_assert_float_eq(value_of("ringcast_tick_seconds_sum"), 60.0000035, 1e-9);
}

Test(metrics, queues_are_told_by_pair)
{
    struct spsc *queue = &instance.group.queues[1 * SHARDS + 2];
    struct spsc_item item = {{0}};
    cr_assert_eq(spsc_init(queue, 8), 0);
    for (unsigned i = 0; i < 3; i++)
        cr_assert(spsc_push(queue, &item));
    spsc_publish(queue);
    render();
    cr_assert_eq(value_of("ringcast_queue_depth{from=\"1\",to=\"2\"}"), 3);
    cr_assert_eq(value_of("ringcast_queue_depth{from=\"2\",to=\"1\"}"), 0);
    cr_assert_eq(value_of("ringcast_queue_depth{from=\"1\",to=\"1\"}"), -1);
    spsc_fini(queue);
}
