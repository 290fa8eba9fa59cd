// Where the expressions of a template begin and end (sql.md 13). Does not look at what they say:
// that is wr_parse_expression().
#include "sql/template.h"

#include "sql/lexer.h"

#include "sql/base/banned.h"

static const wr_str opening = WR_STR_INIT("${");

// The offset of the `}` that closes an expression which begins at `begin`; false with a fault.
static bool find_end(wr_str text, size_t begin, size_t *end, struct wr_fault *fault)
{
    struct wr_lexer l;
    wr_lexer_init(&l, text, begin, text.len);
    for (size_t depth = 0;;) {
        struct wr_token t = wr_lexer_next(&l);
        if (t.kind == WR_TOKEN_END) {
            break;
        }
        if (t.kind == WR_TOKEN_BAD && (text.at[t.begin] == '\'' || text.at[t.begin] == '"')) {
            (void)wr_fault_at(
                fault, WR_ERR_SYNTAX, text, t.begin,
                "found no end of the string that begins here, and so no } that closes "
                "the expression");
            return false;
        }
        if (t.kind == WR_TOKEN_LBRACE) {
            depth++;
        } else if (t.kind == WR_TOKEN_RBRACE && depth-- == 0) {
            *end = t.begin;
            return true;
        }
    }
    (void)wr_fault_at(fault, WR_ERR_SYNTAX, text, text.len,
                      "found the end of the template, expected the } that closes ${");
    return false;
}

bool wr_template_next(wr_str text, size_t *at, struct wr_template_part *part,
                      struct wr_fault *fault)
{
    if (*at >= text.len) {
        return false;
    }
    if (text.len >= UINT32_MAX) {
        (void)wr_fault_at(fault, WR_ERR_LIMIT, text, 0, "the template has %zu bytes", text.len);
        return false;
    }
    wr_str rest = wr_str_cut(text, *at, text.len);
    ptrdiff_t found = wr_str_find(rest, opening);
    if (found != 0) {
        size_t end = found < 0 ? text.len : *at + (size_t)found;
        *part = (struct wr_template_part){.text = wr_str_cut(text, *at, end), .offset = *at};
        *at = end;
        return true;
    }
    size_t begin = *at + opening.len, end;
    if (!find_end(text, begin, &end, fault)) {
        return false;
    }
    *part = (struct wr_template_part){
        .expression = true, .text = wr_str_cut(text, begin, end), .offset = begin};
    *at = end + 1;
    return true;
}

bool wr_template_has_expression(wr_str text)
{
    return wr_str_find(text, opening) >= 0;
}
