// SPDX-License-Identifier: MIT
//
// Reports hold the command line, and reports are shown around: values that let somebody in are
// replaced by "…". Those are the values of header lines Authorization, Proxy-Authorization, Cookie
// and X-Api-Key, and of a URL's parameters whose name has "token", "secret", "password" or "auth"
// in it. What a template of --join or --publish contains is not looked at.
#pragma once

#include "base/check.h"

// Copies `text` with its secrets masked, cut to what fits. Returns `out`.
char *masked_copy(char *out, size_t out_bytes, const char *text);
