// Terms of an AND that exclude each other, and of an OR that leave nothing out. Each term that has
// to be true says something about one expression: of which kinds it is, between which numbers,
// which value it is or is not. Two terms about the same expression are compared.
#include "sql/convert.h"
#include "sql/lint/linter.h"
#include "sql/operator.h"

#include "sql/base/banned.h"

// What holds of `about` when a term is true.
struct restriction {
    const struct wr_node *about; // NULL: nothing that helps
    unsigned can;
    bool has_low, has_high, low_open, high_open;
    wr_value low, high; // numbers
    bool has_value, has_other;
    wr_value value, other; // it is / it is not that
};

uint32_t wr_linter_terms(const struct wr_node *n, enum wr_operator op, const struct wr_node **terms,
                         uint32_t max)
{
    // A chain leans to the left, so this is deep only there; the tree's height bounds it.
    if (n->kind != WR_NODE_BINARY || n->op != op) {
        if (max > 0) {
            terms[0] = n;
        }
        return max > 0;
    }
    uint32_t count = wr_linter_terms(n->kids[0], op, terms, max);
    return count + wr_linter_terms(n->kids[1], op, terms + count, max - count);
}

bool wr_linter_same(const struct wr_node *a, const struct wr_node *b)
{
    if (a->kind != b->kind || a->kid_count != b->kid_count || a->query || b->query) {
        return false; // nested queries are not compared
    }
    switch (a->kind) {
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_PAIR:
        if (!wr_str_eq(a->text, b->text)) {
            return false;
        }
        break;
    case WR_NODE_CALL:
        if (a->function != b->function) {
            return false;
        }
        break;
    case WR_NODE_CAST:
        if (a->cast != b->cast) {
            return false;
        }
        break;
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
        if (a->op != b->op) {
            return false;
        }
        break;
    case WR_NODE_CASE:
        if (a->has_else != b->has_else) {
            return false;
        }
        break;
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        break;
    }
    for (uint32_t i = 0; i < a->kid_count; i++) {
        if (!wr_linter_same(a->kids[i], b->kids[i])) {
            return false;
        }
    }
    return true;
}

// A call that may answer otherwise when it is asked again for the same message.
static bool is_fickle(const struct wr_node *n)
{
    return n->kind == WR_NODE_CALL &&
           ((n->function->flags & WR_FN_LOOKUP) || wr_linter_is_call(n, "rand") ||
            wr_linter_is_call(n, "newuuid") || wr_linter_is_call(n, "decode"));
}

// ---- what a term says

static bool number_of(const struct wr_linter *l, const struct wr_fact *f, wr_value *out)
{
    wr_value v = f->value;
    if (!f->constant || !(f->can & WR_CAN_COUNT)) {
        return false;
    }
    *out = wr_convert_decimal(&l->num, &v);
    return out->type == WR_NUMBER;
}

static void bounds(struct restriction *r, enum wr_operator op, wr_value n)
{
    bool low = op == WR_OP_GT || op == WR_OP_GE || op == WR_OP_EQ;
    bool high = op == WR_OP_LT || op == WR_OP_LE || op == WR_OP_EQ;
    if (low) {
        r->has_low = true;
        r->low = n;
        r->low_open = op == WR_OP_GT;
    }
    if (high) {
        r->has_high = true;
        r->high = n;
        r->high_open = op == WR_OP_LT;
    }
}

// `about op constant` is true.
static struct restriction compared(const struct wr_linter *l, const struct wr_node *about,
                                   enum wr_operator op, const struct wr_fact *constant)
{
    struct restriction r = {.about = about, .can = WR_CAN_ALL & ~WR_CAN_UNDEFINED};
    wr_value n;
    bool number = number_of(l, constant, &n);
    // Large values are not compared with each other term.
    bool whole = constant->can & (WR_CAN_ARRAY | WR_CAN_OBJECT);
    if (op == WR_OP_NE) {
        r.has_other = !whole;
        r.other = constant->value;
        return r;
    }
    if (op == WR_OP_EQ) {
        r.can = constant->can & WR_CAN_NUMBER ? WR_CAN_NUMBER : constant->can;
        r.has_value = !whole;
        r.value = constant->value;
        if (number) {
            bounds(&r, WR_OP_EQ, n);
        }
        return r;
    }
    if (!number) { // always Undefined: reported elsewhere
        return (struct restriction){0};
    }
    r.can = WR_CAN_COUNT;
    bounds(&r, op, n);
    return r;
}

static struct restriction restrict_to(struct wr_linter *l, const struct wr_node *n, bool wanted);

// A Boolean, or Undefined: what `= true` and `= false` behind it only say again.
static bool is_test(const struct wr_node *n)
{
    return (n->kind == WR_NODE_BINARY && n->op <= WR_OP_IN) || n->kind == WR_NODE_EXISTS ||
           (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT) ||
           wr_linter_is_call(n, "isUndefined") || wr_linter_is_call(n, "isNull");
}

static struct restriction comparison(struct wr_linter *l, const struct wr_node *n, bool wanted)
{
    const struct wr_fact *a = wr_linter_fact(l, n->kids[0]), *b = wr_linter_fact(l, n->kids[1]);
    enum wr_operator op = wanted ? n->op : wr_operator_negated(n->op);
    const struct wr_node *about = n->kids[0];
    if (a->constant) {
        const struct wr_fact *swap = a;
        a = b;
        b = swap;
        about = n->kids[1];
        op = wr_operator_mirrored(op);
    }
    if (a->constant || !b->constant || b->can == WR_CAN_UNDEFINED) {
        return (struct restriction){0};
    }
    if ((op == WR_OP_EQ || op == WR_OP_NE) && (b->can & WR_CAN_BOOLEAN) && is_test(about)) {
        return restrict_to(l, about, (b->can == WR_CAN_TRUE) == (op == WR_OP_EQ));
    }
    return compared(l, about, op, b);
}

// `about IN list` is true: one of the kinds of the items, and between the least and the largest
// when all are numbers.
static struct restriction listed(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *list = wr_linter_fact(l, n->kids[1]);
    if (!list->constant || list->value.type != WR_ARRAY ||
        wr_linter_fact(l, n->kids[0])->constant) {
        return (struct restriction){0};
    }
    struct restriction r = {.about = n->kids[0]};
    for (uint32_t i = 0; i < list->value.len; i++) {
        wr_value item = list->value.as.items[i];
        wr_value_force(&item, l->arena, l->num.dialect);
        unsigned can = wr_can_of(&item);
        r.can |= can & WR_CAN_NUMBER ? WR_CAN_NUMBER : can & WR_CAN_STRING ? WR_CAN_STRING : can;
        if (can & WR_CAN_NUMBER) {
            if (!r.has_low || wr_num_cmp(&item, &r.low) < 0) {
                r.low = item;
            }
            if (!r.has_high || wr_num_cmp(&item, &r.high) > 0) {
                r.high = item;
            }
            r.has_low = r.has_high = true;
        }
    }
    if (r.can & ~WR_CAN_NUMBER) {
        r.has_low = r.has_high = false;
    }
    return r;
}

// What holds when `n` is true as a condition, or, not `wanted`, when it is false.
static struct restriction restrict_to(struct wr_linter *l, const struct wr_node *n, bool wanted)
{
    struct restriction none = {0};
    if (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT) {
        return restrict_to(l, n->kids[0], !wanted);
    }
    if (n->kind == WR_NODE_BINARY && n->op >= WR_OP_EQ && n->op <= WR_OP_GE) {
        return comparison(l, n, wanted);
    }
    if (n->kind == WR_NODE_BINARY && n->op == WR_OP_IN) {
        return wanted ? listed(l, n) : none;
    }
    bool undefined = wr_linter_is_call(n, "isUndefined");
    if ((undefined || wr_linter_is_call(n, "isNull")) && n->kid_count == 1) {
        unsigned kind = undefined ? WR_CAN_UNDEFINED : WR_CAN_NULL;
        return (struct restriction){.about = n->kids[0], .can = wanted ? kind : WR_CAN_ALL & ~kind};
    }
    if (n->kind == WR_NODE_NAME || n->kind == WR_NODE_MEMBER || n->kind == WR_NODE_VARIABLE) {
        return (struct restriction){.about = n, .can = wanted ? WR_CAN_HOLD : WR_CAN_FAIL};
    }
    return none;
}

// ---- comparing

static bool empty_between(const struct restriction *a, const struct restriction *b)
{
    if (!a->has_low || !b->has_high) {
        return false;
    }
    int cmp = wr_num_cmp(&a->low, &b->high);
    return cmp > 0 || (cmp == 0 && (a->low_open || b->high_open));
}

static bool same_value(const struct wr_linter *l, const wr_value *a, const wr_value *b)
{
    return wr_value_equal(a, b, l->arena, l->num.dialect);
}

static bool exclude(const struct wr_linter *l, const struct restriction *a,
                    const struct restriction *b)
{
    if (!(a->can & b->can & wr_linter_fact(l, a->about)->can)) {
        return true;
    }
    if (empty_between(a, b) || empty_between(b, a)) {
        return true;
    }
    return (a->has_value && b->has_value && !same_value(l, &a->value, &b->value)) ||
           (a->has_value && b->has_other && same_value(l, &a->value, &b->other)) ||
           (b->has_value && a->has_other && same_value(l, &b->value, &a->other));
}

// One of both terms holds for every value: x <> 1 OR x <> 2.
static bool cover(const struct wr_linter *l, const struct restriction *a,
                  const struct restriction *b)
{
    return a->has_other && b->has_other && !same_value(l, &a->other, &b->other);
}

static bool find_pair(struct wr_linter *l, const struct wr_node *n, enum wr_operator op,
                      bool (*hit)(const struct wr_linter *l, const struct restriction *a,
                                  const struct restriction *b),
                      struct wr_lint_conflict *out)
{
    const struct wr_node *terms[WR_LINT_TERMS_MAX];
    struct restriction says[WR_LINT_TERMS_MAX];
    uint32_t count = wr_linter_terms(n, op, terms, WR_LINT_TERMS_MAX);
    bool found = false;
    for (uint32_t i = 0; i < count && !found; i++) {
        says[i] = restrict_to(l, terms[i], true);
        if (says[i].about && wr_node_find(says[i].about, is_fickle)) {
            says[i].about = NULL;
        }
        for (uint32_t k = 0; says[i].about && k < i && !found; k++) {
            if (says[k].about && wr_linter_same(says[k].about, says[i].about) &&
                hit(l, &says[k], &says[i])) {
                *out = (struct wr_lint_conflict){terms[k], terms[i]};
                found = true;
            }
        }
    }
    l->arena->over = false;
    return found;
}

bool wr_linter_conflict(struct wr_linter *l, const struct wr_node *n, struct wr_lint_conflict *out)
{
    return find_pair(l, n, WR_OP_AND, exclude, out);
}

bool wr_linter_covers(struct wr_linter *l, const struct wr_node *n, struct wr_lint_conflict *out)
{
    return find_pair(l, n, WR_OP_OR, cover, out);
}
