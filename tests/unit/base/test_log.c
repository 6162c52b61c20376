// SPDX-License-Identifier: MIT
#include "base/log.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int pipe_fds[2];
static char output[1 << 16];

static void setup(void)
{
    cr_assert_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
    log_set_fd(pipe_fds[1]);
}

TestSuite(log, .init = setup);

// Everything logged since the last call.
static const char *logged(void)
{
    ssize_t len = read(pipe_fds[0], output, sizeof(output) - 1);
    output[len > 0 ? len : 0] = '\0';
    return output;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool match = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return match;
}

static unsigned line_count(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

// What follows the time and the level.
static const char *message_of(const char *line)
{
    const char *space = strchr(line, ' ');
    return strchr(space + 1, ' ') + 1;
}

static const char *logged_message(const char *text)
{
    struct log_site site = {0};
    log_write(&site, LOG_INFO, "%s", text);
    return message_of(logged());
}

#define TIME_PATTERN "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z"

Test(log, format)
{
    log_info("connection closed reason=%s", "slow_bytes");
    cr_assert(matches(logged(), "^" TIME_PATTERN " info connection closed reason=slow_bytes\n$"));
}

Test(log, thread_name)
{
    log_set_thread_name("shard=1");
    log_warn("x=%d", 7);
    cr_assert(matches(logged(), "^" TIME_PATTERN " warn shard=1 x=7\n$"));
    log_set_thread_name("a name that is too long");
    log_warn("y");
    cr_assert(matches(logged(), "^" TIME_PATTERN " warn a name that is  y\n$"));
    log_set_thread_name("");
    log_warn("z");
    cr_assert(matches(logged(), "^" TIME_PATTERN " warn z\n$"));
}

static void *log_from_thread(void *arg)
{
    log_info("from a thread");
    return arg;
}

Test(log, thread_name_belongs_to_the_thread)
{
    pthread_t thread;
    log_set_thread_name("main");
    cr_assert_eq(pthread_create(&thread, NULL, log_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert(matches(logged(), " info from a thread\n$"));
}

// The line's time lies between two readings of the clock; as text, because both sort alike.
Test(log, time_is_utc)
{
    uint64_t before_ms = clock_realtime_ms();
    log_info("now");
    uint64_t after_ms = clock_realtime_ms();
    struct tm utc = {0};
    const char *rest = strptime(logged(), "%Y-%m-%dT%H:%M:%S", &utc);
    cr_assert_not_null(rest);
    uint64_t line_ms = (uint64_t)timegm(&utc) * 1000 + strtoul(rest + 1, NULL, 10);
    cr_assert(before_ms <= line_ms && line_ms <= after_ms);
}

Test(log, level_filters)
{
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        log_set_level((enum log_level)level);
        cr_assert_eq(log_level(), (enum log_level)level);
        log_debug("l");
        log_info("l");
        log_warn("l");
        log_error("l");
        cr_assert_eq(line_count(logged()), (unsigned)(LOG_OFF - level));
    }
}

Test(log, suppressed_arguments_are_not_evaluated)
{
    int count = 0;
    log_set_level(LOG_WARN);
    log_info("%d", ++count);
    cr_assert_eq(count, 0);
}

Test(log, level_names)
{
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++)
        cr_assert_eq(log_level_parse(log_level_name((enum log_level)level)), level);
    cr_assert_str_eq(log_level_name(LOG_WARN), "warn");
    cr_assert_eq(log_level_parse("off"), LOG_OFF);
    cr_assert_eq(log_level_parse(""), -1);
    cr_assert_eq(log_level_parse("INFO"), -1);
    cr_assert_eq(log_level_parse("information"), -1);
}

Test(log, control_characters_are_escaped)
{
    cr_assert_str_eq(logged_message("a\nb\r\tc\x1b[2Jd\x7f"), "a\\x0ab\\x0d\\x09c\\x1b[2Jd\\x7f\n");
    for (int c = 1; c < 0x20; c++) {
        const char text[] = {(char)c, '\0'};
        char expected[8];
        snprintf(expected, sizeof(expected), "\\x%02x\n", c);
        cr_assert_str_eq(logged_message(text), expected);
    }
}

Test(log, an_escape_cannot_be_forged)
{
    cr_assert_str_eq(logged_message("\\x0a"), "\\x5cx0a\n");
}

Test(log, forged_line_stays_in_its_line)
{
    const char *text = logged_message("x\n2026-11-20T20:08:00.123Z error all is lost");
    cr_assert_eq(line_count(text), 1);
}

Test(log, utf8_passes_but_not_its_control_characters)
{
    cr_assert_str_eq(logged_message("caf\u00e9 \u2026 \u00a0"), "caf\u00e9 \u2026 \u00a0\n");
    // U+009B is CSI, the start of a terminal's commands.
    cr_assert_str_eq(logged_message("\xc2\x9b"), "\\xc2\x9b\n");
    cr_assert_str_eq(logged_message("\xc2"), "\xc2\n");
}

Test(log, long_message_is_cut)
{
    static char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    const char *message = logged_message(text);
    cr_assert_eq(line_count(message), 1);
    cr_assert(matches(message, "^x{500,1000}\\.\\.\\.\n$"));
    memset(text, '\n', sizeof(text) - 1);
    message = logged_message(text);
    cr_assert_eq(line_count(message), 1);
    cr_assert(matches(message, "^(\\\\x0a){200,250}\\.\\.\\.\n$"));
    cr_assert_leq(strlen(output), 1024);
}

// A burst within one second, whatever the clock does: when a second ended meanwhile, once more.
static struct log_site burst(uint32_t lines)
{
    for (;;) {
        struct log_site site = {0};
        logged();
        log_write(&site, LOG_INFO, "burst");
        uint64_t window_s = site.window_s;
        for (uint32_t i = 1; i < lines; i++)
            log_write(&site, LOG_INFO, "burst");
        if (site.window_s == window_s)
            return site;
    }
}

Test(log, burst_is_limited)
{
    struct log_site site = burst(LOG_BURST);
    cr_assert_eq(line_count(logged()), LOG_BURST);
    cr_assert_eq(site.held_back, 0);
    site = burst(LOG_BURST + 25);
    cr_assert_eq(line_count(logged()), LOG_BURST);
    cr_assert_eq(site.held_back, 25);
}

Test(log, next_line_says_how_many_were_held_back)
{
    struct log_site site = burst(LOG_BURST + 25);
    logged();
    site.window_s--; // as if a second had passed
    log_write(&site, LOG_INFO, "next");
    cr_assert(matches(logged(), " info next \\(25 held back\\)\n$"));
    log_write(&site, LOG_INFO, "after");
    cr_assert(matches(logged(), " info after\n$"));
}

Test(log, held_back_fits_after_the_longest_message)
{
    static char text[5000];
    memset(text, '\n', sizeof(text) - 1);
    log_set_thread_name("fifteen letters");
    struct log_site site = {.held_back = UINT32_MAX};
    log_write(&site, LOG_ERROR, "%s", text);
    cr_assert(matches(logged(), "\\.\\.\\. \\(4294967295 held back\\)\n$"));
    cr_assert_leq(strlen(output), 1024);
}

Test(log, places_are_limited_separately)
{
    for (int i = 0; i < 3; i++) {
        log_info("one");
        log_info("other");
    }
    cr_assert_eq(line_count(logged()), 6);
}

static void take(void *context, enum log_level level, const char *text)
{
    snprintf(context, 256, "%s: %s", log_level_name(level), text);
}

Test(log, a_sink_takes_this_threads_lines)
{
    char taken[256] = "";
    struct log_sink sink = {.write = take, .context = taken, .level = LOG_WARN};
    cr_assert_null(log_set_sink(&sink));
    cr_assert_eq(log_level(), LOG_WARN);
    log_info("below its level");
    cr_assert_str_eq(taken, "");
    log_warn("a\n%d", 7);
    cr_assert_str_eq(taken, "warn: a\\x0a7");
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, log_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert(matches(logged(), " info from a thread\n$"), "another thread's go where they went");
    cr_assert_eq(log_set_sink(NULL), &sink);
    log_info("back");
    cr_assert(matches(logged(), " info back\n$"));
}

Test(log, print_takes_escaped_text)
{
    static char text[5000];
    log_print(LOG_WARN, "shard=3", "a\\x0ab");
    cr_assert(matches(logged(), "^" TIME_PATTERN " warn shard=3 a\\\\x0ab\n$"));
    memset(text, 'x', sizeof(text) - 1);
    log_print(LOG_WARN, "", text);
    cr_assert_eq(line_count(logged()), 1);
    cr_assert_leq(strlen(output), 1024);
}

Test(log, errno_survives_a_failing_write)
{
    log_set_fd(-1);
    errno = ENOENT;
    log_info("nowhere");
    cr_assert_eq(errno, ENOENT);
}

Test(log, full_pipe)
{
    // A blocking pipe that nobody reads: lines are dropped, counted, and told of later.
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    log_set_fd(fds[1]);
    int room = fcntl(fds[1], F_GETPIPE_SZ);
    static char filler[1 << 16];
    cr_assert_leq((size_t)room, sizeof filler);
    cr_assert_eq(write(fds[1], filler, (size_t)room), room);
    alarm(10);
    for (int i = 0; i < 3; i++)
        log_info("nobody reads this %d", i);
    alarm(0);

    cr_assert_eq(read(fds[0], filler, sizeof filler), room);
    log_info("first");
    log_info("second");
    ssize_t len = read(fds[0], filler, sizeof filler - 1);
    cr_assert_gt(len, 0);
    filler[len] = '\0';
    cr_assert(matches(filler, "^" TIME_PATTERN " warn log lines lost count=3: [^\n]*\n" TIME_PATTERN
                              " info first\n" TIME_PATTERN " info second\n$"),
              "%s", filler);
}
