// Conditions and items of a statement, each compiled as a part of its own and run on every message
// that is counted; those of nested queries on every row.
#include "sql/coverage.h"

#include "sql/part.h"
#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct place {
    struct wr_coverage_place shown;
    const struct wr_node *node;
    struct wr_program *program;
};

// What leads to the rows of a nested query: its source, and the WHERE that they must pass (NULL:
// none).
struct rows {
    const struct wr_query *query;
    struct wr_program *source, *where;
};

struct wr_coverage {
    const struct wr_program *p;
    struct place *places;
    size_t count, cap;
    struct rows *rows;
    size_t rows_count;
    size_t left_out;
    struct wr_program *variables; // the SET clause; NULL: there is none
    struct wr_plan *plan;         // of the program itself: parts read what it reads
};

// What a place came to.
enum seen { SEEN_TRUE, SEEN_FALSE, SEEN_UNDEFINED, SEEN_VALUE, SEEN_FAILED };

// One walk over the tree: to find the places (message NULL), or to count them.
struct walk {
    struct wr_coverage *c;
    struct wr_sql_message *message;
    const struct wr_sql_host *host;
    const struct wr_query *row_of; // the innermost nested query; NULL: outside
    const wr_value *row;           // counting: one of its rows
    struct wr_eval variables, eval;
};

// ---- finding

// The part of one place: `n`, or `operand = n` for a WHEN. NULL when it cannot be compiled.
static struct wr_program *program_of(const struct wr_coverage *c, const struct wr_query *row_of,
                                     const struct wr_node *operand, const struct wr_node *n)
{
    // The compiler only reads the tree, whose lists are not const.
    struct wr_node *sides[] = {(struct wr_node *)(uintptr_t)operand,
                               (struct wr_node *)(uintptr_t)n};
    struct wr_node equal = {.kind = WR_NODE_BINARY,
                            .op = WR_OP_EQ,
                            .begin = n->begin,
                            .end = n->end,
                            .at = n->begin,
                            .kids = sides,
                            .kid_count = 2};
    struct wr_program *made = NULL;
    return wr_part_new(c->p, operand ? &equal : n, row_of, &made, NULL) ? NULL : made;
}

static bool depends(const struct wr_node *n)
{
    return n->kind == WR_NODE_STAR || n->kind == WR_NODE_NAME || n->kind == WR_NODE_VARIABLE ||
           n->kind == WR_NODE_CALL || n->kind == WR_NODE_QUERY;
}

static void add_place(struct wr_coverage *c, const struct wr_query *row_of,
                      enum wr_coverage_kind kind, const struct wr_node *operand,
                      const struct wr_node *n)
{
    bool varies = wr_node_find(n, depends) || (operand && wr_node_find(operand, depends));
    if (kind != WR_COVERAGE_ITEM && !varies) {
        return; // the same for every message
    }
    const struct wr_node *shown = n;
    if (n->kind == WR_NODE_ALL) { // `path.*` is no operand, its path is
        n = n->kids[0];
    }
    struct wr_program *program =
        c->count < WR_COVERAGE_PLACES_MAX ? program_of(c, row_of, operand, n) : NULL;
    if (!program) {
        c->left_out++;
        return;
    }
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->places = wr_realloc(c->places, c->cap * sizeof *c->places);
    }
    struct wr_fault place;
    wr_fault_at(&place, WR_OK, c->p->statement.text, shown->begin, "%s", "");
    c->places[c->count++] = (struct place){
        .shown = {.kind = kind,
                  .begin = shown->begin,
                  .end = shown->end,
                  .line = place.line,
                  .column = place.column},
        .node = shown,
        .program = program,
    };
}

static void add_rows(struct wr_coverage *c, const struct wr_query *row_of, const struct wr_query *q)
{
    struct rows rows = {.query = q, .source = program_of(c, row_of, NULL, q->source)};
    rows.where = q->where ? program_of(c, q, NULL, q->where) : NULL;
    if (!rows.source || (q->where && !rows.where)) { // what is inside is then never counted
        wr_program_free(rows.source);
        wr_program_free(rows.where);
        return;
    }
    c->rows = wr_realloc(c->rows, (c->rows_count + 1) * sizeof *c->rows);
    c->rows[c->rows_count++] = rows;
}

// ---- counting

static enum seen truth(const wr_value *v)
{
    if (v->type == WR_BOOLEAN) {
        return v->as.truth ? SEEN_TRUE : SEEN_FALSE;
    }
    if (v->type == WR_STRING && wr_str_eq_nocase(wr_value_text(v), WR_STR("true"))) {
        return SEEN_TRUE;
    }
    if (v->type == WR_STRING && wr_str_eq_nocase(wr_value_text(v), WR_STR("false"))) {
        return SEEN_FALSE;
    }
    return SEEN_UNDEFINED;
}

static void tally(struct wr_coverage_place *p, enum seen seen)
{
    switch (seen) {
    case SEEN_TRUE:
        p->yes++;
        break;
    case SEEN_FALSE:
        p->no++;
        break;
    case SEEN_UNDEFINED:
        p->undefined++;
        break;
    case SEEN_VALUE:
        p->value++;
        break;
    case SEEN_FAILED:
        p->failed++;
        break;
    }
}

// The value of a part, forced. False: it failed.
static bool run(struct walk *w, const struct wr_program *part, wr_value *out)
{
    struct wr_eval *e = &w->eval;
    const uint32_t *map = wr_part_map(part, w->message, 0, w->message->arena);
    if (!map || w->variables.state == WR_EVAL_FAILED) {
        return false;
    }
    wr_part_start(e, part, map, w->message, w->host, &w->variables, w->row);
    if (wr_eval_run(e) != WR_EVAL_MATCHED) {
        return false;
    }
    *out = e->result;
    wr_value_force(out, w->message->arena, wr_program_dialect(w->c->p));
    return true;
}

static enum seen count(struct walk *w, const struct wr_node *n)
{
    struct wr_coverage *c = w->c;
    size_t i = 0;
    while (i < c->count && c->places[i].node != n) {
        i++;
    }
    if (i == c->count) { // left out
        return SEEN_UNDEFINED;
    }
    wr_value v;
    bool item = c->places[i].shown.kind == WR_COVERAGE_ITEM;
    enum seen seen = SEEN_FAILED;
    if (run(w, c->places[i].program, &v)) {
        seen = !item ? truth(&v) : v.type == WR_UNDEFINED ? SEEN_UNDEFINED : SEEN_VALUE;
    }
    tally(&c->places[i].shown, seen);
    return seen;
}

// ---- the walk

static void visit(struct walk *w, const struct wr_node *n);

static void visit_where(struct walk *w, const struct wr_node *n);

// Outside of nested queries only the arms are visited that the message reaches; of rows in them
// all are.
static void visit_case(struct walk *w, const struct wr_node *n)
{
    visit(w, n->kids[0]);
    uint32_t arms = (n->kid_count - 1 - (n->has_else ? 1 : 0)) / 2;
    bool counting = w->message != NULL, single = counting && !w->row, undefined = false;
    for (uint32_t i = 0; i < arms; i++) {
        const struct wr_node *when = n->kids[1 + 2 * i], *then = n->kids[2 + 2 * i];
        enum seen seen = SEEN_TRUE;
        if (counting) {
            seen = count(w, when);
        } else {
            add_place(w->c, w->row_of, WR_COVERAGE_WHEN, n->kids[0], when);
        }
        visit(w, when);
        undefined |= seen == SEEN_UNDEFINED;
        if (seen == SEEN_TRUE || !single) {
            visit(w, then);
        }
        if (seen == SEEN_TRUE && single) {
            return;
        }
    }
    if (n->has_else && !(undefined && single)) {
        visit(w, n->kids[n->kid_count - 1]);
    }
}

// What is inside of a query: of its row when one is counted.
static void visit_row(struct walk *w, const struct rows *rows, const struct wr_query *q)
{
    wr_value v;
    if (q->where) {
        visit_where(w, q->where);
    }
    bool taken = !rows || !rows->where || (run(w, rows->where, &v) && truth(&v) == SEEN_TRUE);
    for (uint32_t i = 0; taken && i < q->item_count; i++) {
        visit(w, q->items[i].expr);
    }
}

static void visit_rows(struct walk *w, const struct wr_query *q)
{
    size_t i = 0;
    wr_value source;
    while (i < w->c->rows_count && w->c->rows[i].query != q) {
        i++;
    }
    if (i == w->c->rows_count || !run(w, w->c->rows[i].source, &source)) {
        return;
    }
    struct walk inner = *w;
    inner.row_of = q;
    uint32_t count_of = source.type == WR_ARRAY ? source.len : source.type == WR_OBJECT;
    for (uint32_t k = 0; k < count_of && !w->message->arena->over; k++) {
        wr_value row = source.type == WR_ARRAY ? source.as.items[k] : source;
        wr_value_force(&row, w->message->arena, wr_program_dialect(w->c->p));
        inner.row = &row;
        visit_row(&inner, &w->c->rows[i], q);
    }
}

static void visit_query(struct walk *w, const struct wr_query *q)
{
    visit(w, q->source);
    if (w->message) {
        visit_rows(w, q);
        return;
    }
    add_rows(w->c, w->row_of, q);
    struct walk inner = *w;
    inner.row_of = q;
    visit_row(&inner, NULL, q);
}

// The CASEs and nested queries at and below `n`.
static void visit(struct walk *w, const struct wr_node *n)
{
    if (n->kind == WR_NODE_QUERY) {
        visit_query(w, n->query);
        return;
    }
    if (n->kind == WR_NODE_CASE) {
        visit_case(w, n);
        return;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        visit(w, n->kids[i]);
    }
}

static void visit_where(struct walk *w, const struct wr_node *n)
{
    bool joined = n->kind == WR_NODE_BINARY && (n->op == WR_OP_AND || n->op == WR_OP_OR);
    if (joined || (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT)) {
        for (uint32_t i = 0; i < n->kid_count; i++) {
            visit_where(w, n->kids[i]);
        }
        return;
    }
    if (w->message) {
        count(w, n);
    } else {
        add_place(w->c, w->row_of, WR_COVERAGE_WHERE, NULL, n);
    }
    visit(w, n);
}

static void visit_statement(struct walk *w, bool matched)
{
    const struct wr_statement *s = &w->c->p->statement;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        visit(w, s->assigns[i].expr);
    }
    for (uint32_t i = 0; matched && i < s->select.item_count; i++) {
        const struct wr_node *n = s->select.items[i].expr;
        if (w->message) {
            count(w, n);
        } else {
            add_place(w->c, NULL, WR_COVERAGE_ITEM, NULL, n);
        }
        visit(w, n);
    }
    if (s->select.where) {
        visit_where(w, s->select.where);
    }
}

struct wr_coverage *wr_coverage_new(const struct wr_program *p, size_t *left_out)
{
    struct wr_coverage *c = wr_zalloc(sizeof *c);
    c->p = p;
    struct walk w = {.c = c};
    visit_statement(&w, true);
    if (p->statement.assign_count && wr_part_new(p, NULL, NULL, &c->variables, NULL)) {
        c->left_out += c->count;
        c->count = 0;
    }
    c->plan = wr_plan_new(&p, 1);
    if (left_out) {
        *left_out = c->left_out;
    }
    return c;
}

void wr_coverage_free(struct wr_coverage *c)
{
    if (!c) {
        return;
    }
    wr_plan_free(c->plan);
    wr_program_free(c->variables);
    for (size_t i = 0; i < c->count; i++) {
        wr_program_free(c->places[i].program);
    }
    for (size_t i = 0; i < c->rows_count; i++) {
        wr_program_free(c->rows[i].source);
        wr_program_free(c->rows[i].where);
    }
    free(c->rows);
    free(c->places);
    free(c);
}

size_t wr_coverage_count(const struct wr_coverage *c)
{
    return c->count;
}

const struct wr_coverage_place *wr_coverage_at(const struct wr_coverage *c, size_t index)
{
    return &c->places[index].shown;
}

wr_err wr_coverage_add(struct wr_coverage *c, const struct wr_sql_message *message, bool matched,
                       const struct wr_sql_host *host, struct wr_arena *arena)
{
    if (c->count == 0) {
        return WR_OK;
    }
    struct wr_sql_message m = *message;
    wr_err err = wr_sql_message_read(&m, c->plan, arena);
    if (err) {
        return err;
    }
    struct walk w = {.c = c, .message = &m, .host = host};
    if (c->variables) {
        const uint32_t *map = wr_part_map(c->variables, &m, 0, arena);
        if (!map) {
            return WR_ERR_LIMIT;
        }
        wr_part_start(&w.variables, c->variables, map, &m, host, NULL, NULL);
        wr_eval_run(&w.variables);
    }
    visit_statement(&w, matched);
    return arena->over ? WR_ERR_LIMIT : WR_OK;
}
