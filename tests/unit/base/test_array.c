// SPDX-License-Identifier: MIT
#include "base/array.h"

#include <criterion/criterion.h>

Test(array, begins_with_the_first_and_doubles)
{
    uint32_t capacity = 0, *numbers = NULL;
    for (uint32_t count = 0; count < 100; count++) {
        uint32_t before = capacity;
        uint32_t *larger = array_reserve(numbers, count, &capacity, 3, sizeof *numbers);
        cr_assert_not_null(larger);
        numbers = larger;
        cr_assert_eq(capacity, count < before ? before : before ? before * 2 : 3);
        numbers[count] = count;
    }
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(numbers[i], i, "what was there stays");
    free(numbers);
}
