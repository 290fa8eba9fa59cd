// Inside of static analysis: what the files of sql/lint share; nobody else includes it.
//
//   facts.c:  what values an expression can have           (wr_linter_fact)
//   needs.c:  which fields make an expression Undefined when they are missing
//   …:        the rules, by family; each walks what it needs and reports with wr_linter_add
//
// Thread: the lint's owner.
#ifndef WR_SQL_LINT_LINTER_H
#define WR_SQL_LINT_LINTER_H

#include "sql/lint.h"
#include "sql/program.h"

struct wr_linter {
    const struct wr_program *p;
    const struct wr_sql_host *host; // NULL: none
    wr_str text;                    // what places count in: the statement, or a template
    struct wr_arena *arena;         // facts, messages
    struct wr_lint *lint;
};

// Report bytes [begin, end) of the text. Messages that are too long end in "...".
void wr_linter_add(struct wr_linter *l, enum wr_lint_code code, uint32_t begin, uint32_t end,
                   const char *format, ...) WR_PRINTF(5, 6);

// rules_filter.c: FROM.
void wr_linter_filter(struct wr_linter *l);

#endif
