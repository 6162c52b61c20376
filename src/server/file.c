// SPDX-License-Identifier: MIT
#include "server/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(FILE *file, size_t max_bytes, size_t *len)
{
    char *text = malloc(max_bytes + 2); // reserved, not touched
    if (!text)
        return NULL;
    *len = fread(text, 1, max_bytes + 1, file);
    char *fitted = ferror(file) ? NULL : realloc(text, *len + 1);
    if (!fitted) {
        free(text);
        return NULL;
    }
    fitted[*len] = 0;
    return fitted;
}

char *file_read(const char *path, size_t max_bytes, size_t *len, char *error, size_t error_bytes)
{
    FILE *file = fopen(path, "re");
    *len = 0;
    errno = file ? 0 : errno;
    char *text = file ? read_all(file, max_bytes, len) : NULL;
    if (!text)
        snprintf(error, error_bytes, "cannot read %s: %s", path, strerror(errno ? errno : EIO));
    if (file)
        fclose(file);
    if (!text || (*len > 0 && *len <= max_bytes))
        return text;
    snprintf(error, error_bytes, *len ? "%s is longer than %zu bytes" : "%s is empty", path,
             max_bytes);
    free(text);
    return NULL;
}

bool file_next(const char **list, char path[FILE_PATH_MAX_BYTES])
{
    const char *begin = *list + strspn(*list, " \t,");
    size_t len = strcspn(begin, ",");
    *list = begin + len;
    while (len && strchr(" \t", begin[len - 1]))
        len--;
    snprintf(path, FILE_PATH_MAX_BYTES, "%.*s", (int)len, begin);
    return len > 0;
}
