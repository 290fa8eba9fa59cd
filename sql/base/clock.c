// The system's clocks, and the calendar without libc's time zones.
#include "sql/base/clock.h"

#include <time.h>

#include "sql/base/banned.h"

#define DAYS_400  146097 // days of 400 Gregorian years
#define EPOCH_DAY 719468 // 1970-01-01, counted from 0000-03-01

wr_mono wr_mono_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (wr_mono){(int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000};
}

int64_t wr_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t wr_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Both conversions count years from 1 March, which puts the leap day last, and in eras of 400
// years, which are all alike. Floor divisions keep years before 0 right.

void wr_date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + EPOCH_DAY;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_400 - 1)) / DAYS_400;
    unsigned of_era = (unsigned)(shifted - era * DAYS_400);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * of_year + 2) / 153; // March is 0
    *day = of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

int64_t wr_days_from_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    return era * DAYS_400 + of_era - EPOCH_DAY;
}
