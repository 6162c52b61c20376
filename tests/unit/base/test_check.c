// SPDX-License-Identifier: MIT
#include "base/check.h"

#include <criterion/criterion.h>
#include <signal.h>

struct outer {
    int before;
    int member;
};

Test(check, true_condition_goes_on)
{
    CHECK(1 + 1 == 2);
}

Test(check, false_condition_aborts, .signal = SIGABRT)
{
    volatile int two = 2;
    CHECK(1 + 1 != two);
}

Test(check, unreachable_aborts, .signal = SIGABRT)
{
    UNREACHABLE();
}

Test(check, condition_is_evaluated_once)
{
    int count = 0;
    CHECK(++count);
    cr_assert_eq(count, 1);
}

Test(check, hot_condition_is_evaluated_only_when_switched_on)
{
    int count = 0;
    CHECK_HOT(++count);
#ifdef RINGCAST_CHECK_HOT
    cr_assert_eq(count, 1);
#else
    cr_assert_eq(count, 0);
#endif
}

Test(check, container_of)
{
    struct outer outer = {0};
    cr_assert_eq(CONTAINER_OF(&outer.member, struct outer, member), &outer);
}
