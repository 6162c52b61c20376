// SPDX-License-Identifier: MIT
#include "load/json.h"

#include <math.h>

static void write_text(struct json *json, const char *text)
{
    fputc('"', json->file);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(json->file, "\\%c", c);
        else if (c < 0x20)
            fprintf(json->file, "\\u%04x", c);
        else
            fputc(c, json->file);
    }
    fputc('"', json->file);
}

static void begin(struct json *json, const char *name)
{
    if (json->comma)
        fputs(json->depth == 1 ? "," : ", ", json->file);
    if (json->depth == 1)
        fputs("\n  ", json->file);
    if (name) {
        write_text(json, name);
        fputs(": ", json->file);
    }
    json->comma = true;
}

void json_open(struct json *json, const char *name, char bracket)
{
    begin(json, name);
    fputc(bracket, json->file);
    json->comma = false;
    json->depth++;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->depth == 0)
        fputc('\n', json->file);
    fputc(bracket, json->file);
    if (json->depth == 0)
        fputc('\n', json->file);
    json->comma = true;
}

void json_text(struct json *json, const char *name, const char *value)
{
    begin(json, name);
    if (value)
        write_text(json, value);
    else
        fputs("null", json->file);
}

void json_count(struct json *json, const char *name, uint64_t value)
{
    begin(json, name);
    fprintf(json->file, "%llu", (unsigned long long)value);
}

void json_number(struct json *json, const char *name, double value)
{
    begin(json, name);
    fprintf(json->file, "%.6g", isfinite(value) ? value : 0.0);
}

void json_bool(struct json *json, const char *name, bool value)
{
    begin(json, name);
    fputs(value ? "true" : "false", json->file);
}
