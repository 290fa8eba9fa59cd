// What values expressions can have. Constants are folded with the routines that the compiler and
// the VM use, so that a claim cannot differ from an evaluation.
#include "sql/lint/fact.h"

#include "sql/lint/linter.h"
#include "sql/operator.h"

#include "sql/base/banned.h"

static const struct wr_fact anything = {.can = WR_CAN_ALL};

static struct wr_fact some(unsigned can)
{
    return (struct wr_fact){.can = (uint16_t)can};
}

uint16_t wr_can_of(const wr_value *v)
{
    switch ((enum wr_type)v->type) {
    case WR_UNDEFINED:
        return WR_CAN_UNDEFINED;
    case WR_NULL:
        return WR_CAN_NULL;
    case WR_BOOLEAN:
        return v->as.truth ? WR_CAN_TRUE : WR_CAN_FALSE;
    case WR_NUMBER:
        return wr_num_is_int(v) ? WR_CAN_INT : WR_CAN_DECIMAL;
    case WR_STRING:
        break;
    case WR_ARRAY:
        return WR_CAN_ARRAY;
    case WR_OBJECT:
        return WR_CAN_OBJECT;
    case WR_RAW:
        return WR_CAN_RAW;
    }
    wr_str s = wr_value_text(v);
    return wr_num_is_numeric_string(s)            ? WR_CAN_NUMERIC
           : wr_str_eq_nocase(s, WR_STR("true"))  ? WR_CAN_YES
           : wr_str_eq_nocase(s, WR_STR("false")) ? WR_CAN_NO
                                                  : WR_CAN_TEXT;
}

const char *wr_can_name(uint16_t can)
{
    static const struct {
        uint16_t within;
        const char *name;
    } names[] = {
        {WR_CAN_UNDEFINED, "Undefined"},
        {WR_CAN_NULL, "Null"},
        {WR_CAN_BOOLEAN, "a Boolean"},
        {WR_CAN_INT, "an Int"},
        {WR_CAN_NUMBER, "a number"},
        {WR_CAN_STRING, "text"},
        {WR_CAN_ARRAY, "an Array"},
        {WR_CAN_OBJECT, "an Object"},
        {WR_CAN_RAW, "the payload's bytes"},
        {WR_CAN_ARRAY | WR_CAN_OBJECT, "an Array or Object"},
        {WR_CAN_ARRAY | WR_CAN_STRING, "text or an Array"},
        {WR_CAN_NUMBER | WR_CAN_STRING, "text or a number"},
        {WR_CAN_ARRAY | WR_CAN_OBJECT | WR_CAN_RAW, "the payload"},
    };
    uint16_t defined = can & ~WR_CAN_UNDEFINED;
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (((defined ? defined : can) & ~names[i].within) == 0) {
            return names[i].name;
        }
    }
    return "a value of another type";
}

// ---- the table

static uint32_t place_of(const struct wr_linter *l, const struct wr_node *n)
{
    uint64_t h = (uint64_t)(uintptr_t)n * 0x9e3779b97f4a7c15u;
    uint32_t at = (uint32_t)(h >> 32) & (l->slot_cap - 1);
    while (l->slots[at].node && l->slots[at].node != n) {
        at = (at + 1) & (l->slot_cap - 1);
    }
    return at;
}

static bool grow(struct wr_linter *l)
{
    uint32_t cap = l->slot_cap ? 2 * l->slot_cap : 64, old_cap = l->slot_cap;
    struct wr_lint_slot *old = l->slots, *fresh = wr_arena_alloc(l->arena, cap * sizeof *fresh);
    if (!fresh) {
        l->arena->over = false; // facts that are not kept are not known: less is said
        return false;
    }
    memset(fresh, 0, cap * sizeof *fresh);
    l->slots = fresh;
    l->slot_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i].node) {
            fresh[place_of(l, old[i].node)] = old[i];
        }
    }
    return true;
}

static struct wr_fact keep(struct wr_linter *l, const struct wr_node *n, struct wr_fact fact)
{
    if (4 * l->slot_count >= 3 * l->slot_cap && !grow(l)) {
        return fact;
    }
    uint32_t at = place_of(l, n);
    l->slot_count += !l->slots[at].node;
    l->slots[at] = (struct wr_lint_slot){.node = n, .fact = fact};
    return fact;
}

const struct wr_fact *wr_linter_fact(const struct wr_linter *l, const struct wr_node *n)
{
    if (l->slot_cap) {
        const struct wr_lint_slot *slot = &l->slots[place_of(l, n)];
        if (slot->node) {
            return &slot->fact;
        }
    }
    return &anything;
}

const struct wr_lint_conflict *wr_linter_conflict_of(const struct wr_linter *l,
                                                     const struct wr_node *n)
{
    return l->slot_cap ? l->slots[place_of(l, n)].conflict : NULL;
}

#define TEXT_MAX  4096 // bytes
#define ITEMS_MAX 1000 // values inside of an Array or Object, to all depths

// Whether a constant is small enough to be kept. Variables could make them very large: each could
// hold the one before it many times.
static bool is_small(const wr_value *v, uint32_t *room)
{
    if (*room == 0 || v->len > TEXT_MAX) {
        return false;
    }
    --*room;
    if (wr_value_is_lazy(v) || (v->type != WR_ARRAY && v->type != WR_OBJECT)) {
        return true;
    }
    for (uint32_t i = 0; i < v->len; i++) {
        if (!is_small(v->type == WR_ARRAY ? &v->as.items[i] : &v->as.members[i].value, room)) {
            return false;
        }
    }
    return true;
}

struct wr_fact wr_linter_fixed(struct wr_linter *l, wr_value v)
{
    uint32_t room = ITEMS_MAX;
    wr_value_force(&v, l->arena, l->num.dialect);
    if (l->arena->over) {
        l->arena->over = false;
        return anything;
    }
    if (!is_small(&v, &room)) {
        return some(v.type == WR_STRING ? WR_CAN_STRING : wr_can_of(&v));
    }
    uint16_t can = wr_can_of(&v);
    if (can == WR_CAN_NUMERIC && wr_num_parse(&l->num, wr_value_text(&v)).type != WR_NUMBER) {
        can = WR_CAN_TEXT; // out of range: it does not convert
    }
    return (struct wr_fact){.can = can, .constant = true, .value = v};
}

struct wr_fact wr_linter_folded(struct wr_linter *l, struct wr_arena_mark mark, wr_value v)
{
    struct wr_fact f = wr_linter_fixed(l, v);
    if (!f.constant) {
        wr_arena_rewind(l->arena, mark);
    }
    return f;
}

static struct wr_fact member(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *base = wr_linter_fact(l, n->kids[0]);
    if (base->constant) {
        wr_value v = base->value;
        return wr_linter_fixed(l, wr_operator_member(&l->num, &v, n->text));
    }
    return base->can & WR_CAN_OBJECT ? anything : some(WR_CAN_UNDEFINED);
}

static struct wr_fact array(struct wr_linter *l, const struct wr_node *n)
{
    struct wr_array_builder items = {0};
    struct wr_arena_mark mark = wr_arena_mark(l->arena);
    for (uint32_t i = 0; i < n->kid_count; i++) {
        const struct wr_fact *item = wr_linter_fact(l, n->kids[i]);
        if (!item->constant) {
            wr_arena_rewind(l->arena, mark);
            return some(WR_CAN_ARRAY);
        }
        if (item->can != WR_CAN_UNDEFINED) {
            wr_array_push(&items, l->arena, item->value);
        }
    }
    return wr_linter_folded(l, mark, wr_array_done(&items));
}

static struct wr_fact object(struct wr_linter *l, const struct wr_node *n)
{
    struct wr_object_builder members = {0};
    struct wr_arena_mark mark = wr_arena_mark(l->arena);
    for (uint32_t i = 0; i < n->kid_count; i++) {
        const struct wr_fact *value = wr_linter_fact(l, n->kids[i]->kids[0]);
        if (!value->constant) {
            wr_arena_rewind(l->arena, mark);
            return some(WR_CAN_OBJECT);
        }
        if (value->can != WR_CAN_UNDEFINED) {
            wr_object_set(&members, l->arena, n->kids[i]->text, value->value);
        }
    }
    return wr_linter_folded(l, mark, wr_object_done(&members));
}

// ---- the walk

static struct wr_fact query(struct wr_linter *l, const struct wr_query *q,
                            const struct wr_lint_scope *scope)
{
    struct wr_fact source = wr_linter_facts(l, q->source, scope);
    struct wr_lint_scope row = {true, q->source_alias};
    if (q->where) {
        wr_linter_facts(l, q->where, &row);
    }
    for (uint32_t i = 0; i < q->item_count; i++) {
        wr_linter_facts(l, q->items[i].expr, &row);
    }
    unsigned rows = WR_CAN_ARRAY | WR_CAN_OBJECT;
    return some((source.can & rows ? WR_CAN_ARRAY : 0u) |
                (source.can & ~rows ? WR_CAN_UNDEFINED : 0u));
}

static struct wr_fact variable(const struct wr_linter *l, const struct wr_node *n)
{
    struct wr_fact f = l->variables[n->index];
    if (f.can & WR_CAN_RAW) { // sql.md 8.3: it cannot hold one
        f.can = (uint16_t)((f.can & ~WR_CAN_RAW) | WR_CAN_UNDEFINED);
    }
    return f;
}

static struct wr_fact of_node(struct wr_linter *l, const struct wr_node *n,
                              const struct wr_lint_scope *scope)
{
    bool row = scope && scope->row;
    switch (n->kind) {
    case WR_NODE_NUMBER:
        return wr_linter_fixed(l, wr_num_parse(&l->num, n->text));
    case WR_NODE_STRING:
        return wr_linter_fixed(l, wr_string(n->text));
    case WR_NODE_NULL:
        return wr_linter_fixed(l, wr_null());
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
        return wr_linter_fixed(l, wr_boolean(n->kind == WR_NODE_TRUE));
    case WR_NODE_STAR:
        return row ? anything : some(WR_CAN_ARRAY | WR_CAN_OBJECT | WR_CAN_RAW);
    case WR_NODE_NAME:
        return row ? anything : some(WR_CAN_PAYLOAD);
    case WR_NODE_VARIABLE:
        return variable(l, n);
    case WR_NODE_MEMBER:
        return member(l, n);
    case WR_NODE_ALL:
        return *wr_linter_fact(l, n->kids[0]);
    case WR_NODE_INDEX:
        return wr_linter_index_fact(l, n->kids[0], n->kids[1]);
    case WR_NODE_CALL:
        return wr_linter_call_fact(l, n);
    case WR_NODE_CAST:
        return wr_linter_cast_fact(l, n);
    case WR_NODE_UNARY:
        return wr_linter_unary_fact(l, n);
    case WR_NODE_BINARY:
        return wr_linter_binary_fact(l, n);
    case WR_NODE_CASE:
        return wr_linter_case_fact(l, n);
    case WR_NODE_ARRAY:
        return array(l, n);
    case WR_NODE_OBJECT:
        return object(l, n);
    case WR_NODE_PAIR:
        return *wr_linter_fact(l, n->kids[0]);
    case WR_NODE_EXISTS:
        return some(WR_CAN_BOOLEAN);
    case WR_NODE_QUERY:
        return query(l, n->query, scope);
    }
    return anything;
}

static bool is_and(const struct wr_node *n)
{
    return n->kind == WR_NODE_BINARY && n->op == WR_OP_AND;
}

// `inner`: n is an operand of an AND, which looks for conflicts of all its terms itself.
static struct wr_fact walk(struct wr_linter *l, const struct wr_node *n,
                           const struct wr_lint_scope *scope, bool inner)
{
    for (uint32_t i = 0; i < n->kid_count; i++) {
        walk(l, n->kids[i], scope, is_and(n));
    }
    struct wr_fact f = of_node(l, n, scope);
    struct wr_lint_conflict found;
    if (!is_and(n) || inner || !(f.can & WR_CAN_TRUE) || f.constant ||
        !wr_linter_conflict(l, n, &found)) {
        return keep(l, n, f);
    }
    f.can &= (uint16_t)~WR_CAN_TRUE;
    keep(l, n, f);
    struct wr_lint_conflict *kept = wr_arena_alloc(l->arena, sizeof *kept);
    uint32_t at = place_of(l, n);
    if (kept && l->slots[at].node) {
        *kept = found;
        l->slots[at].conflict = kept;
    }
    l->arena->over = false;
    return f;
}

struct wr_fact wr_linter_facts(struct wr_linter *l, const struct wr_node *n,
                               const struct wr_lint_scope *scope)
{
    return walk(l, n, scope, false);
}
