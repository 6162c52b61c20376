// SPDX-License-Identifier: MIT
#include "load/json_read.h"

#include <criterion/criterion.h>

static const char sample[] = "{\"a\": {\"p99.9\": 12.5, \"b\": [1, {\"c\": 2}]}, \"t\": \"x\\\"y\","
                             " \"n\": null, \"list\": [], \"last\": -3e2}\n";

Test(json_read, tells_well_formed_from_broken)
{
    static const char *const broken[] = {"",         "{",    "[1,]",   "{\"a\"}",
                                         "{\"a\":}", "{} x", "\"abc",  "{\"a\":1,}",
                                         "[1 2]",    "\"\\", "{a: 1}", "[[[[[[["};
    cr_assert(json_read_check(sample));
    cr_assert(json_read_check(" [] "));
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        cr_assert_not(json_read_check(broken[i]), "%s", broken[i]);
}

Test(json_read, refuses_to_nest_without_end)
{
    char deep[2001];
    for (int i = 0; i < 2000; i++)
        deep[i] = '[';
    deep[2000] = 0;
    cr_assert_not(json_read_check(deep));
}

Test(json_read, finds_by_path)
{
    double value = 0;
    cr_assert(json_read_number(sample, "a/p99.9", &value));
    cr_assert_eq(value, 12.5);
    cr_assert(json_read_number(sample, "last", &value));
    cr_assert_eq(value, -300);
    cr_assert_not(json_read_number(sample, "a/none", &value));
    cr_assert_not(json_read_number(sample, "n", &value));
    cr_assert_not(json_read_number(sample, "last/deeper", &value));
}

Test(json_read, reads_and_cuts_text)
{
    char text[8], two[3];
    cr_assert(json_read_text(sample, "t", text, sizeof text));
    cr_assert_str_eq(text, "x\\\"y");
    cr_assert(json_read_text(sample, "t", two, sizeof two));
    cr_assert_str_eq(two, "x\\");
    cr_assert_not(json_read_text(sample, "a", text, sizeof text));
}
