// A host whose chance can be played again: what rand() and newuuid() drew the first time they draw
// the second time. So that the parts of an explanation agree with its result.
// Thread: the owner's.
#ifndef WR_SQL_EXPLAIN_TAPE_H
#define WR_SQL_EXPLAIN_TAPE_H

#include "sql/sql.h"

struct wr_tape {
    struct wr_sql_host host; // pass this; the rest is passed on to `real`
    const struct wr_sql_host *real;
    struct wr_buf drawn;
    size_t at; // where the next bytes are; a caller may come back to an earlier place
};

// `real` (may be NULL) must outlive the tape.
void wr_tape_init(struct wr_tape *t, const struct wr_sql_host *real);
void wr_tape_release(struct wr_tape *t);

#endif
