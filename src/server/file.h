// SPDX-License-Identifier: MIT
//
// Reading a whole file that the configuration names.
#pragma once

#include "base/check.h"

#define FILE_PATH_MAX_BYTES 1024

// The next item of a list of paths with commas between, without the blanks around it; false at its
// end.
bool file_next(const char **list, char path[FILE_PATH_MAX_BYTES]);

// Returns its contents, malloc'd, with a NUL behind them that *len does not count; or NULL with a
// sentence in error that names the file: it cannot be read, is empty, or is longer than max_bytes.
MUST_USE char *file_read(const char *path, size_t max_bytes, size_t *len, char *error,
                         size_t error_bytes);
