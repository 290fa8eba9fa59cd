// WHERE, of the statement and of nested queries: whether it can be true, and what a missing field
// does to it (sql.md 6 and 16).
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

static bool is_binary(const struct wr_node *n, enum wr_operator op)
{
    return n->kind == WR_NODE_BINARY && n->op == op;
}

// ---- missing fields

// `isUndefined(field)`, also inside of `= true`.
static bool asks_for(const struct wr_node *n, const struct wr_node *field)
{
    if (wr_linter_is_call(n, "isUndefined") && n->kid_count == 1) {
        return wr_linter_same(n->kids[0], field);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        if (asks_for(n->kids[i], field)) {
            return true;
        }
    }
    return false;
}

// A term that is true only when the field is there: isUndefined(x) = false, NOT isUndefined(x).
static void add_asked(const struct wr_node *n, bool wanted, struct wr_lint_needs *out)
{
    if (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT) {
        add_asked(n->kids[0], !wanted, out);
    } else if (is_binary(n, WR_OP_EQ) && n->kids[1]->kind == WR_NODE_TRUE) {
        add_asked(n->kids[0], wanted, out);
    } else if (is_binary(n, WR_OP_EQ) && n->kids[1]->kind == WR_NODE_FALSE) {
        add_asked(n->kids[0], !wanted, out);
    } else if (wr_linter_is_call(n, "isUndefined") && n->kid_count == 1 && !wanted) {
        wr_linter_needs(n->kids[0], out);
    }
}

// The first field that `n` needs and that nothing else makes sure of.
static const struct wr_node *unsure(const struct wr_node *n, const struct wr_lint_needs *sure)
{
    struct wr_lint_needs needs = {.len = 0};
    wr_linter_needs(n, &needs);
    for (uint32_t i = 0; i < needs.len; i++) {
        if (!wr_linter_needs_has(sure, needs.at[i])) {
            return needs.at[i];
        }
    }
    return NULL;
}

static void condition(struct wr_linter *l, const struct wr_node *n,
                      const struct wr_lint_needs *sure);

// What each term of a chain needs. In the arena; NULL when it is full.
static struct wr_lint_needs *needs_of(struct wr_linter *l, const struct wr_node *const *terms,
                                      uint32_t count, bool asked)
{
    struct wr_lint_needs *needs = wr_arena_alloc(l->arena, count * sizeof *needs);
    for (uint32_t i = 0; needs && i < count; i++) {
        needs[i].len = 0;
        wr_linter_needs(terms[i], &needs[i]);
        if (asked) {
            add_asked(terms[i], true, &needs[i]);
        }
    }
    return needs;
}

static void all_terms(struct wr_linter *l, const struct wr_node *n,
                      const struct wr_lint_needs *sure)
{
    const struct wr_node **terms = wr_arena_alloc(l->arena, WR_LINT_TERMS_MAX * sizeof *terms);
    uint32_t count = terms ? wr_linter_terms(n, n->op, terms, WR_LINT_TERMS_MAX) : 0;
    struct wr_lint_needs *needs = needs_of(l, terms, count, true);
    for (uint32_t i = 0; needs && i < count; i++) {
        struct wr_lint_needs others = *sure;
        for (uint32_t k = 0; k < count; k++) {
            for (uint32_t j = 0; k != i && j < needs[k].len && others.len < WR_LINT_NEEDS_MAX;
                 j++) {
                others.at[others.len++] = needs[k].at[j];
            }
        }
        condition(l, terms[i], &others);
    }
}

// A field that one term of the OR needs and another does without.
static const struct wr_node *killer(const struct wr_lint_needs *needs, uint32_t count,
                                    const struct wr_lint_needs *sure)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < needs[i].len; j++) {
            const struct wr_node *field = needs[i].at[j];
            bool sure_of_it = wr_linter_needs_has(sure, field);
            for (uint32_t k = 0; !sure_of_it && k < count; k++) {
                if (!wr_linter_needs_has(&needs[k], field)) {
                    return field;
                }
            }
        }
    }
    return NULL;
}

static void any_term(struct wr_linter *l, const struct wr_node *n, const struct wr_lint_needs *sure)
{
    const struct wr_node **terms = wr_arena_alloc(l->arena, WR_LINT_TERMS_MAX * sizeof *terms);
    uint32_t count = terms ? wr_linter_terms(n, n->op, terms, WR_LINT_TERMS_MAX) : 0;
    struct wr_lint_needs *needs = needs_of(l, terms, count, false);
    struct wr_lint_conflict pair;
    if (!needs) {
        return;
    }
    bool covered = wr_linter_covers(l, n, &pair);
    if (covered) {
        wr_linter_add_node(l, WR_LINT_UNEQUAL_OR, n,
                           "`%.*s` or `%.*s` holds for every value of the field",
                           WR_LINT_SOURCE(l, pair.a), WR_LINT_SOURCE(l, pair.b));
    }
    const struct wr_node *field = killer(needs, count, sure);
    if (field && asks_for(n, field)) {
        wr_linter_add_node(
            l, WR_LINT_USELESS_GUARD, n,
            "with %.*s missing this OR is Undefined, although isUndefined(%.*s) is true",
            WR_LINT_SOURCE(l, field), WR_LINT_SOURCE(l, field));
    } else if (field) {
        wr_linter_add_node(
            l, WR_LINT_UNGUARDED_OR, n,
            "with %.*s missing this OR is Undefined, even when its other side is true",
            WR_LINT_SOURCE(l, field));
    }
    // The OR is Undefined with any field missing that one of its terms needs: said once is enough.
    struct wr_lint_needs told = *sure;
    for (uint32_t i = 0; (field || covered) && i < count; i++) {
        for (uint32_t j = 0; j < needs[i].len && told.len < WR_LINT_NEEDS_MAX; j++) {
            told.at[told.len++] = needs[i].at[j];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        condition(l, terms[i], &told);
    }
}

// `n` decides whether something happens; the fields of `sure` are there when it does.
static void condition(struct wr_linter *l, const struct wr_node *n,
                      const struct wr_lint_needs *sure)
{
    if (is_binary(n, WR_OP_AND)) {
        all_terms(l, n, sure);
        return;
    }
    if (is_binary(n, WR_OP_OR)) {
        any_term(l, n, sure);
        return;
    }
    const struct wr_node *field;
    if (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT) {
        const struct wr_node *inner = n->kids[0];
        if (is_binary(inner, WR_OP_AND) || is_binary(inner, WR_OP_OR)) {
            condition(l, inner, sure);
        } else if ((field = unsure(n, sure))) {
            wr_linter_add_node(l, WR_LINT_NOT_MISSING, n, "`%.*s` does not hold with %.*s missing",
                               WR_LINT_SOURCE(l, n), WR_LINT_SOURCE(l, field));
        }
        return;
    }
    bool null = is_binary(n, WR_OP_NE) &&
                (n->kids[0]->kind == WR_NODE_NULL || n->kids[1]->kind == WR_NODE_NULL);
    if (is_binary(n, WR_OP_NE) && !null && (field = unsure(n, sure))) {
        wr_linter_add_node(l, WR_LINT_UNEQUAL_MISSING, n, "`%.*s` does not hold with %.*s missing",
                           WR_LINT_SOURCE(l, n), WR_LINT_SOURCE(l, field));
    }
}

// ---- never and always

// The innermost part that makes `n` never true.
static const struct wr_node *culprit(const struct wr_linter *l, const struct wr_node *n)
{
    while (is_binary(n, WR_OP_AND) && !wr_linter_conflict_of(l, n)) {
        bool first = !(wr_linter_fact(l, n->kids[0])->can & WR_CAN_HOLD);
        bool second = !(wr_linter_fact(l, n->kids[1])->can & WR_CAN_HOLD);
        if (!first && !second) {
            break;
        }
        n = n->kids[first ? 0 : 1];
    }
    return n;
}

static void never(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_node *why = culprit(l, n);
    const struct wr_lint_conflict *c = wr_linter_conflict_of(l, why);
    const struct wr_fact *fact = wr_linter_fact(l, why);
    if (c) {
        wr_linter_add_node(l, WR_LINT_CONDITION_NEVER, n, "`%.*s` and `%.*s` are never both true",
                           WR_LINT_SOURCE(l, c->a), WR_LINT_SOURCE(l, c->b));
    } else if (fact->can == WR_CAN_UNDEFINED) {
        wr_linter_add_node(l, WR_LINT_CONDITION_NEVER, n,
                           "never true, because `%.*s` is always Undefined",
                           WR_LINT_SOURCE(l, why));
    } else if (!(fact->can & WR_CAN_JUDGE)) {
        wr_linter_add_node(l, WR_LINT_CONDITION_NEVER, n,
                           "never true, because `%.*s` is %s and no Boolean",
                           WR_LINT_SOURCE(l, why), wr_can_name(fact->can));
    } else {
        wr_linter_add_node(l, WR_LINT_CONDITION_NEVER, n, "`%.*s` is never true",
                           WR_LINT_SOURCE(l, why));
    }
}

// Terms below `n` that exclude each other; that of `n` itself is reported by never().
static void inner_conflicts(struct wr_linter *l, const struct wr_node *n, bool top)
{
    if (!top && wr_linter_conflict_of(l, n)) {
        never(l, n);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        inner_conflicts(l, n->kids[i], false);
    }
}

static void lookups(struct wr_linter *l, const struct wr_node *n)
{
    if (n->kind == WR_NODE_CALL && (n->function->flags & WR_FN_LOOKUP)) {
        wr_linter_add_node(l, WR_LINT_LOOKUP_IN_WHERE, n,
                           "%s() is called for every message that fits the topic filter",
                           n->function->name);
        return;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        lookups(l, n->kids[i]);
    }
}

void wr_linter_where(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *fact = wr_linter_fact(l, n);
    bool impossible = !(fact->can & WR_CAN_HOLD);
    struct wr_lint_needs sure = {.len = 0};
    if (impossible) {
        never(l, n);
    } else if (!(fact->can & ~WR_CAN_HOLD)) {
        wr_linter_add_node(l, WR_LINT_CONDITION_ALWAYS, n, "`%.*s` is true for every message",
                           WR_LINT_SOURCE(l, n));
    }
    inner_conflicts(l, n, impossible);
    if (!impossible) {
        condition(l, n, &sure);
    }
    lookups(l, n);
}
