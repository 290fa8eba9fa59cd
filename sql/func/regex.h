// Regular expressions of sql.md 11.2: Java's dialect on PCRE2, with limits that make every match
// end. Thread: any; compiled patterns, match data and JIT stacks are kept for each thread and are
// freed when the thread ends.
#ifndef WR_SQL_FUNC_REGEX_H
#define WR_SQL_FUNC_REGEX_H

#include "sql/base/err.h"

// Check a pattern without keeping it: what the compiler warns about when a constant pattern gives
// Undefined at run time. Faults as wr_regex_translate(), and WR_ERR_UNSUPPORTED for what PCRE2
// refuses.
wr_err wr_regex_check(wr_str java, struct wr_fault *fault);

// Matches of this thread that ended at a limit (and gave Undefined) since the thread began.
uint64_t wr_regex_limit_hits(void);

// Patterns this thread compiled: in the message path it stands still once the cache is warm.
uint64_t wr_regex_compiled(void);

// Free what this thread keeps, before the thread ends. It may go on matching afterwards.
void wr_regex_thread_release(void);

#endif
