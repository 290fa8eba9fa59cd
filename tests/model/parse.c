// Tokens to trees: the grammar of sql.md 3, a function a rule. The first token that cannot continue
// is remembered, and everything returns.
#include "tests/model/model.h"

#include <string.h>

#define DEPTH_MAX 200 // the limit of sql.md 14 is 256: near it the model does not judge

struct parser {
    struct model *m;
    struct model_text text;
    const struct model_token *k;    // the current token
    const struct model_token *item; // the first token of the item, where `path.*` may stand
    bool spread;                    // `path.*` was seen: the item's expression ends here
    bool failed;
    size_t fail_at;
    int depth;
    struct model_statement *s; // declared variables
};

static struct model_node *parse_expr(struct parser *p);
static void parse_query(struct parser *p, struct model_query *q, bool sub);

static void fail(struct parser *p, const struct model_token *k)
{
    if (!p->failed) {
        p->failed = true;
        p->fail_at = k->at;
    }
}

static bool at_sign(const struct parser *p, const char *sign)
{
    return p->k->kind == TOKEN_SIGN && model_text_is(p->k->text, sign);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->k->kind == TOKEN_WORD && model_text_is_nocase(p->k->text, word);
}

static bool take_sign(struct parser *p, const char *sign)
{
    bool there = !p->failed && at_sign(p, sign);
    p->k += there;
    return there;
}

static bool take_word(struct parser *p, const char *word)
{
    bool there = !p->failed && at_word(p, word);
    p->k += there;
    return there;
}

static void want_sign(struct parser *p, const char *sign)
{
    if (!take_sign(p, sign)) {
        fail(p, p->k);
    }
}

static void want_word(struct parser *p, const char *word)
{
    if (!take_word(p, word)) {
        fail(p, p->k);
    }
}

static struct model_text want_any_word(struct parser *p)
{
    if (p->failed || p->k->kind != TOKEN_WORD) {
        fail(p, p->k);
        return TEXT("");
    }
    return p->k++->text;
}

static struct model_node *node(struct parser *p, enum model_kind kind)
{
    struct model_node *n = model_alloc(p->m, sizeof *n);
    n->kind = kind;
    return n;
}

static void add_kid(struct parser *p, struct model_node *n, struct model_node *kid)
{
    if (n->count == n->cap) {
        size_t cap = n->cap * 2 + 2;
        struct model_node **kids = model_alloc(p->m, cap * sizeof *kids);
        struct model_text *keys = model_alloc(p->m, cap * sizeof *keys);
        if (n->count) {
            memcpy(kids, n->kids, n->count * sizeof *kids);
            memcpy(keys, n->keys, n->count * sizeof *keys);
        }
        n->kids = kids;
        n->keys = keys;
        n->cap = cap;
    }
    n->kids[n->count++] = kid;
}

static struct model_node *join(struct parser *p, enum model_kind kind, struct model_text text,
                               struct model_node *a, struct model_node *b)
{
    struct model_node *n = node(p, kind);
    n->text = text;
    add_kid(p, n, a);
    if (b) {
        add_kid(p, n, b);
    }
    return n;
}

static struct model_node *constant(struct parser *p, mval value)
{
    struct model_node *n = node(p, NODE_VALUE);
    n->value = value;
    p->k++;
    return n;
}

static struct model_node *parse_variable(struct parser *p)
{
    struct model_node *n = node(p, NODE_VARIABLE);
    for (size_t i = 0; p->s && i < p->s->var_count; i++) {
        if (model_text_same(p->s->vars[i], p->k->text)) {
            n->text = p->k++->text;
            return n;
        }
    }
    fail(p, p->k);
    return n;
}

// A subquery, whose SELECT is the current token.
static struct model_node *parse_subquery(struct parser *p, enum model_kind kind)
{
    struct model_node *n = node(p, kind);
    n->query = model_alloc(p->m, sizeof *n->query);
    if (!p->m->is16 || !at_word(p, "SELECT")) {
        fail(p, p->k);
        return n;
    }
    const struct model_token *item = p->item; // the outer item goes on afterwards
    parse_query(p, n->query, true);
    p->item = item;
    return n;
}

// The mode of transform() and the role of a look-up take no variable (sql.md 8.3).
static bool takes_no_variable(struct model_text name, size_t index, bool last)
{
    if (model_text_is_nocase(name, "transform")) {
        return index == 0;
    }
    if (model_text_is_nocase(name, "machinelearning_predict")) {
        return index == 1;
    }
    return last && (model_text_is_nocase(name, "get_thing_shadow") ||
                    model_text_is_nocase(name, "get_dynamodb") ||
                    model_text_is_nocase(name, "get_secret") ||
                    model_text_is_nocase(name, "get_registry_data"));
}

static struct model_node *parse_call(struct parser *p)
{
    struct model_node *n = node(p, NODE_CALL);
    const struct model_function *f = model_function(p->k->text);
    if (!f || (f->since16 && !p->m->is16)) {
        fail(p, p->k);
        return n;
    }
    n->text = p->k->text;
    p->k += 2;
    if (take_sign(p, ")")) {
        return n;
    }
    const struct model_token *refused = NULL; // a variable where none may be: told after the `)`
    do {
        const struct model_token *start = p->k;
        add_kid(p, n, at_word(p, "SELECT") ? parse_subquery(p, NODE_QUERY) : parse_expr(p));
        while (!p->failed && !refused && start < p->k &&
               takes_no_variable(n->text, n->count - 1, at_sign(p, ")"))) {
            refused = start->kind == TOKEN_VARIABLE ? start : NULL;
            start++;
        }
    } while (take_sign(p, ","));
    want_sign(p, ")");
    if (refused) {
        fail(p, refused);
    }
    return n;
}

static struct model_node *parse_cast(struct parser *p)
{
    struct model_node *n = node(p, NODE_CAST);
    struct model_text name = p->k->text; // as written: an item may be called so
    p->k += 2;
    add_kid(p, n, parse_expr(p));
    want_word(p, "AS");
    if (!p->failed && (p->k->kind != TOKEN_WORD || !model_cast_known(p->k->text, p->m->is16))) {
        fail(p, p->k);
    }
    n->type = want_any_word(p);
    n->text = name;
    want_sign(p, ")");
    return n;
}

static struct model_node *parse_case(struct parser *p)
{
    struct model_node *n = node(p, NODE_CASE);
    p->k++;
    add_kid(p, n, parse_expr(p));
    want_word(p, "WHEN");
    do {
        add_kid(p, n, parse_expr(p));
        want_word(p, "THEN");
        add_kid(p, n, parse_expr(p));
    } while (take_word(p, "WHEN"));
    if (take_word(p, "ELSE")) {
        n->has_else = true;
        add_kid(p, n, parse_expr(p));
    }
    want_word(p, "END");
    return n;
}

static struct model_node *parse_array(struct parser *p)
{
    struct model_node *n = node(p, NODE_ARRAY);
    p->k++;
    if (take_sign(p, "]")) {
        return n;
    }
    do {
        add_kid(p, n, parse_expr(p));
    } while (take_sign(p, ","));
    want_sign(p, "]");
    return n;
}

static struct model_node *parse_object(struct parser *p)
{
    struct model_node *n = node(p, NODE_OBJECT);
    p->k++;
    while (!p->failed && !at_sign(p, "}")) {
        struct model_text key = p->k->text;
        if (p->k->kind != TOKEN_STRING) {
            fail(p, p->k);
            return n;
        }
        p->k++;
        want_sign(p, ":");
        add_kid(p, n, parse_expr(p));
        n->keys[n->count - 1] = key;
        if (!take_sign(p, ",")) {
            break;
        }
    }
    want_sign(p, "}");
    return n;
}

static struct model_node *parse_word(struct parser *p)
{
    const struct model_token *next = p->k + 1;
    bool opens = next->kind == TOKEN_SIGN && model_text_is(next->text, "(");
    if (at_word(p, "NULL")) {
        return constant(p, &model_null);
    }
    if (at_word(p, "TRUE") || at_word(p, "FALSE")) {
        return constant(p, model_bool(at_word(p, "TRUE")));
    }
    if (at_word(p, "CASE")) {
        return parse_case(p);
    }
    if (at_word(p, "EXISTS")) {
        if (!p->m->is16) {
            fail(p, p->k);
        }
        p->k++;
        want_sign(p, "(");
        struct model_node *n = parse_subquery(p, NODE_EXISTS);
        want_sign(p, ")");
        return n;
    }
    if (model_reserved(p->k->text)) {
        fail(p, p->k);
        return node(p, NODE_NAME);
    }
    if (opens) {
        return at_word(p, "CAST") ? parse_cast(p) : parse_call(p);
    }
    struct model_node *n = node(p, NODE_NAME);
    n->text = p->k++->text;
    return n;
}

static struct model_node *parse_primary(struct parser *p)
{
    switch (p->k->kind) {
    case TOKEN_NUMBER:
        return constant(p, model_parse_number(p->m, p->k->text));
    case TOKEN_STRING:
        return constant(p, model_string(p->m, p->k->text));
    case TOKEN_VARIABLE:
        return parse_variable(p);
    case TOKEN_WORD:
        return parse_word(p);
    case TOKEN_SIGN:
        if (take_sign(p, "*")) {
            return node(p, NODE_STAR);
        }
        if (take_sign(p, "(")) {
            struct model_node *n =
                at_word(p, "SELECT") ? parse_subquery(p, NODE_QUERY) : parse_expr(p);
            want_sign(p, ")");
            return n;
        }
        if (p->m->is16 && at_sign(p, "[")) {
            return parse_array(p);
        }
        if (p->m->is16 && at_sign(p, "{")) {
            return parse_object(p);
        }
        break;
    case TOKEN_END:
    case TOKEN_ERROR:
        break;
    }
    fail(p, p->k);
    return node(p, NODE_NAME);
}

static struct model_node *parse_postfix(struct parser *p)
{
    const struct model_token *start = p->k;
    struct model_node *n = parse_primary(p);
    while (!p->failed) {
        if (take_sign(p, ".")) {
            if (start == p->item && at_sign(p, "*")) {
                p->k++;
                p->spread = true;
                return n;
            }
            n = join(p, NODE_MEMBER, want_any_word(p), n, NULL);
        } else if (take_sign(p, "[")) {
            n = join(p, NODE_INDEX, TEXT(""), n, parse_expr(p));
            want_sign(p, "]");
        } else {
            break;
        }
    }
    return n;
}

static struct model_node *parse_unary(struct parser *p)
{
    if (!p->failed && at_sign(p, "-")) {
        p->k++;
        if (++p->depth > DEPTH_MAX) {
            p->m->unsupported = "deep expressions";
            fail(p, p->k);
        }
        struct model_node *n = join(p, NODE_UNARY, TEXT("-"), parse_unary(p), NULL);
        p->depth--;
        return n;
    }
    return parse_postfix(p);
}

// Left-associative operators of one strength; `signs` ends with NULL.
static struct model_node *parse_chain(struct parser *p, const char *const *signs,
                                      struct model_node *(*operand)(struct parser *))
{
    struct model_node *n = operand(p);
    for (size_t i = 0; signs[i] && !p->failed && !p->spread;) {
        struct model_text text = p->k->text;
        if (take_sign(p, signs[i])) {
            n = join(p, NODE_BINARY, text, n, operand(p));
            i = 0;
        } else {
            i++;
        }
    }
    return n;
}

static struct model_node *parse_product(struct parser *p)
{
    static const char *const signs[] = {"*", "/", "%", NULL};
    return parse_chain(p, signs, parse_unary);
}

static struct model_node *parse_sum(struct parser *p)
{
    static const char *const signs[] = {"+", "-", NULL};
    return parse_chain(p, signs, parse_product);
}

static struct model_node *parse_compare(struct parser *p)
{
    static const char *const signs[] = {"=", "<>", "!=", "<", "<=", ">", ">="};
    struct model_node *n = parse_sum(p);
    struct model_text text = p->k->text;
    if (p->failed || p->spread) {
        return n;
    }
    if (take_word(p, "IN")) {
        return join(p, NODE_BINARY, TEXT("IN"), n, parse_sum(p));
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (take_sign(p, signs[i])) {
            return join(p, NODE_BINARY, text, n, parse_sum(p));
        }
    }
    return n;
}

static struct model_node *parse_not(struct parser *p)
{
    if (take_word(p, "NOT")) {
        if (++p->depth > DEPTH_MAX) {
            p->m->unsupported = "deep expressions";
            fail(p, p->k);
        }
        struct model_node *n = join(p, NODE_UNARY, TEXT("NOT"), parse_not(p), NULL);
        p->depth--;
        return n;
    }
    return parse_compare(p);
}

static struct model_node *parse_and(struct parser *p)
{
    struct model_node *n = parse_not(p);
    while (!p->spread && take_word(p, "AND")) {
        n = join(p, NODE_BINARY, TEXT("AND"), n, parse_not(p));
    }
    return n;
}

static struct model_node *parse_expr(struct parser *p)
{
    if (++p->depth > DEPTH_MAX) {
        p->m->unsupported = "deep expressions";
        fail(p, p->k);
    }
    struct model_node *n = p->failed ? node(p, NODE_NAME) : parse_and(p);
    while (!p->spread && take_word(p, "OR")) {
        n = join(p, NODE_BINARY, TEXT("OR"), n, parse_and(p));
    }
    p->depth--;
    return n;
}

// The name of an item without an alias (sql.md 7).
static struct model_text name_of(const struct model_node *n, struct model_text source)
{
    switch (n->kind) {
    case NODE_NAME:
    case NODE_MEMBER:
    case NODE_VARIABLE:
    case NODE_CALL:
    case NODE_CAST:
        return n->text;
    case NODE_INDEX:
        while (n->kind == NODE_INDEX) {
            n = n->kids[0];
        }
        return name_of(n, source);
    default:
        return source;
    }
}

static void parse_item(struct parser *p, struct model_item *item)
{
    const struct model_token *start = p->k;
    *item = (struct model_item){.path = model_alloc(p->m, sizeof *item->path), .path_len = 1};
    p->item = start;
    item->expr = parse_expr(p);
    item->spread = p->spread;
    p->spread = false;
    p->item = NULL;
    if (p->failed) {
        return;
    }
    if (!take_word(p, "AS")) {
        item->path[0] = name_of(item->expr, model_text_part(p->text, start->at, p->k[-1].end));
        return;
    }
    item->has_alias = true;
    item->path_len = 0;
    do {
        struct model_text *path = model_alloc(p->m, (item->path_len + 1) * sizeof *path);
        if (item->path_len) {
            memcpy(path, item->path, item->path_len * sizeof *path);
        }
        item->path = path;
        item->path[item->path_len++] = want_any_word(p);
    } while (take_sign(p, "."));
}

// VALUE right after SELECT is a field when one of these follows.
static bool value_is_name(const struct model_token *next)
{
    static const char *const words[] = {"FROM", "AS", "WHERE"};
    for (size_t i = 0; i < 3; i++) {
        if (next->kind == TOKEN_WORD && model_text_is_nocase(next->text, words[i])) {
            return true;
        }
    }
    return next->kind == TOKEN_END ||
           (next->kind == TOKEN_SIGN && memchr(",.)", next->text.at[0], 3) != NULL);
}

static bool filter_valid(struct model_text f)
{
    if (f.len == 0 || !model_utf8_valid(f) || memchr(f.at, 0, f.len)) {
        return false;
    }
    for (size_t i = 0; i < f.len; i++) {
        bool alone = (i == 0 || f.at[i - 1] == '/') && (i + 1 == f.len || f.at[i + 1] == '/');
        if ((f.at[i] == '+' || f.at[i] == '#') && !alone) {
            return false;
        }
        if (f.at[i] == '#' && i + 1 < f.len) {
            return false;
        }
    }
    return true;
}

static void parse_from(struct parser *p, struct model_query *q, bool sub)
{
    q->has_from = take_word(p, "FROM");
    if (sub) {
        if (!q->has_from) {
            fail(p, p->k);
            return;
        }
        q->source = parse_postfix(p);
        if (take_word(p, "AS")) {
            q->as = want_any_word(p);
        }
    } else if (q->has_from) {
        if (p->failed || p->k->kind != TOKEN_STRING || !filter_valid(p->k->text)) {
            fail(p, p->k);
            return;
        }
        q->filter = p->k++->text;
    }
}

static void parse_query(struct parser *p, struct model_query *q, bool sub)
{
    want_word(p, "SELECT");
    if (!p->failed && at_word(p, "VALUE") && !value_is_name(p->k + 1)) {
        q->value = true;
        p->k++;
    }
    do {
        struct model_item *items = model_alloc(p->m, (q->count + 1) * sizeof *items);
        if (q->count) {
            memcpy(items, q->items, q->count * sizeof *items);
        }
        q->items = items;
        parse_item(p, &q->items[q->count++]);
    } while (!q->value && take_sign(p, ","));
    parse_from(p, q, sub);
    if (take_word(p, "WHERE")) {
        q->where = parse_expr(p);
    }
}

static void parse_sets(struct parser *p)
{
    do {
        struct model_statement *s = p->s;
        if (p->k->kind != TOKEN_VARIABLE || s->var_count == MODEL_VARS) {
            fail(p, p->k);
            return;
        }
        for (size_t i = 0; i < s->var_count; i++) {
            if (model_text_same(s->vars[i], p->k->text)) {
                fail(p, p->k);
                return;
            }
        }
        struct model_text name = p->k++->text;
        want_sign(p, "=");
        s->sets[s->var_count] = parse_expr(p);
        s->vars[s->var_count++] = name;
    } while (take_sign(p, ","));
}

bool model_parse(struct model *m, struct model_text sql, struct model_statement *out, size_t *at)
{
    struct parser p = {.m = m, .text = sql, .k = model_lex(m, sql, 0), .s = out};
    *out = (struct model_statement){0};
    if (take_word(&p, "SET")) {
        parse_sets(&p);
    }
    if (!p.failed) {
        parse_query(&p, &out->query, false);
    }
    if (!p.failed && p.k->kind != TOKEN_END) {
        fail(&p, p.k);
    }
    *at = p.fail_at;
    return !p.failed;
}

bool model_parse_template(struct model *m, struct model_text text, size_t from,
                          const struct model_statement *vars, struct model_node **out, size_t *end,
                          size_t *at)
{
    struct model_statement declared = *vars;
    struct parser p = {.m = m, .text = text, .k = model_lex(m, text, from), .s = &declared};
    *out = parse_expr(&p);
    if (!p.failed && !at_sign(&p, "}")) {
        fail(&p, p.k);
    }
    *end = p.k->end;
    *at = p.fail_at;
    return !p.failed;
}
