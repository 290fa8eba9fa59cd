// Which fields an expression cannot do without: when one is missing the expression is Undefined.
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

// A name or a member of one, down to the payload or the row.
static bool is_field(const struct wr_node *n)
{
    while (n->kind == WR_NODE_MEMBER) {
        n = n->kids[0];
        if (n->kind == WR_NODE_STAR) {
            return true;
        }
    }
    return n->kind == WR_NODE_NAME;
}

// `field` itself, or a member of it, is there when `whole` is: a.b needs a.
static bool leads_to(const struct wr_node *field, const struct wr_node *whole)
{
    for (;;) {
        if (wr_linter_same(field, whole)) {
            return true;
        }
        if (whole->kind != WR_NODE_MEMBER) {
            return false;
        }
        whole = whole->kids[0];
    }
}

bool wr_linter_needs_has(const struct wr_lint_needs *needs, const struct wr_node *field)
{
    for (uint32_t i = 0; i < needs->len; i++) {
        if (leads_to(field, needs->at[i])) {
            return true;
        }
    }
    return false;
}

static void add(struct wr_lint_needs *out, const struct wr_node *field)
{
    for (uint32_t i = 0; i < out->len; i++) {
        if (wr_linter_same(out->at[i], field)) {
            return;
        }
    }
    if (out->len < WR_LINT_NEEDS_MAX) {
        out->at[out->len++] = field;
    }
}

// Calls that have a value although an argument is missing, or of which it is not known.
static bool forgives(const struct wr_node *n)
{
    return (n->function->flags & WR_FN_LOOKUP) || wr_linter_is_call(n, "get_or_default") ||
           wr_linter_is_call(n, "nanvl") || wr_linter_is_call(n, "isNull") ||
           wr_linter_is_call(n, "isUndefined") || wr_linter_is_call(n, "concat");
}

void wr_linter_needs(const struct wr_node *n, struct wr_lint_needs *out)
{
    if (out->len == WR_LINT_NEEDS_MAX) {
        return;
    }
    if (is_field(n)) {
        add(out, n);
        return;
    }
    switch (n->kind) {
    case WR_NODE_CALL:
        if (forgives(n)) {
            return;
        }
        break;
    case WR_NODE_CASE:
        wr_linter_needs(n->kids[0], out);
        return;
    case WR_NODE_QUERY:
        wr_linter_needs(n->query->source, out);
        return;
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_EXISTS:
        return;
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_CAST:
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
    case WR_NODE_PAIR:
        break;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        wr_linter_needs(n->kids[i], out);
    }
}
