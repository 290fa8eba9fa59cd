// Options of commands: taken out of the words, and the values that several commands read.
#include "engine/cli/arguments.h"

#include "tests/support/test.h"

#include <stdlib.h>

#include "sql/base/compiler.h"

#include "sql/base/banned.h"

static void test_take(void **state)
{
    const char *value = NULL, *wrong = NULL, *short_value = NULL;
    bool flag = false;
    struct wr_argument_list list = {0}, names = {0};
    const struct wr_argument table[] = {
        {"--flag", .flag = &flag},
        {"--value", .value = &value},
        {"-o", .value = &short_value},
        {"--list", .list = &list},
        {0},
    };
    char words[][12] = {"a",  "--list", "1",      "--mqtt-url", "x",  "--value=y=z", "--list=2",
                        "-o", "-",      "--flag", "-",          "--", "--flag",      "b"};
    char *argv[WR_COUNT(words)];
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        argv[i] = words[i];
    }
    int count = WR_COUNT(words);
    CHECK("take", wr_arguments_take(table, &count, argv, &names, &wrong));
    CHECK_STR("value", Z(value), S("y=z"));
    CHECK_STR("short", Z(short_value), S("-"));
    CHECK("flag", flag);
    CHECK_INT("list", (intmax_t)list.count, 2);
    CHECK_STR("first", Z(list.at[0]), S("1"));
    CHECK_STR("second", Z(list.at[1]), S("2"));
    CHECK_INT("left", count, 4);
    CHECK_STR("left for weir.yaml", Z(argv[1]), S("--mqtt-url"));
    CHECK("an option is no name", !wr_arguments_names(count, argv, &names, &wrong));
    CHECK_STR("which", Z(wrong), S("--mqtt-url"));
    argv[1] = argv[3];
    CHECK("names", wr_arguments_names(2, argv, &names, &wrong));
    CHECK_INT("names", (intmax_t)names.count, 4);
    static const char *const wanted[] = {"a", "-", "--flag", "b"}; // those behind "--" last
    for (size_t i = 0; i < WR_COUNT(wanted); i++) {
        CHECK_STR("names", Z(names.at[i]), Z(wanted[i]));
    }
    char *lacking[] = {words[1]};
    count = 1;
    CHECK("lacks its value", !wr_arguments_take(table, &count, lacking, &names, &wrong));
    CHECK_STR("which", Z(wrong), S("--list"));
    free(list.at);
    free(names.at);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        bool right;
        int64_t ms;
    } cases[] = {
        {"0", true, 0},
        {"1795000000123", true, 1795000000123},
        {"1970-01-01", true, 0},
        {"2026-11-18T11:06:40Z", true, 1795000000000},
        {"2026-11-18T12:06:40+01:00", true, 1795000000000},
        {"2026-11-18T05:36:40.1239-05:30", true, 1795000000123},
        {"2024-02-29", true, 1709164800000},
        {"", false, 0},
        {"now", false, 0},
        {"2026-02-29", false, 0},
        {"2026-13-01", false, 0},
        {"2026-00-01", false, 0},
        {"2026-11-18T11:06:40", false, 0},
        {"2026-11-18T24:00:00Z", false, 0},
        {"2026-11-18T11:06:40.Z", false, 0},
        {"2026-11-18T11:06:40Zx", false, 0},
        {"2026-11-18T11:06:40+1:00", false, 0},
        {"-5", false, 0},
        {"12345678901234567890", false, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int64_t ms = -1;
        CHECK_INT(cases[i].text, wr_argument_time(cases[i].text, &ms), cases[i].right);
        CHECK(cases[i].text, !cases[i].right || ms == cases[i].ms);
    }
}

static void test_numbers(void **state)
{
    uint64_t n;
    double d;
    CHECK("count", wr_argument_count("18446744073709551615", UINT64_MAX, &n) && n == UINT64_MAX);
    static const char *const counts[] = {"",   "0",  "-1", "+1",
                                         " 1", "1x", "11", "99999999999999999999"};
    for (size_t i = 0; i < WR_COUNT(counts); i++) {
        CHECK(counts[i], !wr_argument_count(counts[i], 10, &n));
    }
    CHECK("decimal", wr_argument_decimal("0.5", 10, &d) && d == 0.5);
    CHECK("decimal", wr_argument_decimal("10", 10, &d) && d == 10);
    static const char *const decimals[] = {"",   "0",    ".",   "1.1.1", "1e1",
                                           "-1", "10.1", "nan", "0x1"};
    for (size_t i = 0; i < WR_COUNT(decimals); i++) {
        CHECK(decimals[i], !wr_argument_decimal(decimals[i], 10, &d));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_take), T(test_times), T(test_numbers)};
    return TEST_MAIN(tests);
}
