// What people read about the functions, beside the table in functions.h: `weir help functions`
// shows it, the pages of docs/sql/ are made from it, and every example in it runs as a test of
// these pages. Thread: any.
#ifndef WR_SQL_FUNC_MANUAL_H
#define WR_SQL_FUNC_MANUAL_H

#include "sql/func/function.h"

#define WR_MANUAL_EXAMPLES_MAX 8 // of one function; more belong on its page

// A family is a page: docs/sql/functions-<name>.md. X(id, name, title).
#define WR_FAMILY_MAP(X)                             \
    X(NUMBERS, "numbers", "Numbers")                 \
    X(STRINGS, "strings", "Strings")                 \
    X(REGEX, "regex", "Regular expressions")         \
    X(HASHES, "hashes", "Hashes")                    \
    X(STRUCTURE, "structure", "Structure and tests") \
    X(TIME, "time", "Time")                          \
    X(MESSAGE, "message", "About the message")       \
    X(LOOKUPS, "lookups", "Look-ups")

enum wr_family {
#define X(id, name, title) WR_FAMILY_##id,
    WR_FAMILY_MAP(X)
#undef X
        WR_FAMILY_COUNT,
};

const char *wr_family_name(enum wr_family family);
const char *wr_family_title(enum wr_family family);

// `SELECT VALUE <expression>` in 2016-03-23. `gives` is the outgoing payload, or one of:
// "Undefined" (an empty payload), "error" (the rule fails), "matches REGEX".
struct wr_manual_example {
    const char *expression;
    const char *payload; // JSON; "" is {}
    const char *context; // JSON, tests/corpus/FORMAT.md; "" is none
    const char *gives;
};

struct wr_manual {
    const char *name; // as in functions.h
    enum wr_family family;
    const char *result; // the type, and when it is Undefined
    const char *notes;  // what surprises; "" when nothing does
    struct wr_manual_example examples[WR_MANUAL_EXAMPLES_MAX + 1]; // ends with expression NULL
};

// The same function is wr_function_at(index). Never NULL.
const struct wr_manual *wr_manual_at(size_t index);

#endif
