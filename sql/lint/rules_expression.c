// The walk over expressions: each node is shown to the families of rules once.
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

// Whether something right below `n` is always Undefined, so that it is said there.
static bool said_below(const struct wr_linter *l, const struct wr_node *n)
{
    for (uint32_t i = 0; i < n->kid_count; i++) {
        if (wr_linter_fact(l, n->kids[i])->can == WR_CAN_UNDEFINED) {
            return true;
        }
    }
    return n->kind == WR_NODE_QUERY && wr_linter_fact(l, n->query->source)->can == WR_CAN_UNDEFINED;
}

static void query(struct wr_linter *l, const struct wr_query *q, struct wr_lint_place place)
{
    wr_linter_expression(l, q->source, (struct wr_lint_place){.row = place.row});
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_item *item = &q->items[i];
        bool shown = !item->star && !item->all;
        wr_linter_expression(l, item->expr, (struct wr_lint_place){.item = shown, .row = true});
    }
    if (q->where) {
        wr_linter_expression(l, q->where, (struct wr_lint_place){.row = true});
        wr_linter_where(l, q->where);
    }
    wr_linter_items(l, q);
}

void wr_linter_expression(struct wr_linter *l, const struct wr_node *n, struct wr_lint_place place)
{
    bool nothing = wr_linter_fact(l, n)->can == WR_CAN_UNDEFINED;
    if (nothing && !said_below(l, n)) {
        wr_linter_undefined(l, n);
    } else if (!nothing && !wr_linter_quoted_name(l, n)) {
        wr_linter_compare(l, n);
    }
    if (!nothing) {
        wr_linter_value(l, n, place);
    }
    bool contains = n->kind == WR_NODE_ARRAY || n->kind == WR_NODE_OBJECT ||
                    n->kind == WR_NODE_PAIR || (n->kind == WR_NODE_UNARY && n->op == WR_OP_NEG);
    for (uint32_t i = 0; i < n->kid_count; i++) {
        wr_linter_expression(l, n->kids[i],
                             (struct wr_lint_place){n, place.item && contains, place.row});
    }
    if (n->kind == WR_NODE_QUERY) {
        query(l, n->query, place);
    }
}
