// Conditions and items of a statement, each compiled as a statement of its own and run on every
// message that is counted.
#include "sql/coverage.h"

#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct place {
    struct wr_coverage_place shown;
    const struct wr_node *node;
    struct wr_program *program;
    unsigned depth; // nested queries around it: the program's value is lists of lists of rows
};

// The nested queries around a node, the innermost first.
struct link {
    const struct link *outer;
    const struct wr_query *query;
    bool chosen; // only rows that its WHERE takes get there
};

struct wr_coverage {
    const struct wr_program *p;
    struct place *places;
    size_t count, cap;
    size_t left_out;
    struct wr_plan *plan;
};

// What a place came to.
enum seen { SEEN_TRUE, SEEN_FALSE, SEEN_UNDEFINED, SEEN_VALUE, SEEN_FAILED };

// One walk over the tree: to find the places (message NULL), or to count them.
struct walk {
    struct wr_coverage *c;
    struct wr_sql_message *message;
    const struct wr_sql_host *host;
    const struct link *chain; // NULL outside of nested queries
    struct wr_eval eval;
};

static wr_str source(const struct wr_coverage *c, const struct wr_node *n)
{
    return wr_str_cut(c->p->statement.text, n->begin, n->end);
}

// ---- finding

// `(SELECT … AS v FROM source)` for each nested query around the place, so that every row is seen.
static void open_queries(const struct wr_coverage *c, const struct link *l, struct wr_buf *sql)
{
    if (l) {
        open_queries(c, l->outer, sql);
        wr_buf_add(sql, WR_STR("(SELECT "));
    }
}

static void close_queries(const struct wr_coverage *c, const struct link *l, struct wr_buf *sql)
{
    for (; l; l = l->outer) {
        wr_buf_add(sql, WR_STR(" AS v FROM ("));
        wr_buf_add(sql, source(c, l->query->source));
        wr_buf_add_char(sql, ')');
        if (l->query->source_alias.at) {
            wr_buf_add(sql, WR_STR(" AS "));
            wr_buf_add(sql, l->query->source_alias);
        }
        if (l->chosen && l->query->where) {
            wr_buf_add(sql, WR_STR(" WHERE "));
            wr_buf_add(sql, source(c, l->query->where));
        }
        wr_buf_add_char(sql, ')');
    }
}

// The program of one place: `SET … SELECT (node) AS v`, or `((operand) = (node))` for a WHEN.
static struct wr_program *program_of(const struct wr_coverage *c, const struct link *chain,
                                     const struct wr_node *operand, const struct wr_node *n)
{
    const struct wr_statement *s = &c->p->statement;
    struct wr_buf sql = {0};
    if (s->assign_count) {
        wr_buf_add(&sql, wr_str_cut(s->text, 0, s->select.begin));
    }
    wr_buf_add(&sql, WR_STR("SELECT "));
    open_queries(c, chain, &sql);
    wr_buf_add_char(&sql, '(');
    if (operand) {
        wr_buf_add_char(&sql, '(');
        wr_buf_add(&sql, source(c, operand));
        wr_buf_add(&sql, WR_STR(") = ("));
        wr_buf_add(&sql, source(c, n));
        wr_buf_add_char(&sql, ')');
    } else {
        wr_buf_add(&sql, source(c, n));
    }
    wr_buf_add_char(&sql, ')');
    close_queries(c, chain, &sql);
    wr_buf_add(&sql, WR_STR(" AS v"));
    struct wr_program *made = NULL;
    struct wr_program_options options = {.sql_version = c->p->version, .fuel = c->p->fuel};
    if (!wr_program_new(wr_buf_str(&sql), &options, &made, NULL) && wr_program_seal(made, NULL)) {
        wr_program_free(made);
        made = NULL;
    }
    wr_buf_release(&sql);
    return made;
}

static bool depends(const struct wr_node *n)
{
    return n->kind == WR_NODE_STAR || n->kind == WR_NODE_NAME || n->kind == WR_NODE_VARIABLE ||
           n->kind == WR_NODE_CALL || n->kind == WR_NODE_QUERY;
}

static void add_place(struct wr_coverage *c, const struct link *chain, enum wr_coverage_kind kind,
                      const struct wr_node *operand, const struct wr_node *n)
{
    bool varies = wr_node_find(n, depends) || (operand && wr_node_find(operand, depends));
    if (kind != WR_COVERAGE_ITEM && !varies) {
        return; // the same for every message
    }
    unsigned depth = 0;
    for (const struct link *l = chain; l; l = l->outer) {
        depth++;
    }
    const struct wr_node *shown = n;
    if (n->kind == WR_NODE_ALL) { // `path.*` is no operand, its path is
        n = n->kids[0];
    }
    struct wr_program *program =
        c->count < WR_COVERAGE_PLACES_MAX ? program_of(c, chain, operand, n) : NULL;
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
        .depth = depth,
    };
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

// The member `v` of a row, counted; or the rows in it. The answer is of the last one.
static enum seen count_rows(struct walk *w, struct place *p, const wr_value *row, unsigned depth)
{
    struct wr_arena *arena = w->message->arena;
    wr_value object = *row, v = wr_undefined();
    wr_value_force(&object, arena, wr_program_dialect(w->c->p));
    const wr_value *found = object.type == WR_OBJECT ? wr_object_get(&object, WR_STR("v")) : NULL;
    v = found ? *found : v;
    wr_value_force(&v, arena, wr_program_dialect(w->c->p));
    enum seen seen = SEEN_UNDEFINED;
    if (depth == 0) {
        bool item = p->shown.kind == WR_COVERAGE_ITEM;
        seen = !item ? truth(&v) : v.type == WR_UNDEFINED ? SEEN_UNDEFINED : SEEN_VALUE;
        tally(&p->shown, seen);
    }
    for (uint32_t i = 0; depth > 0 && v.type == WR_ARRAY && i < v.len; i++) {
        seen = count_rows(w, p, &v.as.items[i], depth - 1);
    }
    return seen;
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
    struct wr_eval *e = &w->eval;
    wr_eval_start(e, w->message, i, w->host);
    if (wr_eval_run(e) != WR_EVAL_MATCHED) {
        tally(&c->places[i].shown, SEEN_FAILED);
        return SEEN_FAILED;
    }
    wr_value row = e->result;
    return count_rows(w, &c->places[i], &row, c->places[i].depth);
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
    bool counting = w->message != NULL, single = counting && !w->chain, undefined = false;
    for (uint32_t i = 0; i < arms; i++) {
        const struct wr_node *when = n->kids[1 + 2 * i], *then = n->kids[2 + 2 * i];
        enum seen seen = SEEN_TRUE;
        if (counting) {
            seen = count(w, when);
        } else {
            add_place(w->c, w->chain, WR_COVERAGE_WHEN, n->kids[0], when);
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

static void visit_query(struct walk *w, const struct wr_query *q)
{
    const struct link *outer = w->chain;
    struct link row = {outer, q, false};
    visit(w, q->source);
    w->chain = &row;
    if (q->where) {
        visit_where(w, q->where);
    }
    row.chosen = true;
    for (uint32_t i = 0; i < q->item_count; i++) {
        visit(w, q->items[i].expr);
    }
    w->chain = outer;
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
        add_place(w->c, w->chain, WR_COVERAGE_WHERE, NULL, n);
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
    const struct wr_program **programs = wr_zalloc((c->count + 1) * sizeof *programs);
    for (size_t i = 0; i < c->count; i++) {
        programs[i] = c->places[i].program;
    }
    c->plan = c->count ? wr_plan_new(programs, c->count) : NULL;
    free(programs);
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
    for (size_t i = 0; i < c->count; i++) {
        wr_program_free(c->places[i].program);
    }
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
    visit_statement(&w, matched);
    return arena->over ? WR_ERR_LIMIT : WR_OK;
}
