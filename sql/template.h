// Finding `${…}` in a text without evaluating it: for checks and for static widening.
// Evaluation is wr_program_add_template() and wr_eval_template() in sql.h.
// Thread: any.
#ifndef WR_SQL_TEMPLATE_H
#define WR_SQL_TEMPLATE_H

#include "sql/base/err.h"
#include "sql/base/str.h"

// One part of a template: literal text, or the source of an expression (without `${` and `}`).
struct wr_template_part {
    bool expression;
    wr_str text; // borrowed from the template
    size_t offset;
};

// Steps through `text` from `*at` (0 at first): true and *part for each part, false at the end or
// on a fault (then fault->code is set; zero it before the first call). The expression's end is
// found with the SQL lexer, so braces in strings and object literals do not end it.
bool wr_template_next(wr_str text, size_t *at, struct wr_template_part *part,
                      struct wr_fault *fault);

// Whether the text holds a `${`.
bool wr_template_has_expression(wr_str text);

#endif
