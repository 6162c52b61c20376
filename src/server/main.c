// SPDX-License-Identifier: MIT
//
// The command: configuration in, exit code out. 0: ended as asked, 1: could not serve, 2: the
// configuration is wrong.
#include "base/log.h"
#include "server/access.h"
#include "server/certificates.h"
#include "server/notify.h"
#include "server/signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMENT_COLUMNS 100

static void print_help(void)
{
    static struct config defaults;
    char value[OPTION_TEXT_BYTES];
    config_default(&defaults);
    printf(
        "ringcast %s: a WebSocket fan-out server\n\n"
        "usage: ringcast [--config FILE] [--NAME VALUE]...\n\n"
        "Options, with their defaults. Each can also stand in FILE as NAME = VALUE and in the\n"
        "environment as RINGCAST_NAME; flags override the environment, which overrides FILE.\n\n",
        RINGCAST_VERSION);
    for (unsigned i = 0; i < config_row_count; i++) {
        char flag[96];
        const struct option_row *row = &config_rows[i];
        option_format(row, config_field(&defaults, i), value);
        snprintf(flag, sizeof flag, "--%s %s", row->name, row->hint);
        for (char *c = flag; *c && *c != ' '; c++)
            *c = *c == '_' ? '-' : *c;
        printf("  %-34s %s [%s]\n", flag, row->text, value);
    }
    printf("\n"
           "  %-34s the options in a file (INI); also RINGCAST_CONFIG\n"
           "  %-34s say whether the configuration is right, and end\n"
           "  %-34s write it as such a file, and end\n"
           "  %-34s\n\n"
           "SIGTERM, SIGINT: drain and end; a second one: end at once. SIGHUP: read the\n"
           "configuration again.\n",
           "--config FILE", "--check-config", "--print-config", "--help, --version");
}

// A file's lines are limited; so are those of whoever reads it.
static void print_comment(const char *text)
{
    while (*text) {
        size_t len = strlen(text), cut = len;
        if (cut > COMMENT_COLUMNS)
            for (cut = COMMENT_COLUMNS; cut > 1 && text[cut] != ' '; cut--)
                ;
        printf("# %.*s\n", (int)cut, text);
        text += cut;
        text += *text == ' ';
    }
}

// Lists go on in further lines behind their commas.
static void print_value(const char *name, const char *value)
{
    printf("%s = ", name);
    size_t column = 0;
    for (const char *c = value; *c; c++, column++) {
        putchar(*c);
        if (*c == ',' && column > COMMENT_COLUMNS / 2) {
            printf("\n    ");
            column = 0;
        }
    }
    putchar('\n');
}

static void print_config(struct config *config)
{
    char value[OPTION_TEXT_BYTES];
    printf("[ringcast]\n");
    for (unsigned i = 0; i < config_row_count; i++) {
        option_format(&config_rows[i], config_field(config, i), value);
        print_comment(config_rows[i].text);
        print_value(config_rows[i].name, value);
    }
}

// What the files that it names hold is a part of the configuration.
static int check(const struct config *config)
{
    char error[CONFIG_ERROR_BYTES];
    if (access_load(config, NULL, error, sizeof error) ||
        certificates_load(config, NULL, error, sizeof error)) {
        fprintf(stderr, "ringcast: %s\n", error);
        return 2;
    }
    printf("the configuration is right\n");
    return 0;
}

static int serve(const struct config *config, int argc, char **argv)
{
    static struct server server;
    struct reload_source source = {argc, argv};
    enum log_level level = (enum log_level)config->log_level;
    log_set_level(level < LOG_ERROR ? level : LOG_ERROR); // why it does not start is always told
    signals_block();
    notify_init(environ);
    int code = server_prepare(&server, config);
    if (!code)
        code = server_start(&server);
    if (code)
        return code;
    log_set_level(level);
    ringcast_set_log_level(server.rc, (enum ringcast_level)level);
    signals_serve(&server, &source);
    ringcast_destroy(server.rc);
    log_info("ended");
    return 0;
}

int main(int argc, char **argv)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES];
    enum config_action action;
    if (config_load(&config, argc, argv, environ, &action, error)) {
        fprintf(stderr, "ringcast: %s\n", error);
        return 2;
    }
    switch (action) {
    case CONFIG_HELP:
        print_help();
        return 0;
    case CONFIG_VERSION:
        printf("ringcast %s\n", RINGCAST_VERSION);
        return 0;
    case CONFIG_PRINT:
        print_config(&config);
        return 0;
    case CONFIG_CHECK:
        return check(&config);
    case CONFIG_RUN:
        break;
    }
    return serve(&config, argc, argv);
}
