// The walk over the tree: evaluates a node, then what is inside of it, in the order in which the
// program does, so that chance and the count of look-ups can be carried along.
#include "sql/explain/values.h"

#include "sql/convert.h"
#include "sql/explain/near.h"
#include "sql/explain/reason.h"
#include "sql/explain/tape.h"
#include "sql/operator.h"
#include "sql/part.h"
#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/banned.h"

// What evaluating changes beside the value.
struct moment {
    size_t chance; // place on the tape
    uint8_t calls; // of get_dynamodb
};

struct wr_values_inside {
    const struct wr_program *p;
    struct wr_tape tape;
    struct wr_plan *plan;
    struct wr_eval eval;                // of the program
    uint64_t fuel;                      // left for the tree
    size_t room;                        // sub-expressions that the clause may still show
    WR_LIST(struct wr_program *) parts; // values point into their constants
};

struct walk {
    struct wr_values *v;
    struct wr_eval *eval; // of the parts
    wr_str text;          // what the nodes' places count in
    const struct wr_query *row_of;
    const wr_value *row;
    struct moment now;
    const struct wr_values_node *assigned[WR_SQL_VARS_MAX];
};

struct seen {
    bool known;
    wr_value value;
};

static struct wr_num_context context(const struct walk *w)
{
    return (struct wr_num_context){&w->v->arena, w->v->inside_->p->dialect};
}

static wr_str kept(struct walk *w, struct wr_buf *b)
{
    wr_str s = b->len ? wr_str_dup(&w->v->arena, wr_buf_str(b)) : (wr_str){NULL, 0};
    wr_buf_release(b);
    return s;
}

static const char *role_text(struct walk *w, const char *word, wr_str name)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "%s%.*s", word, WR_STR_ARG(name));
    wr_str s = kept(w, &b);
    return s.at ? s.at : word; // wr_str_dup() terminates
}

// ---- evaluating one node

static void keep_part(struct wr_values_inside *in, struct wr_program *part)
{
    if (in->parts.len == in->parts.cap) {
        in->parts.cap = in->parts.cap ? 2 * in->parts.cap : 64;
        in->parts.at = wr_realloc(in->parts.at, in->parts.cap * sizeof *in->parts.at);
    }
    in->parts.at[in->parts.len++] = part;
}

static void not_evaluated(struct wr_values_node *out, enum wr_values_state state, wr_str why)
{
    out->state = state;
    out->note = why;
}

// The value of `n`, into `out`. `*constant`: the compiler has folded it.
static void evaluate(struct walk *w, const struct wr_node *n, struct wr_values_node *out,
                     bool *constant)
{
    struct wr_values_inside *in = w->v->inside_;
    struct wr_arena *arena = &w->v->arena;
    struct wr_program *part;
    struct wr_fault fault = {0};
    *constant = false;
    if (arena->over || in->fuel == 0) {
        not_evaluated(out, WR_VALUES_SKIPPED,
                      arena->over ? WR_STR("no memory is left for the explanation")
                                  : WR_STR("the explanation took more steps than its limit"));
        return;
    }
    if (wr_part_new(in->p, n, w->row_of, &part, &fault)) {
        not_evaluated(out, WR_VALUES_FAILED, wr_str_dup(arena, wr_str_of(fault.text)));
        return;
    }
    keep_part(in, part);
    *constant = wr_part_constant(part, &out->value);
    const uint32_t *map = wr_part_map(part, &w->v->message, 0, arena);
    if (!map) {
        not_evaluated(out, WR_VALUES_SKIPPED, WR_STR("the program does not read it"));
        return;
    }
    struct wr_eval *e = w->eval;
    wr_part_start(e, part, map, &w->v->message, &in->tape.host, &in->eval, w->row);
    e->dynamodb_calls_ = w->now.calls;
    e->fuel_left = e->fuel_left < in->fuel ? e->fuel_left : in->fuel;
    uint64_t fuel = e->fuel_left;
    in->tape.at = w->now.chance;
    enum wr_eval_state state = wr_eval_run(e);
    in->fuel -= fuel - e->fuel_left;
    w->now = (struct moment){in->tape.at, e->dynamodb_calls_};
    if (state == WR_EVAL_MATCHED) {
        out->value = e->result;
        wr_value_force(&out->value, arena, in->p->dialect);
        return;
    }
    not_evaluated(out, WR_VALUES_FAILED,
                  state == WR_EVAL_FAILED ? wr_str_dup(arena, wr_str_of(e->fault.text))
                                          : WR_STR("the look-up is not answered"));
}

// ---- the tree

static bool is_literal(const struct wr_node *n)
{
    switch (n->kind) {
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
        return true;
    case WR_NODE_UNARY:
        return n->op == WR_OP_NEG && n->kids[0]->kind == WR_NODE_NUMBER;
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
        for (uint32_t i = 0; i < n->kid_count; i++) {
            if (!is_literal(n->kids[i])) {
                return false;
            }
        }
        return true;
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_CALL:
    case WR_NODE_CAST:
    case WR_NODE_BINARY:
    case WR_NODE_CASE:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        break;
    }
    return false;
}

static struct wr_values_node *append(struct walk *w, struct wr_values_node **list)
{
    if (w->v->inside_->room == 0) {
        w->v->left_out++;
        return NULL;
    }
    struct wr_values_node *made = wr_arena_alloc(&w->v->arena, sizeof *made);
    if (!made) {
        w->v->left_out++;
        return NULL;
    }
    *made = (struct wr_values_node){0};
    while (*list) {
        list = &(*list)->next;
    }
    *list = made;
    w->v->shown++;
    w->v->inside_->room--;
    return made;
}

static void inside(struct walk *w, const struct wr_node *n, struct wr_values_node *out,
                   bool constant);

static struct seen visit(struct walk *w, const struct wr_node *n, const char *role,
                         struct wr_values_node **list, bool literals)
{
    struct wr_values_node hidden = {0}, *out = &hidden;
    bool shown = literals || !is_literal(n), constant;
    if (shown && !(out = append(w, list))) {
        return (struct seen){false, wr_undefined()};
    }
    out->role = role;
    out->source = wr_str_cut(w->text, n->begin, n->end);
    out->begin = n->begin;
    out->node_ = n;
    struct moment before = w->now;
    evaluate(w, n, out, &constant);
    struct moment after = w->now;
    if (shown && out->state != WR_VALUES_SKIPPED) {
        w->now = before;
        inside(w, n, out, constant);
    }
    w->now = after;
    return (struct seen){out->state == WR_VALUES_VALUE, out->value};
}

static void skip(struct walk *w, const struct wr_node *n, const char *role, wr_str why,
                 struct wr_values_node **list)
{
    struct wr_values_node *out = append(w, list);
    if (out) {
        out->role = role;
        out->source = wr_str_cut(w->text, n->begin, n->end);
        out->begin = n->begin;
        out->node_ = n;
        not_evaluated(out, WR_VALUES_SKIPPED, why);
    }
}

// ---- what is inside, by kind

static void note_path(struct walk *w, const struct wr_node *n, int len, struct wr_values_node *out)
{
    wr_str *keys = wr_arena_alloc(&w->v->arena, ((size_t)len + 1) * sizeof *keys);
    if (out->value.type != WR_UNDEFINED || !keys || out->state != WR_VALUES_VALUE) {
        return;
    }
    wr_node_path_keys(n, len, keys);
    bool alias = w->row && len > 0 && w->row_of->source_alias.at &&
                 wr_str_eq(keys[0], w->row_of->source_alias);
    struct wr_near near = {.root = w->row ? w->row : &w->v->root,
                           .where = w->row ? "the row" : "the payload",
                           .arena = &w->v->arena,
                           .dialect = w->v->inside_->p->dialect};
    struct wr_buf b = {0};
    wr_near_explain(&near, keys + alias, (size_t)len - alias, &b, &out->telling);
    out->note = kept(w, &b);
}

// `battery-level` reads as a difference of two names, but the payload may have that key.
static void note_hyphen(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    const wr_value *root = w->row ? w->row : &w->v->root;
    if (n->kind != WR_NODE_BINARY || n->op != WR_OP_SUB || out->value.type != WR_UNDEFINED ||
        root->type != WR_OBJECT || !wr_object_get(root, out->source)) {
        return;
    }
    struct wr_buf b = {0};
    wr_buf_add(&b, WR_STR("this subtracts; the key '"));
    wr_buf_add(&b, out->source);
    wr_buf_add(&b, WR_STR("' is read by "));
    wr_near_spell(&out->source, 1, &b);
    out->note = kept(w, &b);
    out->telling = true;
}

static void note_reason(struct walk *w, const struct wr_node *n, struct wr_values_node *out,
                        const wr_value *kids)
{
    struct wr_num_context c = context(w);
    struct wr_buf b = {0};
    wr_reason_write(&c, n, &out->value, kids, &b);
    out->note = kept(w, &b);
    note_hyphen(w, n, out);
}

// Operands, arguments and the like, all of which are always evaluated.
static void inside_plain(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    wr_value *kids = wr_arena_alloc(&w->v->arena, (n->kid_count + 1) * sizeof *kids);
    bool known = kids != NULL;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        struct seen s = visit(w, n->kids[i], NULL, &out->kids, false);
        known &= s.known;
        if (kids) {
            kids[i] = s.value;
        }
    }
    if (known && out->state == WR_VALUES_VALUE) {
        note_reason(w, n, out, kids);
    }
}

// `a AND b AND c` as three terms.
static void chain(struct walk *w, const struct wr_node *n, enum wr_operator op,
                  struct wr_values_node *out, uint32_t *number, struct wr_buf *bad, bool *known)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct wr_node *kid = n->kids[i];
        if (kid->kind == WR_NODE_BINARY && kid->op == op) {
            chain(w, kid, op, out, number, bad, known);
            continue;
        }
        struct seen s = visit(w, kid, NULL, &out->kids, true);
        struct wr_num_context c = context(w);
        *known &= s.known;
        ++*number;
        if (s.known && wr_reason_no_truth(&c, &s.value)) {
            wr_buf_addf(bad, "%s%u", bad->len ? ", " : "", *number);
        }
    }
}

static void inside_chain(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    uint32_t number = 0;
    bool known = true;
    struct wr_buf bad = {0}, b = {0};
    chain(w, n, n->op, out, &number, &bad, &known);
    if (known && bad.len && out->state == WR_VALUES_VALUE) {
        wr_buf_addf(&b, "%s has no short cut, and of its %u terms neither true nor false: %.*s",
                    wr_operator_text(n->op), number, WR_STR_ARG(wr_buf_str(&bad)));
        out->note = kept(w, &b);
    }
    wr_buf_release(&bad);
}

static void inside_default(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    struct seen s = visit(w, n->kids[0], NULL, &out->kids, true);
    bool present = s.known && s.value.type != WR_UNDEFINED && s.value.type != WR_NULL;
    if (n->kid_count == 2 && present) {
        skip(w, n->kids[1], "default", WR_STR("not needed"), &out->kids);
    } else if (n->kid_count == 2) {
        visit(w, n->kids[1], "default", &out->kids, true);
    }
}

static void inside_call(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    const struct wr_function *f = n->function;
    if (n->kid_count < f->min_args || (f->max_args < 255 && n->kid_count > f->max_args)) {
        note_reason(w, n, out, NULL); // the arguments are not evaluated
    } else if (wr_str_eq_nocase(n->text, WR_STR("get_or_default"))) {
        inside_default(w, n, out);
    } else {
        inside_plain(w, n, out);
    }
}

static void inside_case(struct walk *w, const struct wr_node *n, struct wr_values_node *out)
{
    struct wr_num_context c = context(w);
    struct seen operand = visit(w, n->kids[0], "CASE", &out->kids, true);
    uint32_t arms = (n->kid_count - 1 - n->has_else) / 2;
    bool undefined = operand.known && operand.value.type == WR_UNDEFINED, taken = false;
    if (undefined) {
        out->note = WR_STR("the operand is Undefined: no WHEN is tried, and ELSE is ignored");
    }
    for (uint32_t i = 0; i < arms && !taken && !undefined && operand.known; i++) {
        const struct wr_node *when = n->kids[1 + 2 * i], *then = n->kids[2 + 2 * i];
        struct wr_values_node *arm = NULL;
        struct seen s = visit(w, when, "WHEN", &arm, true);
        if (!arm || !s.known) {
            return;
        }
        wr_value a = operand.value, b = s.value;
        wr_value equal = wr_operator_binary(&c, WR_OP_EQ, &a, &b, NULL);
        taken = equal.type == WR_BOOLEAN && equal.as.truth;
        struct wr_values_node **end = &out->kids;
        while (*end) {
            end = &(*end)->next;
        }
        *end = arm;
        if (taken) {
            arm->note = WR_STR("equal: taken");
            visit(w, then, "THEN", &out->kids, true);
            continue;
        }
        wr_value sides[] = {operand.value, s.value};
        struct wr_node eq = {.kind = WR_NODE_BINARY, .op = WR_OP_EQ, .kid_count = 2};
        struct wr_buf why = {0};
        wr_buf_add(&why, WR_STR("not equal"));
        size_t before = why.len;
        wr_buf_add(&why, WR_STR(": "));
        wr_reason_write(&c, &eq, &equal, sides, &why);
        why.len = why.len == before + 2 ? before : why.len;
        arm->note = kept(w, &why);
    }
    if (undefined || taken || !operand.known) {
        return;
    }
    if (n->has_else) {
        visit(w, n->kids[n->kid_count - 1], "ELSE", &out->kids, true);
    } else {
        out->note = WR_STR("no WHEN is equal, and there is no ELSE");
    }
}

static void items_of(struct walk *w, const struct wr_query *q, struct wr_values_node **list)
{
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_item *item = &q->items[i];
        const struct wr_node *n =
            item->expr->kind == WR_NODE_ALL ? item->expr->kids[0] : item->expr;
        struct wr_buf name = {0};
        for (uint32_t k = 0; k < item->path_len && item->has_alias; k++) {
            wr_buf_addf(&name, "%s%.*s", k ? "." : "", WR_STR_ARG(item->path[k]));
        }
        const char *role = name.len ? role_text(w, "AS ", wr_buf_str(&name)) : NULL;
        wr_buf_release(&name);
        visit(w, n, role, list, true);
    }
}

static void inside_row(struct walk *w, const struct wr_query *q, const wr_value *row,
                       uint32_t index, struct wr_values_node *out)
{
    struct wr_values_node *heading = append(w, &out->kids);
    wr_value *copy = wr_arena_alloc(&w->v->arena, sizeof *copy);
    if (!heading || !copy) {
        return;
    }
    *copy = *row;
    wr_value_force(copy, &w->v->arena, w->v->inside_->p->dialect);
    struct wr_buf role = {0};
    wr_buf_addf(&role, "row %u", index + 1);
    heading->role = role_text(w, "", wr_buf_str(&role));
    wr_buf_release(&role);
    heading->value = *copy;
    struct walk inner = *w;
    inner.row_of = q;
    inner.row = copy;
    bool holds = true;
    if (q->where) {
        struct seen s = visit(&inner, q->where, "WHERE", &heading->kids, true);
        struct wr_num_context c = context(w);
        holds = s.known && wr_operator_truth(&s.value, &c) == 1;
        heading->note = holds ? WR_STR("kept") : WR_STR("dropped");
    }
    if (holds) {
        items_of(&inner, q, &heading->kids);
    }
    w->now = inner.now;
}

static void inside_query(struct walk *w, const struct wr_query *q, struct wr_values_node *out)
{
    struct seen s = visit(w, q->source, "FROM", &out->kids, true);
    struct wr_buf b = {0};
    if (!s.known) {
        return;
    }
    if (s.value.type != WR_ARRAY && s.value.type != WR_OBJECT) {
        wr_buf_addf(&b, "the source is %s, neither an Array nor an Object",
                    wr_value_type_name(&s.value));
        out->note = kept(w, &b);
        return;
    }
    uint32_t rows = s.value.type == WR_OBJECT ? 1 : s.value.len;
    for (uint32_t i = 0; i < rows && i < WR_VALUES_ROWS_MAX; i++) {
        inside_row(w, q, s.value.type == WR_OBJECT ? &s.value : &s.value.as.items[i], i, out);
    }
    wr_buf_addf(&b, "%u row%s", rows, rows == 1 ? "" : "s");
    if (out->value.type == WR_ARRAY) {
        wr_buf_addf(&b, ", %u in the result", out->value.len);
    }
    if (rows > WR_VALUES_ROWS_MAX) {
        wr_buf_addf(&b, "; the first %d are shown", WR_VALUES_ROWS_MAX);
    }
    out->note = kept(w, &b);
}

static void inside(struct walk *w, const struct wr_node *n, struct wr_values_node *out,
                   bool constant)
{
    int len = wr_node_path(n);
    if (len >= 0) {
        note_path(w, n, len, out);
        return;
    }
    if (constant && out->value.type != WR_UNDEFINED) {
        out->note = is_literal(n) ? (wr_str){NULL, 0} : WR_STR("constant");
        return;
    }
    switch (n->kind) {
    case WR_NODE_BINARY:
        if (n->op == WR_OP_AND || n->op == WR_OP_OR) {
            inside_chain(w, n, out);
        } else {
            inside_plain(w, n, out);
        }
        return;
    case WR_NODE_MEMBER:
    case WR_NODE_INDEX:
    case WR_NODE_CAST:
    case WR_NODE_UNARY:
    case WR_NODE_ARRAY:
        inside_plain(w, n, out);
        return;
    case WR_NODE_CALL:
        inside_call(w, n, out);
        return;
    case WR_NODE_CASE:
        inside_case(w, n, out);
        return;
    case WR_NODE_OBJECT:
        for (uint32_t i = 0; i < n->kid_count; i++) {
            visit(w, n->kids[i]->kids[0], role_text(w, "member ", n->kids[i]->text), &out->kids,
                  false);
        }
        return;
    case WR_NODE_EXISTS:
        visit(w, n->kids[0], NULL, &out->kids, true);
        return;
    case WR_NODE_QUERY:
        inside_query(w, n->query, out);
        return;
    case WR_NODE_VARIABLE:
        out->from = w->assigned[n->index];
        if (out->value.type == WR_UNDEFINED && out->from) {
            out->note = WR_STR("as SET made it");
        }
        return;
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_ALL:
    case WR_NODE_PAIR:
        return;
    }
}

// ---- the term that decided

static void blame(struct walk *w, struct wr_values_node *t)
{
    const struct wr_node *n = t->node_;
    struct wr_num_context c = context(w);
    bool joined = n->kind == WR_NODE_BINARY && (n->op == WR_OP_AND || n->op == WR_OP_OR);
    if (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT && t->kids) {
        blame(w, t->kids);
        return;
    }
    if (!joined || !t->kids || t->state != WR_VALUES_VALUE) {
        t->blamed = true;
        return;
    }
    int truth = wr_operator_truth(&t->value, &c);
    for (struct wr_values_node *kid = t->kids; kid; kid = kid->next) {
        wr_value v = kid->value;
        // Undefined comes from what is no truth; otherwise the sides that equal the result did it.
        if (wr_operator_truth(&v, &c) == truth) {
            blame(w, kid);
        }
    }
}

static void decide(struct walk *w)
{
    struct wr_values_node *where = w->v->where;
    struct wr_num_context c = context(w);
    const struct wr_node *n = where->node_;
    bool joined = n->kind == WR_NODE_BINARY && n->op == WR_OP_AND && where->kids;
    for (struct wr_values_node *t = joined ? where->kids : where; t; t = t->next) {
        wr_value v = t->value;
        if (t->state == WR_VALUES_VALUE && wr_operator_truth(&v, &c) == 1) {
            continue;
        }
        w->v->stopped_by = w->v->stopped_by ? w->v->stopped_by : t;
        blame(w, t);
    }
}

// ---- a whole program

static void run_statement(struct wr_values *v, const struct wr_sql_host *host)
{
    struct wr_values_inside *in = v->inside_;
    wr_tape_init(&in->tape, host);
    wr_eval_start(&in->eval, &v->message, 0, &in->tape.host);
    v->state = wr_eval_run(&in->eval);
    if (v->state == WR_EVAL_MATCHED && wr_eval_output(&in->eval, &v->output, &v->json)) {
        v->state = WR_EVAL_FAILED;
        wr_fault_set(&v->fault, WR_ERR_LIMIT, "the result does not fit into memory");
    } else if (v->state == WR_EVAL_FAILED) {
        v->fault = in->eval.fault;
    } else if (v->state == WR_EVAL_SUSPENDED) {
        wr_fault_set(&v->fault, WR_ERR_UNSUPPORTED, "the look-up is not answered");
    }
}

static void run_template(struct walk *w, uint32_t id)
{
    struct wr_values *v = w->v;
    struct wr_values_inside *in = v->inside_;
    const struct wr_program *p = in->p;
    struct wr_values_template *t = &v->templates[id];
    const struct wr_template_code *code = &p->templates.at[id];
    struct wr_eval *e = &in->eval;
    *t = (struct wr_values_template){.text = code->text, .constant = code->constant};
    if (v->state == WR_EVAL_SUSPENDED) {
        t->state = WR_EVAL_SUSPENDED;
        return;
    }
    w->now = (struct moment){in->tape.at, e->dynamodb_calls_};
    w->text = code->text;
    wr_eval_template(e, id);
    t->state = wr_eval_run(e);
    if (t->state == WR_EVAL_MATCHED && wr_eval_text(e, &t->expanded, &t->undefined)) {
        t->state = WR_EVAL_FAILED;
        wr_fault_set(&t->fault, WR_ERR_LIMIT, "the text does not fit into memory");
    } else if (t->state == WR_EVAL_FAILED) {
        t->fault = e->fault;
    }
    size_t after = in->tape.at;
    for (uint32_t at = code->entry; !code->constant && p->code.at[at].op != WR_OPC_TEXT_RESULT;
         at++) {
        if (p->code.at[at].op == WR_OPC_TEXT_VALUE) {
            visit(w, p->sources.at[at], NULL, &t->parts, true);
        }
    }
    in->tape.at = after;
}

static void walk_all(struct walk *w, bool where_only)
{
    struct wr_values *v = w->v;
    const struct wr_statement *s = &v->inside_->p->statement;
    struct wr_values_node *hidden = NULL, **set = where_only ? &hidden : &v->set;
    size_t after = v->inside_->tape.at;
    bool failed = false;
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        struct wr_values_node *made = NULL, **end = set;
        const char *role = role_text(w, "SET @", s->assigns[i].name);
        failed |= !visit(w, s->assigns[i].expr, role, &made, true).known;
        w->assigned[i] = made;
        while (*end) {
            end = &(*end)->next;
        }
        *end = made;
    }
    if (where_only) { // the variables were only for chance's sake
        v->shown = v->left_out = 0;
    }
    if (failed && v->state == WR_EVAL_FAILED) {
        return;
    }
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    if (s->select.where) {
        visit(w, s->select.where, "WHERE", &v->where, true);
    }
    if (v->where && v->state == WR_EVAL_NO_MATCH) {
        decide(w);
    }
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    if (!where_only) {
        items_of(w, &s->select, &v->items);
    }
    v->inside_->tape.at = after;
}

struct wr_values *wr_values_new(const struct wr_program *p, const struct wr_sql_message *message,
                                const struct wr_sql_host *host, bool where_only)
{
    struct wr_values *v = wr_zalloc(sizeof *v);
    struct wr_values_inside *in = wr_zalloc(sizeof *in);
    wr_arena_init(&v->arena, WR_VALUES_BYTES_MAX);
    v->inside_ = in;
    v->message = *message;
    in->p = p;
    in->plan = wr_plan_new(&p, 1);
    in->fuel = p->fuel * WR_VALUES_FUEL;
    wr_tape_init(&in->tape, host);
    if (wr_sql_message_read(&v->message, in->plan, &v->arena)) {
        v->state = WR_EVAL_FAILED;
        wr_fault_set(&v->fault, WR_ERR_LIMIT, "the payload does not fit into memory");
        return v;
    }
    if (!v->message.json ||
        wr_json_parse(v->message.payload, &v->arena, p->dialect, &v->root, NULL)) {
        v->root = wr_raw(v->message.payload);
    }
    run_statement(v, host);
    struct wr_eval eval = {0};
    struct walk w = {.v = v, .eval = &eval, .text = p->statement.text};
    if (v->state != WR_EVAL_SUSPENDED) {
        walk_all(&w, where_only);
    }
    if (!where_only && p->templates.len) {
        v->templates = wr_zalloc(p->templates.len * sizeof *v->templates);
        v->template_count = p->templates.len;
        in->room = WR_VALUES_SHOWN_MAX;
        for (uint32_t i = 0; i < p->templates.len; i++) {
            run_template(&w, i);
        }
    }
    return v;
}

void wr_values_free(struct wr_values *v)
{
    if (!v) {
        return;
    }
    struct wr_values_inside *in = v->inside_;
    for (uint32_t i = 0; i < in->parts.len; i++) {
        wr_program_free(in->parts.at[i]);
    }
    free(in->parts.at);
    wr_plan_free(in->plan);
    wr_tape_release(&in->tape);
    free(in);
    free(v->templates);
    wr_arena_release(&v->arena);
    free(v);
}

bool wr_values_is_operator(const struct wr_values_node *t)
{
    const struct wr_node *n = t->node_;
    return !n || n->kind == WR_NODE_BINARY || n->kind == WR_NODE_UNARY || n->kind == WR_NODE_CASE;
}

bool wr_values_why_raw(const struct wr_sql_message *m, struct wr_buf *out)
{
    size_t at = 0;
    if (m->json) {
        return false;
    }
    struct wr_fault fault = {0};
    if (m->payload.len == 0) {
        wr_buf_add(out, WR_STR("it is empty"));
        return true;
    }
    switch (wr_json_read(NULL, m->payload, NULL, &at)) {
    case WR_JSON_VALID:
        break;
    case WR_JSON_SCALAR:
        wr_buf_add(out, WR_STR("it is a bare scalar: only an Object or an Array has attributes"));
        return true;
    case WR_JSON_TOO_DEEP:
        wr_buf_addf(out, "it is nested more than %d deep", WR_JSON_DEPTH_MAX);
        return true;
    case WR_JSON_MALFORMED:
        break;
    }
    wr_fault_at(&fault, WR_ERR_SYNTAX, m->payload, at, "%s", "");
    wr_buf_addf(out, "it stops being JSON at line %u, column %u (byte %zu): ", fault.line,
                fault.column, at);
    if (at >= m->payload.len) {
        wr_buf_add(out, WR_STR("the end comes too soon"));
    } else {
        unsigned char c = (unsigned char)m->payload.at[at];
        if (c > 0x20 && c < 0x7f) {
            wr_buf_addf(out, "found '%c'", c);
        } else {
            wr_buf_addf(out, "found byte 0x%02x", c);
        }
    }
    return true;
}
