// Comparisons whose answer is always the same because of types: sql.md 6, "no conversion".
#include "sql/convert.h"
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

static bool is_constant_text(const struct wr_fact *f)
{
    return f->constant && f->value.type == WR_STRING;
}

// Whether all that it can be, when it is anything, lies in the set.
static bool only(const struct wr_fact *f, unsigned set)
{
    return (f->can & ~WR_CAN_UNDEFINED) && !(f->can & ~WR_CAN_UNDEFINED & ~set);
}

// ---- names in double quotes

static bool looks_like_name(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '.';
        if (!letter && !(later && i > 0)) {
            return false;
        }
    }
    return s.len > 0;
}

static bool in_double_quotes(const struct wr_linter *l, const struct wr_node *n)
{
    return n->kind == WR_NODE_STRING && l->text.at[n->begin] == '"' && looks_like_name(n->text);
}

bool wr_linter_quoted_name(struct wr_linter *l, const struct wr_node *n)
{
    if (n->kind != WR_NODE_BINARY || n->op < WR_OP_EQ || n->op > WR_OP_IN) {
        return false;
    }
    const struct wr_node *name = n->kids[0], *other = n->kids[1];
    if (!in_double_quotes(l, name)) {
        name = n->kids[1];
        other = n->kids[0];
    }
    if (!in_double_quotes(l, name) || !wr_linter_fact(l, other)->constant) {
        return false;
    }
    wr_linter_add_node(l, WR_LINT_QUOTED_NAME, name,
                       "%.*s is the text '%.*s', not the field of that name",
                       WR_LINT_SOURCE(l, name), WR_STR_ARG(name->text));
    return true;
}

// ---- types that are never equal

static void never_equal(struct wr_linter *l, const struct wr_node *place,
                        const struct wr_node *left, const struct wr_node *right)
{
    const struct wr_fact *a = wr_linter_fact(l, left), *b = wr_linter_fact(l, right);
    bool number_text =
        (only(a, WR_CAN_NUMBER) && only(b, WR_CAN_STRING) && (b->can & WR_CAN_NUMERIC)) ||
        (only(b, WR_CAN_NUMBER) && only(a, WR_CAN_STRING) && (a->can & WR_CAN_NUMERIC));
    if (number_text) {
        wr_linter_add_node(l, WR_LINT_NUMBER_AND_TEXT, place,
                           "`%.*s` is %s and `%.*s` is %s: they are never equal",
                           WR_LINT_SOURCE(l, left), wr_can_name(a->can), WR_LINT_SOURCE(l, right),
                           wr_can_name(b->can));
    } else if (only(a, WR_CAN_STRING) && only(b, WR_CAN_STRING)) {
        if (a->constant && b->constant) {
            return; // 'a' = 'b': whoever writes that knows
        }
        wr_linter_add_node(
            l,
            a->no_upper || a->no_lower || b->no_upper || b->no_lower ? WR_LINT_LETTER_CASE
                                                                     : WR_LINT_NEVER_EQUAL,
            place, "`%.*s` never equals `%.*s`", WR_LINT_SOURCE(l, left), WR_LINT_SOURCE(l, right));
    } else if (!(only(a, b->can) && only(b, a->can)) &&
               !(only(a, WR_CAN_BOOLEAN) && only(b, WR_CAN_BOOLEAN)) &&
               !(only(a, WR_CAN_NUMBER) && only(b, WR_CAN_NUMBER))) {
        wr_linter_add_node(l, WR_LINT_NEVER_EQUAL, place,
                           "`%.*s` is %s and `%.*s` is %s: they are never equal",
                           WR_LINT_SOURCE(l, left), wr_can_name(a->can), WR_LINT_SOURCE(l, right),
                           wr_can_name(b->can));
    }
}

// Whether the two are never equal, neither of them being always Undefined.
static bool cannot_equal(const struct wr_linter *l, const struct wr_node *left,
                         const struct wr_node *right)
{
    const struct wr_fact *a = wr_linter_fact(l, left), *b = wr_linter_fact(l, right);
    bool yes, no;
    if (a->can == WR_CAN_UNDEFINED || b->can == WR_CAN_UNDEFINED) {
        return false;
    }
    wr_fact_equal(l, a, b, &yes, &no);
    return !yes;
}

// A number as people write it: no leading zeros, so that codes such as '0042' are left alone.
static bool plain_number(wr_str s)
{
    size_t i = s.len && s.at[0] == '-';
    bool zero = i + 1 < s.len && s.at[i] == '0' && s.at[i + 1] != '.';
    return wr_num_is_numeric_string(s) && !zero && s.len <= 15;
}

// x = '25' where x may as well be a number.
static void text_constant(struct wr_linter *l, const struct wr_node *n, const struct wr_node *field,
                          const struct wr_node *constant)
{
    const struct wr_fact *x = wr_linter_fact(l, field), *c = wr_linter_fact(l, constant);
    if (!is_constant_text(c) || x->constant || !(x->can & WR_CAN_TEXT)) {
        return;
    }
    bool number = (c->can & WR_CAN_NUMERIC) && (x->can & WR_CAN_NUMBER) &&
                  plain_number(wr_value_text(&c->value));
    bool truth = (c->can & WR_CAN_JUDGE) && (x->can & WR_CAN_BOOLEAN);
    if (number || truth) {
        wr_linter_add_node(
            l, WR_LINT_TEXT_CONSTANT, n, "`%.*s` %s the text %.*s: the %s %.*s is another value",
            WR_LINT_SOURCE(l, field), n->op == WR_OP_EQ ? "equals only" : "differs only from",
            WR_LINT_SOURCE(l, constant), number ? "number" : "Boolean",
            WR_STR_ARG(wr_value_text(&c->value)));
    }
}

static void equality(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_node *a = n->kids[0], *b = n->kids[1];
    if (cannot_equal(l, a, b)) {
        never_equal(l, n, a, b);
        return;
    }
    const struct wr_node *other = a->kind == WR_NODE_NULL ? b : a;
    bool null = a->kind == WR_NODE_NULL || b->kind == WR_NODE_NULL;
    if (null && n->op == WR_OP_EQ && (wr_linter_fact(l, other)->can & WR_CAN_UNDEFINED)) {
        wr_linter_add_node(l, WR_LINT_NULL_TEST, n, "with %.*s missing this is Undefined, not true",
                           WR_LINT_SOURCE(l, other));
        return;
    }
    text_constant(l, n, a, b);
    text_constant(l, n, b, a);
}

static void when(struct wr_linter *l, const struct wr_node *n)
{
    uint32_t arms = (n->kid_count - 1 - n->has_else) / 2;
    arms = arms < WR_LINT_TERMS_MAX ? arms
                                    : WR_LINT_TERMS_MAX; // each is compared with those before it
    for (uint32_t i = 0; i < arms; i++) {
        const struct wr_node *arm = n->kids[1 + 2 * i];
        const struct wr_fact *f = wr_linter_fact(l, arm);
        if (cannot_equal(l, n->kids[0], arm)) {
            wr_linter_add_node(l, WR_LINT_CASE_UNREACHABLE, arm,
                               "`%.*s` never equals `%.*s`, so this WHEN is never taken",
                               WR_LINT_SOURCE(l, n->kids[0]), WR_LINT_SOURCE(l, arm));
            continue;
        }
        for (uint32_t k = 0; k < i && f->constant; k++) {
            const struct wr_fact *before = wr_linter_fact(l, n->kids[1 + 2 * k]);
            if (before->constant && f->can != WR_CAN_UNDEFINED &&
                wr_value_equal(&f->value, &before->value, l->arena, l->num.dialect)) {
                wr_linter_add_node(l, WR_LINT_CASE_UNREACHABLE, arm,
                                   "an earlier WHEN has the value %.*s already",
                                   WR_LINT_SOURCE(l, arm));
                break;
            }
        }
    }
}

static void mixed_list(struct wr_linter *l, const struct wr_node *list)
{
    unsigned kinds = 0;
    for (uint32_t i = 0; i < list->kid_count; i++) {
        const struct wr_fact *item = wr_linter_fact(l, list->kids[i]);
        if (item->constant) {
            kinds |= item->can & WR_CAN_NUMBER    ? 1u
                     : item->can & WR_CAN_STRING  ? 2u
                     : item->can & WR_CAN_BOOLEAN ? 4u
                                                  : 0u;
        }
    }
    if (kinds & (kinds - 1)) {
        wr_linter_add_node(l, WR_LINT_MIXED_LIST, list,
                           "the list %.*s has items of different types, and IN does not convert",
                           WR_LINT_SOURCE(l, list));
    }
}

static void membership(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *x = wr_linter_fact(l, n->kids[0]);
    if (n->kids[1]->kind == WR_NODE_ARRAY) {
        mixed_list(l, n->kids[1]);
    }
    unsigned can = wr_linter_fact(l, n)->can;
    if (!(can & WR_CAN_TRUE) && (can & WR_CAN_FALSE) && !x->constant &&
        (n->kids[1]->kind != WR_NODE_ARRAY || n->kids[1]->kid_count > 0)) {
        wr_linter_add_node(
            l, WR_LINT_NEVER_EQUAL, n, "`%.*s` is %s and never equals an item of `%.*s`",
            WR_LINT_SOURCE(l, n->kids[0]), wr_can_name(x->can), WR_LINT_SOURCE(l, n->kids[1]));
    }
}

// ---- milliseconds

#define SECONDS_MIN 1000000000LL  // 2001, in seconds
#define SECONDS_MAX 99999999999LL // 5138, in seconds; 1973, in milliseconds

static void timestamp_unit(struct wr_linter *l, const struct wr_node *n)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct wr_fact *f = wr_linter_fact(l, n->kids[1 - i]);
        if (!wr_linter_is_call(n->kids[i], "timestamp") || !f->constant ||
            f->value.type != WR_NUMBER) {
            continue;
        }
        int64_t seconds = wr_num_floor_clamped(&f->value);
        if (seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) {
            wr_linter_add_node(l, WR_LINT_TIMESTAMP_UNIT, n,
                               "timestamp() counts milliseconds, %.*s looks like seconds",
                               WR_LINT_SOURCE(l, n->kids[1 - i]));
        }
    }
}

void wr_linter_compare(struct wr_linter *l, const struct wr_node *n)
{
    if (n->kind == WR_NODE_CASE) {
        when(l, n);
        return;
    }
    if (n->kind != WR_NODE_BINARY || n->op < WR_OP_EQ || n->op > WR_OP_IN) {
        return;
    }
    if (n->op == WR_OP_EQ || n->op == WR_OP_NE) {
        equality(l, n);
    }
    if (n->op == WR_OP_IN) {
        membership(l, n);
    } else {
        timestamp_unit(l, n);
    }
}
