// SPDX-License-Identifier: MIT
//
// The options as JSON, each by the name of its field: made of options.def, so that none is
// forgotten.
#include "load/json.h"
#include "load/masked.h"
#include "load/options.h"

#include <string.h>

#define TEXT_MAX_BYTES 8192

static void write_KIND_COUNT(struct json *json, const char *name, const uint32_t *value)
{
    json_count(json, name, *value);
}

// The word at its place in "one|other", as it was given.
static void write_word(struct json *json, const char *name, const char *words, uint32_t place)
{
    char word[16];
    for (uint32_t i = 1; i < place; i++)
        words += strcspn(words, "|") + 1;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(words, "|"), words);
    json_text(json, name, place ? word : NULL);
}

static void write_KIND_RATE(struct json *json, const char *name, const double *value)
{
    json_number(json, name, *value);
}

static void write_KIND_TIME(struct json *json, const char *name, const uint64_t *value)
{
    json_count(json, name, *value);
}

static void write_KIND_SEED(struct json *json, const char *name, const uint64_t *value)
{
    json_count(json, name, *value);
}

static void write_KIND_FLAG(struct json *json, const char *name, const bool *value)
{
    json_bool(json, name, *value);
}

static void write_KIND_TEXT(struct json *json, const char *name, const char *const *value)
{
    char text[TEXT_MAX_BYTES];
    json_text(json, name, *value ? masked_copy(text, sizeof text, *value) : NULL);
}

static void write_KIND_HEADER(struct json *json, const char *name,
                              const char (*lines)[OPTIONS_HEADERS_MAX_BYTES])
{
    char text[OPTIONS_HEADERS_MAX_BYTES], *line = masked_copy(text, sizeof text, *lines);
    json_open(json, name, '[');
    for (char *save, *one = strtok_r(line, "\r\n", &save); one; one = strtok_r(NULL, "\r\n", &save))
        json_text(json, NULL, one);
    json_close(json, ']');
}

static void write_list(struct json *json, const char *name, const uint32_t *list, uint32_t count)
{
    json_open(json, name, '[');
    for (uint32_t i = 0; i < count; i++)
        json_count(json, NULL, list[i]);
    json_close(json, ']');
}

static void write_KIND_JOIN(struct json *json, const char *name,
                            const struct options_join (*joins)[OPTIONS_JOINS_MAX])
{
    json_open(json, name, '[');
    for (uint32_t i = 0; i < OPTIONS_JOINS_MAX && (*joins)[i].message; i++) {
        json_open(json, NULL, '{');
        write_KIND_TEXT(json, "after", &(*joins)[i].after);
        write_KIND_TEXT(json, "message", &(*joins)[i].message);
        json_close(json, '}');
    }
    json_close(json, ']');
}

// "PREFIX=TEXT", as it was given.
static void write_KIND_ANSWER(struct json *json, const char *name,
                              const struct options_answer (*answers)[OPTIONS_ANSWERS_MAX])
{
    json_open(json, name, '[');
    for (uint32_t i = 0; i < OPTIONS_ANSWERS_MAX && (*answers)[i].prefix; i++)
        write_KIND_TEXT(json, NULL, &(*answers)[i].prefix);
    json_close(json, ']');
}

void options_write(struct json *json, const struct options *options)
{
    const char *words;
// What these two kinds need beyond their field.
#define write_KIND_LIST(json, name, list)                                                          \
    write_list(json, name, *(list),                                                                \
               *(list) == options->cpus ? options->cpu_count : options->pid_count)
#define write_KIND_WORD(json, name, place) write_word(json, name, words, *(place))
#define OPTION(name, letter, scenarios, kind, field, min, max, argument, help)                     \
    words = argument;                                                                              \
    write_##kind(json, #field, &options->field);
#include "load/options.def"
#undef OPTION
    (void)words; // the last option may need none
}
