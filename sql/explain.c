// Terms of WHERE, each evaluated as a statement of its own through the public interface, so that
// the explanation cannot disagree with the program.
#include "sql/explain.h"

#include "sql/program.h"

#include "sql/base/banned.h"

#define TERM_BYTES_MAX (64u << 20) // memory one term may take
#define VALUE_SHOWN    200         // bytes of a value that are printed

struct explainer {
    const struct wr_program *p;
    const struct wr_sql_message *message;
    const struct wr_sql_host *host;
    struct wr_buf *out;
};

static wr_str source_of(const struct explainer *x, uint32_t begin, uint32_t end)
{
    return wr_str_cut(x->p->statement.text, begin, end);
}

// The value of the source text [begin, end) as JSON into `out`; "Undefined", "true", …
static void evaluate(const struct explainer *x, uint32_t begin, uint32_t end, struct wr_buf *out)
{
    struct wr_buf sql = {0};
    const struct wr_statement *s = &x->p->statement;
    if (s->assign_count) {
        wr_buf_add(&sql, source_of(x, 0, s->select.begin)); // SET … up to SELECT
    }
    // An Array around the value keeps Undefined and Null apart and works in every version's rules.
    wr_buf_add(&sql, WR_STR("SELECT ("));
    wr_buf_add(&sql, source_of(x, begin, end));
    wr_buf_add(&sql, WR_STR(") AS v"));
    struct wr_program *term = NULL;
    struct wr_program_options options = {.sql_version = x->p->version};
    struct wr_fault fault = {0};
    if (wr_program_new(wr_buf_str(&sql), &options, &term, &fault) ||
        wr_program_seal(term, &fault)) {
        wr_buf_addf(out, "? (%s)", fault.text);
        wr_program_free(term);
        wr_buf_release(&sql);
        return;
    }
    struct wr_arena arena;
    wr_arena_init(&arena, TERM_BYTES_MAX);
    struct wr_sql_message m = *x->message;
    const struct wr_program *programs[] = {term};
    struct wr_plan *plan = wr_plan_new(programs, 1);
    struct wr_eval e = {0};
    wr_str bytes;
    bool json;
    if (wr_sql_message_read(&m, plan, &arena)) {
        wr_buf_add(out, WR_STR("? (out of memory)"));
    } else {
        wr_eval_start(&e, &m, 0, x->host);
        if (wr_eval_run(&e) != WR_EVAL_MATCHED) {
            wr_buf_addf(out, "failed (%s)", e.state == WR_EVAL_FAILED ? e.fault.text : "suspended");
        } else if (e.result.len == 0) {
            wr_buf_add(out, WR_STR("Undefined"));
        } else if (!wr_eval_output(&e, &bytes, &json)) {
            wr_str value = wr_str_cut(bytes, 5, bytes.len - 1); // without {"v": and }
            bool cut = value.len > VALUE_SHOWN;
            wr_buf_add(out, cut ? wr_str_cut(value, 0, VALUE_SHOWN) : value);
            wr_buf_add(out, cut ? WR_STR("…") : WR_STR(""));
        }
    }
    wr_plan_free(plan);
    wr_arena_release(&arena);
    wr_program_free(term);
    wr_buf_release(&sql);
}

// Print what the operands below an operator are worth: paths, calls and the like, not literals.
static void operands(const struct explainer *x, const struct wr_node *n)
{
    switch (n->kind) {
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_PAIR:
        return;
    case WR_NODE_BINARY:
    case WR_NODE_UNARY:
    case WR_NODE_CASE:
        for (uint32_t i = 0; i < n->kid_count; i++) {
            operands(x, n->kids[i]);
        }
        return;
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_CALL:
    case WR_NODE_CAST:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        break;
    }
    wr_buf_addf(x->out, "    %.*s is ", WR_STR_ARG(source_of(x, n->begin, n->end)));
    evaluate(x, n->begin, n->end, x->out);
    wr_buf_add_char(x->out, '\n');
    if (n->kind == WR_NODE_CALL || n->kind == WR_NODE_CAST) {
        for (uint32_t i = 0; i < n->kid_count; i++) {
            operands(x, n->kids[i]);
        }
    }
}

// True while every term so far was true.
static bool term(const struct explainer *x, const struct wr_node *n)
{
    if (n->kind == WR_NODE_BINARY && n->op == WR_OP_AND) {
        return term(x, n->kids[0]) && term(x, n->kids[1]);
    }
    struct wr_buf value = {0};
    evaluate(x, n->begin, n->end, &value);
    wr_str v = wr_buf_str(&value);
    bool holds = wr_str_eq(v, WR_STR("true")) || wr_str_eq_nocase(v, WR_STR("\"true\""));
    if (!holds) {
        struct wr_fault place;
        wr_fault_at(&place, WR_OK, x->p->statement.text, n->begin, "%s", "");
        wr_buf_addf(x->out, "decided by line %u, column %u: %.*s is %.*s\n", place.line,
                    place.column, WR_STR_ARG(source_of(x, n->begin, n->end)), WR_STR_ARG(v));
        operands(x, n);
    }
    wr_buf_release(&value);
    return holds;
}

void wr_explain_where(const struct wr_program *p, const struct wr_sql_message *message,
                      const struct wr_sql_host *host, struct wr_buf *out)
{
    struct explainer x = {p, message, host, out};
    if (!p->statement.select.where) {
        wr_buf_add(out, WR_STR("the statement has no WHERE\n"));
    } else if (term(&x, p->statement.select.where)) {
        wr_buf_add(out, WR_STR("every term of WHERE is true\n"));
    }
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
