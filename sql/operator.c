// Operators on values: sql.md section 6, row by row.
#include "sql/operator.h"

#include "sql/base/utf8.h"
#include "sql/convert.h"

#include "sql/base/banned.h"

#define STEPS_BIG 60 // arithmetic beyond 64 bits

static void force(const struct wr_num_context *c, wr_value *v)
{
    if (v->flags & WR_V_LAZY) {
        wr_value_force(v, c->arena, c->dialect);
    }
}

int wr_operator_truth(wr_value *v, const struct wr_num_context *c)
{
    if (v->type == WR_BOOLEAN) {
        return v->as.truth;
    }
    if (v->type != WR_STRING) {
        return 2;
    }
    force(c, v);
    wr_str s = wr_value_text(v);
    return wr_str_eq_nocase(s, WR_STR("true")) ? 1 : wr_str_eq_nocase(s, WR_STR("false")) ? 0 : 2;
}

// N of section 6: Int, Decimal, or a String that converts. Undefined otherwise.
static wr_value number(const struct wr_num_context *c, wr_value *v)
{
    if (v->type == WR_NUMBER) {
        force(c, v);
        return *v;
    }
    return v->type == WR_STRING ? wr_convert_decimal(c, v) : wr_undefined();
}

static wr_value order(const struct wr_num_context *c, enum wr_operator op, wr_value *a, wr_value *b)
{
    wr_value x = number(c, a), y = number(c, b);
    if (x.type != WR_NUMBER || y.type != WR_NUMBER) {
        return wr_undefined();
    }
    int cmp = wr_num_cmp(&x, &y);
    return wr_boolean(op == WR_OP_LT   ? cmp < 0
                      : op == WR_OP_LE ? cmp <= 0
                      : op == WR_OP_GT ? cmp > 0
                                       : cmp >= 0);
}

static wr_value equal(const struct wr_num_context *c, wr_value *a, wr_value *b, bool negate)
{
    if (a->type == WR_UNDEFINED || b->type == WR_UNDEFINED) {
        return wr_undefined();
    }
    return wr_boolean(wr_value_equal(a, b, c->arena, c->dialect) != negate);
}

static wr_value in(const struct wr_num_context *c, wr_value *x, wr_value *list)
{
    if (x->type == WR_UNDEFINED || list->type != WR_ARRAY) {
        return wr_undefined();
    }
    force(c, x);
    force(c, list);
    if (x->type == WR_UNDEFINED || list->type != WR_ARRAY) {
        return wr_undefined(); // a number out of range
    }
    for (uint32_t i = 0; i < list->len && wr_arena_spend(c->arena, 1); i++) {
        const wr_value *item = &list->as.items[i];
        if (item->type == x->type && wr_value_equal(x, item, c->arena, c->dialect)) {
            return wr_boolean(true);
        }
    }
    return wr_boolean(false);
}

static wr_value concatenate(const struct wr_num_context *c, wr_value *a, wr_value *b,
                            uint64_t *steps)
{
    wr_value x = wr_convert_string(c, a), y = wr_convert_string(c, b);
    if (x.type != WR_STRING || y.type != WR_STRING) {
        return wr_undefined();
    }
    size_t len = (size_t)x.len + y.len;
    if (steps) {
        *steps += len / 8;
    }
    char *at = len > UINT32_MAX ? NULL : wr_arena_alloc(c->arena, len + 1);
    if (!at) {
        c->arena->over = true;
        return wr_undefined();
    }
    memcpy(at, x.as.text, x.len);
    memcpy(at + x.len, y.as.text, y.len);
    return wr_string((wr_str){at, len});
}

static wr_value arithmetic(const struct wr_num_context *c, enum wr_operator op, wr_value *a,
                           wr_value *b)
{
    // A String operand selects the Decimal row whatever it converts to (sql.md 6).
    bool text = a->type == WR_STRING || b->type == WR_STRING;
    wr_value x = number(c, a), y = number(c, b);
    if (x.type != WR_NUMBER || y.type != WR_NUMBER) {
        return wr_undefined();
    }
    if (text) {
        x = wr_num_as_decimal(c, &x);
        y = wr_num_as_decimal(c, &y);
    }
    if (((x.flags | y.flags) & WR_V_BIG) || op == WR_OP_DIV || op == WR_OP_MOD) {
        // Intel's library; its remainder goes through the decades between the two.
        (void)wr_arena_spend(c->arena,
                             op == WR_OP_MOD ? STEPS_BIG + wr_num_decades(&x, &y) : STEPS_BIG);
    }
    switch (op) {
    case WR_OP_ADD:
        return wr_num_add(c, &x, &y);
    case WR_OP_SUB:
        return wr_num_sub(c, &x, &y);
    case WR_OP_MUL:
        return wr_num_mul(c, &x, &y);
    case WR_OP_DIV:
        return wr_num_div(c, &x, &y, text);
    case WR_OP_MOD:
        return wr_num_mod(c, &x, &y);
    case WR_OP_AND:
    case WR_OP_OR:
    case WR_OP_EQ:
    case WR_OP_NE:
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
    case WR_OP_IN:
    case WR_OP_NOT:
    case WR_OP_NEG:
        break;
    }
    return wr_undefined();
}

wr_value wr_operator_binary(const struct wr_num_context *c, enum wr_operator op, wr_value *a,
                            wr_value *b, uint64_t *steps)
{
    switch (op) {
    case WR_OP_AND:
    case WR_OP_OR: {
        int x = wr_operator_truth(a, c), y = wr_operator_truth(b, c);
        if ((x | y) & 2) {
            return wr_undefined();
        }
        return wr_boolean(op == WR_OP_AND ? x && y : x || y);
    }
    case WR_OP_EQ:
        return equal(c, a, b, false);
    case WR_OP_NE:
        return equal(c, a, b, true);
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        return order(c, op, a, b);
    case WR_OP_IN:
        return in(c, a, b);
    case WR_OP_ADD:
        if (a->type == WR_STRING || b->type == WR_STRING) {
            return concatenate(c, a, b, steps);
        }
        return arithmetic(c, op, a, b);
    case WR_OP_SUB:
    case WR_OP_MUL:
    case WR_OP_DIV:
    case WR_OP_MOD:
        return arithmetic(c, op, a, b);
    case WR_OP_NOT:
    case WR_OP_NEG:
        break;
    }
    return wr_undefined();
}

wr_value wr_operator_not(wr_value *v, const struct wr_num_context *c)
{
    int truth = wr_operator_truth(v, c);
    return truth == 2 ? wr_undefined() : wr_boolean(!truth);
}

wr_value wr_operator_neg(wr_value *v, const struct wr_num_context *c)
{
    bool text = v->type == WR_STRING;
    wr_value n = number(c, v);
    if (n.type != WR_NUMBER) {
        return wr_undefined();
    }
    if (text) {
        n = wr_num_as_decimal(c, &n);
    }
    return wr_num_neg(c, &n);
}

wr_value wr_operator_member(const struct wr_num_context *c, wr_value *v, wr_str key)
{
    if (v->type != WR_OBJECT) {
        return wr_undefined();
    }
    force(c, v);
    if (v->type != WR_OBJECT || !wr_arena_spend(c->arena, v->len)) {
        return wr_undefined();
    }
    const wr_value *found = wr_object_get(v, key);
    return found ? *found : wr_undefined();
}

wr_value wr_operator_index(const struct wr_num_context *c, wr_value *v, wr_value *index)
{
    if (v->type == WR_OBJECT) {
        if (index->type != WR_STRING) {
            return wr_undefined();
        }
        force(c, index);
        return wr_operator_member(c, v, wr_value_text(index));
    }
    if (v->type != WR_ARRAY && v->type != WR_STRING) {
        return wr_undefined();
    }
    wr_value at = wr_convert_int(c, index);
    int64_t i;
    if (at.type != WR_NUMBER || !wr_num_to_i64(&at, &i) || i < 0) {
        return wr_undefined();
    }
    force(c, v);
    if (v->type == WR_ARRAY) {
        return i < v->len ? v->as.items[i] : wr_undefined();
    }
    if (v->type != WR_STRING || i >= v->len) {
        return wr_undefined();
    }
    if (!wr_arena_spend(c->arena, (uint64_t)i)) {
        return wr_undefined();
    }
    wr_str s = wr_value_text(v);
    size_t begin = wr_utf8_offset(s, (size_t)i);
    if (begin >= s.len) {
        return wr_undefined();
    }
    size_t end = begin;
    wr_utf8_next(s, &end);
    return wr_string(wr_str_cut(s, begin, end));
}

enum wr_operator wr_operator_mirrored(enum wr_operator op)
{
    return op == WR_OP_LT   ? WR_OP_GT
           : op == WR_OP_LE ? WR_OP_GE
           : op == WR_OP_GT ? WR_OP_LT
           : op == WR_OP_GE ? WR_OP_LE
                            : op;
}

enum wr_operator wr_operator_negated(enum wr_operator op)
{
    return op == WR_OP_LT   ? WR_OP_GE
           : op == WR_OP_LE ? WR_OP_GT
           : op == WR_OP_GT ? WR_OP_LE
           : op == WR_OP_GE ? WR_OP_LT
           : op == WR_OP_EQ ? WR_OP_NE
                            : WR_OP_EQ;
}
