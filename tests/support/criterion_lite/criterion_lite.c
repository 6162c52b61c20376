// SPDX-License-Identifier: MIT
#include "support/criterion_lite/criterion/criterion.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 300 // slow sanitizers included; meson has a limit of its own
#define EXIT_FAILED     1
#define EXIT_SKIPPED    77

static struct lite_test *tests;
static bool expectation_failed; // in the child: a cr_expect failed, the test went on

void lite_register(struct lite_test *test)
{
    struct lite_test **end = &tests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = test;
}

void lite_fail(bool is_fatal, const char *file, int line, const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: %s ", file, line, what);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    if (is_fatal) {
        _exit(EXIT_FAILED); // no exit(): what an aborted test leaves behind is not a leak
    }
    expectation_failed = true;
}

void lite_skip(void)
{
    _exit(EXIT_SKIPPED);
}

static const struct lite_options *suite_options(const struct lite_test *test)
{
    static const struct lite_options none;
    for (const struct lite_test *other = tests; other != NULL; other = other->next) {
        if (other->is_suite && strcmp(other->suite, test->suite) == 0) {
            return &other->options;
        }
    }
    return &none;
}

static void call(void (*function)(void))
{
    if (function != NULL) {
        function();
    }
}

static _Noreturn void run_child(const struct lite_test *test, const struct lite_options *suite)
{
    double seconds = test->options.timeout > 0 ? test->options.timeout : suite->timeout;
    // A test's own limit is meant for a build without sanitizer.
    alarm(seconds > 0 ? (unsigned)(seconds * 10) + 1 : TIMEOUT_SECONDS);
    call(suite->init);
    call(test->options.init);
    test->run();
    call(test->options.fini);
    call(suite->fini);
    fflush(NULL);
    if (expectation_failed) {
        _exit(EXIT_FAILED);
    }
    exit(0); // the leak sanitizer looks now
}

// Returns "ok", "skip" or NULL for a failure.
static const char *run_test(const struct lite_test *test)
{
    const struct lite_options *suite = suite_options(test);
    if (test->options.disabled || suite->disabled) {
        return "skip";
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        run_child(test, suite);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("criterion_lite");
        return NULL;
    }
    int wanted_signal = test->options.signal != 0 ? test->options.signal : suite->signal;
    int wanted_code = test->options.exit_code != 0 ? test->options.exit_code : suite->exit_code;
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == wanted_signal ? "ok" : NULL;
    }
    if (wanted_signal == 0 && WEXITSTATUS(status) == wanted_code) {
        return "ok";
    }
    return WEXITSTATUS(status) == EXIT_SKIPPED ? "skip" : NULL;
}

int main(int argc, char **argv)
{
    bool tap = argc > 1 && strncmp(argv[1], "--tap", 5) == 0;
    int count = 0;
    int skipped = 0;
    int failed = 0;
    for (const struct lite_test *test = tests; test != NULL; test = test->next) {
        count += !test->is_suite;
    }
    if (tap) {
        printf("TAP version 13\n1..%d\n", count);
    }
    for (const struct lite_test *test = tests; test != NULL; test = test->next) {
        if (test->is_suite) {
            continue;
        }
        const char *result = run_test(test);
        bool is_skipped = result != NULL && strcmp(result, "skip") == 0;
        failed += result == NULL;
        skipped += is_skipped;
        if (tap) {
            printf("%sok - %s::%s%s\n", result == NULL ? "not " : "", test->suite, test->name,
                   is_skipped ? " # SKIP" : "");
        } else if (result == NULL) {
            fprintf(stderr, "[FAIL] %s::%s\n", test->suite, test->name);
        }
    }
    if (!tap) {
        fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: 0\n",
                count - skipped, count - skipped - failed, failed);
    }
    return failed == 0 ? 0 : EXIT_FAILED;
}
