// What values operators give: sql.md 6 and 8.4, on sets of kinds.
#include "sql/convert.h"
#include "sql/lint/linter.h"
#include "sql/operator.h"

#include "sql/base/banned.h"

static struct wr_fact some(unsigned can)
{
    return (struct wr_fact){.can = (uint16_t)can};
}

// Whether one of the kinds is of the set.
static bool meets(const struct wr_fact *f, unsigned set)
{
    return f->can & set;
}

static bool has_letter(wr_str s, char from, char to)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] >= from && s.at[i] <= to) {
            return true;
        }
    }
    return false;
}

static bool of_other_case(const struct wr_fact *a, const struct wr_fact *b)
{
    if (!b->constant || b->value.type != WR_STRING) {
        return false;
    }
    wr_str s = wr_value_text(&b->value);
    return (a->no_upper && has_letter(s, 'A', 'Z')) || (a->no_lower && has_letter(s, 'a', 'z'));
}

void wr_fact_equal(const struct wr_linter *l, const struct wr_fact *a, const struct wr_fact *b,
                   bool *yes, bool *no)
{
    if (a->constant && b->constant) {
        *yes = wr_value_equal(&a->value, &b->value, l->arena, l->num.dialect);
        *no = !*yes;
        return;
    }
    unsigned both = a->can & b->can & ~WR_CAN_UNDEFINED;
    bool numbers = meets(a, WR_CAN_NUMBER) && meets(b, WR_CAN_NUMBER);
    *yes = both || numbers;
    // Kinds of one value are equal to themselves; so they differ unless both sides have the same.
    unsigned single = WR_CAN_NULL | WR_CAN_TRUE | WR_CAN_FALSE;
    unsigned all = (a->can | b->can) & ~WR_CAN_UNDEFINED;
    *no = !(all & ~single) ? (all & (all - 1)) != 0 : true;
    bool only_text = !((a->can | b->can) & ~(WR_CAN_STRING | WR_CAN_UNDEFINED));
    if (only_text && (of_other_case(a, b) || of_other_case(b, a))) {
        *yes = false;
    }
}

static unsigned equal(const struct wr_linter *l, const struct wr_fact *a, const struct wr_fact *b,
                      bool negate)
{
    bool yes, no;
    unsigned can = (a->can | b->can) & WR_CAN_UNDEFINED;
    if (!meets(a, ~WR_CAN_UNDEFINED) || !meets(b, ~WR_CAN_UNDEFINED)) {
        return WR_CAN_UNDEFINED;
    }
    wr_fact_equal(l, a, b, &yes, &no);
    can |= yes ? (negate ? WR_CAN_FALSE : WR_CAN_TRUE) : 0u;
    can |= no ? (negate ? WR_CAN_TRUE : WR_CAN_FALSE) : 0u;
    return can;
}

static unsigned order(const struct wr_fact *a, const struct wr_fact *b)
{
    if (!meets(a, WR_CAN_COUNT) || !meets(b, WR_CAN_COUNT)) {
        return WR_CAN_UNDEFINED;
    }
    bool other = meets(a, ~WR_CAN_COUNT) || meets(b, ~WR_CAN_COUNT);
    return WR_CAN_BOOLEAN | (other ? WR_CAN_UNDEFINED : 0u);
}

// AND and OR: every pair of what the sides can be.
static unsigned join(enum wr_operator op, const struct wr_fact *a, const struct wr_fact *b)
{
    unsigned can = 0;
    bool a_true = meets(a, WR_CAN_HOLD), a_false = meets(a, WR_CAN_FAIL);
    bool b_true = meets(b, WR_CAN_HOLD), b_false = meets(b, WR_CAN_FAIL);
    if (meets(a, ~WR_CAN_JUDGE) || meets(b, ~WR_CAN_JUDGE)) {
        can |= WR_CAN_UNDEFINED;
    }
    bool both_true = a_true && b_true, both_false = a_false && b_false;
    bool mixed = (a_true && b_false) || (a_false && b_true);
    can |= (op == WR_OP_AND ? both_true : both_true || mixed) ? WR_CAN_TRUE : 0u;
    can |= (op == WR_OP_AND ? both_false || mixed : both_false) ? WR_CAN_FALSE : 0u;
    return can;
}

static bool is_zero(const struct wr_linter *l, const struct wr_fact *f)
{
    if (!f->constant) {
        return false;
    }
    wr_value v = f->value;
    wr_value n = wr_convert_decimal(&l->num, &v);
    return n.type == WR_NUMBER && wr_num_is_zero(&n);
}

static unsigned arithmetic(const struct wr_linter *l, enum wr_operator op, const struct wr_fact *a,
                           const struct wr_fact *b)
{
    bool divides = op == WR_OP_DIV || op == WR_OP_MOD;
    if (!meets(a, WR_CAN_COUNT) || !meets(b, WR_CAN_COUNT) || (divides && is_zero(l, b))) {
        return WR_CAN_UNDEFINED;
    }
    bool only_ints = !meets(a, ~WR_CAN_INT) && !meets(b, ~WR_CAN_INT);
    if (!only_ints) {
        return WR_CAN_NUMBER | WR_CAN_UNDEFINED; // out of range, or an operand that is no number
    }
    // An Int of more than 34 digits becomes a Decimal.
    return divides ? (b->constant ? WR_CAN_INT : WR_CAN_INT | WR_CAN_UNDEFINED) : WR_CAN_NUMBER;
}

static unsigned add(const struct wr_linter *l, const struct wr_fact *a, const struct wr_fact *b)
{
    unsigned can = 0;
    if ((meets(a, WR_CAN_STRING) && meets(b, WR_CAN_SPELL)) ||
        (meets(b, WR_CAN_STRING) && meets(a, WR_CAN_SPELL))) {
        can |= WR_CAN_STRING;
    }
    if (meets(a, WR_CAN_NUMBER) && meets(b, WR_CAN_NUMBER)) {
        struct wr_fact x = some(a->can & WR_CAN_NUMBER), y = some(b->can & WR_CAN_NUMBER);
        can |= arithmetic(l, WR_OP_ADD, &x, &y);
    }
    // What is left of the pairs has no value.
    unsigned a_other = a->can & ~(WR_CAN_NUMBER | WR_CAN_STRING);
    unsigned b_other = b->can & ~(WR_CAN_NUMBER | WR_CAN_STRING);
    bool text = !meets(a, ~WR_CAN_STRING) || !meets(b, ~WR_CAN_STRING);
    unsigned spoils = text ? ~(unsigned)WR_CAN_SPELL : ~0u;
    return can | ((a_other & spoils) || (b_other & spoils) ? WR_CAN_UNDEFINED : 0u) |
           (can ? 0u : WR_CAN_UNDEFINED);
}

// Whether an item of the list can equal `x`; the list is known or a literal.
static bool may_be_in(struct wr_linter *l, const struct wr_fact *x, const struct wr_node *list,
                      const struct wr_fact *fact)
{
    bool yes = true, no;
    if (fact->constant && fact->value.type == WR_ARRAY) {
        yes = false;
        for (uint32_t i = 0; i < fact->value.len && !yes; i++) {
            struct wr_fact item = wr_linter_fixed(l, fact->value.as.items[i]);
            wr_fact_equal(l, x, &item, &yes, &no);
        }
    } else if (list->kind == WR_NODE_ARRAY) {
        yes = false;
        for (uint32_t i = 0; i < list->kid_count && !yes; i++) {
            wr_fact_equal(l, x, wr_linter_fact(l, list->kids[i]), &yes, &no);
        }
    }
    return yes;
}

static unsigned in(struct wr_linter *l, const struct wr_node *n, const struct wr_fact *a,
                   const struct wr_fact *b)
{
    if (!meets(a, ~WR_CAN_UNDEFINED) || !meets(b, WR_CAN_ARRAY)) {
        return WR_CAN_UNDEFINED;
    }
    bool undefined = meets(a, WR_CAN_UNDEFINED) || meets(b, ~WR_CAN_ARRAY);
    return (may_be_in(l, a, n->kids[1], b) ? WR_CAN_BOOLEAN : WR_CAN_FALSE) |
           (undefined ? WR_CAN_UNDEFINED : 0u);
}

struct wr_fact wr_linter_binary_fact(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *a = wr_linter_fact(l, n->kids[0]), *b = wr_linter_fact(l, n->kids[1]);
    if (a->constant && b->constant) {
        wr_value x = a->value, y = b->value;
        struct wr_arena_mark mark = wr_arena_mark(l->arena);
        return wr_linter_folded(l, mark, wr_operator_binary(&l->num, n->op, &x, &y, NULL));
    }
    switch (n->op) {
    case WR_OP_AND:
    case WR_OP_OR:
        return some(join(n->op, a, b));
    case WR_OP_EQ:
    case WR_OP_NE:
        return some(equal(l, a, b, n->op == WR_OP_NE));
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        return some(order(a, b));
    case WR_OP_IN:
        return some(in(l, n, a, b));
    case WR_OP_ADD:
        return some(add(l, a, b));
    case WR_OP_SUB:
    case WR_OP_MUL:
    case WR_OP_DIV:
    case WR_OP_MOD:
        return some(arithmetic(l, n->op, a, b));
    case WR_OP_NOT:
    case WR_OP_NEG:
        break;
    }
    return some(WR_CAN_ALL);
}

struct wr_fact wr_linter_unary_fact(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *a = wr_linter_fact(l, n->kids[0]);
    if (a->constant) {
        wr_value v = a->value;
        return wr_linter_fixed(l, n->op == WR_OP_NOT ? wr_operator_not(&v, &l->num)
                                                     : wr_operator_neg(&v, &l->num));
    }
    unsigned can;
    if (n->op == WR_OP_NOT) {
        can = (meets(a, WR_CAN_HOLD) ? WR_CAN_FALSE : 0u) |
              (meets(a, WR_CAN_FAIL) ? WR_CAN_TRUE : 0u) |
              (meets(a, ~WR_CAN_JUDGE) ? WR_CAN_UNDEFINED : 0u);
    } else {
        can = (meets(a, WR_CAN_COUNT) ? WR_CAN_NUMBER : 0u) |
              (meets(a, ~WR_CAN_COUNT) ? WR_CAN_UNDEFINED : 0u);
    }
    return some(can);
}

struct wr_fact wr_linter_cast_fact(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *a = wr_linter_fact(l, n->kids[0]);
    if (a->constant) {
        wr_value v = a->value;
        struct wr_arena_mark mark = wr_arena_mark(l->arena);
        return wr_linter_folded(l, mark, wr_convert_cast(&l->num, &v, n->cast));
    }
    unsigned from = 0, to = 0;
    switch (n->cast) {
    case WR_CAST_STRING:
        from = WR_CAN_SPELL, to = WR_CAN_STRING;
        break;
    case WR_CAST_INT:
    case WR_CAST_DECIMAL:
    case WR_CAST_DOUBLE:
        from = WR_CAN_COUNT | WR_CAN_BOOLEAN, to = WR_CAN_NUMBER;
        break;
    case WR_CAST_BOOLEAN:
        from = WR_CAN_NUMBER | WR_CAN_JUDGE, to = WR_CAN_BOOLEAN;
        break;
    }
    // A number that a Double cannot hold may become Undefined.
    bool undefined = meets(a, ~from) || n->cast == WR_CAST_DOUBLE;
    return some((meets(a, from) ? to : 0u) | (undefined ? WR_CAN_UNDEFINED : 0u));
}

struct wr_fact wr_linter_case_fact(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *operand = wr_linter_fact(l, n->kids[0]);
    unsigned can = operand->can & WR_CAN_UNDEFINED;
    if (!meets(operand, ~WR_CAN_UNDEFINED)) {
        return some(WR_CAN_UNDEFINED);
    }
    uint32_t arms = (n->kid_count - 1 - n->has_else) / 2;
    bool taken = false; // one WHEN always is
    for (uint32_t i = 0; i < arms && !taken; i++) {
        unsigned match = equal(l, operand, wr_linter_fact(l, n->kids[1 + 2 * i]), false);
        if (match & WR_CAN_TRUE) {
            can |= wr_linter_fact(l, n->kids[2 + 2 * i])->can;
        }
        taken = match == WR_CAN_TRUE;
    }
    if (!taken) {
        can |= n->has_else ? wr_linter_fact(l, n->kids[n->kid_count - 1])->can : WR_CAN_UNDEFINED;
    }
    return some(can);
}
