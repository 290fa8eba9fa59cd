// UTF-8: checks, counting and stepping by code point.
// Thread: any.
#ifndef WR_BASE_UTF8_H
#define WR_BASE_UTF8_H

#include "sql/base/str.h"

#include <stdint.h>

// Well-formed by Unicode table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool wr_utf8_valid(wr_str s);

// Bytes before the first one that is not part of a well-formed character; s.len when all are.
size_t wr_utf8_valid_len(wr_str s);

// Code points in valid UTF-8.
size_t wr_utf8_count(wr_str valid);

// Byte offset of code point `index`, or s.len when there are fewer.
size_t wr_utf8_offset(wr_str valid, size_t index);

// The code point at byte `*at`, which moves behind it. `valid` must be valid and *at < len.
uint32_t wr_utf8_next(wr_str valid, size_t *at);

// Writes 1 to 4 bytes, returns how many. `code_point` is at most 0x10FFFF and no surrogate.
size_t wr_utf8_put(char out[4], uint32_t code_point);

// Simple one-to-one case mapping for every Unicode letter that has one; others unchanged.
uint32_t wr_utf8_lower(uint32_t code_point);
uint32_t wr_utf8_upper(uint32_t code_point);

#endif
