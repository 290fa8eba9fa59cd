// Parameters are text; services want numbers and times. A text that is none is told by false, and
// never read as something else. Thread: any.
#ifndef WR_SINKS_LIB_TEXT_H
#define WR_SINKS_LIB_TEXT_H

#include "sql/base/buf.h"
#include "sql/base/str.h"

#include <stdint.h>

// A decimal number with optional sign, point and exponent, that is finite as a double.
bool wr_text_double(wr_str text, double *out) WR_MUST_CHECK;

// A whole number in any of these spellings ("123000000", "1.23E8", "5.0").
bool wr_text_whole(wr_str text, int64_t *out) WR_MUST_CHECK;

// The shortest digits that read back as `d`, which is finite; valid JSON.
void wr_text_add_double(struct wr_buf *b, double d);

// 2023-11-14T22:13:20Z, with .123, .123456 or .123456789 where there is a fraction. `nanos`:
// 0..999999999 beyond `seconds`. False: the year has not four digits.
bool wr_text_add_time(struct wr_buf *b, int64_t seconds, uint32_t nanos) WR_MUST_CHECK;

// `value` counts `unit`: "SECONDS", "MILLISECONDS", "MICROSECONDS" or "NANOSECONDS". False: another
// unit.
bool wr_text_time_parts(int64_t value, wr_str unit, int64_t *seconds,
                        uint32_t *nanos) WR_MUST_CHECK;

// One character of `text` is a control character.
bool wr_text_has_control(wr_str text);

#endif
