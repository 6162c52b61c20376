// SPDX-License-Identifier: MIT
#include "server/environment.h"

#include <stddef.h>
#include <string.h>

const char *environment_value(char **environment, const char *name)
{
    size_t len = strlen(name);
    for (char **v = environment; v && *v; v++)
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
            return *v + len + 1;
    return NULL;
}
