// SPDX-License-Identifier: MIT
#include "server/option.h"

#include <criterion/criterion.h>
#include <string.h>

#define KIND(k, low, high)                                                                         \
    {                                                                                              \
        .kind = OPTION_##k, .name = "option", .min = (low), .max = (high)                          \
    }

static const struct option_row uint_row = KIND(UINT, 0, 100), power_row = KIND(POWER, 2, 32768),
                               time_row = KIND(DURATION, 1, CONFIG_DURATION_MAX_MS),
                               any_time_row = KIND(DURATION, 0, CONFIG_DURATION_MAX_MS),
                               bytes_row = KIND(BYTES, 1, 1ULL << 40), bool_row = KIND(BOOL, 0, 1),
                               text_row = KIND(TEXT, 0, 0),
                               word_row = {.kind = OPTION_WORD, .hint = "off|optional|on"},
                               level_row = KIND(LEVEL, 0, 4), list_row = KIND(LISTEN, 0, 0);

static const struct {
    const struct option_row *row;
    const char *text;
    uint64_t value;
    const char *written;
} good[] = {
    {&uint_row, "0", 0, "0"},
    {&uint_row, "100", 100, "100"},
    {&power_row, "2", 2, "2"},
    {&power_row, "32768", 32768, "32768"},
    {&time_row, "1ms", 1, "1ms"},
    {&time_row, "500ms", 500, "500ms"},
    {&time_row, "1500 ms", 1500, "1500ms"},
    {&time_row, "10s", 10000, "10s"},
    {&time_row, "2m", 120000, "2m"},
    {&time_row, "90S", 90000, "90s"},
    {&time_row, "1h", 3600000, "1h"},
    {&time_row, "24h", CONFIG_DURATION_MAX_MS, "24h"},
    {&any_time_row, "0", 0, "0"},
    {&any_time_row, "0s", 0, "0"},
    {&bytes_row, "1", 1, "1"},
    {&bytes_row, "1000b", 1000, "1000"},
    {&bytes_row, "64k", 65536, "64k"},
    {&bytes_row, "64 KB", 65536, "64k"},
    {&bytes_row, "64KiB", 65536, "64k"},
    {&bytes_row, "1m", 1 << 20, "1m"},
    {&bytes_row, "1MB", 1 << 20, "1m"},
    {&bytes_row, "4MiB", 4 << 20, "4m"},
    {&bytes_row, "1g", 1 << 30, "1g"},
    {&bytes_row, "1GB", 1 << 30, "1g"},
    {&bytes_row, "1024GiB", 1ULL << 40, "1024g"},
    {&bool_row, "yes", 1, "yes"},
    {&bool_row, "No", 0, "no"},
    {&bool_row, "true", 1, "yes"},
    {&bool_row, "false", 0, "no"},
    {&bool_row, "on", 1, "yes"},
    {&bool_row, "OFF", 0, "no"},
    {&bool_row, "1", 1, "yes"},
    {&bool_row, "0", 0, "no"},
    {&level_row, "debug", 0, "debug"},
    {&level_row, "off", 4, "off"},
    {&word_row, "off", 0, "off"},
    {&word_row, "Optional", 1, "optional"},
    {&word_row, "on", 2, "on"},
};

Test(option, good_values_are_read_and_written_so_that_they_read_back)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char error[OPTION_ERROR_BYTES] = "", written[OPTION_TEXT_BYTES];
        uint64_t value = 77, again = 78;
        cr_assert_eq(option_parse(good[i].row, good[i].text, &value, error), 0, "%s: %s",
                     good[i].text, error);
        cr_assert_eq(value, good[i].value, "%s", good[i].text);
        option_format(good[i].row, &value, written);
        cr_assert_str_eq(written, good[i].written);
        cr_assert_eq(option_parse(good[i].row, written, &again, error), 0);
        cr_assert_eq(again, value, "%s", good[i].text);
    }
}

static const struct {
    const struct option_row *row;
    const char *text;
    const char *said; // part of the message
} bad[] = {
    {&uint_row, "", "a whole number, from 0 to 100"},
    {&uint_row, "-1", "a whole number"},
    {&uint_row, "+1", "a whole number"},
    {&uint_row, "0x10", "a whole number"},
    {&uint_row, "1.5", "a whole number"},
    {&uint_row, "7k", "a whole number"},
    {&uint_row, "101", "out of range: from 0 to 100"},
    {&uint_row, "18446744073709551616", "a whole number"},
    {&power_row, "3", "a power of two"},
    {&power_row, "0", "out of range"},
    {&power_row, "1", "out of range"},
    {&power_row, "65536", "out of range: from 2 to 32768"},
    {&time_row, "10", "a time with its unit"},
    {&time_row, "10 parsecs", "a time with its unit"},
    {&time_row, "s", "a time with its unit"},
    {&time_row, "0", "out of range: from 1ms to 24h"},
    {&time_row, "25h", "out of range"},
    {&time_row, "18446744073709551615h", "a time with its unit"},
    {&bytes_row, "64q", "a size, such as"},
    {&bytes_row, "17179869184g", "a size, such as"},
    {&bytes_row, "0", "out of range: from 1 to 1024g"},
    {&bytes_row, "1025g", "out of range"},
    {&bool_row, "maybe", "neither yes nor no"},
    {&bool_row, "", "neither yes nor no"},
    {&level_row, "loud", "debug, info, warn, error or off"},
    {&word_row, "o", "'o' is none of off|optional|on"},
    {&word_row, "", "'' is none of"},
    {&word_row, "off|optional", "is none of"},
    {&list_row, "", "no address"},
    {&list_row, "8080", "no address"},
    {&list_row, "*:65536", "no address"},
    {&list_row, "*:-1", "no address"},
    {&list_row, "*:80,", "no address"},
    {&list_row, "example.org:80", "neither a numeric address"},
    {&list_row, "::1:80", "brackets"},
    {&list_row, "*:1,*:2,*:3,*:4,*:5,*:6,*:7,*:8,*:9", "more than 8"},
};

Test(option, bad_values_are_refused_with_what_to_write_instead)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char error[OPTION_ERROR_BYTES] = "";
        char field[CONFIG_TEXT_MAX_BYTES];
        cr_assert_lt(option_parse(bad[i].row, bad[i].text, field, error), 0, "'%s'", bad[i].text);
        cr_assert(strstr(error, bad[i].said), "'%s' was answered with: %s", bad[i].text, error);
        cr_assert_null(strchr(error, '\n'), "one line");
    }
}

Test(option, lists_lose_their_spaces)
{
    char error[OPTION_ERROR_BYTES], field[CONFIG_TEXT_MAX_BYTES], written[OPTION_TEXT_BYTES];
    cr_assert_eq(option_parse(&list_row, " 127.0.0.1:1 ,\t[::1]:2, :3", field, error), 0);
    cr_assert_str_eq(field, "127.0.0.1:1,[::1]:2,:3");
    option_format(&list_row, field, written);
    cr_assert_str_eq(written, field);
}

Test(option, a_list_that_does_not_fit_is_refused)
{
    char text[2 * CONFIG_TEXT_MAX_BYTES], error[OPTION_ERROR_BYTES];
    char field[CONFIG_TEXT_MAX_BYTES];
    memset(text, ' ', sizeof text);
    text[sizeof text - 1] = 0;
    cr_assert_lt(option_parse(&list_row, text, field, error), 0);
    cr_assert_lt(option_parse(&text_row, text, field, error), 0);
    cr_assert(strstr(error, "longer than 1023 bytes"));
}
