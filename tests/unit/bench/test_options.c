// SPDX-License-Identifier: MIT
#include "load/options.h"

#include "load/json.h"
#include "load/json_read.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct options options;
static char error[512];

// Splits at blanks; the text stays valid as long as `options` is read.
static enum options_result parse(const char *line)
{
    static char copy[512];
    static char program[] = "ringcast-bench";
    char *argv[32] = {program};
    int argc = 1;
    strncpy(copy, line, sizeof copy - 1);
    for (char *save, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    error[0] = 0;
    return options_parse(&options, argc, argv, error, sizeof error);
}

Test(options, defaults)
{
    cr_assert_eq(parse("fanout"), OPTIONS_RUN);
    cr_assert_str_eq(options.scenario, "fanout");
    cr_assert_null(options.url);
    cr_assert_eq(options.connections, 100);
    cr_assert_eq(options.window, 1);
    cr_assert_eq(options.rate, 0);
    cr_assert_eq(options.duration_ns, UINT64_C(5000000000));
}

Test(options, all_kinds_in_any_order)
{
    cr_assert_eq(parse("-n 10k echo --window=16 -b ws://h:1/ -d 250ms --pin 1,3 --seed 99"),
                 OPTIONS_RUN, "%s", error);
    cr_assert_str_eq(options.scenario, "echo");
    cr_assert_str_eq(options.url, "ws://h:1/");
    cr_assert_eq(options.connections, 10000);
    cr_assert_eq(options.window, 16);
    cr_assert(options.binary);
    cr_assert_eq(options.duration_ns, UINT64_C(250000000));
    cr_assert_eq(options.cpu_count, 2);
    cr_assert_eq(options.cpus[1], 3);
    cr_assert_eq(options.seed, 99);
    cr_assert_eq(parse("fanout --rate 2.5k --pid 1,2"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.rate, 2500);
    cr_assert_eq(options.pid_count, 2);
}

Test(options, rates)
{
    static const struct {
        const char *line;
        double rate;
    } good[] = {
        {"fanout --rate 0.5", 0.5},
        {"fanout --rate 1M", 1e6},
        {"fanout --rate 64Ki", 65536},
        {"fanout --rate 100M", 1e8},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert_eq(parse(good[i].line), OPTIONS_RUN, "%s: %s", good[i].line, error);
        cr_assert_eq(options.rate, good[i].rate, "%s: %f", good[i].line, options.rate);
    }
    cr_assert_eq(parse("slow --slow-rate 64Ki"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.slow_rate, 65536);
    cr_assert_eq(parse("slow --slow-rate 0"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.slow_rate, 0);
}

Test(options, help_and_version)
{
    cr_assert_eq(parse("--help"), OPTIONS_HELP);
    cr_assert_eq(parse("-h"), OPTIONS_HELP);
    cr_assert_eq(parse("--version"), OPTIONS_VERSION);
}

Test(options, bad_ones_say_why)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"", "which scenario"},
        {"fanout a b", "one URL"},
        {"fanout -n", "needs a value"},
        {"fanout --no-such", "no such option"},
        {"fanout -n 0", "from 1"},
        {"fanout -n ten", "from 1"},
        {"fanout -n 10x", "from 1"},
        {"fanout -d never", "a time"},
        {"fanout --rate -5", "number per second"},
        {"fanout --rate 0", "number per second"},
        {"fanout --rate nan", "number per second"},
        {"fanout --rate inf", "number per second"},
        {"fanout --rate 101M", "number per second"},
        {"churn --churn-rate 0", "number per second"},
        {"fanout --pin 1,,2", "commas"},
        {"fanout --pid 0", "commas"},
        {"fanout --rate 5 --window 3", "exclude"},
        {"fanout --pid 5 --spawn x", "exclude"},
        {"fanout -n 5 -r 6", "more rooms"},
        {"fanout -n 5 -p 6", "that many members"},
        {"fanout -s 47", "48 bytes"},
        {"fanout --tls-version 1.1", "one of 1.2|1.3"},
        {"fanout --tls-version 1.", "one of 1.2|1.3"},
        {"fanout --proxy-header", "needs a value"},
        {"fanout --proxy-header v3", "one of v1|v2"},
        {"fanout --proxy-clients 3", "--proxy-header"},
        {"fanout --tls-key k", "--tls-cert"},
        {"fanout -b -s 23", "24 bytes"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(parse(bad[i].line), OPTIONS_BAD, "%s", bad[i].line);
        cr_assert_not_null(strstr(error, bad[i].why), "%s: %s", bad[i].line, error);
    }
}

Test(options, scenarios_know_their_options)
{
    static const struct {
        const char *line, *option; // refused for it; NULL: taken
    } cases[] = {
        {"connect -n 5 --connect-rate 10 --concurrency 3 -t 1", NULL},
        {"connect --rate 5", "--rate"},
        {"connect -d 1s", "--duration"},
        {"idle -d 1s --warmup 0", NULL},
        {"idle --rate 5", "--rate"},
        {"echo -w 3 -s 100", NULL},
        {"echo --no-self", "--no-self"},
        {"echo -r 1", "--rooms"},
        {"fanout --slow 5", "--slow"},
        {"slow --slow 5 --slow-rate 1k", NULL},
        {"storm --repeats 2 -r 3", NULL},
        {"storm -d 5s", "--duration"},
        {"churn --churn-rate 5 --every 1s", "--every"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum options_result result = parse(cases[i].line);
        cr_assert_eq(result, cases[i].option ? OPTIONS_BAD : OPTIONS_RUN, "%s", cases[i].line);
        if (cases[i].option)
            cr_assert(strstr(error, cases[i].option) == error && strstr(error, "means nothing"),
                      "%s", error);
    }
}

Test(options, all_are_written)
{
    char *text;
    size_t text_bytes;
    struct json json = {.file = open_memstream(&text, &text_bytes)};
    cr_assert_eq(parse("fanout -n 7 --rate 2.5 --pid 8,9 --tls-version 1.3 --no-self -d 2s "
                       "-H Authorization:abc -H X:1 --join in?token=abc --seed 5"),
                 OPTIONS_RUN, "%s", error);
    json_open(&json, NULL, '{');
    options_write(&json, &options);
    json_close(&json, '}');
    fclose(json.file);
    struct json_tree *tree = json_read(text);
    cr_assert_not_null(tree, "%s", text);
    static const struct {
        const char *path;
        double value;
    } numbers[] = {
        {"connections", 7},   {"rate", 2.5},          {"duration_ns", 2e9},
        {"concurrency", 128}, {"lost_after_ns", 5e9},
    };
    double value;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        cr_assert(json_read_number(tree, numbers[i].path, &value), "%s", numbers[i].path);
        cr_assert_eq(value, numbers[i].value, "%s: %f", numbers[i].path, value);
    }
    cr_assert_not_null(strstr(text, "\"joins\": [{\"after\": null, \"message\": \"in?token=…\"}]"),
                       "%s", text);
    cr_assert_str_eq(json_read_text(tree, "tls_version"), "1.3");
    cr_assert_null(json_read_text(tree, "proxy_header"));
    cr_assert_not_null(strstr(text, "\"pids\": [8, 9]"), "%s", text);
    cr_assert_not_null(strstr(text, "[\"Authorization:…\", \"X:1\"]"), "%s", text);
    cr_assert_null(strstr(text, "abc"), "%s", text);
    json_read_free(tree);
    free(text);
}

Test(options, durations)
{
    uint64_t ns;
    cr_assert_eq(options_parse_duration("1.5", &ns), 0);
    cr_assert_eq(ns, UINT64_C(1500000000));
    cr_assert_eq(options_parse_duration("20us", &ns), 0);
    cr_assert_eq(ns, 20000);
    cr_assert_eq(options_parse_duration("2m", &ns), 0);
    cr_assert_eq(ns, UINT64_C(120000000000));
    cr_assert_neq(options_parse_duration("", &ns), 0);
    cr_assert_neq(options_parse_duration("-1s", &ns), 0);
    cr_assert_neq(options_parse_duration("1x", &ns), 0);
    cr_assert_neq(options_parse_duration("nan", &ns), 0);
}

Test(options, counts)
{
    uint64_t value;
    cr_assert_eq(options_parse_count("64k", &value), 0);
    cr_assert_eq(value, 64000);
    cr_assert_eq(options_parse_count("64Ki", &value), 0);
    cr_assert_eq(value, 65536);
    cr_assert_eq(options_parse_count("1.5M", &value), 0);
    cr_assert_eq(value, 1500000);
    cr_assert_neq(options_parse_count("k", &value), 0);
    cr_assert_neq(options_parse_count("1kk", &value), 0);
    cr_assert_neq(options_parse_count("-1", &value), 0);
    cr_assert_neq(options_parse_count("inf", &value), 0);
}

Test(options, templates_fit_together)
{
    cr_assert_eq(parse("fanout --publish say:{payload} --join in:{room} --joined ok"), OPTIONS_RUN,
                 "%s", error);
    cr_assert_str_eq(options.publish, "say:{payload}");
    cr_assert_eq(parse("fanout --publish say"), OPTIONS_BAD);
    cr_assert(strstr(error, "{payload}"));
    cr_assert_eq(parse("fanout --publish {payload} --binary"), OPTIONS_BAD);
    cr_assert_eq(parse("fanout --joined ok"), OPTIONS_BAD);
    cr_assert(strstr(error, "--join"));
}

Test(options, joins_in_order)
{
    cr_assert_eq(parse("fanout --join-after 0{ --join 40 --join in --join-after ok --join go"),
                 OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.join_count, 3);
    cr_assert_str_eq(options.joins[0].message, "40");
    cr_assert_str_eq(options.joins[0].after, "0{");
    cr_assert_str_eq(options.joins[1].message, "in");
    cr_assert_null(options.joins[1].after);
    cr_assert_str_eq(options.joins[2].after, "ok");
    cr_assert_eq(parse("fanout --join a --join-after b"), OPTIONS_BAD);
    cr_assert_not_null(strstr(error, "--join-after"));
    cr_assert_eq(parse("fanout --join 1 --join 2 --join 3 --join 4 --join 5 --join 6 --join 7 "
                       "--join 8 --join 9"),
                 OPTIONS_BAD);
    cr_assert_not_null(strstr(error, "too many"));
}

Test(options, answers)
{
    cr_assert_eq(parse("fanout --answer 2=3 --answer ping=a=b"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.answer_count, 2);
    cr_assert_eq(options.answers[0].prefix_len, 1);
    cr_assert_str_eq(options.answers[0].message, "3");
    cr_assert_eq(options.answers[1].prefix_len, 4);
    cr_assert_str_eq(options.answers[1].message, "a=b");
    cr_assert_eq(parse("fanout --answer 2"), OPTIONS_BAD);
    cr_assert_eq(parse("fanout --answer =2"), OPTIONS_BAD);
}

Test(options, headers_add_up)
{
    cr_assert_eq(parse("fanout -H A:1 --header B:2"), OPTIONS_RUN, "%s", error);
    cr_assert_str_eq(options.headers, "A:1\r\nB:2\r\n");
    cr_assert_eq(parse("fanout"), OPTIONS_RUN);
    cr_assert_str_eq(options.headers, "");
    cr_assert_eq(parse("fanout -H A:1\r\nB:2"), OPTIONS_BAD);
    cr_assert_eq(parse("fanout -H A"), OPTIONS_BAD);
    cr_assert_eq(parse("fanout -H :1"), OPTIONS_BAD);
}

Test(options, too_many_headers)
{
    static char program[] = "ringcast-bench", scenario[] = "fanout", option[] = "-H", line[200];
    char *argv[25] = {program, scenario};
    memset(line, 'x', sizeof line - 1);
    line[5] = ':';
    for (int i = 2; i < 24; i += 2)
        argv[i] = option, argv[i + 1] = line;
    cr_assert_eq(options_parse(&options, 20, argv, error, sizeof error), OPTIONS_RUN, "%s", error);
    cr_assert_eq(strlen(options.headers), 9 * 201);
    for (int i = 2; i < 24; i += 2) // getopt moves the words around
        argv[i] = option, argv[i + 1] = line;
    argv[0] = program, argv[1] = scenario;
    cr_assert_eq(options_parse(&options, 24, argv, error, sizeof error), OPTIONS_BAD);
    cr_assert_not_null(strstr(error, "too many"));
}

Test(options, words)
{
    cr_assert_eq(parse("fanout"), OPTIONS_RUN);
    cr_assert_eq(options.tls_version, OPTIONS_TLS_ANY);
    cr_assert_eq(options.proxy_header, OPTIONS_PROXY_NONE);
    cr_assert_eq(parse("fanout --tls-version 1.2 --proxy-header v1"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.tls_version, OPTIONS_TLS_12);
    cr_assert_eq(options.proxy_header, OPTIONS_PROXY_V1);
    cr_assert_eq(parse("fanout --tls-version 1.3 --proxy-header v2"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.tls_version, OPTIONS_TLS_13);
    cr_assert_eq(options.proxy_header, OPTIONS_PROXY_V2);
}

Test(options, of_the_moving_scenarios)
{
    cr_assert_eq(parse("storm --repeats 2 --wave 25 --every 500ms"), OPTIONS_RUN, "%s", error);
    cr_assert_eq(options.wave_percent, 25);
    cr_assert_eq(options.every_ns, UINT64_C(500000000));
    cr_assert_eq(parse("slow --slow 100"), OPTIONS_BAD);
    cr_assert_eq(parse("storm --wave 0"), OPTIONS_BAD);
}

Test(options, seed_0_is_a_seed)
{
    cr_assert_eq(parse("echo --seed 0"), OPTIONS_RUN);
    cr_assert_eq(options.seed, 0);
    cr_assert_eq(parse("echo"), OPTIONS_RUN);
    cr_assert_eq(options.seed, OPTIONS_SEED_BY_CLOCK);
}
