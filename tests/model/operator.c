// Operators: the table of sql.md 6, row by row.
#include "tests/model/model.h"

#include <string.h>

static mval logic(struct model_text op, mval a, mval b)
{
    mval x = model_to_bool(a), y = model_to_bool(b);
    if (x->type != MODEL_BOOL || y->type != MODEL_BOOL) {
        return &model_undefined;
    }
    return model_bool(op.at[0] == 'A' ? x->truth && y->truth : x->truth || y->truth);
}

static mval order(struct model *m, struct model_text op, mval a, mval b)
{
    mval x = model_to_decimal(m, a), y = model_to_decimal(m, b);
    if (!model_is_number(x) || !model_is_number(y)) {
        return &model_undefined;
    }
    int c = model_compare(x, y);
    bool equal = op.len == 2 && c == 0;
    return model_bool(equal || (op.at[0] == '<' ? c < 0 : c > 0));
}

static mval equality(struct model_text op, mval a, mval b)
{
    if (a->type == MODEL_UNDEFINED || b->type == MODEL_UNDEFINED) {
        return &model_undefined;
    }
    return model_bool(model_equal(a, b) == (op.at[0] == '='));
}

static mval plus_text(struct model *m, mval a, mval b)
{
    mval x = model_to_string(m, a), y = model_to_string(m, b);
    if (x->type != MODEL_STRING || y->type != MODEL_STRING) {
        return &model_undefined;
    }
    struct model_buf text = {.m = m};
    model_add(&text, x->text);
    model_add(&text, y->text);
    return model_string(m, model_buf_text(&text));
}

// The quotient of two Ints without its fraction: what the remainder leaves divides exactly.
static BID_UINT128 cut_quotient(BID_UINT128 a, BID_UINT128 b)
{
    _IDEC_flags flags = 0;
    BID_UINT128 rest = bid128_fmod(a, b, &flags);
    BID_UINT128 whole = bid128_sub(a, rest, WR_BID_HALF_EVEN, &flags);
    return bid128_div(whole, b, WR_BID_HALF_EVEN, &flags);
}

static mval arithmetic(struct model *m, char op, mval a, mval b)
{
    mval x = model_to_decimal(m, a), y = model_to_decimal(m, b);
    if (!model_is_number(x) || !model_is_number(y)) {
        return &model_undefined;
    }
    bool ints = x->type == MODEL_INT && y->type == MODEL_INT;
    // A String selects the row of Decimals, also where 2016-03-23 calls its whole number an Int.
    bool quotient_is_int = a->type == MODEL_INT && b->type == MODEL_INT;
    BID_UINT128 n = x->number, d = y->number;
    _IDEC_flags flags = 0;
    if ((op == '/' || op == '%') && model_digits_of(d).count == 0) {
        return &model_undefined;
    }
    switch (op) {
    case '+':
        return model_number(m, bid128_add(n, d, WR_BID_HALF_EVEN, &flags), ints);
    case '-':
        return model_number(m, bid128_sub(n, d, WR_BID_HALF_EVEN, &flags), ints);
    case '*':
        return model_number(m, bid128_mul(n, d, WR_BID_HALF_EVEN, &flags), ints);
    case '%':
        return model_number(m, bid128_fmod(n, d, &flags), ints);
    default:
        if (quotient_is_int) {
            return model_number(m, cut_quotient(n, d), true);
        }
        return model_number(m, bid128_div(n, d, WR_BID_HALF_EVEN, &flags), false);
    }
}

static mval in(mval x, mval a)
{
    if (x->type == MODEL_UNDEFINED || a->type != MODEL_ARRAY) {
        return &model_undefined;
    }
    for (size_t i = 0; i < a->list.count; i++) {
        if (a->list.at[i].value->type != MODEL_UNDEFINED && model_equal(x, a->list.at[i].value)) {
            return &model_true;
        }
    }
    return &model_false;
}

mval model_binary(struct model *m, struct model_text op, mval a, mval b)
{
    if (model_text_is(op, "AND") || model_text_is(op, "OR")) {
        return logic(op, a, b);
    }
    if (model_text_is(op, "IN")) {
        return in(a, b);
    }
    if (model_text_is(op, "=") || model_text_is(op, "<>") || model_text_is(op, "!=")) {
        return equality(op, a, b);
    }
    if (op.at[0] == '<' || op.at[0] == '>') {
        return order(m, op, a, b);
    }
    if (op.at[0] == '+' && (a->type == MODEL_STRING || b->type == MODEL_STRING)) {
        return plus_text(m, a, b);
    }
    return arithmetic(m, op.at[0], a, b);
}

mval model_unary(struct model *m, struct model_text op, mval a)
{
    if (model_text_is(op, "NOT")) {
        mval x = model_to_bool(a);
        return x->type == MODEL_BOOL ? model_bool(!x->truth) : &model_undefined;
    }
    mval x = model_to_decimal(m, a);
    if (!model_is_number(x)) {
        return &model_undefined;
    }
    return model_number(m, bid128_negate(x->number), x->type == MODEL_INT);
}
