// The topic filter of FROM: sql.md 8.1.
#include "sql/lint/linter.h"

#include "sql/topic.h"

#include "sql/base/banned.h"

// The place of the filter: its string token, quotes included.
static uint32_t filter_end(const struct wr_statement *s)
{
    char quote = s->text.at[s->filter_at];
    size_t at = s->filter_at + 1;
    for (; at < s->text.len; at++) { // a doubled quote, or one behind a backslash, is part of it
        if (s->text.at[at] == '\\' && at + 1 < s->text.len) {
            at++;
        } else if (s->text.at[at] == quote) {
            if (at + 1 >= s->text.len || s->text.at[at + 1] != quote) {
                break;
            }
            at++;
        }
    }
    return (uint32_t)(at < s->text.len ? at + 1 : s->text.len);
}

static void empty_levels(struct wr_linter *l, wr_str filter, uint32_t begin, uint32_t end)
{
    const char *where = wr_str_starts(filter, WR_STR("/"))       ? "at its beginning"
                        : wr_str_ends(filter, WR_STR("/"))       ? "at its end"
                        : wr_str_find(filter, WR_STR("//")) >= 0 ? "between two slashes"
                                                                 : NULL;
    if (where) {
        wr_linter_add(l, WR_LINT_FILTER_EMPTY_LEVEL, begin, end,
                      "the filter '%.*s' has an empty level %s", WR_STR_ARG(filter), where);
    }
}

void wr_linter_filter(struct wr_linter *l)
{
    const struct wr_statement *s = &l->p->statement;
    wr_str f = s->filter;
    if (!f.at) {
        return;
    }
    uint32_t begin = s->filter_at, end = filter_end(s);
    if (s->filter_double_quoted) {
        wr_linter_add(l, WR_LINT_FILTER_QUOTES, begin, end,
                      "the filter \"%.*s\" is in double quotes, AWS documents single ones",
                      WR_STR_ARG(f));
    }
    if (wr_str_starts(f, WR_STR("$aws/rules/"))) {
        wr_linter_add(
            l, WR_LINT_FILTER_BASIC_INGEST, begin, end,
            "'%.*s' is a Basic Ingest topic: its messages go to the rule it names, not to "
            "rules whose filter fits",
            WR_STR_ARG(f));
    }
    if (wr_str_ends(f, WR_STR("/#"))) {
        wr_str parent = wr_str_cut(f, 0, f.len - 2);
        wr_linter_add(l, WR_LINT_FILTER_PARENT, begin, end, "'%.*s' does not match '%.*s' itself",
                      WR_STR_ARG(f), WR_STR_ARG(parent));
    }
    empty_levels(l, f, begin, end);
    if (f.at[0] == '#' || f.at[0] == '+') {
        wr_linter_add(l, WR_LINT_FILTER_DOLLAR, begin, end,
                      "'%.*s' begins with a wildcard, so it matches no topic that begins with $",
                      WR_STR_ARG(f));
    }
}
