// Expressions: sql.md 3 from `expr` down. Pratt, with one table of what each token begins and how
// it binds. Clauses and nested queries are parser.c.
#include "sql/parser_base.h"

#include "sql/base/banned.h"

// How strongly operators bind, weakest first (sql.md 3, "Precedence").
enum precedence {
    NONE,
    OR,
    AND,
    NOT,
    COMPARE, // does not chain
    SUM,
    PRODUCT,
    UNARY,
};

struct rule {
    struct wr_node *(*prefix)(struct wr_parser *p); // the token begins an operand
    enum precedence infix;                          // it is an operator between two
    enum wr_operator op;
};
static const struct rule rules[WR_TOKEN_COUNT];

static struct wr_node *expression(struct wr_parser *p, enum precedence least);

// ---- operands

// A node of the current token alone.
static struct wr_node *leaf(struct wr_parser *p, enum wr_node_kind kind, wr_str text)
{
    struct wr_node *n = wr_parser_node(p, kind, p->tok.begin, p->tok.begin);
    if (!n) {
        return NULL;
    }
    n->text = text;
    wr_parser_advance(p);
    return wr_parser_finish(p, n);
}

static struct wr_node *number(struct wr_parser *p)
{
    return leaf(p, WR_NODE_NUMBER, wr_parser_text(p, p->tok));
}

static struct wr_node *string(struct wr_parser *p)
{
    wr_str text;
    if (!wr_lexer_string(&p->lexer, p->tok, p->arena, &text)) {
        return wr_parser_no_memory(p);
    }
    return leaf(p, WR_NODE_STRING, text);
}

static struct wr_node *null_word(struct wr_parser *p)
{
    return leaf(p, WR_NODE_NULL, (wr_str){0});
}

static struct wr_node *true_word(struct wr_parser *p)
{
    return leaf(p, WR_NODE_TRUE, (wr_str){0});
}

static struct wr_node *false_word(struct wr_parser *p)
{
    return leaf(p, WR_NODE_FALSE, (wr_str){0});
}

static struct wr_node *star(struct wr_parser *p)
{
    return leaf(p, WR_NODE_STAR, (wr_str){0});
}

static wr_str variable_name(const struct wr_parser *p)
{
    return wr_str_cut(p->check.text, p->tok.begin + 1, p->tok.end);
}

static struct wr_node *variable(struct wr_parser *p)
{
    wr_str name = variable_name(p);
    uint32_t index;
    wr_err err = wr_check_variable(&p->check, name, p->tok.begin, &index);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    struct wr_node *n = leaf(p, WR_NODE_VARIABLE, name);
    if (n) {
        n->index = index;
    }
    return n;
}

// Expressions (with `queries` also nested queries without parentheses) up to `close`, which is
// taken.
static bool list(struct wr_parser *p, struct wr_node *n, enum wr_token_kind close, bool queries,
                 const char *expected)
{
    if (wr_parser_take(p, close)) {
        return true;
    }
    do {
        struct wr_node *kid =
            queries && wr_parser_at(p, WR_WORD_SELECT) ? wr_parser_query(p) : expression(p, OR);
        if (!kid || !wr_parser_push(p, n, kid)) {
            return false;
        }
    } while (wr_parser_take(p, WR_TOKEN_COMMA));
    return wr_parser_expect(p, close, WR_HINT_OPERATOR, expected);
}

static struct wr_node *call(struct wr_parser *p)
{
    struct wr_node *n = wr_parser_node(p, WR_NODE_CALL, p->tok.begin, p->tok.begin);
    if (!n) {
        return NULL;
    }
    n->text = wr_parser_text(p, p->tok);
    wr_err err = wr_check_function(&p->check, n->text, n->at, &n->function);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    wr_parser_advance(p);
    if (!wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p); // the parenthesis
    if (!list(p, n, WR_TOKEN_RPAREN, true, "an operator, a comma or ')'")) {
        return NULL;
    }
    p->depth--;
    err = wr_check_call(&p->check, n);
    return err ? wr_parser_refuse(p, err) : wr_parser_finish(p, n);
}

static struct wr_node *name(struct wr_parser *p)
{
    if (p->next.kind == WR_TOKEN_LPAREN) {
        return call(p);
    }
    return leaf(p, WR_NODE_NAME, wr_parser_text(p, p->tok));
}

static struct wr_node *cast(struct wr_parser *p)
{
    if (p->next.kind != WR_TOKEN_LPAREN) {
        return name(p);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_CAST, p->tok.begin, p->tok.begin);
    if (!n) {
        return NULL;
    }
    n->text = wr_parser_text(p, p->tok);
    wr_parser_advance(p);
    if (!wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    struct wr_node *value = expression(p, OR);
    if (!value || !wr_parser_expect(p, WR_WORD_AS, WR_HINT_OTHER, "an operator or AS and a type")) {
        return NULL;
    }
    if (!wr_token_is_word(p->tok.kind)) {
        return wr_parser_unexpected(p, WR_HINT_OTHER, "a type such as String, Int or Decimal");
    }
    wr_err err = wr_check_cast_type(&p->check, wr_parser_text(p, p->tok), p->tok.begin, &n->cast);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    wr_parser_advance(p);
    if (!wr_parser_expect(p, WR_TOKEN_RPAREN, WR_HINT_OTHER, "')'")) {
        return NULL;
    }
    p->depth--;
    return wr_parser_join(p, n, value, NULL);
}

// An expression or a query in its own parentheses.
static struct wr_node *group(struct wr_parser *p)
{
    if (!wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    struct wr_node *n = wr_parser_at(p, WR_WORD_SELECT) ? wr_parser_query(p) : expression(p, OR);
    if (!n || !wr_parser_expect(p, WR_TOKEN_RPAREN, WR_HINT_GROUP, "an operator or ')'")) {
        return NULL;
    }
    p->depth--;
    n->parenthesised = true;
    return n;
}

static struct wr_node *exists(struct wr_parser *p)
{
    wr_err err = wr_check_since16(&p->check, "EXISTS", p->tok.begin);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_EXISTS, p->tok.begin, p->tok.begin);
    if (!n) {
        return NULL;
    }
    wr_parser_advance(p);
    if (!wr_parser_at(p, WR_TOKEN_LPAREN)) {
        return wr_parser_unexpected(p, WR_HINT_OTHER, "'(' and a nested query");
    }
    if (!wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    if (!wr_parser_at(p, WR_WORD_SELECT)) {
        return wr_parser_unexpected(p, WR_HINT_OTHER, "SELECT: EXISTS takes a nested query");
    }
    struct wr_node *q = wr_parser_query(p);
    if (!q || !wr_parser_expect(p, WR_TOKEN_RPAREN, WR_HINT_OPERATOR, "an operator or ')'")) {
        return NULL;
    }
    p->depth--;
    return wr_parser_join(p, n, q, NULL);
}

static struct wr_node *case_of(struct wr_parser *p)
{
    struct wr_node *n = wr_parser_node(p, WR_NODE_CASE, p->tok.begin, p->tok.begin);
    if (!n || !wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    struct wr_node *kid = expression(p, OR);
    if (!kid || !wr_parser_push(p, n, kid) ||
        !wr_parser_expect(p, WR_WORD_WHEN, WR_HINT_OPERATOR, "an operator or WHEN")) {
        return NULL;
    }
    do {
        if (!(kid = expression(p, OR)) || !wr_parser_push(p, n, kid) ||
            !wr_parser_expect(p, WR_WORD_THEN, WR_HINT_OPERATOR, "an operator or THEN") ||
            !(kid = expression(p, OR)) || !wr_parser_push(p, n, kid)) {
            return NULL;
        }
    } while (wr_parser_take(p, WR_WORD_WHEN));
    if (wr_parser_take(p, WR_WORD_ELSE)) {
        n->has_else = true;
        if (!(kid = expression(p, OR)) || !wr_parser_push(p, n, kid)) {
            return NULL;
        }
    }
    if (!wr_parser_expect(p, WR_WORD_END, WR_HINT_OPERATOR,
                          n->has_else ? "an operator or END" : "an operator, WHEN, ELSE or END")) {
        return NULL;
    }
    p->depth--;
    return wr_parser_finish(p, n);
}

static struct wr_node *array(struct wr_parser *p)
{
    wr_err err = wr_check_since16(&p->check, "an array literal", p->tok.begin);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_ARRAY, p->tok.begin, p->tok.begin);
    if (!n || !wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    if (!list(p, n, WR_TOKEN_RBRACKET, false, "an operator, a comma or ']'")) {
        return NULL;
    }
    p->depth--;
    return wr_parser_finish(p, n);
}

static struct wr_node *member(struct wr_parser *p)
{
    if (!wr_parser_at(p, WR_TOKEN_STRING)) {
        return wr_parser_unexpected(p, WR_HINT_KEY, "a quoted key or '}'");
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_PAIR, p->tok.begin, p->tok.begin);
    if (!n) {
        return NULL;
    }
    if (!wr_lexer_string(&p->lexer, p->tok, p->arena, &n->text)) {
        return wr_parser_no_memory(p);
    }
    wr_parser_advance(p);
    if (!wr_parser_expect(p, WR_TOKEN_COLON, WR_HINT_OTHER, "':' and a value")) {
        return NULL;
    }
    struct wr_node *value = expression(p, OR);
    return value ? wr_parser_join(p, n, value, NULL) : NULL;
}

// A comma may stand behind the last member, unlike everywhere else (sql.md 3).
static struct wr_node *object(struct wr_parser *p)
{
    wr_err err = wr_check_since16(&p->check, "an object literal", p->tok.begin);
    if (err) {
        return wr_parser_refuse(p, err);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_OBJECT, p->tok.begin, p->tok.begin);
    if (!n || !wr_parser_deeper(p)) {
        return NULL;
    }
    wr_parser_advance(p);
    while (!wr_parser_take(p, WR_TOKEN_RBRACE)) {
        struct wr_node *pair = member(p);
        if (!pair || !wr_parser_push(p, n, pair)) {
            return NULL;
        }
        if (!wr_parser_at(p, WR_TOKEN_RBRACE) &&
            !wr_parser_expect(p, WR_TOKEN_COMMA, WR_HINT_OPERATOR, "an operator, a comma or '}'")) {
            return NULL;
        }
    }
    p->depth--;
    return wr_parser_finish(p, n);
}

// ---- expressions

// [prefix function, how it binds between two operands, as what]
static const struct rule rules[WR_TOKEN_COUNT] = {
    [WR_TOKEN_NAME] = {.prefix = name},
    [WR_TOKEN_NUMBER] = {.prefix = number},
    [WR_TOKEN_STRING] = {.prefix = string},
    [WR_TOKEN_VARIABLE] = {.prefix = variable},
    [WR_TOKEN_LPAREN] = {.prefix = group},
    [WR_TOKEN_LBRACKET] = {.prefix = array},
    [WR_TOKEN_LBRACE] = {.prefix = object},
    [WR_WORD_VALUE] = {.prefix = name},
    [WR_WORD_CAST] = {.prefix = cast},
    [WR_WORD_NULL] = {.prefix = null_word},
    [WR_WORD_TRUE] = {.prefix = true_word},
    [WR_WORD_FALSE] = {.prefix = false_word},
    [WR_WORD_EXISTS] = {.prefix = exists},
    [WR_WORD_CASE] = {.prefix = case_of},
    [WR_WORD_OR] = {NULL, OR, WR_OP_OR},
    [WR_WORD_AND] = {NULL, AND, WR_OP_AND},
    [WR_WORD_IN] = {NULL, COMPARE, WR_OP_IN},
    [WR_TOKEN_EQ] = {NULL, COMPARE, WR_OP_EQ},
    [WR_TOKEN_NE] = {NULL, COMPARE, WR_OP_NE},
    [WR_TOKEN_NE_BANG] = {NULL, COMPARE, WR_OP_NE},
    [WR_TOKEN_LT] = {NULL, COMPARE, WR_OP_LT},
    [WR_TOKEN_LE] = {NULL, COMPARE, WR_OP_LE},
    [WR_TOKEN_GT] = {NULL, COMPARE, WR_OP_GT},
    [WR_TOKEN_GE] = {NULL, COMPARE, WR_OP_GE},
    [WR_TOKEN_PLUS] = {NULL, SUM, WR_OP_ADD},
    [WR_TOKEN_MINUS] = {NULL, SUM, WR_OP_SUB},
    [WR_TOKEN_STAR] = {star, PRODUCT, WR_OP_MUL},
    [WR_TOKEN_SLASH] = {NULL, PRODUCT, WR_OP_DIV},
    [WR_TOKEN_PERCENT] = {NULL, PRODUCT, WR_OP_MOD},
};

// primary { "." WORD | "[" expr "]" }, and "." "*" where an item begins.
struct wr_node *wr_parser_postfix(struct wr_parser *p)
{
    uint32_t begin = p->tok.begin;
    struct wr_node *(*prefix)(struct wr_parser *) = rules[p->tok.kind].prefix;
    if (!prefix) {
        return wr_parser_unexpected(p, WR_HINT_OPERAND, "a value");
    }
    struct wr_node *n = prefix(p);
    while (n && (wr_parser_at(p, WR_TOKEN_DOT) || wr_parser_at(p, WR_TOKEN_LBRACKET))) {
        struct wr_node *inner = n, *index = NULL;
        struct wr_token sign = p->tok;
        bool dot = wr_parser_at(p, WR_TOKEN_DOT);
        if (!dot && !wr_parser_deeper(p)) {
            return NULL;
        }
        wr_parser_advance(p);
        if (!dot) {
            n = wr_parser_node(p, WR_NODE_INDEX, begin, sign.begin);
            if (!n || !(index = expression(p, OR)) ||
                !wr_parser_expect(p, WR_TOKEN_RBRACKET, WR_HINT_OPERATOR, "an operator or ']'")) {
                return NULL;
            }
            p->depth--;
        } else if (wr_token_is_word(p->tok.kind)) {
            if ((n = wr_parser_node(p, WR_NODE_MEMBER, begin, p->tok.begin))) {
                n->text = wr_parser_text(p, p->tok);
                wr_parser_advance(p);
            }
        } else if (wr_parser_at(p, WR_TOKEN_STAR) && begin == p->item_begin) {
            n = wr_parser_node(p, WR_NODE_ALL, begin, p->tok.begin);
            wr_parser_advance(p);
            return wr_parser_join(p, n, inner, NULL);
        } else {
            return wr_parser_unexpected(p, WR_HINT_OTHER, "a name after the point");
        }
        n = wr_parser_join(p, n, inner, index);
    }
    return n;
}

// "-" unary and "NOT" not, or a postfix.
static struct wr_node *prefixed(struct wr_parser *p, enum precedence least)
{
    bool not = wr_parser_at(p, WR_WORD_NOT) && least <= NOT;
    if (!not &&!wr_parser_at(p, WR_TOKEN_MINUS)) {
        return wr_parser_postfix(p);
    }
    struct wr_node *n = wr_parser_node(p, WR_NODE_UNARY, p->tok.begin, p->tok.begin);
    if (!n || !wr_parser_deeper(p)) {
        return NULL;
    }
    n->op = not ? WR_OP_NOT : WR_OP_NEG;
    wr_parser_advance(p);
    struct wr_node *operand = not ? expression(p, NOT) : prefixed(p, UNARY);
    if (!operand) {
        return NULL;
    }
    p->depth--;
    return wr_parser_join(p, n, operand, NULL);
}

// An expression of operators that bind at least as strongly as `least`.
static struct wr_node *expression(struct wr_parser *p, enum precedence least)
{
    uint32_t begin = p->tok.begin;
    bool not = wr_parser_at(p, WR_WORD_NOT);
    struct wr_node *left = prefixed(p, least);
    // The operator that may follow: behind NOT x and behind a comparison only weaker ones.
    enum precedence most = not ? AND : PRODUCT;
    while (left && left->kind != WR_NODE_ALL) {
        const struct rule *rule = &rules[p->tok.kind];
        if (rule->infix == NONE || rule->infix < least || rule->infix > most) {
            break;
        }
        most = rule->infix == COMPARE ? AND : rule->infix;
        struct wr_node *n = wr_parser_node(p, WR_NODE_BINARY, begin, p->tok.begin);
        if (!n) {
            return NULL;
        }
        n->op = rule->op;
        wr_parser_advance(p);
        struct wr_node *right = expression(p, rule->infix + 1);
        left = right ? wr_parser_join(p, n, left, right) : NULL;
    }
    return left;
}

struct wr_node *wr_parser_expression(struct wr_parser *p)
{
    return expression(p, OR);
}
