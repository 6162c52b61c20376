// SPDX-License-Identifier: MIT
//
// Arrays that grow by doubling. Memory: at most twice the most items that there ever were.
#pragma once

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>

// Makes place for one more item behind `count`; the first time for `first` items. Returns the
// array, which may have moved. NULL: memory has run out, and the array is as it was.
MUST_USE static inline void *array_reserve(void *array, uint32_t count, uint32_t *capacity,
                                           uint32_t first, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    uint32_t more = *capacity ? *capacity * 2 : first;
    void *larger = realloc(array, more * item_bytes);
    if (larger)
        *capacity = more;
    return larger;
}
