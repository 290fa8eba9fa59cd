// Coverage of a statement by messages: which conditions were seen true, false and Undefined, which
// items of SELECT had a value. For `weir test`, not for the message path: every place is compiled
// and run as a part of its own (part.h), so that coverage cannot disagree with the program.
//
// Places: each operand of WHERE that is not itself AND, OR or NOT; each WHEN of a CASE (true: the
// arm was taken, false: it was tried and not taken); each item of the statement's SELECT. What is
// the same for every message (1 = 1) is no condition. Both sides of AND and OR always run (sql.md
// 6), so every operand of WHERE is seen whenever WHERE is. In nested queries each row counts; there
// a WHEN counts also for rows that an earlier arm took. Thread: the owner's.
#ifndef WR_SQL_COVERAGE_H
#define WR_SQL_COVERAGE_H

#include "sql/sql.h"

#define WR_COVERAGE_PLACES_MAX 4096 // a program each; statements of people have some dozens

enum wr_coverage_kind {
    WR_COVERAGE_WHERE, // true, false, undefined
    WR_COVERAGE_WHEN,  // the same, of `operand = when`
    WR_COVERAGE_ITEM,  // value, undefined
};

struct wr_coverage_place {
    enum wr_coverage_kind kind;
    uint32_t begin, end;   // bytes of the statement, without outer parentheses
    uint32_t line, column; // of `begin`
    // How often it was seen so. A condition whose value is no truth counts as undefined.
    uint64_t yes, no, undefined, value;
    uint64_t failed; // a look-up failed (sql.md 11.7): counts as nothing
};

struct wr_coverage;

// Give: the places of the program, which must outlive it. `*left_out` (may be NULL): places beyond
// the limit, or that could not be compiled on their own.
struct wr_coverage *wr_coverage_new(const struct wr_program *p, size_t *left_out);
void wr_coverage_free(struct wr_coverage *c);

size_t wr_coverage_count(const struct wr_coverage *c);
const struct wr_coverage_place *wr_coverage_at(const struct wr_coverage *c, size_t index);

// Count one message whose topic fits. `matched`: WHERE was true, so SELECT was reached. The
// caller's part of the message is enough; made in `arena`. Functions of chance are run again, and
// may answer otherwise than in the program's own run. WR_ERR_LIMIT when the arena is full.
wr_err wr_coverage_add(struct wr_coverage *c, const struct wr_sql_message *message, bool matched,
                       const struct wr_sql_host *host, struct wr_arena *arena) WR_MUST_CHECK;

#endif
