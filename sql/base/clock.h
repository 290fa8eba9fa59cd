// Two clocks that cannot be mixed up.
// Thread: any.
#ifndef WR_BASE_CLOCK_H
#define WR_BASE_CLOCK_H

#include <stdint.h>

// Microseconds of the monotonic clock. For intervals and deadlines; never shown to people.
typedef struct {
    int64_t us;
} wr_mono;

wr_mono wr_mono_now(void);

static inline int64_t wr_mono_since_us(wr_mono earlier, wr_mono later)
{
    return later.us - earlier.us;
}

// Nanoseconds of the same clock, to time what takes less than a microsecond: a call costs about 20.
int64_t wr_mono_ns(void);

// Milliseconds since 1970-01-01T00:00:00Z of the wall clock, which may jump.
int64_t wr_wall_ms(void);

// Civil date of a day number since 1970-01-01 and back (proleptic Gregorian).
void wr_date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);
int64_t wr_days_from_date(int64_t year, unsigned month, unsigned day);

#endif
