// Static analysis of statements and templates: what is valid but likely not meant (sql.md 16), and
// what has the same answer for every message. "never", "always" and "always Undefined" are only
// said when they hold for every payload, topic and context; everything that is a matter of taste or
// of what devices send is a note, or says so.
//
//   statement ─► types: the types and constants each expression can have ─► rules ─► findings, in
//   the order of the text
//
// Bounded by the limits of statements (sql.h). Constants are folded by the compiler's own routines.
// Findings about documents and actions are not made here: `weir check`. The faults that
// wr_program_warning() gives are among the findings, or (SQL version 2015-10-08) the caller's.
// Thread: any; a lint belongs to its owner.
#ifndef WR_SQL_LINT_H
#define WR_SQL_LINT_H

#include "sql/sql.h"

enum wr_lint_severity { WR_LINT_WARNING, WR_LINT_NOTE };

// WR_LINT_ALIAS_IN_WHERE = 301, …: printed as W301.
enum wr_lint_code {
#define LINT(code, name, ...)          WR_LINT_##name = (code),
#define LINT_TEMPLATE(code, name, ...) WR_LINT_##name = (code),
#include "sql/lint_codes.h"
};

// An entry of lint_codes.h.
struct wr_lint_rule {
    enum wr_lint_code code;
    enum wr_lint_severity severity;
    const char *slug, *title, *why, *remedy;
    const char *version;                          // of the examples
    const char *fires, *silent;                   // statements
    const char *fires_template, *silent_template; // NULL: an example of wr_lint_statement()
};
size_t wr_lint_rule_count(void);
const struct wr_lint_rule *wr_lint_rule_at(size_t index); // by rising code
const struct wr_lint_rule *wr_lint_rule_find(int code);   // NULL: there is none

#define WR_LINT_FINDINGS_MAX 1000 // more say nothing new; wr_lint_left_out() counts them

struct wr_lint_finding {
    const struct wr_lint_rule *rule;
    uint32_t begin, end;   // bytes of the statement, or of the template's text
    uint32_t line, column; // of `begin`, 1-based, column in characters
    wr_str message; // one line, names the expression and the values; lives as long as the lint
};

struct wr_lint_options {
    const struct wr_sql_host *host; // its `zone` knows time zones; NULL: zones are not judged
};

struct wr_lint;

// Give: the findings of p's statement, in the order of the text. Templates that were added to `p`
// count as readers of its variables; they get no findings of their own. `options` may be NULL.
struct wr_lint *wr_lint_statement(const struct wr_program *p,
                                  const struct wr_lint_options *options);

// Give: the findings of one template of p's rule, with the places in `text`. It need not have been
// added to `p`. A text that is no template has no findings.
struct wr_lint *wr_lint_template(const struct wr_program *p, wr_str text,
                                 const struct wr_lint_options *options);

// Everything may be asked until wr_lint_free(); `p` must live as long.
size_t wr_lint_count(const struct wr_lint *l);
const struct wr_lint_finding *wr_lint_at(const struct wr_lint *l, size_t index);
size_t wr_lint_left_out(const struct wr_lint *l);
void wr_lint_free(struct wr_lint *l);

// ---- what is proven, for tests and for `weir explain`

#define WR_LINT_MAY_UNDEFINED 1u // one bit an enum wr_type, in its order
#define WR_LINT_MAY_ALL       0xffu

// A claim about an expression of the statement: of every SET, item and WHERE, and what is below it,
// nested queries excepted.
struct wr_lint_claim {
    uint32_t begin, end;          // bytes of the statement
    uint8_t types;                // bit 1 << enum wr_type: the value can have that type
    bool constant;                // it is always the same
    bool never_true, always_true; // as a condition
};
// Call `visit` for each. The order is not specified.
void wr_lint_claims(const struct wr_program *p, const struct wr_lint_options *options,
                    void (*visit)(void *user, const struct wr_lint_claim *claim), void *user);

#endif
