// Names: aliases that are not visible where they are read, rows that do not see the payload,
// variables nobody reads, items that hide each other.
#include "sql/base/hash.h"
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

#define ITEMS_COMPARED 256 // of one list; later ones are compared with none

typedef void (*visit_name)(void *user, const struct wr_node *name);

// Each name of the payload at and below `n`. Names in nested queries are members of rows, but for
// their sources.
static void each_name(const struct wr_node *n, visit_name visit, void *user)
{
    if (n->kind == WR_NODE_NAME) {
        visit(user, n);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        each_name(n->kids[i], visit, user);
    }
    if (n->kind == WR_NODE_QUERY) {
        each_name(n->query->source, visit, user);
    }
}

// ---- sets of names

void wr_lint_names_add(struct wr_lint_names *set, struct wr_arena *arena, wr_str name,
                       const void *value)
{
    if (4 * set->len >= 3 * set->cap) {
        uint32_t cap = set->cap ? 2 * set->cap : 32;
        struct wr_lint_name *at = wr_arena_alloc(arena, cap * sizeof *at);
        if (!at) {
            return;
        }
        memset(at, 0, cap * sizeof *at);
        struct wr_lint_names grown = {at, 0, cap};
        for (uint32_t i = 0; i < set->cap; i++) {
            if (set->at[i].name.at) {
                wr_lint_names_add(&grown, arena, set->at[i].name, set->at[i].value);
            }
        }
        *set = grown;
    }
    uint32_t at = (uint32_t)wr_hash_str(name) & (set->cap - 1);
    while (set->at[at].name.at && !wr_str_eq(set->at[at].name, name)) {
        at = (at + 1) & (set->cap - 1);
    }
    if (!set->at[at].name.at && name.at) {
        set->at[at] = (struct wr_lint_name){name, value};
        set->len++;
    }
}

static const struct wr_lint_name *find(const struct wr_lint_names *set, wr_str name)
{
    if (set->cap == 0 || !name.at) {
        return NULL;
    }
    uint32_t at = (uint32_t)wr_hash_str(name) & (set->cap - 1);
    while (set->at[at].name.at && !wr_str_eq(set->at[at].name, name)) {
        at = (at + 1) & (set->cap - 1);
    }
    return set->at[at].name.at ? &set->at[at] : NULL;
}

static void read_visit(void *user, const struct wr_node *name)
{
    struct wr_linter *l = user;
    wr_lint_names_add(&l->read, l->arena, name->text, name);
}

void wr_linter_collect(struct wr_linter *l)
{
    const struct wr_statement *st = &l->p->statement;
    for (uint32_t i = 0; i < st->assign_count; i++) {
        each_name(st->assigns[i].expr, read_visit, l);
    }
    for (uint32_t i = 0; i < st->select.item_count; i++) {
        const struct wr_item *item = &st->select.items[i];
        each_name(item->expr, read_visit, l);
        if (item->path_len > 0) {
            wr_lint_names_add(&l->given, l->arena, item->path[0], item);
        }
    }
}

// In the items and SET values of the statement, where it is meant as the payload's.
static bool read_elsewhere(const struct wr_linter *l, wr_str name)
{
    return find(&l->read, name);
}

// ---- aliases

struct alias_walk {
    struct wr_linter *l;
    enum wr_lint_code code;
    const char *where;
    struct wr_lint_names told; // once each is enough
};

static void alias_visit(void *user, const struct wr_node *name)
{
    struct alias_walk *w = user;
    struct wr_linter *l = w->l;
    const struct wr_lint_name *given = find(&l->given, name->text);
    if (!given || read_elsewhere(l, name->text) || find(&w->told, name->text)) {
        return;
    }
    wr_lint_names_add(&w->told, l->arena, name->text, name);
    const struct wr_item *item = given->value;
    wr_str source = wr_str_cut(l->p->statement.text, item->expr->begin, item->expr->end);
    wr_linter_add_node(l, w->code, name,
                       "`%.*s` names `%.*s` in the result; %s it is a member of the payload",
                       WR_STR_ARG(name->text), WR_STR_ARG(wr_linter_short(l, source)), w->where);
}

void wr_linter_template_names(struct wr_linter *l, const struct wr_node *n)
{
    struct alias_walk w = {.l = l, .code = WR_LINT_ALIAS_IN_TEMPLATE, .where = "in a template"};
    each_name(n, alias_visit, &w);
}

// ---- names in nested queries

// A name that is compared or combined with another name of the row, and that the statement reads
// outside as well.
static void outer_names(struct wr_linter *l, const struct wr_node *n, const struct wr_query *q)
{
    if (n->kind == WR_NODE_BINARY && n->op >= WR_OP_EQ && n->op != WR_OP_NOT) {
        for (uint32_t i = 0; i < 2; i++) {
            const struct wr_node *name = n->kids[i], *other = n->kids[1 - i];
            bool outer = name->kind == WR_NODE_NAME &&
                         !(q->source_alias.at && wr_str_eq(q->source_alias, name->text)) &&
                         read_elsewhere(l, name->text);
            if (!outer) {
                continue;
            }
            const struct wr_node *root = other;
            while (root->kind == WR_NODE_MEMBER) {
                root = root->kids[0];
            }
            if (root->kind == WR_NODE_NAME && !wr_str_eq(root->text, name->text)) {
                wr_linter_add_node(l, WR_LINT_OUTER_NAME, name,
                                   "`%.*s` is read as a member of the row here, not of the payload",
                                   WR_STR_ARG(name->text));
                return;
            }
        }
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        outer_names(l, n->kids[i], q);
    }
}

static void nested(struct wr_linter *l, const struct wr_node *n)
{
    if (n->kind == WR_NODE_QUERY) {
        for (uint32_t i = 0; i < n->query->item_count; i++) {
            outer_names(l, n->query->items[i].expr, n->query);
            nested(l, n->query->items[i].expr);
        }
        if (n->query->where) {
            outer_names(l, n->query->where, n->query);
            nested(l, n->query->where);
        }
        nested(l, n->query->source);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        nested(l, n->kids[i]);
    }
}

// ---- items

// Whether the later item takes the place of what the earlier one gave.
static bool hides(const struct wr_item *later, const struct wr_item *earlier)
{
    if (later->path_len == 0 || later->path_len > earlier->path_len) {
        return false;
    }
    for (uint32_t i = 0; i < later->path_len; i++) {
        if (!wr_str_eq(later->path[i], earlier->path[i])) {
            return false;
        }
    }
    return true;
}

static bool needs_alias(const struct wr_item *item)
{
    enum wr_node_kind kind = item->expr->kind;
    if (item->has_alias || item->star || item->all) {
        return false;
    }
    const struct wr_node *n = item->expr;
    while (n->kind == WR_NODE_INDEX) {
        n = n->kids[0];
        kind = n->kind;
    }
    return kind != WR_NODE_NAME && kind != WR_NODE_MEMBER && kind != WR_NODE_VARIABLE &&
           kind != WR_NODE_CALL && kind != WR_NODE_CAST;
}

void wr_linter_items(struct wr_linter *l, const struct wr_query *q)
{
    if (q->value) {
        return;
    }
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_item *item = &q->items[i];
        bool only_object = q->item_count == 1 && item->expr->kind == WR_NODE_OBJECT;
        if (needs_alias(item) && !only_object) {
            wr_linter_add(l, WR_LINT_DERIVED_NAME, item->begin, item->end,
                          "the member is called `%.*s` here", WR_LINT_SOURCE(l, item->expr));
        }
        if (item->star && i > 0) {
            const struct wr_item *first = &q->items[0];
            if (first->path_len > 0) {
                wr_linter_add(l, WR_LINT_STAR_OVERRIDES, item->begin, item->end,
                              "a member `%.*s` of %s replaces the item before it",
                              WR_STR_ARG(first->path[0]), q->source ? "the row" : "the payload");
            }
        }
        for (uint32_t k = 0; i < ITEMS_COMPARED && k < i; k++) {
            if (hides(item, &q->items[k])) {
                wr_linter_add(l, WR_LINT_DUPLICATE_NAME, item->begin, item->end,
                              "`%.*s` replaces an earlier item of that name",
                              WR_STR_ARG(item->path[0]));
                break;
            }
        }
    }
}

// ---- variables

struct usage {
    bool read[WR_SQL_VARS_MAX];
};

static void find_variables(const struct wr_node *n, struct usage *u)
{
    if (n->kind == WR_NODE_VARIABLE) {
        u->read[n->index] = true;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        find_variables(n->kids[i], u);
    }
    if (n->query) {
        for (uint32_t i = 0; i < n->query->item_count; i++) {
            find_variables(n->query->items[i].expr, u);
        }
        find_variables(n->query->source, u);
        if (n->query->where) {
            find_variables(n->query->where, u);
        }
    }
}

// Which variables a template of the rule reads: by its code, so that nothing is parsed again.
static void in_templates(const struct wr_program *p, struct usage *u)
{
    uint32_t begin = p->code.len;
    for (uint32_t i = 0; i < p->templates.len; i++) {
        if (!p->templates.at[i].constant && p->templates.at[i].entry < begin) {
            begin = p->templates.at[i].entry;
        }
    }
    for (uint32_t i = begin; i < p->code.len; i++) {
        if (p->code.at[i].op == WR_OPC_LOAD_VAR) {
            u->read[p->code.at[i].b] = true;
        }
    }
}

static void variables(struct wr_linter *l)
{
    const struct wr_statement *st = &l->p->statement;
    struct usage u = {{false}};
    for (uint32_t i = 0; i < st->assign_count; i++) {
        find_variables(st->assigns[i].expr, &u);
    }
    for (uint32_t i = 0; i < st->select.item_count; i++) {
        find_variables(st->select.items[i].expr, &u);
    }
    if (st->select.where) {
        find_variables(st->select.where, &u);
    }
    in_templates(l->p, &u);
    for (uint32_t i = 0; i < st->assign_count; i++) {
        const struct wr_assign *a = &st->assigns[i];
        if (!u.read[i]) {
            wr_linter_add(l, WR_LINT_UNUSED_VARIABLE, a->begin,
                          a->begin + 1 + (uint32_t)a->name.len, "nothing reads @%.*s",
                          WR_STR_ARG(a->name));
        }
    }
}

void wr_linter_names(struct wr_linter *l)
{
    const struct wr_statement *st = &l->p->statement;
    if (wr_program_value_like_field(st)) {
        const struct wr_node *n = st->select.items[0].expr;
        wr_linter_add_node(l, WR_LINT_VALUE_KEYWORD, n,
                           "this is SELECT VALUE `%.*s`; a field of that name is written (value)",
                           WR_LINT_SOURCE(l, n));
    }
    variables(l);
    if (st->select.where) {
        struct alias_walk w = {.l = l, .code = WR_LINT_ALIAS_IN_WHERE, .where = "in WHERE"};
        each_name(st->select.where, alias_visit, &w);
        nested(l, st->select.where);
    }
    for (uint32_t i = 0; i < st->assign_count; i++) {
        nested(l, st->assigns[i].expr);
    }
    for (uint32_t i = 0; i < st->select.item_count; i++) {
        nested(l, st->select.items[i].expr);
    }
    wr_linter_items(l, &st->select);
}
