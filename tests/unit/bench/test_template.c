// SPDX-License-Identifier: MIT
#include "load/template.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct template_values values = {7, 42, (const uint8_t *)"abc", 3};

static void check(const char *template, const char *wanted)
{
    uint8_t out[64];
    size_t len = template_expand(out, sizeof out, template, &values);
    cr_assert_eq(len, strlen(wanted), "%s", template);
    cr_assert_arr_eq(out, wanted, len, "%s", template);
}

Test(template, replaces_all_three)
{
    check("{\"room\":\"r{room}\",\"id\":{id},\"data\":\"{payload}\"}",
          "{\"room\":\"r7\",\"id\":42,\"data\":\"abc\"}");
    check("{payload}{payload}", "abcabc");
    check("{rooms}{", "{rooms}{");
    check("", "");
}

Test(template, says_when_it_does_not_fit)
{
    uint8_t out[4];
    cr_assert_eq(template_expand(out, 4, "12{payload}", &values), 0);
    cr_assert_eq(template_expand(out, 4, "1{payload}", &values), 4);
}
