// What came out beside what was expected, as lines for people. Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_DIFF_H
#define WR_ENGINE_CLI_SUITE_DIFF_H

#include "sinks/sink.h"
#include "sql/sql.h"

#define WR_DIFF_LINES_MAX 30 // lines of one case; the rest is counted

// Around what was expected and what came out, for colours. wr_diff_plain() takes them out.
#define WR_DIFF_EXPECTED "\x01"
#define WR_DIFF_GOT      "\x02"
#define WR_DIFF_END      "\x03"

// Lines are appended to `out`, each ending with a line break. No line: all is as expected.
struct wr_diff {
    struct wr_buf *out;
    struct wr_arena *arena;
    size_t count;             // lines, also those beyond the limit
    struct wr_program *regex; // made at the first use; wr_diff_release()
    const char *words[2];     // what the two values are called; NULL: "expected", "got"
};

void wr_diff_release(struct wr_diff *d);

void wr_diff_line(struct wr_diff *d, const char *format, ...) WR_PRINTF(2, 3);
// "PATH: expected E, got A", over two lines when they are long.
void wr_diff_pair(struct wr_diff *d, const char *path, wr_str expected, wr_str got);

// How two values are compared: objects whatever their order, numbers by exact value.
struct wr_diff_mode {
    const wr_value *tolerance; // NULL: none. Else FORMAT.md's
    bool subset;               // members that are expected only
    bool patterns;             // {"matches": PATTERN} stands for a string
};
// `path` is what the differences are called: "$". Fault: a pattern is no regular expression.
wr_err wr_diff_json(struct wr_diff *d, const char *path, const wr_value *expected,
                    const wr_value *got, const struct wr_diff_mode *mode,
                    struct wr_fault *fault) WR_MUST_CHECK;
// Bytes; as texts when both are valid UTF-8, with a mark below the first difference.
void wr_diff_bytes(struct wr_diff *d, const char *path, wr_str expected, wr_str got);
// The text holds a match of the pattern, as regexp_matches() sees it (sql.md 11.1).
// Fault: `pattern` is no regular expression.
wr_err wr_diff_matches(struct wr_diff *d, const char *path, wr_str pattern, wr_str got,
                       struct wr_fault *fault) WR_MUST_CHECK;
// A text against a string, a number, a Boolean or {"matches": PATTERN}. Fault: another value.
wr_err wr_diff_text(struct wr_diff *d, const char *path, const wr_value *expected, wr_str got,
                    struct wr_fault *fault) WR_MUST_CHECK;

// A value as it is shown: JSON, cut when it is long; Undefined is "nothing".
void wr_diff_show(struct wr_buf *out, const wr_value *v, struct wr_arena *arena);
// Bytes as they are shown: text as it is, others in hex; cut when they are long.
void wr_diff_show_bytes(struct wr_buf *out, wr_str s);

// `text` without the marks, appended to `out`.
void wr_diff_plain(struct wr_buf *out, wr_str text);

// ---- suite_params.c

// The members of an action that `expected`, an OBJECT, gives, in the shape of the rule document; a
// text may also be {"matches": PATTERN}, null is a member that is not sent. Members in `skip`
// (NULL-terminated) are not the action's. Fault: a member that the action does not have.
wr_err wr_diff_params(struct wr_diff *d, const char *path, const struct wr_sink_impl *impl,
                      const struct wr_param *params, const wr_value *expected,
                      const char *const *skip, struct wr_fault *fault) WR_MUST_CHECK;

// One parameter as a rule document has it; null when it is not set.
void wr_diff_write_param(struct wr_buf *out, const struct wr_option *option,
                         const struct wr_param *p);
// Parameters `params` as the members of an action in a rule document, without braces; only those
// for which `wanted[i]`. Returns how many.
size_t wr_diff_write_params(struct wr_buf *out, const struct wr_sink_impl *impl,
                            const struct wr_param *params, const bool *wanted);

#endif
