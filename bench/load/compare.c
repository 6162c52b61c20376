// SPDX-License-Identifier: MIT
#include "load/compare.h"

#include "load/figures.h"
#include "load/json_read.h"
#include "load/report_html.h"
#include "load/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 26

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
    printf("\n%-36s%14s", "", "A");
    for (uint32_t i = 1; i < count; i++)
        printf("%14c%9s", (int)('A' + i), "÷ A");
    printf("\n");
}

static bool stands_for_something(const struct run *run, const struct figure *figure)
{
    double value;
    return json_read_number(run->tree, figure->path, &value) &&
           (value != 0 || !figure->when_not_zero);
}

// Small ones are shares, or times and amounts where a fraction counts.
static void print_value(double value)
{
    printf("%14.*f", value < 10 && value != (double)(int64_t)value ? 3 : 0, value);
}

static void print_row(const struct run *runs, uint32_t count, const struct figure *figure)
{
    double first = 0, value;
    bool has_first = json_read_number(runs[0].tree, figure->path, &first), any = false;
    char title[64];
    for (uint32_t i = 0; i < count; i++)
        any = any || stands_for_something(&runs[i], figure);
    if (!any)
        return;
    bool named = figure->unit[0] && figure->unit[0] != '/';
    snprintf(title, sizeof title, "%s%s%s", figure->title, named ? ", " : "",
             named ? figure->unit : "");
    printf("%-36s", title);
    for (uint32_t i = 0; i < count; i++) {
        if (!json_read_number(runs[i].tree, figure->path, &value)) {
            printf(i ? "%14s%8s" : "%14s", "-", "");
            continue;
        }
        print_value(value);
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
    for (uint32_t i = 0; i < figure_count; i++)
        print_row(runs, count, &figures[i]);
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
