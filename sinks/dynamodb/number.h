// DynamoDB's numbers: up to 38 digits, 1E-130 to 9.99E+125. Text to text; no arithmetic.
// Thread: any.
#ifndef WR_SINKS_DYNAMODB_NUMBER_H
#define WR_SINKS_DYNAMODB_NUMBER_H

#include "sql/base/buf.h"
#include "sql/base/str.h"

#define WR_DYNAMODB_DIGITS_MAX     38
#define WR_DYNAMODB_NUMBER_KEY_MAX (4 + WR_DYNAMODB_DIGITS_MAX + 1)

// 0.d1d2d3… times ten to the exponent, without zeros at either end. Zero has no digits. One value
// has one form.
struct wr_dynamodb_number {
    bool negative;
    int exponent;
    size_t len;
    char digits[WR_DYNAMODB_DIGITS_MAX];
};

// Read a decimal number, with point and exponent if wanted. NULL, or what is wrong in DynamoDB's
// words.
const char *wr_dynamodb_number_parse(wr_str text, struct wr_dynamodb_number *out) WR_MUST_CHECK;

// As DynamoDB gives it back: plain digits, no zeros that say nothing, never an exponent.
void wr_dynamodb_number_write(struct wr_buf *b, const struct wr_dynamodb_number *n);

// Text whose byte order is the order of the numbers, and equal for equal numbers. Returns its
// length.
size_t wr_dynamodb_number_key(char out[WR_DYNAMODB_NUMBER_KEY_MAX],
                              const struct wr_dynamodb_number *n);

// Bytes it counts towards the size of an item.
size_t wr_dynamodb_number_size(const struct wr_dynamodb_number *n);

#endif
