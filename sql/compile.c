// Tree to code. Expressions are compiled into a register of the caller's choice; everything above
// that register is free. Constants are folded with the routines that the VM runs, so that a folded
// expression cannot differ from an evaluated one.
#include "sql/check.h"
#include "sql/convert.h"
#include "sql/operator.h"
#include "sql/parser.h"
#include "sql/program.h"
#include "sql/template.h"

#include "sql/base/banned.h"

#define FOLD_MAX WR_SQL_FUEL_DEFAULT // steps for folding the constants of a rule

#define LIST_MIN 32

// Where names and `*` look: the payload, or the row of the innermost nested query.
struct scope {
    bool row;
    uint32_t reg; // of the row
    wr_str alias; // its name, at NULL without
};

struct compiler {
    struct wr_program *p;
    struct wr_num_context num;
    struct scope scope;
    bool over;                  // a limit of WR_SQL_CODE_MAX was met
    uint32_t place;             // byte of the source that is being compiled
    const struct wr_node *node; // the expression; NULL: the clause itself
};

// What compiling an expression gave: a constant (nothing emitted yet) or code that fills a
// register.
struct operand {
    bool constant;
    wr_value value;
};

static const struct operand in_register = {.constant = false};

static struct operand fixed(wr_value v)
{
    return (struct operand){.constant = true, .value = v};
}

// ---- emitting

#define PUSH(c, list, item)                                              \
    do {                                                                 \
        if ((list).len == (list).cap) {                                  \
            grow(c, (void *)&(list).at, &(list).cap, sizeof *(list).at); \
        }                                                                \
        if (!(c)->over) {                                                \
            (list).at[(list).len++] = (item);                            \
        }                                                                \
    } while (0)

static void grow(struct compiler *c, void *at, uint32_t *cap, size_t size)
{
    void *old;
    memcpy(&old, at, sizeof old);
    uint32_t wanted = *cap ? *cap * 2 : LIST_MIN;
    void *fresh = *cap >= WR_SQL_CODE_MAX
                      ? NULL
                      : wr_arena_grow(&c->p->arena, old, *cap * size, wanted * size);
    if (!fresh) {
        c->over = true;
        return;
    }
    memcpy(at, &fresh, sizeof fresh);
    *cap = wanted;
}

static uint32_t emit(struct compiler *c, enum wr_opcode op, uint32_t a, uint32_t b, uint32_t d)
{
    if (a > WR_SQL_CODE_MAX || b > WR_SQL_CODE_MAX || d > WR_SQL_CODE_MAX ||
        c->p->code.len >= WR_SQL_CODE_MAX) {
        c->over = true;
        return 0;
    }
    struct wr_ins ins = {(uint16_t)op, (uint16_t)a, (uint16_t)b, (uint16_t)d};
    PUSH(c, c->p->code, ins);
    PUSH(c, c->p->places, c->place);
    PUSH(c, c->p->sources, c->node);
    return c->p->code.len ? c->p->code.len - 1 : 0;
}

static uint32_t here(const struct compiler *c)
{
    return c->p->code.len;
}

// Make jump `at` lead to the next instruction.
static void land(struct compiler *c, uint32_t at)
{
    if (!c->over) {
        c->p->code.at[at].c = (uint16_t)here(c);
    }
}

static uint32_t reg(struct compiler *c, uint32_t r)
{
    if (r >= WR_SQL_CODE_MAX) {
        c->over = true;
        return 0;
    }
    if (r >= c->p->reg_count) {
        c->p->reg_count = r + 1;
    }
    return r;
}

static bool same_constant(const wr_value *a, const wr_value *b)
{
    if (a->type != b->type || a->flags != b->flags || a->len != b->len || a->scale != b->scale) {
        return false;
    }
    if (a->type == WR_STRING) {
        return wr_str_eq(wr_value_text(a), wr_value_text(b));
    }
    return a->type < WR_STRING && a->as.coef == b->as.coef && !(a->flags & WR_V_BIG);
}

#define CONST_SEARCH_MAX 64 // look back this far for an equal constant: enough for names used twice

static uint32_t constant(struct compiler *c, wr_value v)
{
    wr_value_force(&v, c->num.arena, c->num.dialect);
    uint32_t n = c->p->consts.len;
    for (uint32_t i = n > CONST_SEARCH_MAX ? n - CONST_SEARCH_MAX : 0; i < n; i++) {
        if (same_constant(&c->p->consts.at[i], &v)) {
            return i;
        }
    }
    PUSH(c, c->p->consts, v);
    return n;
}

static uint32_t constant_text(struct compiler *c, wr_str s)
{
    return constant(c, wr_string(s));
}

static bool same_path(const struct wr_path *a, const struct wr_path *b)
{
    if (a->len != b->len) {
        return false;
    }
    for (size_t i = 0; i < a->len; i++) {
        if (!wr_str_eq(a->keys[i], b->keys[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t path_index(struct compiler *c, struct wr_path path)
{
    uint32_t n = c->p->paths.len;
    for (uint32_t i = n > CONST_SEARCH_MAX ? n - CONST_SEARCH_MAX : 0; i < n; i++) {
        if (same_path(&c->p->paths.at[i], &path)) {
            return i;
        }
    }
    PUSH(c, c->p->paths, path);
    return n;
}

// ---- expressions

static struct operand expression(struct compiler *c, const struct wr_node *n, uint32_t to);
static struct operand query_rows(struct compiler *c, const struct wr_query *q, uint32_t to);

// `o` as code: constants are loaded into `to`.
static void settle(struct compiler *c, struct operand o, uint32_t to)
{
    if (o.constant) {
        emit(c, WR_OPC_LOAD_CONST, reg(c, to), constant(c, o.value), 0);
    }
}

static void into(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    settle(c, expression(c, n, to), to);
}

// How many keys lead from the payload to what `n` names; -1 when `n` is no plain path.
static int path_length(const struct compiler *c, const struct wr_node *n)
{
    return c->scope.row ? -1 : wr_node_path(n);
}

// The path's index, for a node whose path_length() is `len`.
static uint32_t path_of(struct compiler *c, const struct wr_node *n, int len)
{
    wr_str *keys = wr_arena_alloc(&c->p->arena, ((size_t)len + 1) * sizeof *keys);
    if (!keys) {
        c->over = true;
        return 0;
    }
    wr_node_path_keys(n, len, keys);
    return path_index(c, (struct wr_path){keys, (size_t)len});
}

// A path whose value is passed on as it stands, or only asked whether it is there; a member of
// something else likewise.
static struct operand source(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    int len = path_length(c, n);
    if (len < 0) {
        uint32_t begin = here(c);
        struct operand o = expression(c, n, to);
        struct wr_ins *last = here(c) > begin ? &c->p->code.at[here(c) - 1] : NULL;
        if (last && last->op == WR_OPC_MEMBER && last->a == to) {
            last->op = WR_OPC_MEMBER_SOURCE;
        }
        return o;
    }
    const struct wr_node *outer = c->node;
    c->node = n;
    emit(c, WR_OPC_LOAD_SOURCE, reg(c, to), path_of(c, n, len), 0);
    c->node = outer;
    return in_register;
}

static struct operand binary(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    static const enum wr_opcode codes[] = {
        [WR_OP_AND] = WR_OPC_AND, [WR_OP_OR] = WR_OPC_OR,   [WR_OP_EQ] = WR_OPC_EQ,
        [WR_OP_NE] = WR_OPC_NE,   [WR_OP_LT] = WR_OPC_LT,   [WR_OP_LE] = WR_OPC_LE,
        [WR_OP_GT] = WR_OPC_GT,   [WR_OP_GE] = WR_OPC_GE,   [WR_OP_IN] = WR_OPC_IN,
        [WR_OP_ADD] = WR_OPC_ADD, [WR_OP_SUB] = WR_OPC_SUB, [WR_OP_MUL] = WR_OPC_MUL,
        [WR_OP_DIV] = WR_OPC_DIV, [WR_OP_MOD] = WR_OPC_MOD};
    struct operand left = expression(c, n->kids[0], to);
    struct operand right = expression(c, n->kids[1], to + 1);
    if (left.constant && right.constant) {
        return fixed(wr_operator_binary(&c->num, n->op, &left.value, &right.value, NULL));
    }
    settle(c, left, to);
    settle(c, right, to + 1);
    c->place = n->at;
    emit(c, codes[n->op], reg(c, to), to, reg(c, to + 1));
    return in_register;
}

static struct operand unary(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    struct operand v = expression(c, n->kids[0], to);
    if (v.constant) {
        return fixed(n->op == WR_OP_NOT ? wr_operator_not(&v.value, &c->num)
                                        : wr_operator_neg(&v.value, &c->num));
    }
    c->place = n->at;
    emit(c, n->op == WR_OP_NOT ? WR_OPC_NOT : WR_OPC_NEG, reg(c, to), to, 0);
    return in_register;
}

static struct operand name(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    if (!c->scope.row) {
        emit(c, WR_OPC_LOAD_PATH, reg(c, to), path_of(c, n, path_length(c, n)), 0);
    } else if (n->kind == WR_NODE_STAR ||
               (c->scope.alias.at && wr_str_eq(c->scope.alias, n->text))) {
        emit(c, WR_OPC_MOVE, reg(c, to), c->scope.reg, 0);
    } else {
        emit(c, WR_OPC_MEMBER, reg(c, to), c->scope.reg, constant_text(c, n->text));
    }
    return in_register;
}

static struct operand member(struct compiler *c, const struct wr_node *n, wr_str key, uint32_t to)
{
    int len = path_length(c, n);
    if (len >= 0) {
        emit(c, WR_OPC_LOAD_PATH, reg(c, to), path_of(c, n, len), 0);
        return in_register;
    }
    struct operand v = expression(c, n->kids[0], to);
    if (v.constant) {
        return fixed(wr_operator_member(&c->num, &v.value, key));
    }
    emit(c, WR_OPC_MEMBER, reg(c, to), to, constant_text(c, key));
    return in_register;
}

static struct operand index_of(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    if (wr_node_is_plain_key(n->kids[1])) {
        return member(c, n, n->kids[1]->text, to);
    }
    struct operand v = expression(c, n->kids[0], to);
    struct operand at = expression(c, n->kids[1], to + 1);
    if (v.constant && at.constant) {
        return fixed(wr_operator_index(&c->num, &v.value, &at.value));
    }
    settle(c, v, to);
    settle(c, at, to + 1);
    emit(c, WR_OPC_INDEX, reg(c, to), to, reg(c, to + 1));
    return in_register;
}

// x unless it is Undefined, Null or fails; then d (sql.md 11.3).
static struct operand get_or_default(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    uint32_t begin = here(c);
    into(c, n->kids[0], to);
    uint32_t end = here(c);
    uint32_t present = emit(c, WR_OPC_JUMP_PRESENT, reg(c, to), 0, 0);
    struct wr_guard guard = {begin, end, here(c)};
    if (n->kid_count == 2) {
        into(c, n->kids[1], to);
    } else {
        settle(c, fixed(wr_undefined()), to);
    }
    land(c, present);
    if (begin < end) {
        PUSH(c, c->p->guards, guard);
    }
    return in_register;
}

static bool bare_star(const struct compiler *c, const struct wr_node *n)
{
    return n->kind == WR_NODE_STAR && !c->scope.row;
}

// What takes too long now is left for the run, which has its fuel.
static struct operand fold_call(struct compiler *c, const struct wr_function *f, wr_value *args,
                                uint32_t count, bool *folded)
{
    struct wr_call call = {.num = c->num};
    *folded = false;
    if (c->p->fold_steps > FOLD_MAX) {
        return in_register;
    }
    wr_value v = f->body(&call, args, count, 0);
    c->p->fold_steps += call.steps;
    *folded = !call.failed;
    return fixed(v);
}

static struct operand call(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    const struct wr_function *f = n->function;
    uint32_t count = n->kid_count;
    bool halved = (f->flags & WR_FN_LOOKUP) && f->lookup == WR_LOOKUP_DYNAMODB && count == 5;
    if (count < f->min_args || (f->max_args < 255 && count > f->max_args) || halved) {
        return fixed(wr_undefined()); // documented: a wrong number of arguments gives Undefined
    }
    if (wr_node_is_get(n)) {
        return index_of(c, n, to);
    }
    if (wr_str_eq_nocase(n->text, WR_STR("get_or_default"))) {
        return get_or_default(c, n, to);
    }
    wr_value *values = wr_arena_alloc(&c->p->arena, (count + 1) * sizeof *values);
    bool *known = wr_arena_alloc(&c->p->arena, count + 1);
    if (!values || !known) {
        c->over = true;
        return in_register;
    }
    bool all = true;
    uint32_t stars = 0;
    bool lazy = wr_str_eq_nocase(n->text, WR_STR("isundefined")) ||
                wr_str_eq_nocase(n->text, WR_STR("isnull"));
    for (uint32_t i = 0; i < count; i++) {
        struct operand o = lazy ? source(c, n->kids[i], to + i) : expression(c, n->kids[i], to + i);
        values[i] = o.value;
        known[i] = o.constant;
        all = all && o.constant;
        if (i < 16 && bare_star(c, n->kids[i])) {
            stars |= 1u << i;
        }
    }
    if (all && (f->flags & WR_FN_PURE) && f->body) {
        bool folded;
        struct operand o = fold_call(c, f, values, count, &folded);
        if (folded) {
            return o;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (known[i]) {
            settle(c, fixed(values[i]), to + i);
        }
    }
    c->place = n->at;
    reg(c, to);
    if (stars && (f->flags & WR_FN_PAYLOAD)) {
        emit(c, WR_OPC_STAR_ARGS, 0, stars, 0);
    }
    uint32_t index = 0;
    while (wr_function_at(index) != f) {
        index++;
    }
    emit(c, f->flags & WR_FN_LOOKUP ? WR_OPC_LOOKUP : WR_OPC_CALL, to, index, count);
    return in_register;
}

static struct operand case_of(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    // The jumps to the end form a chain through their targets until it is known.
    uint32_t chain = 0, pairs = (n->kid_count - 1 - n->has_else) / 2;
    into(c, n->kids[0], to);
    uint32_t undefined = emit(c, WR_OPC_JUMP_UNDEFINED, reg(c, to), 0, 0);
    for (uint32_t i = 0; i < pairs; i++) {
        into(c, n->kids[1 + 2 * i], to + 1);
        emit(c, WR_OPC_EQ, reg(c, to + 1), to, to + 1);
        uint32_t next = emit(c, WR_OPC_JUMP_NOT_TRUE, to + 1, 0, 0);
        into(c, n->kids[2 + 2 * i], to);
        chain = emit(c, WR_OPC_JUMP, 0, 0, chain);
        land(c, next);
    }
    if (n->has_else) {
        into(c, n->kids[n->kid_count - 1], to);
    } else {
        settle(c, fixed(wr_undefined()), to);
    }
    while (chain && !c->over) {
        uint32_t previous = c->p->code.at[chain].c;
        land(c, chain);
        chain = previous;
    }
    land(c, undefined);
    return in_register;
}

// Whether `n` is built of literals alone. Decided before any code is emitted, so that nested
// literals are compiled once.
static bool literal(const struct wr_node *n)
{
    bool leaf = n->kind <= WR_NODE_FALSE || (n->kind == WR_NODE_UNARY && n->op == WR_OP_NEG &&
                                             n->kids[0]->kind == WR_NODE_NUMBER);
    if (leaf) {
        return true;
    }
    if (n->kind != WR_NODE_ARRAY && n->kind != WR_NODE_OBJECT && n->kind != WR_NODE_PAIR) {
        return false;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        if (!literal(n->kids[i])) {
            return false;
        }
    }
    return true;
}

static struct operand array(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    if (literal(n)) {
        struct wr_array_builder items = {0};
        for (uint32_t i = 0; i < n->kid_count; i++) {
            wr_value v = expression(c, n->kids[i], to).value;
            if (v.type != WR_UNDEFINED) {
                wr_array_push(&items, &c->p->arena, v);
            }
        }
        return fixed(wr_array_done(&items));
    }
    emit(c, WR_OPC_ARRAY_NEW, reg(c, to), 0, 0);
    for (uint32_t i = 0; i < n->kid_count; i++) {
        settle(c, source(c, n->kids[i], to + 1), to + 1);
        emit(c, WR_OPC_ARRAY_PUSH, to, reg(c, to + 1), 0);
    }
    emit(c, WR_OPC_ARRAY_DONE, to, 0, 0);
    return in_register;
}

static struct operand object(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    if (literal(n)) {
        struct wr_object_builder members = {0};
        for (uint32_t i = 0; i < n->kid_count; i++) {
            const struct wr_node *pair = n->kids[i];
            wr_value v = expression(c, pair->kids[0], to).value;
            if (v.type != WR_UNDEFINED) { // a number out of range
                wr_object_set(&members, &c->p->arena, pair->text, v);
            }
        }
        return fixed(wr_object_done(&members));
    }
    emit(c, WR_OPC_OBJECT_NEW, reg(c, to), 0, 0);
    for (uint32_t i = 0; i < n->kid_count; i++) {
        settle(c, source(c, n->kids[i]->kids[0], to + 1), to + 1);
        emit(c, WR_OPC_OBJECT_SET, to, constant_text(c, n->kids[i]->text), reg(c, to + 1));
    }
    emit(c, WR_OPC_OBJECT_DONE, to, 0, 0);
    return in_register;
}

static struct operand of_kind(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    switch (n->kind) {
    case WR_NODE_NUMBER:
        return fixed(wr_num_parse(&c->num, n->text));
    case WR_NODE_STRING:
        return fixed(wr_string(n->text));
    case WR_NODE_NULL:
        return fixed(wr_null());
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
        return fixed(wr_boolean(n->kind == WR_NODE_TRUE));
    case WR_NODE_STAR:
    case WR_NODE_NAME:
        return name(c, n, to);
    case WR_NODE_VARIABLE:
        emit(c, WR_OPC_LOAD_VAR, reg(c, to), n->index, 0);
        return in_register;
    case WR_NODE_MEMBER:
        return member(c, n, n->text, to);
    case WR_NODE_ALL: // refused by the checker anywhere but as an item
        return expression(c, n->kids[0], to);
    case WR_NODE_INDEX:
        return index_of(c, n, to);
    case WR_NODE_CALL:
        return call(c, n, to);
    case WR_NODE_CAST: {
        struct operand v = expression(c, n->kids[0], to);
        if (v.constant) {
            return fixed(wr_convert_cast(&c->num, &v.value, n->cast));
        }
        emit(c, WR_OPC_CAST, reg(c, to), to, n->cast);
        return in_register;
    }
    case WR_NODE_UNARY:
        return unary(c, n, to);
    case WR_NODE_BINARY:
        return binary(c, n, to);
    case WR_NODE_CASE:
        return case_of(c, n, to);
    case WR_NODE_ARRAY:
        return array(c, n, to);
    case WR_NODE_OBJECT:
        return object(c, n, to);
    case WR_NODE_EXISTS:
        query_rows(c, n->kids[0]->query, to);
        emit(c, WR_OPC_EXISTS, reg(c, to), to, 0);
        return in_register;
    case WR_NODE_QUERY:
        return query_rows(c, n->query, to);
    case WR_NODE_PAIR:
        break;
    }
    wr_assert(!"a pair outside of an object");
    return in_register;
}

static struct operand expression(struct compiler *c, const struct wr_node *n, uint32_t to)
{
    if (c->over) {
        return in_register;
    }
    const struct wr_node *outer = c->node;
    c->place = n->begin;
    c->node = n;
    struct operand o = of_kind(c, n, to);
    c->node = outer;
    return o;
}

// ---- select lists

static bool names_differ(const struct wr_query *q)
{
    if (q->item_count > 64) { // the test below is quadratic; objects find duplicates themselves
        return false;
    }
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_item *item = &q->items[i];
        if (item->star || item->all || item->path_len != 1) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (wr_str_eq(q->items[k].path[0], item->path[0])) {
                return false;
            }
        }
    }
    return true;
}

static void put_item(struct compiler *c, const struct wr_item *item, bool distinct, uint32_t to)
{
    const struct wr_node *expr = item->expr;
    if (item->star || item->all) {
        settle(c, source(c, item->all ? expr->kids[0] : expr, to + 1), to + 1);
        emit(c, WR_OPC_OBJECT_MERGE, to, reg(c, to + 1), 0);
        return;
    }
    settle(c, source(c, expr, to + 1), to + 1);
    reg(c, to + 1);
    if (item->path_len == 1) {
        emit(c, distinct ? WR_OPC_OBJECT_PUT : WR_OPC_OBJECT_SET, to,
             constant_text(c, item->path[0]), to + 1);
        return;
    }
    struct wr_array_builder names = {0};
    for (uint32_t i = 0; i < item->path_len; i++) {
        wr_array_push(&names, &c->p->arena, wr_string(item->path[i]));
    }
    emit(c, WR_OPC_OBJECT_SET_PATH, to, constant(c, wr_array_done(&names)), to + 1);
}

// The value of a select list, in `to` (sql.md 7).
static void select_list(struct compiler *c, const struct wr_query *q, uint32_t to)
{
    const struct wr_item *only = q->item_count == 1 ? &q->items[0] : NULL;
    // sql.md 7: `path.*` alone is an Object also when there is none, behind VALUE too.
    if ((q->value && !q->items[0].all) ||
        (only && (only->star || (only->expr->kind == WR_NODE_OBJECT && !only->has_alias)))) {
        settle(c, source(c, q->items[0].expr, to), to);
        reg(c, to);
        return;
    }
    bool distinct = names_differ(q);
    emit(c, WR_OPC_OBJECT_NEW, reg(c, to), 0, 0);
    const struct wr_node *outer = c->node;
    for (uint32_t i = 0; i < q->item_count; i++) {
        c->node = q->items[i].expr;
        put_item(c, &q->items[i], distinct, to);
    }
    c->node = outer;
    emit(c, WR_OPC_OBJECT_DONE, to, 0, 0);
}

// A nested query: an Array of its rows, or Undefined when the source has none.
static struct operand query_rows(struct compiler *c, const struct wr_query *q, uint32_t to)
{
    uint32_t rows = to + 1, row = to + 2, work = to + 3;
    into(c, q->source, rows);
    uint32_t none = emit(c, WR_OPC_ROWS, reg(c, rows), rows, 0);
    emit(c, WR_OPC_ARRAY_NEW, reg(c, to), 0, 0);
    uint32_t loop = emit(c, WR_OPC_NEXT, reg(c, row), rows, 0);
    struct scope outer = c->scope;
    c->scope = (struct scope){true, row, q->source_alias};
    reg(c, work);
    if (q->where) {
        into(c, q->where, work);
        emit(c, WR_OPC_JUMP_NOT_TRUE, work, 0, loop);
        bool test = here(c) == loop + 1 + WR_ROW_TEST_LEN && wr_program_row_test(c->p, loop);
        c->p->code.at[loop].op = test ? WR_OPC_NEXT_WHERE : WR_OPC_NEXT;
    }
    select_list(c, q, work);
    emit(c, WR_OPC_ARRAY_PUSH, to, work, 0);
    c->scope = outer;
    emit(c, WR_OPC_JUMP, 0, 0, loop);
    land(c, loop);
    emit(c, WR_OPC_ARRAY_DONE, to, 0, 0);
    uint32_t end = emit(c, WR_OPC_JUMP, 0, 0, 0);
    land(c, none);
    settle(c, fixed(wr_undefined()), to);
    land(c, end);
    return in_register;
}

// ---- the statement

// One conjunct at the top of WHERE: the program ends at the first that is not true. Fused with its
// comparison where it is one.
static void require(struct compiler *c, const struct wr_node *n)
{
    if (n->kind == WR_NODE_BINARY && n->op == WR_OP_AND) {
        require(c, n->kids[0]);
        require(c, n->kids[1]);
        return;
    }
    if (n->kind == WR_NODE_BINARY && n->op >= WR_OP_EQ && n->op <= WR_OP_GE) {
        static const enum wr_opcode fused[] = {
            [WR_OP_EQ] = WR_OPC_REQUIRE_EQ, [WR_OP_NE] = WR_OPC_REQUIRE_NE,
            [WR_OP_LT] = WR_OPC_REQUIRE_LT, [WR_OP_LE] = WR_OPC_REQUIRE_LE,
            [WR_OP_GT] = WR_OPC_REQUIRE_GT, [WR_OP_GE] = WR_OPC_REQUIRE_GE};
        c->node = n;
        into(c, n->kids[0], 0);
        into(c, n->kids[1], 1);
        c->place = n->at;
        reg(c, 1);
        emit(c, fused[n->op], 0, 0, 1);
        return;
    }
    c->node = n;
    into(c, n, 0);
    emit(c, WR_OPC_REQUIRE, reg(c, 0), 0, 0);
}

static wr_err ended(struct compiler *c, wr_str text, struct wr_fault *fault)
{
    if (c->over || c->p->arena.over) {
        return wr_fault_at(
            fault, WR_ERR_LIMIT, text, 0,
            "the statement is too large: it needs more than %d instructions, constants "
            "or registers, or its constants need too much memory",
            WR_SQL_CODE_MAX);
    }
    return WR_OK;
}

static void variables(struct compiler *c)
{
    const struct wr_statement *s = &c->p->statement;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        c->node = s->assigns[i].expr;
        into(c, s->assigns[i].expr, 0);
        emit(c, WR_OPC_STORE_VAR, i, 0, 0);
    }
    c->node = NULL;
}

wr_err wr_compile_statement(struct wr_program *p, struct wr_fault *fault)
{
    struct compiler c = {.p = p, .num = {&p->arena, p->dialect}};
    const struct wr_statement *s = &p->statement;
    reg(&c, 0);
    variables(&c);
    if (s->select.where) {
        require(&c, s->select.where);
        c.node = NULL;
    }
    const struct wr_item *only = s->select.item_count == 1 ? &s->select.items[0] : NULL;
    bool payload = only && only->expr->kind == WR_NODE_STAR && (s->select.value || only->star);
    select_list(&c, &s->select, 0);
    c.place = s->select.begin;
    // sql.md 7: VALUE gives no top-level Array in 2015-10-08. The VM looks when it runs.
    bool no_array = s->select.value && p->dialect == WR_SQL_2015;
    emit(&c, payload ? WR_OPC_RESULT_PAYLOAD : WR_OPC_RESULT, 0, no_array, 0);
    p->body_len = p->code.len;
    return ended(&c, s->text, fault);
}

wr_err wr_compile_part(struct wr_program *p, const struct wr_node *n, const struct wr_query *row_of,
                       struct wr_fault *fault)
{
    struct compiler c = {.p = p, .num = {&p->arena, p->dialect}};
    reg(&c, 1);
    if (row_of) {
        c.scope = (struct scope){true, 0, row_of->source_alias};
    }
    if (n) {
        into(&c, n, 1);
    } else {
        variables(&c);
        settle(&c, fixed(wr_undefined()), 1);
    }
    emit(&c, WR_OPC_RESULT, 1, 0, 0);
    return ended(&c, p->statement.text, fault);
}

static void add_text(struct compiler *c, wr_str text)
{
    if (text.len) {
        emit(c, WR_OPC_TEXT_CONST, 0, constant_text(c, text), 0);
    }
}

static unsigned registry_calls(const struct wr_program *p, uint32_t from)
{
    unsigned calls = 0;
    for (uint32_t i = from; i < p->code.len; i++) {
        const struct wr_ins *ins = &p->code.at[i];
        calls += ins->op == WR_OPC_LOOKUP && wr_function_at(ins->b)->lookup == WR_LOOKUP_REGISTRY;
    }
    return calls;
}

wr_err wr_compile_template(struct wr_program *p, wr_str text, struct wr_template_code *out,
                           struct wr_fault *fault)
{
    struct compiler c = {.p = p, .num = {&p->arena, p->dialect}};
    struct wr_fault wrong = {0};
    struct wr_template_part part;
    size_t at = 0;
    *out = (struct wr_template_code){.entry = p->code.len};
    reg(&c, 1);
    emit(&c, WR_OPC_TEXT_NEW, 0, 0, 0);
    while (wr_template_next(text, &at, &part, &wrong)) {
        if (!part.expression) {
            add_text(&c, part.text);
            continue;
        }
        struct wr_node *n;
        size_t begin = (size_t)(part.text.at - text.at);
        wr_err err = wr_parse_expression(text, begin, begin + part.text.len, p->dialect,
                                         &p->statement, &p->arena, &n, fault);
        if (err) {
            return err;
        }
        uint32_t from = p->code.len;
        c.node = n;
        settle(&c, source(&c, n, 1), 1);
        emit(&c, WR_OPC_TEXT_VALUE, 0, 1, 0);
        c.node = NULL;
        if (registry_calls(p, from) && registry_calls(p, 0) > WR_CHECK_REGISTRY_MAX) {
            return wr_fault_at(fault, WR_ERR_LIMIT, text, begin,
                               "found a further get_registry_data(): a statement and its templates "
                               "may call it once; keep what it gives in a variable, with SET");
        }
    }
    if (wrong.code) {
        if (fault) {
            *fault = wrong;
        }
        return wrong.code;
    }
    emit(&c, WR_OPC_TEXT_RESULT, 0, 0, 0);
    out->len = p->code.len - out->entry;
    return ended(&c, text, fault);
}
