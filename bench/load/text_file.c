// SPDX-License-Identifier: MIT
#include "load/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *text_file_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t capacity = 0;
    if (!file)
        return NULL;
    errno = 0;
    ssize_t len = getdelim(&text, &capacity, 0, file);
    int error = errno ? errno : EINVAL;
    fclose(file);
    if (len > 0)
        return text;
    free(text);
    errno = error;
    return NULL;
}
