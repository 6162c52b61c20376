// SPDX-License-Identifier: MIT
#include "load/report_html.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char marker[] = "/*RUNS*/";

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

int report_html_texts(const char *const *texts, uint32_t count, const char *path)
{
    const char *page = (const char *)report_page;
    const char *at = memmem(page, report_page_bytes, marker, sizeof marker - 1);
    CHECK(at);
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    size_t before = (size_t)(at - page), behind = before + sizeof marker - 1;
    fwrite(page, 1, before, file);
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            fputc(',', file);
        write_escaped(file, texts[i]);
    }
    fwrite(page + behind, 1, report_page_bytes - behind, file);
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
