// Why a message did or did not match: the terms of WHERE with their values. For people, not for the
// message path: every term is compiled and run on its own.
// Thread: the message's loop.
#ifndef WR_SQL_EXPLAIN_H
#define WR_SQL_EXPLAIN_H

#include "sql/sql.h"

// Append the explanation of WHERE for the message (topic, payload and properties filled; read or
// not) to `out`, some lines of text. Statements without WHERE give one line.
void wr_explain_where(const struct wr_program *p, const struct wr_sql_message *message,
                      const struct wr_sql_host *host, struct wr_buf *out);

// "line 1, column 8: found …" with the line of `sql` and a caret below it; for faults of
// statements.
void wr_explain_fault(wr_str sql, const struct wr_fault *fault, struct wr_buf *out);

#endif
