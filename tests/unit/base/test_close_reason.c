// SPDX-License-Identifier: MIT
#include "base/close_reason.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>

// What an endpoint may send: RFC 6455, section 7.4.1, and 1013 from the registry of IANA.
static bool may_be_sent(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1011) || code == 1013;
}

Test(close_reason, codes_may_be_sent)
{
    for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
        uint16_t code = close_reason_info((enum close_reason)i)->code;
        cr_assert(code == 0 || may_be_sent(code), "reason %d", i);
    }
}

Test(close_reason, text_fits_a_close_frame)
{
    for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
        size_t len = strlen(close_reason_info((enum close_reason)i)->text);
        cr_assert(len > 0 && len <= 123, "reason %d", i);
    }
}

Test(close_reason, names_are_metric_labels_and_unique)
{
    for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
        const char *name = close_reason_info((enum close_reason)i)->name;
        cr_assert(*name != '\0');
        for (const char *at = name; *at != '\0'; at++)
            cr_assert(islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(name, close_reason_info((enum close_reason)j)->name);
    }
}

Test(close_reason, table_is_in_the_order_of_the_enum)
{
    cr_assert_str_eq(close_reason_info(CLOSE_REASON_NONE)->name, "none");
    cr_assert_str_eq(close_reason_info(CLOSE_REASON_PROTOCOL)->name, "protocol");
    cr_assert_eq(close_reason_info(CLOSE_REASON_PROTOCOL)->code, 1002);
    cr_assert(close_reason_info(CLOSE_REASON_PROTOCOL)->is_error);
}

Test(close_reason, unknown_reason_aborts, .signal = SIGABRT)
{
    close_reason_info(CLOSE_REASON_COUNT);
}
