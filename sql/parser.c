// Clauses and nested queries: sql.md 3 down to `item`; expressions are expression.c. What parses
// but may not run is asked of check.c on the way, so that the first error of the text is the one
// reported.
#include "sql/parser.h"

#include "sql/parser_base.h"

#include "sql/base/banned.h"

// sql.md 3: VALUE right after SELECT is a field's name when this follows.
static bool value_is_a_field(enum wr_token_kind next)
{
    return next == WR_TOKEN_COMMA || next == WR_TOKEN_DOT || next == WR_TOKEN_RPAREN ||
           next == WR_TOKEN_END || next == WR_WORD_FROM || next == WR_WORD_AS ||
           next == WR_WORD_WHERE;
}

// sql.md 7, "Names of items without alias". `source` is the whole item as written.
static wr_str derived_name(const struct wr_node *expr, wr_str source)
{
    const struct wr_node *n = expr;
    while (n->kind == WR_NODE_INDEX) {
        n = n->kids[0];
    }
    switch (n->kind) {
    case WR_NODE_NAME:
    case WR_NODE_MEMBER:
    case WR_NODE_VARIABLE:
    case WR_NODE_CALL:
    case WR_NODE_CAST:
        return n->text;
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
    case WR_NODE_CASE:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        break;
    }
    return source;
}

// WORD { "." WORD } into item->path. Grows in the arena; full at powers of two.
static bool alias(struct wr_parser *p, struct wr_item *item)
{
    wr_str *path = NULL;
    uint32_t len = 0;
    do {
        if (!wr_token_is_word(p->tok.kind)) {
            return wr_parser_unexpected(p, WR_HINT_ALIAS, "an alias");
        }
        if ((len & (len - 1)) == 0) {
            size_t size = sizeof *path;
            path = wr_arena_grow(p->arena, path, len * size, (len ? 2 * len : 1) * size);
            if (!path) {
                return wr_parser_no_memory(p);
            }
        }
        path[len++] = wr_parser_text(p, p->tok);
        wr_parser_advance(p);
    } while (wr_parser_take(p, WR_TOKEN_DOT));
    item->path = path;
    item->path_len = len;
    item->has_alias = true;
    return true;
}

// What an item is called, its source being complete.
static bool name_item(struct wr_parser *p, struct wr_item *item, bool value)
{
    if (item->has_alias && !value) {
        if (item->expr->kind == WR_NODE_ALL) {
            item->expr = item->expr->kids[0]; // sql.md 7: `path.* AS x` is `path AS x`
        }
        return true;
    }
    // sql.md 7: behind VALUE an alias is without effect.
    *item = (struct wr_item){.expr = item->expr, .begin = item->begin, .end = item->end};
    item->star = item->expr->kind == WR_NODE_STAR;
    item->all = item->expr->kind == WR_NODE_ALL;
    if (item->star || item->all) {
        return true;
    }
    wr_str *name = wr_parser_make(p, sizeof *name);
    if (!name) {
        return false;
    }
    *name = derived_name(item->expr, wr_str_cut(p->check.text, item->begin, item->end));
    item->path = name;
    item->path_len = 1;
    return true;
}

static bool parse_item(struct wr_parser *p, struct wr_item *item, bool value)
{
    uint32_t outer = p->item_begin;
    if (p->depth == 0) {
        p->check.proto_calls = 0; // an item of the statement itself, not of a query in it
    }
    p->item_begin = item->begin = p->tok.begin;
    item->expr = wr_parser_expression(p);
    p->item_begin = outer;
    if (!item->expr || (wr_parser_take(p, WR_WORD_AS) && !alias(p, item))) {
        return false;
    }
    item->end = p->before.end;
    return name_item(p, item, value);
}

// SELECT ( VALUE item | item { , item } ); the current token is SELECT.
static bool items(struct wr_parser *p, struct wr_query *q)
{
    q->begin = p->tok.begin;
    wr_parser_advance(p);
    if (wr_parser_at(p, WR_WORD_VALUE) && !value_is_a_field(p->next.kind)) {
        q->value = true;
        wr_parser_advance(p);
    }
    do {
        uint32_t count = q->item_count;
        if ((count & (count - 1)) == 0) {
            size_t size = sizeof *q->items;
            void *grown =
                wr_arena_grow(p->arena, q->items, count * size, (count ? 2 * count : 1) * size);
            if (!grown) {
                return wr_parser_no_memory(p);
            }
            q->items = grown;
        }
        struct wr_item item = {0};
        if (!parse_item(p, &item, q->value)) {
            return false;
        }
        q->items[q->item_count++] = item;
        if (q->value && wr_parser_at(p, WR_TOKEN_COMMA)) {
            return wr_parser_unexpected(p, WR_HINT_OTHER, "FROM: SELECT VALUE takes one item");
        }
    } while (wr_parser_take(p, WR_TOKEN_COMMA));
    return true;
}

static bool where(struct wr_parser *p, struct wr_query *q)
{
    return !wr_parser_take(p, WR_WORD_WHERE) || (q->where = wr_parser_expression(p));
}

struct wr_node *wr_parser_query(struct wr_parser *p)
{
    wr_err err = wr_check_since16(&p->check, "a nested query", p->tok.begin);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_QUERY, p->tok.begin, p->tok.begin);
    struct wr_query *q = wr_parser_make(p, sizeof *q);
    if (!n || !q || !items(p, q)) {
        return NULL;
    }
    if (!wr_parser_take(p, WR_WORD_FROM)) {
        return wr_parser_unexpected(p, WR_HINT_ITEM, "an operator, AS, a comma or FROM");
    }
    if (!(q->source = wr_parser_postfix(p))) {
        return NULL;
    }
    if (wr_parser_take(p, WR_WORD_AS)) {
        if (!wr_token_is_word(p->tok.kind)) {
            return wr_parser_unexpected(p, WR_HINT_ALIAS, "a name");
        }
        q->source_alias = wr_parser_text(p, p->tok);
        wr_parser_advance(p);
    }
    if (!where(p, q)) {
        return NULL;
    }
    q->end = p->before.end;
    n->query = q;
    return wr_parser_finish(p, n);
}

static bool assign(struct wr_parser *p, struct wr_statement *s)
{
    if (!wr_parser_at(p, WR_TOKEN_VARIABLE)) {
        return wr_parser_unexpected(p, WR_HINT_OTHER, "a variable such as @name");
    }
    struct wr_assign a = {.name = wr_str_cut(s->text, p->tok.begin + 1, p->tok.end),
                          .begin = p->tok.begin};
    wr_err err = wr_check_assign(&p->check, a.name, a.begin);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    wr_parser_advance(p);
    if (!wr_parser_expect(p, WR_TOKEN_EQ, WR_HINT_OTHER, "'=' and a value")) {
        return false;
    }
    p->check.proto_calls = 0;
    if (!(a.expr = wr_parser_expression(p))) {
        return false;
    }
    s->assigns[s->assign_count++] = a; // visible from here on
    return true;
}

static bool filter(struct wr_parser *p, struct wr_statement *s)
{
    if (!wr_parser_at(p, WR_TOKEN_STRING)) {
        return wr_parser_unexpected(p, WR_HINT_FILTER, "a topic filter");
    }
    if (!wr_lexer_string(&p->lexer, p->tok, p->arena, &s->filter)) {
        return wr_parser_no_memory(p);
    }
    s->filter_at = p->tok.begin;
    s->filter_double_quoted = s->text.at[p->tok.begin] == '"';
    wr_err err = wr_check_filter(&p->check, s->filter, s->filter_at);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    wr_parser_advance(p);
    return true;
}

static bool statement(struct wr_parser *p, struct wr_statement *s)
{
    if (wr_parser_take(p, WR_WORD_SET)) {
        if (!(s->assigns = wr_parser_make(p, WR_SQL_VARS_MAX * sizeof *s->assigns))) {
            return false;
        }
        do {
            if (!assign(p, s)) {
                return false;
            }
        } while (wr_parser_take(p, WR_TOKEN_COMMA));
        if (!wr_parser_at(p, WR_WORD_SELECT)) {
            return wr_parser_unexpected(p, WR_HINT_OPERATOR, "an operator, a comma or SELECT");
        }
    }
    if (!wr_parser_at(p, WR_WORD_SELECT)) {
        return wr_parser_unexpected(p, WR_HINT_START, "SELECT or SET");
    }
    struct wr_query *q = &s->select;
    if (!items(p, q)) {
        return false;
    }
    bool from = wr_parser_take(p, WR_WORD_FROM);
    if (from && !filter(p, s)) {
        return false;
    }
    bool has_where = wr_parser_at(p, WR_WORD_WHERE);
    p->check.proto_calls = 0;
    if (!where(p, q)) {
        return false;
    }
    q->end = p->before.end;
    if (wr_parser_at(p, WR_TOKEN_END)) {
        return true;
    }
    if (has_where) {
        return wr_parser_unexpected(p, WR_HINT_WHERE,
                                    "AND, OR, another operator or the end of the statement");
    }
    return from ? wr_parser_unexpected(p, WR_HINT_TAIL, "WHERE or the end of the statement")
                : wr_parser_unexpected(
                      p, WR_HINT_ITEM,
                      "an operator, AS, a comma, FROM, WHERE or the end of the statement");
}

static wr_err begin_parse(struct wr_parser *p, wr_str text, size_t begin, size_t end)
{
    if (end - begin > WR_SQL_LEN_MAX || end >= UINT32_MAX) {
        size_t place = end - begin > WR_SQL_LEN_MAX ? begin + WR_SQL_LEN_MAX : begin;
        return wr_fault_at(p->fault, WR_ERR_LIMIT, text, place,
                           "the %s has %zu bytes, at most %d are allowed", p->end_name, end - begin,
                           WR_SQL_LEN_MAX);
    }
    wr_err err = wr_lexer_check_bytes(text, begin, end, p->fault);
    if (err) {
        return err;
    }
    p->item_begin = WR_PARSER_NOWHERE;
    p->check.text = text;
    p->check.fault = p->fault;
    wr_lexer_init(&p->lexer, text, begin, end);
    p->next = wr_lexer_next(&p->lexer);
    wr_parser_advance(p);
    p->before = (struct wr_token){.begin = (uint32_t)begin, .end = (uint32_t)begin};
    return WR_OK;
}

wr_err wr_parse_statement(wr_str sql, enum wr_dialect dialect, struct wr_arena *arena,
                          struct wr_statement *out, struct wr_fault *fault)
{
    struct wr_statement s = {.text = sql, .dialect = dialect};
    struct wr_parser p = {
        .check = {.dialect = dialect, .scope = &s},
        .arena = arena,
        .fault = fault,
        .end_name = "statement",
    };
    wr_err err = begin_parse(&p, sql, 0, sql.len);
    if (err) {
        return err;
    }
    if (!statement(&p, &s)) {
        return p.err;
    }
    *out = s;
    return WR_OK;
}

wr_err wr_parse_expression(wr_str text, size_t begin, size_t end, enum wr_dialect dialect,
                           const struct wr_statement *scope, struct wr_arena *arena,
                           struct wr_node **out, struct wr_fault *fault)
{
    wr_assert(begin <= end && end <= text.len);
    struct wr_parser p = {
        .check = {.dialect = dialect, .scope = scope, .in_template = true},
        .arena = arena,
        .fault = fault,
        .end_name = "expression",
    };
    wr_err err = begin_parse(&p, text, begin, end);
    if (err) {
        return err;
    }
    struct wr_node *n = wr_parser_expression(&p);
    if (!n) {
        return p.err;
    }
    if (!wr_parser_at(&p, WR_TOKEN_END)) {
        (void)wr_parser_unexpected(&p, WR_HINT_TEMPLATE,
                                   "an operator or the } that ends the expression");
        return p.err;
    }
    *out = n;
    return WR_OK;
}
