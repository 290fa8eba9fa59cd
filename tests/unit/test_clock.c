// The calendar over all its eras, and clocks that move.
#include "sql/base/clock.h"

#include <time.h>

#include "sql/base/compiler.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static const struct {
    const char *name;
    int64_t days, year;
    unsigned month, day;
} dates[] = {
    {"epoch", 0, 1970, 1, 1},
    {"day before", -1, 1969, 12, 31},
    {"leap day 2000", 11016, 2000, 2, 29},
    {"after it", 11017, 2000, 3, 1},
    {"1900 was none", -25508, 1900, 3, 1},
    {"before it", -25509, 1900, 2, 28},
    {"2100-02-28", 47540, 2100, 2, 28},
    {"2100-03-01", 47541, 2100, 3, 1},
    {"2024-12-31", 20088, 2024, 12, 31},
    {"year 1", -719162, 1, 1, 1},
    {"year 0", -719528, 0, 1, 1},
    {"year -1", -719529, -1, 12, 31},
    {"year 9999", 2932896, 9999, 12, 31},
};

static void known_dates(void **state)
{
    for (size_t i = 0; i < WR_COUNT(dates); i++) {
        int64_t year;
        unsigned month, day;
        wr_date_from_days(dates[i].days, &year, &month, &day);
        CHECK_INT(dates[i].name, year, dates[i].year);
        CHECK_INT(dates[i].name, month, dates[i].month);
        CHECK_INT(dates[i].name, day, dates[i].day);
        CHECK_INT(dates[i].name, wr_days_from_date(year, month, day), dates[i].days);
    }
}

static void every_day_of_five_centuries(void **state)
{
    int64_t year = 0;
    unsigned month = 0, day = 0;
    wr_date_from_days(-150001, &year, &month, &day);
    for (int64_t days = -150000; days < 50000; days++) {
        int64_t y;
        unsigned m, d;
        wr_date_from_days(days, &y, &m, &d);
        assert_int_equal(wr_days_from_date(y, m, d), days);
        bool next_day = y == year && m == month && d == day + 1;
        bool next_month = y == year && m == month + 1 && d == 1 && day >= 28;
        bool next_year = y == year + 1 && m == 1 && d == 1 && month == 12 && day == 31;
        assert_true(next_day || next_month || next_year);
        year = y;
        month = m;
        day = d;
    }
}

static void clocks_move_forward(void **state)
{
    wr_mono a = wr_mono_now(), b = wr_mono_now();
    assert_true(wr_mono_since_us(a, b) >= 0 && wr_mono_since_us(a, b) < 60000000);
    int64_t before = (int64_t)time(NULL) * 1000, now = wr_wall_ms();
    assert_true(now >= before - 1000 && now < before + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(known_dates),
        T(every_day_of_five_centuries),
        T(clocks_move_forward),
    };
    return TEST_MAIN(tests);
}
