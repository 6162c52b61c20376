// SPDX-License-Identifier: MIT
//
// A whole text file in memory.
#pragma once

#include "base/check.h"

// The text, NUL-terminated, for the caller to free; or NULL with errno set (EINVAL: it is empty).
char *text_file_read(const char *path);
