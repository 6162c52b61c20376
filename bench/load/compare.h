// SPDX-License-Identifier: MIT
//
// ringcast-bench compare [--html FILE] A.json B.json …: reports of earlier runs side by side.
#pragma once

// Returns the exit code: 0, 1 when a file cannot be read or written, 2 on bad usage. `argv` begins
// behind the word "compare".
int compare_run(int argc, char **argv);
