// SPDX-License-Identifier: MIT
#pragma once

// The value of a variable in an environment such as `environ`, or NULL.
const char *environment_value(char **environment, const char *name);
