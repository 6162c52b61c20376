// SPDX-License-Identifier: MIT
//
// The summary for people.
#include "load/results.h"
#include "load/secure.h"
#include "load/series.h"

#include <stdio.h>

static void print_time(uint64_t ns)
{
    if (ns < 10000)
        printf("%9.2f µs", (double)ns / 1e3);
    else if (ns < 1000000)
        printf("%9.1f µs", (double)ns / 1e3);
    else if (ns < UINT64_C(1000000000))
        printf("%9.2f ms", (double)ns / 1e6);
    else
        printf("%9.2f s ", (double)ns / 1e9);
}

static void print_histogram(const char *title, const struct hdr *hdr)
{
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    if (!counter_read(&hdr->count))
        return;
    printf("%-14s", title);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        print_time(hdr_quantile(hdr, quantiles[i]));
    printf("\n");
}

static double per(uint64_t amount, uint64_t number)
{
    return number ? (double)amount / (double)number : 0;
}

static void print_setup(const struct results *results)
{
    const struct options *options = &results->bench->options;
    printf("%s  ws%s://%s%s\n", results->bench->scenario->name, results->bench->secure ? "s" : "",
           results->bench->target.host, results->bench->target.path);
    printf("  %u connections", options->connections);
    if (results->bench->scenario->by_room)
        printf(" in %u room%s, %u publisher%s each", options->rooms, options->rooms > 1 ? "s" : "",
               options->publishers, options->publishers > 1 ? "s" : "");
    if (results->bench->scenario->tick && options->rate > 0)
        printf(", %.0f messages/s (open loop), %u bytes", options->rate, options->size_bytes);
    else if (results->bench->scenario->tick)
        printf(", window %u (closed loop), %u bytes", options->window, options->size_bytes);
    printf(", %u thread%s\n", results->bench->thread_count,
           results->bench->thread_count > 1 ? "s" : "");
}

static void print_tls(const struct results *results)
{
    const struct bench *bench = results->bench;
    if (bench->secure && bench->workers[0].tls_version)
        printf("  %s, %s; the server's certificate: %s\n", bench->workers[0].tls_version,
               bench->workers[0].tls_cipher, secure_check_text(bench));
}

static void print_opening(const struct results *results)
{
    uint64_t opened = results->opened.counts[COUNT_opened];
    double seconds = (double)results->open_ns / 1e9;
    printf("  opened %llu in %.2f s: %.0f handshakes/s", (unsigned long long)opened, seconds,
           seconds > 0 ? (double)opened / seconds : 0);
    if (results->has_server) {
        struct proc_sample server;
        proc_difference(&server, &results->before.server, &results->opened.server);
        printf("; server: %.1f µs CPU and %.0f bytes each", per(server.cpu_ns, opened) / 1e3,
               results_bytes_each(results));
    }
    printf("\n");
}

static void print_rates(const struct results *results)
{
    double s = results->measured_s;
    printf("  measured %.2f s: %.0f messages/s, %.0f deliveries/s, %.1f MB/s received\n", s,
           (double)results_count(results, published) / s,
           (double)results_count(results, delivered) / s,
           (double)results_count(results, received_bytes) / s / 1e6);
}

static void print_latencies(const struct results *results)
{
    printf("%-14s%12s%12s%12s%12s%12s%12s\n", "", "p50", "p90", "p99", "p99.9", "p99.99", "max");
    print_histogram("  delivery", &results->latency);
    print_histogram("  last member", &results->last);
    print_histogram("  TLS done", &results->secured);
    print_histogram("  handshake", &results->handshake);
    print_histogram("  own lag", &results->lag);
    if (results->bench->scenario->event) {
        char title[32];
        snprintf(title, sizeof title, "  %s", results->bench->scenario->event);
        print_histogram(title, &results->event);
    }
}

static void print_process(const struct results *results, const char *name,
                          const struct proc_sample *sample)
{
    uint64_t delivered = results_count(results, delivered);
    double s = results->measured_s;
    printf("  %-7s CPU %5.1f %%", name, (double)sample->cpu_ns / s / 1e7);
    if (delivered)
        printf(", %6.0f ns per delivery", per(sample->cpu_ns, delivered));
    printf(", waited for a CPU %.1f %%, %.0f switches/s, %.1f MB of memory (%.1f MB resident)\n",
           (double)sample->wait_ns / s / 1e7,
           (double)(sample->switches_voluntary + sample->switches_forced) / s,
           (double)proc_memory_bytes(sample) / 1e6, (double)sample->resident_bytes / 1e6);
    if (sample->capped)
        printf("          not all of it: there are more than %d processes or %d threads\n",
               PROC_PIDS_MAX, PROC_THREADS_MAX);
    if (sample->ended_count)
        printf("          %u of its processes ended meanwhile: their CPU is missing\n",
               sample->ended_count);
    for (uint32_t i = 0; i < sample->thread_count; i++) {
        const struct proc_thread *thread = &sample->threads[i];
        if ((double)thread->cpu_ns / s > 1e7) // over 1 %
            printf("          %-15s %5.1f %%\n", thread->name, (double)thread->cpu_ns / s / 1e7);
    }
}

static void print_idle(const struct results *results)
{
    uint64_t open = results->until.counts[COUNT_opened] - results->until.counts[COUNT_lost];
    printf("  held %llu connections for %.2f s: %llu pings answered, %llu lost",
           (unsigned long long)open, results->measured_s,
           (unsigned long long)results_count(results, pings),
           (unsigned long long)results_count(results, lost));
    if (results->has_server)
        printf("; server: %.2f µs CPU per connection and second",
               per(results->server.cpu_ns, open) / 1e3 / results->measured_s);
    printf("\n");
}

static uint64_t most_memory(const struct results *results)
{
    uint64_t most = proc_memory_bytes(&results->end.server);
    for (uint32_t i = 0; i < results->series->count; i++)
        if (results->series->points[i].server_bytes > most)
            most = results->series->points[i].server_bytes;
    return most;
}

static void print_slow(const struct results *results)
{
    const uint64_t *end = results->end.counts;
    uint64_t ended = end[COUNT_slow_ended], closed = end[COUNT_slow_closed],
             hung_up = end[COUNT_slow_hung_up];
    printf("  slow members: %llu deliveries, %llu ended by the server: %llu by a Close frame that "
           "they read (%llu with 1008 or 1013), %llu by the end of the stream, %llu by a reset\n",
           (unsigned long long)end[COUNT_slow_delivered], (unsigned long long)ended,
           (unsigned long long)closed, (unsigned long long)end[COUNT_evicted],
           (unsigned long long)hung_up, (unsigned long long)(ended - closed - hung_up));
    if (results->has_server)
        printf("  the server's memory: %.1f MB before the load, at most %.1f MB, %.1f MB in the "
               "end\n",
               (double)proc_memory_bytes(&results->opened.server) / 1e6,
               (double)most_memory(results) / 1e6,
               (double)proc_memory_bytes(&results->end.server) / 1e6);
}

static void print_verdict(const struct results *results)
{
    const struct verdict *verdict = &results->verdict;
    const uint64_t *end = results->end.counts;
    if (results->bench->scenario->tick)
        printf("  %llu of %llu deliveries; missing %llu, doubled %llu, reordered %llu, in the "
               "wrong room %llu, damaged %llu\n",
               (unsigned long long)end[COUNT_delivered],
               (unsigned long long)(end[COUNT_expected] - end[COUNT_excused]),
               (unsigned long long)verdict->missing, (unsigned long long)verdict->doubled,
               (unsigned long long)verdict->reordered, (unsigned long long)end[COUNT_misplaced],
               (unsigned long long)end[COUNT_damaged]);
    if (end[COUNT_failed] || end[COUNT_lost])
        printf("  connections: %llu could not be opened, %llu lost\n",
               (unsigned long long)end[COUNT_failed], (unsigned long long)end[COUNT_lost]);
    if (end[COUNT_dropped])
        printf("  ended on purpose %llu, not back in the end %llu\n",
               (unsigned long long)end[COUNT_dropped], (unsigned long long)verdict->stranded);
    if (results->bench->scenario == &scenario_slow)
        print_slow(results);
    else if (end[COUNT_evicted])
        printf("  of these, closed by the server with 1008 or 1013: %llu\n",
               (unsigned long long)end[COUNT_evicted]);
    if (results->bench->scenario->print)
        results->bench->scenario->print(results->bench);
    if (end[COUNT_held_back])
        printf("  held back: %llu due messages, which the server did not take in time\n",
               (unsigned long long)end[COUNT_held_back]);
    if (end[COUNT_due_unsent])
        printf("  NOTE: %llu messages were due and never sent; the latencies count them as late as "
               "they were in the end\n",
               (unsigned long long)end[COUNT_due_unsent]);
    if (end[COUNT_incomplete])
        printf("  %llu messages did not reach everybody; they count for the last member as late as "
               "they were when given up\n",
               (unsigned long long)end[COUNT_incomplete]);
    if (end[COUNT_given_up])
        printf("  the window went on without %llu messages\n",
               (unsigned long long)end[COUNT_given_up]);
}

void report_text(const struct results *results)
{
    char bottleneck[256];
    print_setup(results);
    print_tls(results);
    print_opening(results);
    if (results->measured_s <= 0 && results->bench->scenario->loads) {
        printf("  nothing measured\n"); // stderr says why
        fflush(stdout);
        return;
    }
    if (results->bench->scenario->tick)
        print_rates(results);
    else if (results->bench->scenario->loads)
        print_idle(results);
    print_latencies(results);
    if (results->bench->scenario->loads) {
        if (results->has_server)
            print_process(results, "server", &results->server);
        print_process(results, "tool", &results->tool);
    }
    print_verdict(results);
    results_bottleneck(results, bottleneck, sizeof bottleneck);
    if (bottleneck[0])
        printf("  NOTE: %s\n", bottleneck);
    else
        printf("  not held up by the tool: its busiest thread used %.0f %% of a core\n",
               results->busiest_share * 100);
    if (results->cut_short)
        printf("  NOTE: cut short\n");
    fflush(stdout);
}
