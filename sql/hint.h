// Advice for what people write who know other SQL. Words only: nothing here decides what is valid.
// Thread: any.
#ifndef WR_SQL_HINT_H
#define WR_SQL_HINT_H

#include "sql/base/str.h"

// Where in the grammar the parser was stopped.
enum wr_hint_place {
    WR_HINT_START = 1 << 0,    // before SELECT
    WR_HINT_OPERAND = 1 << 1,  // where a value is expected
    WR_HINT_OPERATOR = 1 << 2, // behind a value, inside something
    WR_HINT_ITEM = 1 << 3,     // behind a value in a list of items
    WR_HINT_GROUP = 1 << 4,    // behind a value in parentheses
    WR_HINT_WHERE = 1 << 5,    // behind the condition
    WR_HINT_TEMPLATE = 1 << 6, // behind the expression of a template
    WR_HINT_FILTER = 1 << 7,   // where the topic filter is expected
    WR_HINT_TAIL = 1 << 8,     // behind the topic filter
    WR_HINT_ALIAS = 1 << 9,    // where an alias is expected
    WR_HINT_KEY = 1 << 10,     // where the key of an object literal is expected
    WR_HINT_WORD = 1 << 11,    // asked second: a word behind a value in a list of items
    WR_HINT_OTHER = 1 << 12,
};

// One sentence without capital and full stop, or NULL. `found` is the token as written, `before`
// the one before it (empty when there is none).
const char *wr_hint_find(enum wr_hint_place place, wr_str found, wr_str before);

#endif
