// SPDX-License-Identifier: MIT
#include "server/config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16

static struct config config;
static enum config_action action;
static char error[CONFIG_ERROR_BYTES];
static char path[] = "/tmp/ringcast-config-XXXXXX";

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/ringcast-config-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

// `flags` and `variables`: words with single spaces between; FILE stands for the file's path.
static int load(const char *flags, const char *variables)
{
    static char words[2][2048];
    char *argv[WORDS_MAX] = {"ringcast"}, *environment[WORDS_MAX] = {NULL};
    int argc = 1;
    char *rest = words[0];
    snprintf(words[0], sizeof words[0], "%s", flags);
    for (char *word; *flags && (word = strsep(&rest, " "));)
        argv[argc++] = strcmp(word, "FILE") == 0 ? path : word;
    rest = words[1];
    snprintf(words[1], sizeof words[1], "%s", variables);
    int variable = 0;
    for (char *word; *variables && (word = strsep(&rest, " "));)
        environment[variable++] = word;
    error[0] = 0;
    return config_load(&config, argc, argv, environment, &action, error);
}

static const struct {
    const char *name, *preset, *other, *wrong; // wrong NULL: nothing is
} options[] = {
    {"listen", "*:8080", "127.0.0.1:1,[::1]:2", "nowhere"},
    {"threads", "0", "3", "65"},
    {"pin", "yes", "no", "2"},
    {"max_connections", "0", "5", "4294967296"},
    {"max_rooms", "1048576", "7", "0"},
    {"outbound_buffer", "1024", "9", "0"},
    {"outbound_bytes", "4m", "64k", "1023"},
    {"outbound_age", "10s", "0", "10"},
    {"memory_budget", "0", "64m", "x"},
    {"max_message_bytes", "1m", "1g", "2g"},
    {"ping_interval", "30s", "20s", "25h"},
    {"idle_timeout", "90s", "2m", "x"},
    {"handshake_timeout", "10s", "500ms", "0"},
    {"message_timeout", "1m", "0", "5"},
    {"close_timeout", "5s", "1s", "0"},
    {"drain_deadline", "10s", "1m", "-1s"},
    {"drain_delay", "0", "3s", "3"},
    {"zerocopy_threshold", "0", "16k", "2g"},
    {"recv_buffers", "1024", "64", "1000"},
    {"recv_buffer_bytes", "4k", "64k", "128k"},
    {"send_memory", "4m", "0", "8g"},
    {"log_level", "info", "debug", "chatty"},
    {"tls_certificate", "", "/a.pem,b.pem", NULL},
    {"tls_key", "", "key.pem", NULL},
    {"tls_min_version", "1.2", "1.3", "1.1"},
    {"tls_ticket_lifetime", "12h", "0", "2"},
    {"tls_ticket_key", "", "ticket.key", NULL},
    {"tls_client_auth", "off", "required", "maybe"},
    {"tls_client_ca", "", "ca.pem", NULL},
    {"proxy_networks", "127.0.0.0/8,::1", "10.0.0.0/8,2001:db8::/32", "10.0.0.1/8"},
    {"address_connections", "0", "9", "x"},
    {"address_rate", "0", "9", "-1"},
    {"message_rate", "0", "9", "1k"},
    {"byte_rate", "0", "64k", "fast"},
    {"user", "", "nobody", NULL},
    {"origins", "", "https://a.example,same", "example.org"},
    {"auth", "off", "optional", "on"},
    {"auth_keys", "", "keys.json", NULL},
    {"auth_audience", "", "chat", NULL},
    {"auth_issuer", "", "https://id.example", NULL},
    {"auth_leeway", "30s", "0", "2h"},
};
#define OPTIONS (sizeof options / sizeof *options)

static void assert_value(unsigned row, const char *expected)
{
    char text[OPTION_TEXT_BYTES];
    option_format(&config_rows[row], config_field(&config, row), text);
    cr_assert_str_eq(text, expected, "%s is %s, not %s", config_rows[row].name, text, expected);
}

static void assert_all_but(unsigned changed)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        assert_value(i, i == changed ? options[i].other : options[i].preset);
}

Test(config, defaults)
{
    cr_assert_eq(config_row_count, OPTIONS);
    cr_assert_eq(load("", ""), 0, "%s", error);
    cr_assert_eq(action, CONFIG_RUN);
    assert_all_but(UINT32_MAX);
}

Test(config, every_option_from_every_source_changes_itself_only)
{
    char flags[128], variables[128], text[256];
    for (unsigned i = 0; i < OPTIONS; i++) {
        cr_assert_str_eq(options[i].name, config_rows[i].name);
        snprintf(flags, sizeof flags, "--%s %s", options[i].name, options[i].other);
        cr_assert_eq(load(flags, ""), 0, "%s: %s", flags, error);
        assert_all_but(i);

        snprintf(flags, sizeof flags, "--%s=%s", options[i].name, options[i].other);
        for (char *c = flags; *c != '='; c++)
            *c = *c == '_' ? '-' : *c;
        cr_assert_eq(load(flags, ""), 0, "%s: %s", flags, error);
        assert_all_but(i);

        snprintf(variables, sizeof variables, "RINGCAST_%s=%s", options[i].name, options[i].other);
        for (char *c = variables; *c != '='; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
        cr_assert_eq(load("", variables), 0, "%s: %s", variables, error);
        assert_all_but(i);

        snprintf(text, sizeof text, "; comment\n%s%s = %s\n", i % 2 ? "[ringcast]\n" : "",
                 options[i].name, options[i].other);
        write_file(text);
        cr_assert_eq(load("--config FILE", ""), 0, "%s: %s", text, error);
        assert_all_but(i);
        unlink(path);
    }
}

Test(config, every_wrong_value_is_told_with_its_place)
{
    char flags[128], variables[128], text[256];
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (!options[i].wrong)
            continue; // any text will do
        snprintf(flags, sizeof flags, "--%s=%s", options[i].name, options[i].wrong);
        cr_assert_eq(load(flags, ""), -EINVAL, "%s", flags);
        cr_assert_eq(strncmp(error, "--", 2), 0, "%s", error);
        cr_assert(strstr(error, ": "), "%s", error);

        snprintf(variables, sizeof variables, "RINGCAST_%s=%s", options[i].name, options[i].wrong);
        cr_assert_eq(load("", variables), -EINVAL, "%s", variables);
        cr_assert(strstr(error, "environment variable RINGCAST_"), "%s", error);

        snprintf(text, sizeof text, "\n%s = %s\n", options[i].name, options[i].wrong);
        write_file(text);
        cr_assert_eq(load("--config FILE", ""), -EINVAL, "%s", text);
        char place[128];
        snprintf(place, sizeof place, "%s:2: %s: ", path, options[i].name);
        cr_assert_eq(strncmp(error, place, strlen(place)), 0, "%s", error);
        cr_assert_null(strchr(error, '\n'), "one line");
        unlink(path);
    }
}

Test(config, a_later_source_overrides)
{
    write_file("threads = 1\nmax_rooms = 1\nrecv_buffers = 2\n");
    cr_assert_eq(load("--config FILE --threads 3", "RINGCAST_THREADS=2 RINGCAST_MAX_ROOMS=2"), 0,
                 "%s", error);
    cr_assert_eq(config.threads, 3);
    cr_assert_eq(config.max_rooms, 2);
    cr_assert_eq(config.recv_buffers, 2);
    cr_assert_eq(load("--threads 3 --config FILE --threads 4", ""), 0, "%s", error);
    cr_assert_eq(config.threads, 4, "wherever --config stands, and the last flag counts");
    char variable[64];
    snprintf(variable, sizeof variable, "RINGCAST_CONFIG=%s", path);
    cr_assert_eq(load("", variable), 0, "%s", error);
    cr_assert_eq(config.threads, 1);
    unlink(path);
}

static const struct {
    const char *flags, *variables, *file, *said;
} wrong[] = {
    {"--thread5 1", "", NULL, "did you mean 'threads'?"},
    {"--ping-intervall=1s", "", NULL, "did you mean 'ping_interval'?"},
    {"--frobnicate", "", NULL, "there is no option 'frobnicate'; --help"},
    {"--threads", "", NULL, "--threads needs a value"},
    {"threads 3", "", NULL, "'threads' is no flag"},
    {"-x", "", NULL, "'-x' is not understood"},
    {"--check-config=3", "", NULL, "check-config"},
    {"", "RINGCAST_TREADS=3", NULL, "did you mean 'threads'?"},
    {"--config /nonexistent/x", "", NULL, "cannot read the configuration file /nonexistent/x"},
    {"--config /tmp", "", NULL, "cannot read the configuration file /tmp"},
    {"", "RINGCAST_CONFIG=/nonexistent/y", NULL, "cannot read the configuration file"},
    {"--config FILE", "", "treads = 3\n",
     ":1: there is no option 'treads'; did you mean 'threads'?"},
    {"--config FILE", "", "[server]\nthreads = 3\n", "no section [server]"},
    {"--config FILE", "", "pin = yes\nthreads\n", ":2: not a line of the form NAME = VALUE"},
    {"--config FILE", "", "threads = 1\nthreads = 2\n", ":2: threads is set twice"},
    {"--ping-interval 90s", "", NULL, "idle_timeout has to be longer than ping_interval"},
};

Test(config, what_is_wrong_is_told_in_one_line)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (wrong[i].file)
            write_file(wrong[i].file);
        cr_assert_eq(load(wrong[i].flags, wrong[i].variables), -EINVAL, "row %zu", i);
        cr_assert(strstr(error, wrong[i].said), "row %zu: %s", i, error);
        cr_assert_null(strchr(error, '\n'));
        if (wrong[i].file)
            unlink(path);
    }
}

Test(config, a_value_may_go_on_in_further_lines)
{
    write_file("origins = https://a.example,\n    https://b.example,\n\thttps://c.example\n"
               "threads = 3\n");
    cr_assert_eq(load("--config FILE", ""), 0, "%s", error);
    cr_assert_str_eq(config.origins, "https://a.example, https://b.example, https://c.example");
    cr_assert_eq(config.threads, 3);
    unlink(path);
    write_file("origins = https://a.example,\n    nonsense\nthreads = 3\n");
    cr_assert_eq(load("--config FILE", ""), -EINVAL);
    cr_assert(strstr(error, ":1: origins: 'nonsense' is no origin"), "%s", error);
    unlink(path);
    write_file("threads = 1\n  2\n");
    cr_assert_eq(load("--config FILE", ""), -EINVAL);
    unlink(path);
}

Test(config, a_line_that_is_too_long_is_not_cut)
{
    char text[400] = "listen = ";
    memset(text + 9, '1', sizeof text - 10);
    write_file(text);
    cr_assert_eq(load("--config FILE", ""), -EINVAL);
    cr_assert(strstr(error, ":1: the line is longer than"), "%s", error);
    unlink(path);
}

Test(config, variables_of_others_are_not_ours)
{
    cr_assert_eq(load("", "RINGCAST_PORT=tcp://10.0.0.1:80 RINGCAST_SERVICE_HOST=10.0.0.1 "
                          "RINGCASTLE=1 HOME=/"),
                 0, "%s", error);
    assert_all_but(UINT32_MAX);
}

Test(config, no_pings_or_no_timeout_need_no_order)
{
    cr_assert_eq(load("--ping-interval 0 --idle-timeout 1s", ""), 0, "%s", error);
    cr_assert_eq(load("--ping-interval 1h --idle-timeout 0", ""), 0, "%s", error);
}

Test(config, actions)
{
    cr_assert_eq(load("--check-config", ""), 0);
    cr_assert_eq(action, CONFIG_CHECK);
    cr_assert_eq(load("--print-config --threads 2", ""), 0);
    cr_assert_eq(action, CONFIG_PRINT);
    cr_assert_eq(config.threads, 2);
    cr_assert_eq(load("--version", ""), 0);
    cr_assert_eq(action, CONFIG_VERSION);
    cr_assert_eq(load("--help", "RINGCAST_THREADS=x"), 0,
                 "help helps also when something is wrong");
    cr_assert_eq(action, CONFIG_HELP);
    cr_assert_eq(load("-h", ""), 0);
    cr_assert_eq(action, CONFIG_HELP);
}

Test(config, nearest)
{
    cr_assert_str_eq(config_rows[config_nearest("Listn")].name, "listen");
    cr_assert_str_eq(config_rows[config_nearest("max-connection")].name, "max_connections");
    cr_assert_eq(config_nearest("port"), -1);
    cr_assert_eq(config_nearest("a_very_long_name_that_is_longer_than_any_option_could_be"), -1);
}
