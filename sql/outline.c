// The outline of a statement, from its tree.
#include "sql/outline.h"

#include "sql/parser.h"
#include "sql/program.h"
#include "sql/template.h"

#include "sql/base/banned.h"

// ---- statements

static bool is_nested(const struct wr_node *n)
{
    switch (n->kind) {
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
        // one step below `*` is a top-level attribute, and what a call gives is no payload
        return n->kids[0]->kind == WR_NODE_NAME || n->kids[0]->kind == WR_NODE_MEMBER ||
               n->kids[0]->kind == WR_NODE_INDEX;
    case WR_NODE_INDEX:
    case WR_NODE_QUERY:
        return true;
    case WR_NODE_CALL:
        return wr_str_eq_nocase(n->text, WR_STR("get"));
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_CAST:
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
    case WR_NODE_CASE:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
    case WR_NODE_EXISTS:
        return false;
    }
    return false;
}

static enum wr_outline_shape shape_of(const struct wr_node *n)
{
    switch (n->kind) {
    case WR_NODE_OBJECT:
        return WR_OUTLINE_OBJECT;
    case WR_NODE_ARRAY:
    case WR_NODE_QUERY:
        return WR_OUTLINE_ARRAY;
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_CAST:
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
    case WR_NODE_EXISTS:
        return WR_OUTLINE_SCALAR;
    case WR_NODE_CALL:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_CASE:
    case WR_NODE_PAIR:
        break;
    }
    return WR_OUTLINE_ANY;
}

void wr_outline_statement(const struct wr_program *p, struct wr_outline *out)
{
    const struct wr_statement *s = &p->statement;
    const struct wr_query *q = &s->select;
    *out = (struct wr_outline){
        .value = q->value,
        .item_count = q->item_count,
        .filter = s->filter,
        .filter_at = s->filter_at,
        .nested = q->where && wr_node_find(q->where, is_nested),
    };
    for (uint32_t i = 0; i < q->item_count; i++) {
        out->star = out->star || q->items[i].star || q->items[i].all;
        out->nested = out->nested || q->items[i].all || wr_node_find(q->items[i].expr, is_nested);
    }
    for (uint32_t i = 0; i < s->assign_count; i++) {
        out->nested = out->nested || wr_node_find(s->assigns[i].expr, is_nested);
    }
    const struct wr_item *only = q->item_count == 1 ? &q->items[0] : NULL;
    out->passthrough = only && !only->has_alias && only->expr->kind == WR_NODE_STAR;
    bool literal = only && !only->has_alias && only->expr->kind == WR_NODE_OBJECT;
    out->shape = out->passthrough ? WR_OUTLINE_ANY
                 : q->value       ? shape_of(only->expr)
                                  : WR_OUTLINE_OBJECT;
    if (literal && !q->value) { // the literal is the result, whose members are not items
        out->star = true;
    }
}

static bool is_number_free(const struct wr_node *n)
{
    switch (n->kind) {
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_OBJECT:
    case WR_NODE_ARRAY:
    case WR_NODE_QUERY:
    case WR_NODE_EXISTS:
    case WR_NODE_NUMBER: // always written in the same way
        return true;
    case WR_NODE_CAST:
        return n->cast == WR_CAST_STRING || n->cast == WR_CAST_BOOLEAN || n->cast == WR_CAST_INT;
    case WR_NODE_UNARY:
        return n->op == WR_OP_NOT;
    case WR_NODE_BINARY:
        return n->op <= WR_OP_IN;
    case WR_NODE_CALL: {
        static const char *const texts[] = {
            "topic",
            "clientid",
            "principal",
            "traceid",
            "sourceip",
            "accountid",
            "timestamp",
            "newuuid",
            "sql_version",
            "lower",
            "upper",
            "trim",
            "concat",
            "replace",
            "substring",
            "encode",
            "length",
            "parse_time",
            "floor",
            "ceil",
            "round",
            "isNull",
            "md5",
            "time_to_epoch",
            "sign",
            "indexof",
            "isUndefined",
            "ltrim",
            "rtrim",
            "numbytes",
            "startswith",
            "endswith",
            "regexp_matches",
            "regexp_substr",
            "regexp_replace",
        };
        for (size_t i = 0; i < WR_COUNT(texts); i++) {
            if (wr_str_eq_nocase(n->text, wr_str_of(texts[i]))) {
                return true;
            }
        }
        return false;
    }
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_INDEX:
    case WR_NODE_CASE:
    case WR_NODE_PAIR:
        break;
    }
    return false;
}

void wr_outline_item(const struct wr_program *p, size_t index, struct wr_outline_item *out)
{
    wr_assert(index < p->statement.select.item_count);
    const struct wr_item *item = &p->statement.select.items[index];
    bool merged = item->star || item->all;
    *out = (struct wr_outline_item){
        .begin = item->begin,
        .computed = merged || !is_number_free(item->expr),
    };
    if (!merged && item->path_len) {
        out->name = item->path[0];
        out->renamed =
            item->expr->kind != WR_NODE_NAME || !wr_str_eq(item->expr->text, item->path[0]);
    }
}

// ---- templates

struct reading {
    const struct wr_program *p;
    void (*name)(void *user, wr_str root, size_t at);
    void *user;
    unsigned reads;
    unsigned vars; // a bit a variable that is being followed
    bool inside;   // of a nested query: names are members of the row
};

static void read_node(struct reading *r, const struct wr_node *n);

static unsigned call_reads(const struct wr_node *n)
{
    static const struct {
        const char *name;
        unsigned reads;
    } calls[] = {
        {"newuuid", WR_READS_UNIQUE},
        {"traceid", WR_READS_UNIQUE},
        {"rand", WR_READS_UNIQUE},
        {"timestamp", WR_READS_TIME},
        {"accountid", 0},
        {"sql_version", 0},
    };
    for (size_t i = 0; i < WR_COUNT(calls); i++) {
        if (wr_str_eq_nocase(n->text, wr_str_of(calls[i].name))) {
            return calls[i].reads;
        }
    }
    if (n->function && n->function->flags & WR_FN_LOOKUP) {
        return WR_READS_LOOKUP;
    }
    return n->function && n->function->flags & WR_FN_MESSAGE ? WR_READS_MESSAGE : 0;
}

static void read_query(struct reading *r, const struct wr_query *q)
{
    read_node(r, q->source);
    bool before = r->inside;
    r->inside = true;
    for (uint32_t i = 0; i < q->item_count; i++) {
        read_node(r, q->items[i].expr);
    }
    if (q->where) {
        read_node(r, q->where);
    }
    r->inside = before;
}

// parse_time() with a pattern that has no fraction of a second: the same for many messages.
static bool is_coarse_time(const struct wr_node *n)
{
    return n->kind == WR_NODE_CALL && wr_str_eq_nocase(n->text, WR_STR("parse_time")) &&
           n->kid_count && n->kids[0]->kind == WR_NODE_STRING &&
           !memchr(n->kids[0]->text.at, 'S', n->kids[0]->text.len);
}

// The tree's height is bounded (ast.h).
static void read_node(struct reading *r, const struct wr_node *n)
{
    if (n->kind == WR_NODE_STAR) {
        r->reads |= WR_READS_PAYLOAD;
    } else if (n->kind == WR_NODE_NAME) {
        r->reads |= WR_READS_PAYLOAD;
        if (!r->inside && r->name) {
            r->name(r->user, n->text, n->begin);
        }
    } else if (n->kind == WR_NODE_VARIABLE && n->index < r->p->statement.assign_count &&
               !(r->vars & 1u << n->index)) {
        // what a variable reads has its place in the statement, not here
        void (*name)(void *user, wr_str root, size_t at) = r->name;
        r->name = NULL;
        r->vars |= 1u << n->index;
        read_node(r, r->p->statement.assigns[n->index].expr);
        r->name = name;
    } else if (n->kind == WR_NODE_CALL) {
        r->reads |= call_reads(n);
    } else if (n->kind == WR_NODE_QUERY) {
        read_query(r, n->query);
    }
    unsigned before = r->reads;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        read_node(r, n->kids[i]);
    }
    if (is_coarse_time(n) && r->reads & WR_READS_TIME && !(before & WR_READS_TIME)) {
        r->reads = (r->reads & ~WR_READS_TIME) | WR_READS_MESSAGE;
    }
}

unsigned wr_outline_template(const struct wr_program *p, wr_str text,
                             void (*name)(void *user, wr_str root, size_t at), void *user)
{
    struct reading r = {.p = p, .name = name, .user = user};
    struct wr_fault fault = {0};
    struct wr_template_part part;
    struct wr_arena arena;
    wr_arena_init(&arena, (size_t)64 << 20); // as much as a statement's tree may need
    for (size_t at = 0; wr_template_next(text, &at, &part, &fault);) {
        struct wr_node *n;
        if (part.expression &&
            !wr_parse_expression(text, part.offset, part.offset + part.text.len, p->dialect,
                                 &p->statement, &arena, &n, &fault)) {
            read_node(&r, n);
        }
    }
    wr_arena_release(&arena);
    return r.reads;
}
