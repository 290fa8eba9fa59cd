// The walk over an expression: evaluates a node, then what is inside of it, in the order in which
// the program does, so that chance and the count of look-ups can be carried along.
#include "sql/explain/values_parts.h"

#include "sql/explain/near.h"
#include "sql/explain/reason.h"
#include "sql/operator.h"
#include "sql/part.h"

#include "sql/base/banned.h"

static wr_str kept(struct wr_values_walk *w, struct wr_buf *b)
{
    wr_str s = b->len ? wr_str_dup(&w->v->arena, wr_buf_str(b)) : (wr_str){NULL, 0};
    wr_buf_release(b);
    return s;
}

const char *wr_values_role(struct wr_values_walk *w, const char *word, wr_str name)
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
static void evaluate(struct wr_values_walk *w, const struct wr_node *n, struct wr_values_node *out,
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
    w->now = (struct wr_values_moment){in->tape.at, e->dynamodb_calls_};
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

static struct wr_values_node *append(struct wr_values_walk *w, struct wr_values_node **list)
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

static void inside(struct wr_values_walk *w, const struct wr_node *n, struct wr_values_node *out,
                   bool constant);

struct wr_values_seen wr_values_visit(struct wr_values_walk *w, const struct wr_node *n,
                                      const char *role, struct wr_values_node **list, bool literals)
{
    struct wr_values_node hidden = {0}, *out = &hidden;
    bool shown = literals || !is_literal(n), constant;
    if (shown && !(out = append(w, list))) {
        return (struct wr_values_seen){false, wr_undefined()};
    }
    out->role = role;
    out->source = wr_str_cut(w->text, n->begin, n->end);
    out->begin = n->begin;
    out->node_ = n;
    struct wr_values_moment before = w->now;
    evaluate(w, n, out, &constant);
    struct wr_values_moment after = w->now;
    if (shown && out->state != WR_VALUES_SKIPPED) {
        w->now = before;
        inside(w, n, out, constant);
    }
    w->now = after;
    return (struct wr_values_seen){out->state == WR_VALUES_VALUE, out->value};
}

static void skip(struct wr_values_walk *w, const struct wr_node *n, const char *role, wr_str why,
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

static void note_path(struct wr_values_walk *w, const struct wr_node *n, int len,
                      struct wr_values_node *out)
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
static void note_hyphen(struct wr_values_walk *w, const struct wr_node *n,
                        struct wr_values_node *out)
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

static void note_reason(struct wr_values_walk *w, const struct wr_node *n,
                        struct wr_values_node *out, const wr_value *kids)
{
    struct wr_num_context c = wr_values_context(w);
    struct wr_buf b = {0};
    wr_reason_write(&c, n, &out->value, kids, &b);
    out->note = kept(w, &b);
    note_hyphen(w, n, out);
}

// Operands, arguments and the like, all of which are always evaluated.
static void inside_plain(struct wr_values_walk *w, const struct wr_node *n,
                         struct wr_values_node *out)
{
    wr_value *kids = wr_arena_alloc(&w->v->arena, (n->kid_count + 1) * sizeof *kids);
    bool known = kids != NULL;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        struct wr_values_seen s = wr_values_visit(w, n->kids[i], NULL, &out->kids, false);
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
static void chain(struct wr_values_walk *w, const struct wr_node *n, enum wr_operator op,
                  struct wr_values_node *out, uint32_t *number, struct wr_buf *bad, bool *known)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct wr_node *kid = n->kids[i];
        if (kid->kind == WR_NODE_BINARY && kid->op == op) {
            chain(w, kid, op, out, number, bad, known);
            continue;
        }
        struct wr_values_seen s = wr_values_visit(w, kid, NULL, &out->kids, true);
        struct wr_num_context c = wr_values_context(w);
        *known &= s.known;
        ++*number;
        if (s.known && wr_reason_no_truth(&c, &s.value)) {
            wr_buf_addf(bad, "%s%u", bad->len ? ", " : "", *number);
        }
    }
}

static void inside_chain(struct wr_values_walk *w, const struct wr_node *n,
                         struct wr_values_node *out)
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

static void inside_default(struct wr_values_walk *w, const struct wr_node *n,
                           struct wr_values_node *out)
{
    struct wr_values_seen s = wr_values_visit(w, n->kids[0], NULL, &out->kids, true);
    bool present = s.known && s.value.type != WR_UNDEFINED && s.value.type != WR_NULL;
    if (n->kid_count == 2 && present) {
        skip(w, n->kids[1], "default", WR_STR("not needed"), &out->kids);
    } else if (n->kid_count == 2) {
        wr_values_visit(w, n->kids[1], "default", &out->kids, true);
    }
}

static void inside_call(struct wr_values_walk *w, const struct wr_node *n,
                        struct wr_values_node *out)
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

static void inside_case(struct wr_values_walk *w, const struct wr_node *n,
                        struct wr_values_node *out)
{
    struct wr_num_context c = wr_values_context(w);
    struct wr_values_seen operand = wr_values_visit(w, n->kids[0], "CASE", &out->kids, true);
    uint32_t arms = (n->kid_count - 1 - n->has_else) / 2;
    bool undefined = operand.known && operand.value.type == WR_UNDEFINED, taken = false;
    if (undefined) {
        out->note = WR_STR("the operand is Undefined: no WHEN is tried, and ELSE is ignored");
    }
    for (uint32_t i = 0; i < arms && !taken && !undefined && operand.known; i++) {
        const struct wr_node *when = n->kids[1 + 2 * i], *then = n->kids[2 + 2 * i];
        struct wr_values_node *arm = NULL;
        struct wr_values_seen s = wr_values_visit(w, when, "WHEN", &arm, true);
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
            wr_values_visit(w, then, "THEN", &out->kids, true);
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
        wr_values_visit(w, n->kids[n->kid_count - 1], "ELSE", &out->kids, true);
    } else {
        out->note = WR_STR("no WHEN is equal, and there is no ELSE");
    }
}

void wr_values_items(struct wr_values_walk *w, const struct wr_query *q,
                     struct wr_values_node **list)
{
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_item *item = &q->items[i];
        const struct wr_node *n =
            item->expr->kind == WR_NODE_ALL ? item->expr->kids[0] : item->expr;
        struct wr_buf name = {0};
        for (uint32_t k = 0; k < item->path_len && item->has_alias; k++) {
            wr_buf_addf(&name, "%s%.*s", k ? "." : "", WR_STR_ARG(item->path[k]));
        }
        const char *role = name.len ? wr_values_role(w, "AS ", wr_buf_str(&name)) : NULL;
        wr_buf_release(&name);
        wr_values_visit(w, n, role, list, true);
    }
}

static void inside_row(struct wr_values_walk *w, const struct wr_query *q, const wr_value *row,
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
    heading->role = wr_values_role(w, "", wr_buf_str(&role));
    wr_buf_release(&role);
    heading->value = *copy;
    struct wr_values_walk inner = *w;
    inner.row_of = q;
    inner.row = copy;
    bool holds = true;
    if (q->where) {
        struct wr_values_seen s = wr_values_visit(&inner, q->where, "WHERE", &heading->kids, true);
        struct wr_num_context c = wr_values_context(w);
        holds = s.known && wr_operator_truth(&s.value, &c) == 1;
        heading->note = holds ? WR_STR("kept") : WR_STR("dropped");
    }
    if (holds) {
        wr_values_items(&inner, q, &heading->kids);
    }
    w->now = inner.now;
}

static void inside_query(struct wr_values_walk *w, const struct wr_query *q,
                         struct wr_values_node *out)
{
    struct wr_values_seen s = wr_values_visit(w, q->source, "FROM", &out->kids, true);
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

static void inside(struct wr_values_walk *w, const struct wr_node *n, struct wr_values_node *out,
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
            wr_values_visit(w, n->kids[i]->kids[0], wr_values_role(w, "member ", n->kids[i]->text),
                            &out->kids, false);
        }
        return;
    case WR_NODE_EXISTS:
        wr_values_visit(w, n->kids[0], NULL, &out->kids, true);
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
