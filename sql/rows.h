// The rows of a nested query whose WHERE compares one member with a constant: most such queries,
// and most of what they cost. What the instructions would do with a row that does not pass is done
// here without them. For vm.c only. Thread: any.
#ifndef WR_SQL_ROWS_H
#define WR_SQL_ROWS_H

#include "sql/base/compiler.h"
#include "sql/base/num.h"

struct wr_row_test {
    wr_str member;
    enum wr_row_order { WR_ROW_LT = 1, WR_ROW_EQ = 2, WR_ROW_GT = 4 } passes; // ored
    const wr_value *constant; // a NUMBER that is not lazy
};

enum wr_row {
    WR_ROW_NONE,    // no row is left
    WR_ROW_PASSES,  // the test is true
    WR_ROW_UNKNOWN, // not told here, by what the row holds, or because a limit was met
};

// Where in an Array; zeroed: at its start.
struct wr_row_cursor {
    uint32_t next;
    uint32_t member; // where it stood in the row before,
    const char *key; // and the text of its name there
};

// The next row that may pass. Steps of those left out are paid for, `each` a row and
// what the look at it costs.
enum wr_row wr_rows_next(const wr_value *array, struct wr_row_cursor *at,
                         const struct wr_row_test *test, const struct wr_num_context *c,
                         uint32_t each, wr_value *row) WR_HOT;

#endif
