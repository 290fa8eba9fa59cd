// What values an expression can have: an abstract interpretation of the tree, as a set of kinds of
// values and the value itself when it is the same for every message. Sound: a value that some
// message gives is always in the set; the set may be too large, never too small. Failures of
// sql.md 11.7 and met limits give no value.
// Thread: the lint's owner.
#ifndef WR_SQL_LINT_FACT_H
#define WR_SQL_LINT_FACT_H

#include "sql/ast.h"

// Kinds of values; every value is of exactly one. Strings are told apart by what they convert to.
enum wr_can {
    WR_CAN_UNDEFINED = 1 << 0,
    WR_CAN_NULL = 1 << 1,
    WR_CAN_TRUE = 1 << 2,
    WR_CAN_FALSE = 1 << 3,
    WR_CAN_INT = 1 << 4,
    WR_CAN_DECIMAL = 1 << 5,
    WR_CAN_NUMERIC = 1 << 6, // a String that converts to a number
    WR_CAN_YES = 1 << 7,     // a String "true" in any case
    WR_CAN_NO = 1 << 8,      // a String "false" in any case
    WR_CAN_TEXT = 1 << 9,    // any other String
    WR_CAN_ARRAY = 1 << 10,
    WR_CAN_OBJECT = 1 << 11,
    WR_CAN_RAW = 1 << 12,
};
#define WR_CAN_NUMBER  (WR_CAN_INT | WR_CAN_DECIMAL)
#define WR_CAN_STRING  (WR_CAN_NUMERIC | WR_CAN_YES | WR_CAN_NO | WR_CAN_TEXT)
#define WR_CAN_BOOLEAN (WR_CAN_TRUE | WR_CAN_FALSE)
#define WR_CAN_COUNT   (WR_CAN_NUMBER | WR_CAN_NUMERIC) // sql.md 6: N
#define WR_CAN_HOLD    (WR_CAN_TRUE | WR_CAN_YES)       // true as a condition
#define WR_CAN_FAIL    (WR_CAN_FALSE | WR_CAN_NO)       // false as a condition
#define WR_CAN_JUDGE   (WR_CAN_HOLD | WR_CAN_FAIL)
#define WR_CAN_SPELL   (WR_CAN_NUMBER | WR_CAN_BOOLEAN | WR_CAN_STRING | WR_CAN_ARRAY | WR_CAN_OBJECT)
#define WR_CAN_ALL     0x1fffu
#define WR_CAN_PAYLOAD (WR_CAN_ALL & ~WR_CAN_RAW) // a member of the payload

struct wr_fact {
    uint16_t can;
    bool constant;           // `value` is what it is for every message
    bool no_upper, no_lower; // a String in it has no ASCII letters of that case
    wr_value value;
};

// The one kind that `v` (forced) is of.
uint16_t wr_can_of(const wr_value *v);
// "text", "a number", "a Boolean", "an Array or Object", …: what the set is, for messages.
const char *wr_can_name(uint16_t can);

// ---- functions

// What sql.md 11 says of a function, as far as it is the same for most.
struct wr_fact_function {
    const char *name;
    // A letter an argument, the last one repeats: D number, S text, N number and not text,
    // P text or Raw, A anything.
    const char *arguments;
    uint16_t gives; // when every argument fits; UNDEFINED as well where it may have no value
    bool no_upper;  // its Strings have no capitals
};
// NULL: a function that facts.c knows itself.
const struct wr_fact_function *wr_fact_function_find(const struct wr_function *f);
// The set that an argument has to meet, by its letter.
uint16_t wr_fact_wanted(char letter);
// The letter of argument `i`.
char wr_fact_letter(const struct wr_fact_function *f, uint32_t i);

#endif
