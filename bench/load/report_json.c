// SPDX-License-Identifier: MIT
//
// The report for machines: everything needed to repeat the run, and everything found. Times are in
// seconds or in nanoseconds, as the names say; counts are of the measured time unless they stand
// under "whole_run".
#include "load/json.h"
#include "load/masked.h"
#include "load/results.h"
#include "load/revision.h"
#include "load/secure.h"
#include "load/series.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void write_histogram(struct json *json, const char *name, const struct hdr *hdr)
{
    json_open(json, name, '{');
    json_count(json, "count", counter_read(&hdr->count));
    json_number(json, "mean", hdr_mean(hdr));
    json_count(json, "p50", hdr_quantile(hdr, 0.5));
    json_count(json, "p90", hdr_quantile(hdr, 0.9));
    json_count(json, "p99", hdr_quantile(hdr, 0.99));
    json_count(json, "p99.9", hdr_quantile(hdr, 0.999));
    json_count(json, "p99.99", hdr_quantile(hdr, 0.9999));
    json_count(json, "max", counter_read(&hdr->max));
    json_open(json, "buckets", '['); // [largest value, count], the empty ones left out
    for (unsigned i = 0; i < HDR_BUCKETS; i++) {
        if (!counter_read(&hdr->buckets[i]))
            continue;
        json_open(json, NULL, '[');
        json_count(json, NULL, hdr_bucket_top(i));
        json_count(json, NULL, counter_read(&hdr->buckets[i]));
        json_close(json, ']');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void write_counts(struct json *json, const char *name, const uint64_t counts[COUNTS])
{
    static const char *const names[] = {
#define COUNTER(symbol, text) [COUNT_##symbol] = #symbol,
#include "load/counters.def"
#undef COUNTER
    };
    json_open(json, name, '{');
    for (int i = 0; i < COUNTS; i++)
        json_count(json, names[i], counts[i]);
    json_close(json, '}');
}

static void write_process(struct json *json, const struct proc_sample *sample, uint64_t delivered)
{
    double elapsed_ns = sample->at_ns ? (double)sample->at_ns : 1;
    json_count(json, "cpu_ns", sample->cpu_ns);
    json_number(json, "cpu_ns_per_delivery",
                delivered ? (double)sample->cpu_ns / (double)delivered : 0);
    json_number(json, "cpu_share", (double)sample->cpu_ns / elapsed_ns);
    json_count(json, "user_ns", sample->user_ns);
    json_count(json, "kernel_ns", sample->kernel_ns);
    json_count(json, "waited_for_cpu_ns", sample->wait_ns);
    json_count(json, "switches_voluntary", sample->switches_voluntary);
    json_count(json, "switches_forced", sample->switches_forced);
    json_number(json, "switches_per_s",
                (double)(sample->switches_voluntary + sample->switches_forced) * 1e9 / elapsed_ns);
    json_count(json, "resident_bytes", sample->resident_bytes);
    json_count(json, "anonymous_bytes", sample->anonymous_bytes);
    json_count(json, "shared_bytes", sample->shared_bytes);
    json_count(json, "memory_bytes", proc_memory_bytes(sample));
    json_count(json, "processes", sample->process_count);
    json_count(json, "processes_ended", sample->ended_count);
    json_bool(json, "capped", sample->capped);
    json_open(json, "threads", '[');
    for (uint32_t i = 0; i < sample->thread_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "name", sample->threads[i].name);
        json_count(json, "cpu_ns", sample->threads[i].cpu_ns);
        json_count(json, "waited_for_cpu_ns", sample->threads[i].wait_ns);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_cpu(struct json *json)
{
    char line[256], *name = NULL;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !name && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0)
            name = strchr(line, ':');
    if (file)
        fclose(file);
    if (name)
        name[strcspn(name, "\n")] = 0;
    json_text(json, "cpu", name && name[1] ? name + 2 : NULL);
    json_count(json, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static void json_masked(struct json *json, const char *name, const char *text)
{
    char copy[8192];
    json_text(json, name, masked_copy(copy, sizeof copy, text));
}

static void write_origin(struct json *json, const struct results *results)
{
    struct utsname host = {.release = "?"};
    (void)uname(&host);
    json_text(json, "tool", "ringcast-bench");
    json_text(json, "version", RINGCAST_VERSION);
    json_text(json, "revision", revision);
    json_text(json, "scenario", results->bench->scenario->name);
    json_count(json, "started_ms", results->started_ms);
    json_text(json, "kernel", host.release);
    write_cpu(json);
    json_open(json, "command", '[');
    for (int i = 0; i < results->argc; i++)
        json_masked(json, NULL, results->argv[i]);
    json_close(json, ']');
    json_count(json, "run", results->bench->run);
}

// What was asked for, and what was made of it where that is left to the tool.
static void write_options(struct json *json, const struct bench *bench)
{
    json_open(json, "options", '{');
    options_write(json, &bench->options);
    json_close(json, '}');
    json_open(json, "target", '{');
    json_bool(json, "secure", bench->target.secure);
    json_text(json, "host", bench->target.host);
    json_masked(json, "path", bench->target.path);
    json_close(json, '}');
    json_count(json, "threads", bench->thread_count);
    json_count(json, "sources", bench->source_count);
}

static void write_tls(struct json *json, const struct bench *bench)
{
    if (!bench->secure)
        return;
    json_open(json, "tls", '{');
    json_text(json, "version", bench->workers[0].tls_version);
    json_text(json, "cipher", bench->workers[0].tls_cipher);
    json_text(json, "certificate", secure_check_text(bench));
    json_close(json, '}');
}

static void write_opening(struct json *json, const struct results *results)
{
    struct proc_sample server;
    proc_difference(&server, &results->before.server, &results->opened.server);
    uint64_t opened = results->opened.counts[COUNT_opened];
    double seconds = (double)results->open_ns / 1e9;
    json_open(json, "opening", '{');
    json_count(json, "opened", opened);
    json_number(json, "seconds", seconds);
    json_number(json, "handshakes_per_s", seconds > 0 ? (double)opened / seconds : 0);
    json_count(json, "server_cpu_ns", server.cpu_ns);
    json_number(json, "server_cpu_ns_each", opened ? (double)server.cpu_ns / (double)opened : 0);
    json_count(json, "server_memory_bytes_before", proc_memory_bytes(&results->before.server));
    json_count(json, "server_memory_bytes_after", proc_memory_bytes(&results->opened.server));
    json_number(json, "server_bytes_each", results_bytes_each(results));
    json_close(json, '}');
}

static void write_verdict(struct json *json, const struct results *results)
{
    const struct verdict *verdict = &results->verdict;
    json_open(json, "verdict", '{');
    json_bool(json, "failed", results_failed(results));
    json_count(json, "missing", verdict->missing);
    json_count(json, "doubled", verdict->doubled);
    json_count(json, "reordered", verdict->reordered);
    json_count(json, "misplaced", results->end.counts[COUNT_misplaced]);
    json_count(json, "damaged", results->end.counts[COUNT_damaged]);
    json_count(json, "stranded", verdict->stranded);
    json_count(json, "gaps_forgotten", verdict->forgotten);
    json_text(json, "first_error", results->error[0] ? results->error : NULL);
    json_bool(json, "cut_short", results->cut_short);
    json_close(json, '}');
}

// Rows in the order of "columns"; counts and CPU times are since the row before.
static void write_series(struct json *json, const struct series *series)
{
    static const char *const columns[] = {
        "at_ns",     "p50_ns",    "p99_ns",      "p99.9_ns",      "max_ns",      "opened",
        "published", "delivered", "connections", "server_cpu_ns", "tool_cpu_ns", "server_bytes",
    };
    json_open(json, "series", '{');
    json_open(json, "columns", '[');
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        json_text(json, NULL, columns[i]);
    json_close(json, ']');
    json_open(json, "rows", '[');
    for (uint32_t i = 0; i < series->count; i++) {
        const struct series_point *point = &series->points[i];
        const uint64_t row[] = {
            point->at_ns,       point->latency[0],    point->latency[1],  point->latency[2],
            point->latency[3],  point->opened,        point->published,   point->delivered,
            point->connections, point->server_cpu_ns, point->tool_cpu_ns, point->server_bytes,
        };
        json_open(json, NULL, '[');
        for (size_t c = 0; c < sizeof row / sizeof *row; c++)
            json_count(json, NULL, row[c]);
        json_close(json, ']');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void write_all(struct json *json, const struct results *results)
{
    char bottleneck[256];
    uint64_t delivered = results_count(results, delivered);
    double seconds = results->measured_s > 0 ? results->measured_s : 1;
    results_bottleneck(results, bottleneck, sizeof bottleneck);
    json_open(json, NULL, '{');
    write_origin(json, results);
    write_options(json, results->bench);
    write_tls(json, results->bench);
    write_opening(json, results);
    json_number(json, "measured_s", results->measured_s);
    json_open(json, "measured_ns", '['); // on the monotonic clock, as the times in messages are
    json_count(json, NULL, results->bench->from_ns);
    json_count(json, NULL, results->bench->until_ns);
    json_close(json, ']');
    json_number(json, "messages_per_s", (double)results_count(results, published) / seconds);
    json_number(json, "deliveries_per_s", (double)delivered / seconds);
    write_counts(json, "counts", results->counts);
    write_counts(json, "whole_run", results->end.counts);
    write_histogram(json, "latency_ns", &results->latency);
    write_histogram(json, "last_member_ns", &results->last);
    write_histogram(json, "tls_ns", &results->secured);
    write_histogram(json, "handshake_ns", &results->handshake);
    write_histogram(json, "own_lag_ns", &results->lag);
    write_histogram(json, "event_ns", &results->event);
    json_text(json, "event", results->bench->scenario->event);
    if (results->bench->scenario->write_json)
        results->bench->scenario->write_json(json, results->bench);
    if (results->has_server) {
        json_open(json, "server", '{');
        write_process(json, &results->server, delivered);
        json_close(json, '}');
    }
    json_open(json, "tool_cpu", '{');
    json_number(json, "busiest_thread_share", results->busiest_share);
    json_number(json, "most_waiting_thread_share", results->waiting_share);
    write_process(json, &results->tool, delivered);
    json_close(json, '}');
    write_series(json, results->series);
    json_text(json, "bottleneck", bottleneck[0] ? bottleneck : NULL);
    write_verdict(json, results);
    json_close(json, '}');
}

void report_json_to(const struct results *results, FILE *file)
{
    struct json json = {.file = file};
    write_all(&json, results);
}

int report_json(const struct results *results, const char *path)
{
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *file = to_stdout ? stdout : fopen(path, "we");
    if (!file)
        return -errno;
    report_json_to(results, file);
    bool bad = ferror(file) || fflush(file);
    if (!to_stdout)
        bad = fclose(file) || bad;
    return bad ? -EIO : 0;
}
