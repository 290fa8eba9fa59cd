// What came out beside what was expected, as lines for people (rules of comparison:
// tests/corpus/FORMAT.md). Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_DIFF_H
#define WR_ENGINE_CLI_SUITE_DIFF_H

#include "sinks/sink.h"
#include "sql/sql.h"

#define WR_DIFF_LINES_MAX 30 // lines of one case; the rest is counted

// Lines are appended to `out`, each ending with a line break. No line: all is as expected.
struct wr_diff {
    struct wr_buf *out;
    struct wr_arena *arena;
    size_t count;             // differences, also those beyond the limit
    struct wr_program *regex; // made at the first use; wr_diff_release()
};

void wr_diff_release(struct wr_diff *d);

void wr_diff_line(struct wr_diff *d, const char *format, ...) WR_PRINTF(2, 3);

// Two values: objects whatever their order, numbers by exact value, or within `tolerance` (NULL:
// none). `path` is what the differences are called: "$".
void wr_diff_json(struct wr_diff *d, const char *path, const wr_value *expected,
                  const wr_value *actual, const wr_value *tolerance);
// Bytes; texts when both are valid UTF-8.
void wr_diff_bytes(struct wr_diff *d, const char *path, wr_str expected, wr_str actual);
// The text holds a match of the pattern, as regexp_matches() sees it (sql.md 11.1).
// Fault: `pattern` is no regular expression.
wr_err wr_diff_matches(struct wr_diff *d, const char *path, wr_str pattern, wr_str actual,
                       struct wr_fault *fault) WR_MUST_CHECK;
// The members of an action that `expected`, an OBJECT, gives, in the shape of the rule document; a
// text may also be {"matches": PATTERN}. Fault: a member that the action does not have.
wr_err wr_diff_params(struct wr_diff *d, const char *path, const struct wr_sink_impl *impl,
                      const struct wr_param *params, const wr_value *expected,
                      struct wr_fault *fault) WR_MUST_CHECK;

// A value as it is shown: JSON, cut when it is long; Undefined is "nothing".
void wr_diff_show(struct wr_buf *out, const wr_value *v, struct wr_arena *arena);

#endif
