// Numbers and times out of texts; ids that are the same at every try.
#include "sinks/lib/text.h"
#include "sinks/lib/uuid.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static const uint8_t delivery[16] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                     0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
#define UUID0 "10111213-1415-4617-9819-1a1b1c1d1e1f"
#define UUID1 "10111213-1415-4617-9819-1a1b1c1d1e20"

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool number, whole;
        double d;
        int64_t n;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"+7", true, true, 7, 7},
        {"123000000", true, true, 123000000, 123000000},
        {"1.23E8", true, true, 123000000, 123000000},
        {"5.0", true, true, 5, 5},
        {"1.5", true, false, 1.5, 0},
        {"15e-1", true, false, 1.5, 0},
        {".5", true, false, 0.5, 0},
        {"9223372036854775807", true, true, 9223372036854775808.0, INT64_MAX},
        {"9223372036854775808", true, false, 9223372036854775808.0, 0},
        {"1e400", false, false, 0, 0},
        {"", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"1,5", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"inf", false, false, 0, 0},
        {"nan", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {".", false, false, 0, 0},
        {"1e", false, false, 0, 0},
        {"--1", false, false, 0, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        double d = 0;
        int64_t n = 0;
        CHECK_INT(cases[i].text, wr_text_double(Z(cases[i].text), &d), cases[i].number);
        CHECK(cases[i].text, d == cases[i].d);
        CHECK_INT(cases[i].text, wr_text_whole(Z(cases[i].text), &n), cases[i].whole);
        CHECK_INT(cases[i].text, n, cases[i].n);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *unit, *text;
        int64_t value;
    } cases[] = {
        {"SECONDS", "2023-11-14T22:13:20Z", 1700000000},
        {"MILLISECONDS", "2023-11-14T22:13:20.001Z", 1700000000001},
        {"MICROSECONDS", "2023-11-14T22:13:20.000001Z", 1700000000000001},
        {"NANOSECONDS", "2023-11-14T22:13:20.000000001Z", 1700000000000000001},
        {"MILLISECONDS", "1969-12-31T23:59:59.999Z", -1},
        {"SECONDS", "9999-12-31T23:59:59Z", 253402300799},
        {"SECONDS", NULL, 253402300800},
        {"MINUTES", NULL, 1},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int64_t seconds;
        uint32_t nanos;
        struct wr_buf b = {0};
        bool good = wr_text_time_parts(cases[i].value, Z(cases[i].unit), &seconds, &nanos) &&
                    wr_text_add_time(&b, seconds, nanos);
        CHECK_INT(cases[i].unit, good, cases[i].text != NULL);
        if (good) {
            CHECK_STR(cases[i].unit, wr_buf_str(&b), Z(cases[i].text));
        }
        wr_buf_release(&b);
    }
}

static void test_uuids(void **state)
{
    struct wr_record rec = {.delivery_id = delivery};
    char a[WR_UUID_LEN + 1], b[WR_UUID_LEN + 1];
    wr_uuid_of_record(a, &rec, 0);
    CHECK_STR("first", Z(a), S(UUID0));
    wr_uuid_of_record(b, &rec, 0);
    CHECK_STR("again", Z(b), S(UUID0));
    wr_uuid_of_record(b, &rec, 1);
    CHECK_STR("second", Z(b), S(UUID1));
    rec.action_number = 1;
    wr_uuid_of_record(b, &rec, 0);
    CHECK("another action", strcmp(a, b) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_numbers), T(test_times), T(test_uuids)};
    return TEST_MAIN(tests);
}
