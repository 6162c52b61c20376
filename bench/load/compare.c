// SPDX-License-Identifier: MIT
#include "load/compare.h"

#include "load/json_read.h"
#include "load/report_html.h"
#include "load/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 26

static const struct {
    const char *title, *path;
} rows[] = {
    {"messages/s", "messages_per_s"},
    {"deliveries/s", "deliveries_per_s"},
    {"latency p50, ns", "latency_ns/p50"},
    {"latency p90, ns", "latency_ns/p90"},
    {"latency p99, ns", "latency_ns/p99"},
    {"latency p99.9, ns", "latency_ns/p99.9"},
    {"latency max, ns", "latency_ns/max"},
    {"last member p50, ns", "last_member_ns/p50"},
    {"last member p99, ns", "last_member_ns/p99"},
    {"handshakes/s", "opening/handshakes_per_s"},
    {"TLS done p99, ns", "tls_ns/p99"},
    {"handshake p99, ns", "handshake_ns/p99"},
    {"server CPU per delivery, ns", "server/cpu_ns_per_delivery"},
    {"server CPU, ns", "server/cpu_ns"},
    {"server memory, bytes", "server/memory_bytes"},
    {"tool CPU per delivery, ns", "tool_cpu/cpu_ns_per_delivery"},
    {"missing", "verdict/missing"},
    {"doubled", "verdict/doubled"},
    {"reordered", "verdict/reordered"},
    {"connections lost", "whole_run/lost"},
};

struct run {
    const char *path;
    char *text;
    struct json_tree *tree;
};

static int read_run(struct run *run)
{
    run->text = text_file_read(run->path);
    if (!run->text) {
        fprintf(stderr, "ringcast-bench: cannot read '%s': %s\n", run->path, strerror(errno));
        return 1;
    }
    run->tree = json_read(run->text);
    const char *tool = run->tree ? json_read_text(run->tree, "tool") : NULL;
    if (!tool || strcmp(tool, "ringcast-bench") != 0) {
        fprintf(stderr, "ringcast-bench: '%s' is no report of ringcast-bench --json\n", run->path);
        return 1;
    }
    return 0;
}

static void print_heads(const struct run *runs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *scenario = json_read_text(runs[i].tree, "scenario");
        const char *note = json_read_text(runs[i].tree, "bottleneck");
        printf("%c  %s  %s\n", (int)('A' + i), scenario ? scenario : "?", runs[i].path);
        if (note)
            printf("   NOTE: %s\n", note);
    }
    printf("\n%-28s%14s", "", "A");
    for (uint32_t i = 1; i < count; i++)
        printf("%14c%9s", (int)('A' + i), "÷ A");
    printf("\n");
}

static void print_row(const struct run *runs, uint32_t count, const char *title, const char *path)
{
    double first = 0, value;
    bool has_first = json_read_number(runs[0].tree, path, &first);
    bool timed = strstr(path, "_ns/"), any = false; // zero: nothing was timed
    for (uint32_t i = 0; i < count; i++)
        any = (json_read_number(runs[i].tree, path, &value) && (value > 0 || !timed)) || any;
    if (!any)
        return;
    printf("%-28s", title);
    for (uint32_t i = 0; i < count; i++) {
        if (!json_read_number(runs[i].tree, path, &value)) {
            printf(i ? "%14s%8s" : "%14s", "-", "");
            continue;
        }
        printf("%14.0f", value);
        if (i && has_first && first > 0)
            printf("%8.2f", value / first);
        else if (i)
            printf("%8s", "");
    }
    printf("\n");
}

static int report(const struct run *runs, uint32_t count, const char *html)
{
    const char *texts[RUNS_MAX];
    print_heads(runs, count);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        print_row(runs, count, rows[i].title, rows[i].path);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = runs[i].text;
    int error = html ? report_html_texts(texts, count, html) : 0;
    if (error)
        fprintf(stderr, "ringcast-bench: cannot write '%s': %s\n", html, strerror(-error));
    return error ? 1 : 0;
}

static int print_usage(FILE *file, int code)
{
    fprintf(file,
            "ringcast-bench: compare [--html FILE] A.json B.json … (2 to %d reports of --json)\n",
            RUNS_MAX);
    return code;
}

int compare_run(int argc, char **argv)
{
    struct run runs[RUNS_MAX] = {0};
    const char *html = NULL;
    uint32_t count = 0;
    bool usage = false, help = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--html") == 0 && i + 1 < argc)
            html = argv[++i];
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            help = true;
        else if (argv[i][0] == '-' || count == RUNS_MAX)
            usage = true;
        else
            runs[count++].path = argv[i];
    }
    if (help)
        return print_usage(stdout, 0);
    if (usage || count < 2)
        return print_usage(stderr, 2);
    int code = 0;
    for (uint32_t i = 0; i < count && !code; i++)
        code = read_run(&runs[i]);
    if (!code)
        code = report(runs, count, html);
    for (uint32_t i = 0; i < count; i++) {
        json_read_free(runs[i].tree);
        free(runs[i].text);
    }
    return code;
}
