// The short explanation of WHERE, from the tree of its values; and faults with their line.
#include "sql/explain.h"

#include "sql/explain/show.h"
#include "sql/explain/values.h"
#include "sql/program.h"

#include "sql/base/banned.h"

struct writer {
    const struct wr_program *p;
    struct wr_values *v;
    struct wr_buf *out;
};

// "SOURCE is VALUE", and a line more when there is more to say about a path.
static void add_value(const struct writer *x, const struct wr_values_node *n)
{
    wr_show_source(x->out, n->source);
    wr_buf_add(x->out, WR_STR(" is "));
    if (n->state == WR_VALUES_VALUE) {
        wr_show_text(x->out, &n->value, &x->v->arena, wr_program_dialect(x->p));
    } else {
        wr_buf_addf(x->out, "failed (%.*s)", WR_STR_ARG(n->note));
    }
    wr_buf_add_char(x->out, '\n');
    if (n->state == WR_VALUES_VALUE && n->telling) {
        wr_buf_add(x->out, WR_STR("    "));
        wr_show_source(x->out, n->source);
        wr_buf_addf(x->out, ": %.*s\n", WR_STR_ARG(n->note));
    }
}

// What the operands below an operator are worth: paths, calls and the like, not literals.
static void operands(const struct writer *x, const struct wr_values_node *n)
{
    const struct wr_node *node = n->node_;
    if (!node || node->kind <= WR_NODE_FALSE) {
        return;
    }
    bool joins = wr_values_is_operator(n);
    if (!joins) {
        wr_buf_add(x->out, WR_STR("    "));
        add_value(x, n);
    }
    if (n->from && n->value.type == WR_UNDEFINED) {
        operands(x, n->from);
    }
    if (joins || node->kind == WR_NODE_CALL || node->kind == WR_NODE_CAST) {
        for (const struct wr_values_node *kid = n->kids; kid; kid = kid->next) {
            operands(x, kid);
        }
    }
}

void wr_explain_where(const struct wr_program *p, const struct wr_sql_message *message,
                      const struct wr_sql_host *host, struct wr_buf *out)
{
    if (!p->statement.select.where) {
        wr_buf_add(out, WR_STR("the statement has no WHERE\n"));
        return;
    }
    struct wr_values *v = wr_values_new(p, message, host, true);
    struct writer x = {p, v, out};
    if (v->state == WR_EVAL_MATCHED) {
        wr_buf_add(out, WR_STR("every term of WHERE is true\n"));
    } else if (v->stopped_by) {
        struct wr_fault place;
        wr_fault_at(&place, WR_OK, p->statement.text, v->stopped_by->begin, "%s", "");
        wr_buf_addf(out, "decided by line %u, column %u: ", place.line, place.column);
        add_value(&x, v->stopped_by);
        operands(&x, v->stopped_by);
    } else if (v->state == WR_EVAL_NO_MATCH) {
        wr_buf_addf(out, "decided by a term behind the first %d sub-expressions of WHERE\n",
                    WR_VALUES_SHOWN_MAX);
    } else {
        wr_buf_addf(out, "%s\n", v->fault.text);
    }
    wr_values_free(v);
}

void wr_explain_fault(wr_str sql, const struct wr_fault *fault, struct wr_buf *out)
{
    if (fault->line == 0) {
        wr_buf_addf(out, "%s\n", fault->text);
        return;
    }
    wr_buf_addf(out, "line %u, column %u: %s\n", fault->line, fault->column, fault->text);
    size_t begin = fault->offset < sql.len ? fault->offset : sql.len, end = begin;
    while (begin > 0 && sql.at[begin - 1] != '\n') {
        begin--;
    }
    while (end < sql.len && sql.at[end] != '\n' && sql.at[end] != '\r') {
        end++;
    }
    // Long lines are cut to a window around the place.
    const size_t before = 60, after = 40;
    if (fault->offset - begin > before) {
        begin = fault->offset - before;
        while (begin < fault->offset && ((unsigned char)sql.at[begin] & 0xc0) == 0x80) {
            begin++;
        }
    }
    if (end > fault->offset + after) {
        end = fault->offset + after;
        while (end > begin && ((unsigned char)sql.at[end] & 0xc0) == 0x80) {
            end--;
        }
    }
    wr_buf_add(out, WR_STR("  "));
    for (size_t i = begin; i < end; i++) { // a terminal would obey control characters
        bool control = ((unsigned char)sql.at[i] < 0x20 && sql.at[i] != '\t') || sql.at[i] == 0x7f;
        wr_buf_add_char(out, control ? '?' : sql.at[i]);
    }
    wr_buf_add(out, WR_STR("\n  "));
    for (size_t i = begin; i < fault->offset && i < sql.len; i++) {
        if (((unsigned char)sql.at[i] & 0xc0) != 0x80) {
            wr_buf_add_char(out, sql.at[i] == '\t' ? '\t' : ' ');
        }
    }
    wr_buf_add(out, WR_STR("^\n"));
}
