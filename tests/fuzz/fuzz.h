// SPDX-License-Identifier: MIT
//
// What a fuzz target is: libFuzzer's entry point. The targets check their properties with CHECK, so
// that a broken one aborts under libFuzzer and under replay_main.c alike.
#pragma once

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

// The first bytes of an input steer the run, so that the fuzzer can choose them too: a count, and
// as many sizes of pieces. Returns how many bytes that took.
static inline size_t fuzz_take_sizes(const uint8_t *bytes, size_t len, const uint8_t **sizes,
                                     size_t *count)
{
    *sizes = bytes + 1;
    *count = len == 0 ? 0 : bytes[0] & 7;
    if (*count + 1 > len)
        *count = 0;
    return len == 0 ? 0 : *count + 1;
}
