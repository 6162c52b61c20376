// SPDX-License-Identifier: MIT
//
// Root binds low ports and reads keys; serving needs none of its rights.
#pragma once

#include "base/check.h"

// Becomes this user for good, with its groups ("": stays who it is), and gives up to gain rights by
// starting a program. Who has been started as that user keeps the groups that it was given; those
// that are not the user's are warned of. Before any thread exists. Returns 0, or -errno with a
// sentence in error.
MUST_USE int privileges_drop(const char *user, char *error, size_t error_bytes);
