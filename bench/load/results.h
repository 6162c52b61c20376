// SPDX-License-Identifier: MIT
//
// What a run has found: plain data, filled by the main thread, read by the reports.
#pragma once

#include "load/bench.h"
#include "load/proc.h"
#include "load/worker.h"

#include <stdio.h>

// Counts of all workers at one moment, with what /proc says at the same moment.
struct results_sample {
    uint64_t at_ns;
    uint64_t counts[COUNTS];
    struct proc_sample server, tool;
};

struct series;

struct results {
    const struct bench *bench;
    int argc;
    char **argv;
    bool has_server;     // --pid or --spawn
    bool cut_short;      // by a signal, before the end of the measured time
    bool server_ended;   // that of --spawn, by itself
    bool opened_all;     // every connection was open when the load began
    char error[256];     // the first thing that went wrong, or empty
    uint64_t started_ms; // since 1970

    struct results_sample before, opened, from, until, end; // `end`: after the drain
    struct proc_sample tool_opened;                         // at the last handshake
    uint64_t open_ns;                                       // from the first to the last handshake
    struct verdict verdict;
    struct hdr latency, last, secured, handshake, lag, event; // merged over the workers
    struct series *series;                                    // owned: freed with the results

    // Differences from `from` to `until`, as the reports need them.
    double measured_s;
    uint64_t counts[COUNTS];
    struct proc_sample server, tool;
    double busiest_share; // CPU share of the busiest worker thread
    double waiting_share; // of the time, of the worker thread that waited most for a CPU
};

#define results_count(results, symbol) ((results)->counts[COUNT_##symbol])

// From when the first handshake was due to when the last one was done or had failed, over all
// workers; 0 when there was none.
uint64_t results_opening_ns(const struct bench *bench);

// Computes the differences and merges the histograms.
void results_finish(struct results *results);

// What the server's memory grew by per connection while they were opened.
double results_bytes_each(const struct results *results);

// True when messages were lost, doubled, reordered, spoilt or never sent, when connections
// failed, or when nothing was measured.
bool results_failed(const struct results *results);

// A load was asked for, and interrupted before its measured time began.
bool results_nothing_measured(const struct results *results);

// True when the run failed, with one line that says why: for stderr, whatever else is printed.
bool results_why_failed(const struct results *results, char *out, size_t out_bytes);

// One line, or an empty one: why the figures may show this tool rather than the server.
void results_bottleneck(const struct results *results, char *out, size_t out_bytes);

// The summary for people, on standard output.
void report_text(const struct results *results);

// Writes the whole report as JSON.
void report_json_to(const struct results *results, FILE *file);

// The same into a file; "-" is standard output. Returns 0 or -errno.
MUST_USE int report_json(const struct results *results, const char *path);
