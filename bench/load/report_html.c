// SPDX-License-Identifier: MIT
#include "load/report_html.h"

#include "load/figures.h"
#include "load/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char runs_marker[] = "/*RUNS*/", figures_marker[] = "/*FIGURES*/";

// Inside a script element no text may end it: '<' occurs in JSON only within strings, where this
// means the same.
static void write_escaped(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("\\u003c", file);
        else
            fputc(*text, file);
    }
}

static void write_runs(FILE *file, const char *const *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            fputc(',', file);
        write_escaped(file, texts[i]);
    }
}

static void write_figures(FILE *file)
{
    struct json json = {.file = file};
    for (uint32_t i = 0; i < figure_count; i++) {
        json_open(&json, NULL, '[');
        json_text(&json, NULL, figures[i].title);
        json_text(&json, NULL, figures[i].path);
        json_text(&json, NULL, figures[i].unit);
        json_bool(&json, NULL, figures[i].when_not_zero);
        json_close(&json, ']');
    }
}

// Writes the page up to the marker, which it has; returns where it goes on.
static const char *write_until(FILE *file, const char *from, const char *marker)
{
    const char *end = (const char *)report_page + report_page_bytes;
    const char *at = memmem(from, (size_t)(end - from), marker, strlen(marker));
    CHECK(at);
    fwrite(from, 1, (size_t)(at - from), file);
    return at + strlen(marker);
}

int report_html_texts(const char *const *texts, uint32_t count, const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    const char *page = (const char *)report_page, *end = page + report_page_bytes;
    page = write_until(file, page, runs_marker);
    write_runs(file, texts, count);
    page = write_until(file, page, figures_marker);
    write_figures(file);
    fwrite(page, 1, (size_t)(end - page), file);
    bool bad = ferror(file);
    return fclose(file) || bad ? -EIO : 0;
}

int report_html(const struct results *results, const char *path)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *memory = open_memstream(&text, &text_bytes);
    if (!memory)
        return -errno;
    report_json_to(results, memory);
    int error = fclose(memory) ? -ENOMEM : 0;
    if (!error)
        error = report_html_texts((const char *const[]){text}, 1, path);
    free(text);
    return error;
}
