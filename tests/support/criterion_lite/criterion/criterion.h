// SPDX-License-Identifier: MIT
//
// The part of Criterion that the unit tests use, for sanitizer builds only: same names, same
// meaning, but a test is merely forked, runs on the same memory layout and ends with exit(), so
// that the thread and leak sanitizers work. Not a replacement elsewhere: no parallel runs, no
// parameterised tests, and a message has to be a string literal.
#pragma once
#pragma GCC system_header // assertions without a message are empty variadic arguments

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lite_options {
    void (*init)(void);
    void (*fini)(void);
    int signal;     // that has to end the test
    int exit_code;  // that the test has to exit with
    double timeout; // seconds, 0 for the default
    bool disabled;
    const char *description;
};

struct lite_test {
    const char *suite;
    const char *name;
    void (*run)(void);
    struct lite_options options;
    bool is_suite; // only carries the options that all tests of the suite share
    struct lite_test *next;
};

void lite_register(struct lite_test *test);

// Reports and, when fatal, ends the test.
void lite_fail(bool is_fatal, const char *file, int line, const char *what, const char *format,
               ...);
_Noreturn void lite_skip(void);

#define LITE_REGISTER(id)                                                                          \
    __attribute__((constructor)) static void id##_register(void)                                   \
    {                                                                                              \
        lite_register(&id##_test);                                                                 \
    }

#define Test(suite_, name_, ...)                                                                   \
    static void suite_##_##name_##_run(void);                                                      \
    static struct lite_test suite_##_##name_##_test = {                                            \
        .suite = #suite_,                                                                          \
        .name = #name_,                                                                            \
        .run = suite_##_##name_##_run,                                                             \
        .options = {__VA_ARGS__},                                                                  \
    };                                                                                             \
    LITE_REGISTER(suite_##_##name_)                                                                \
    static void suite_##_##name_##_run(void)

#define TestSuite(suite_, ...)                                                                     \
    static struct lite_test suite_##_suite_test = {                                                \
        .suite = #suite_,                                                                          \
        .name = "",                                                                                \
        .options = {__VA_ARGS__},                                                                  \
        .is_suite = true,                                                                          \
    };                                                                                             \
    LITE_REGISTER(suite_##_suite)                                                                  \
    struct lite_test /* takes the semicolon */

#define LITE_CHECK(is_fatal, condition, what, ...)                                                 \
    ((condition) ? (void)0 : lite_fail(is_fatal, __FILE__, __LINE__, what, "" __VA_ARGS__))

#define LITE_ARR_EQ(a, b, bytes) (memcmp((a), (b), (bytes)) == 0)
#define LITE_STR_EQ(a, b)        (strcmp((a), (b)) == 0)
#define LITE_NEAR(a, b, epsilon) (fabs((double)(a) - (double)(b)) <= (double)(epsilon))

#define cr_assert(c, ...)            LITE_CHECK(true, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...)        LITE_CHECK(true, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_fail(...)          LITE_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)      LITE_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)     LITE_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)      LITE_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)     LITE_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)      LITE_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)     LITE_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(p, ...)       LITE_CHECK(true, (p) == NULL, #p " is null", __VA_ARGS__)
#define cr_assert_not_null(p, ...)   LITE_CHECK(true, (p) != NULL, #p " is not null", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)  LITE_CHECK(true, LITE_STR_EQ(a, b), #a " eq " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) LITE_CHECK(true, !LITE_STR_EQ(a, b), #a " ne " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)                                                             \
    LITE_CHECK(true, LITE_ARR_EQ(a, b, n), #a " eq " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...)                                                            \
    LITE_CHECK(true, !LITE_ARR_EQ(a, b, n), #a " ne " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...)                                                           \
    LITE_CHECK(true, LITE_NEAR(a, b, e), #a " near " #b, __VA_ARGS__)

#define cr_expect(c, ...)           LITE_CHECK(false, c, #c, __VA_ARGS__)
#define cr_expect_not(c, ...)       LITE_CHECK(false, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_fail(...)         LITE_CHECK(false, false, "fail", __VA_ARGS__)
#define cr_expect_eq(a, b, ...)     LITE_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)    LITE_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)     LITE_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)    LITE_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)     LITE_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)    LITE_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(p, ...)      LITE_CHECK(false, (p) == NULL, #p " is null", __VA_ARGS__)
#define cr_expect_not_null(p, ...)  LITE_CHECK(false, (p) != NULL, #p " is not null", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) LITE_CHECK(false, LITE_STR_EQ(a, b), #a " eq " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)                                                               \
    LITE_CHECK(false, !LITE_STR_EQ(a, b), #a " ne " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)                                                             \
    LITE_CHECK(false, LITE_ARR_EQ(a, b, n), #a " eq " #b, __VA_ARGS__)
#define cr_expect_arr_neq(a, b, n, ...)                                                            \
    LITE_CHECK(false, !LITE_ARR_EQ(a, b, n), #a " ne " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...)                                                           \
    LITE_CHECK(false, LITE_NEAR(a, b, e), #a " near " #b, __VA_ARGS__)

#define cr_skip(...)      lite_skip()
#define cr_skip_test(...) lite_skip()

#define cr_log_info(...)  (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define cr_log_warn(...)  cr_log_info(__VA_ARGS__)
#define cr_log_error(...) cr_log_info(__VA_ARGS__)
