// Inside of time reading: a DateTimeFormatter pattern as a list of elements. Included by
// time_pattern.c and time_parse.c only. Thread: any.
#ifndef WR_SQL_FUNC_TIME_PATTERN_H
#define WR_SQL_FUNC_TIME_PATTERN_H

#include "sql/base/str.h"

#include <stdint.h>

#define ELEMENTS_MAX 128 // elements of a pattern
#define DIGITS_MAX   19  // java.time's own bound for one number

enum field {
    YEAR,
    YEAR_OF_ERA,
    MONTH,
    DAY_OF_MONTH,
    DAY_OF_YEAR,
    WEEKDAY,
    HOUR,
    HOUR_OF_HALF, // 1..12
    HALF,         // 0 AM, 1 PM
    MINUTE,
    SECOND,
    NANO,
    OFFSET,
    FIELDS
};

enum kind {
    NUMBER,
    REDUCED_YEAR,
    FRACTION,
    MONTH_NAME,
    DAY_NAME,
    HALF_NAME,
    ZONE_ID,
    ZONE_NAME,
    ZONE_OFFSET,
    LITERAL,
    OPTION_BEGIN,
    OPTION_END
};

enum sign { NO_SIGN, MINUS, EXCEEDS_PAD };

struct element {
    enum kind kind;
    enum field field;
    enum sign sign;
    int min, max;   // digits
    int subsequent; // digits of the fixed-width numbers that follow without a gap
    int count;      // letters
    char letter;
    uint32_t ch; // LITERAL
    int end;     // OPTION_BEGIN: its OPTION_END
};

struct pattern {
    struct element at[ELEMENTS_MAX];
    int len;
    int open_number; // element that fixed-width numbers lend their width to, or -1
};

// False when java.time refuses the pattern, or weir does not know a letter of it.
bool wr_time_pattern_read(struct pattern *p, wr_str s);

#endif
