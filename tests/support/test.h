// A thin layer over cmocka for table-driven tests. A failure prints the case's name and both
// values. The output is TAP because tests/unit/meson.build says so in the environment. Include it
// last but one, before sql/base/banned.h.
#ifndef WR_TESTS_SUPPORT_TEST_H
#define WR_TESTS_SUPPORT_TEST_H

// cmocka.h wants these before it, in this order.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>

#include "sql/base/str.h"

// A wr_str of a literal (may hold NULs) or of a terminated string.
#define S(literal)    WR_STR(literal)
#define Z(terminated) wr_str_of(terminated)

// One test function as a row of the table for wr_test_run().
#define T(function) cmocka_unit_test(function)

// `return TEST_MAIN(tests);` where `tests` is an array of T(...).
#define TEST_MAIN(tests) cmocka_run_group_tests(tests, NULL, NULL)

// Fail case `name` with a printf-style text.
#define CASE_FAIL(name, ...)                                      \
    do {                                                          \
        const char *case_name_ = (name);                          \
        print_error("case '%s': ", case_name_ ? case_name_ : ""); \
        print_error(__VA_ARGS__);                                 \
        print_error("\n");                                        \
        _fail(__FILE__, __LINE__);                                \
    } while (0)

#define CHECK(name, cond)                                \
    do {                                                 \
        if (!(cond)) {                                   \
            CASE_FAIL(name, "does not hold: %s", #cond); \
        }                                                \
    } while (0)

// Signed integers, booleans and enums.
#define CHECK_INT(name, got, want)                                                   \
    do {                                                                             \
        intmax_t got_ = (intmax_t)(got), want_ = (intmax_t)(want);                   \
        if (got_ != want_) {                                                         \
            CASE_FAIL(name, "%s is %" PRIdMAX ", not %" PRIdMAX, #got, got_, want_); \
        }                                                                            \
    } while (0)

#define CHECK_HEX(name, got, want)                                                       \
    do {                                                                                 \
        uintmax_t got_ = (uintmax_t)(got), want_ = (uintmax_t)(want);                    \
        if (got_ != want_) {                                                             \
            CASE_FAIL(name, "%s is 0x%" PRIxMAX ", not 0x%" PRIxMAX, #got, got_, want_); \
        }                                                                                \
    } while (0)

// Two wr_str.
#define CHECK_STR(name, got, want)                                                    \
    do {                                                                              \
        wr_str got_ = (got), want_ = (want);                                          \
        if (!wr_str_eq(got_, want_)) {                                                \
            CASE_FAIL(name, "%s is '%.*s' (%zu bytes), not '%.*s' (%zu bytes)", #got, \
                      WR_STR_ARG(got_), got_.len, WR_STR_ARG(want_), want_.len);      \
        }                                                                             \
    } while (0)

#endif
