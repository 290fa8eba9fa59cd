// Values that are other than meant: sql.md 16, as far as one expression shows it.
#include "sql/convert.h"
#include "sql/lint/linter.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

static bool constant_int(const struct wr_linter *l, const struct wr_node *n, int64_t *out)
{
    const struct wr_fact *f = wr_linter_fact(l, n);
    if (!f->constant || f->value.type != WR_NUMBER) {
        return false;
    }
    *out = wr_num_floor_clamped(&f->value);
    return true;
}

// ---- arithmetic

// floor(…), trunc(…) and a cast to Int say that the cut is meant.
static bool cut_is_meant(const struct wr_node *parent)
{
    return parent && (wr_linter_is_call(parent, "floor") || wr_linter_is_call(parent, "trunc") ||
                      (parent->kind == WR_NODE_CAST && parent->cast == WR_CAST_INT));
}

static void divide(struct wr_linter *l, const struct wr_node *n, const struct wr_node *parent)
{
    const struct wr_fact *a = wr_linter_fact(l, n->kids[0]), *b = wr_linter_fact(l, n->kids[1]);
    int64_t divisor;
    bool ints = (a->can & WR_CAN_INT) && (b->can & WR_CAN_INT);
    bool one = constant_int(l, n->kids[1], &divisor) && (divisor == 1 || divisor == -1);
    if (!ints || one || cut_is_meant(parent)) {
        return;
    }
    if (a->constant && b->constant) {
        wr_value rest = wr_num_mod(&l->num, &a->value, &b->value);
        if (rest.type == WR_NUMBER && !wr_num_is_zero(&rest)) {
            struct wr_buf text;
            wr_buf_init_arena(&text, l->arena);
            const struct wr_fact *result = wr_linter_fact(l, n);
            if (result->value.type == WR_NUMBER) {
                wr_num_write(&text, &result->value, l->num.dialect);
            }
            wr_linter_add_node(l, WR_LINT_INTEGER_DIVISION, n,
                               "Int / Int loses its fraction: this is %.*s",
                               WR_STR_ARG(wr_buf_str(&text)));
        }
        return;
    }
    const struct wr_node *field = a->constant ? n->kids[1] : n->kids[0];
    bool always = !((a->can | b->can) & ~(WR_CAN_INT | WR_CAN_UNDEFINED));
    wr_linter_add_node(l, WR_LINT_FIELD_DIVISION, n,
                       always ? "`%.*s` is an Int, so the quotient loses its fraction"
                              : "when `%.*s` is a whole number the quotient loses its fraction",
                       WR_LINT_SOURCE(l, field));
}

static void add(struct wr_linter *l, const struct wr_node *n)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct wr_fact *text = wr_linter_fact(l, n->kids[i]);
        const struct wr_fact *other = wr_linter_fact(l, n->kids[1 - i]);
        bool numeric =
            text->constant && (text->can & WR_CAN_NUMERIC) && (other->can & WR_CAN_NUMBER);
        bool only_text = !(text->can & ~(WR_CAN_STRING | WR_CAN_UNDEFINED)) && !text->constant &&
                         (text->can & WR_CAN_NUMERIC);
        if (numeric || (only_text && other->constant && (other->can & WR_CAN_NUMBER))) {
            wr_linter_add_node(l, WR_LINT_TEXT_PLUS_NUMBER, n,
                               "`%.*s` is text, so + joins texts and adds nothing up",
                               WR_LINT_SOURCE(l, n->kids[i]));
            return;
        }
    }
}

// ---- calls

static void pad(struct wr_linter *l, const struct wr_node *n)
{
    int64_t spaces;
    if (n->kid_count == 2 && constant_int(l, n->kids[1], &spaces) && spaces > 1) {
        wr_linter_add_node(
            l, WR_LINT_PAD_WIDTH, n, "%s() adds %.*s spaces, whatever the length of `%.*s`",
            n->function->name, WR_LINT_SOURCE(l, n->kids[1]), WR_LINT_SOURCE(l, n->kids[0]));
    }
}

static void topic_level(struct wr_linter *l, const struct wr_node *n)
{
    wr_str filter = l->p->statement.filter, level;
    int64_t number;
    if (n->kid_count != 1 || !filter.at || !constant_int(l, n->kids[0], &number) || number < 1) {
        return;
    }
    bool there = wr_topic_level(filter, (size_t)number - 1, &level);
    bool open = wr_str_ends(filter, WR_STR("#"));
    if (!there && !open) {
        size_t levels = 1;
        for (size_t i = 0; i < filter.len; i++) {
            levels += filter.at[i] == '/';
        }
        wr_linter_add_node(l, WR_LINT_TOPIC_LEVEL_MISSING, n,
                           "topics of '%.*s' have %zu level%s, there is no level %lld",
                           WR_STR_ARG(filter), levels, levels == 1 ? "" : "s", (long long)number);
    } else if (there && !wr_str_eq(level, WR_STR("+")) && !wr_str_eq(level, WR_STR("#"))) {
        wr_linter_add_node(l, WR_LINT_TOPIC_LEVEL_FIXED, n, "level %lld of '%.*s' is always '%.*s'",
                           (long long)number, WR_STR_ARG(filter), WR_STR_ARG(level));
    }
}

// An index into the values of a query, from which the missing ones have gone.
static void index_of_rows(struct wr_linter *l, const struct wr_node *n)
{
    int64_t at;
    const struct wr_query *q = n->kid_count == 2 ? n->kids[0]->query : NULL;
    if (q && n->kids[0]->kind == WR_NODE_QUERY && q->value && !q->where &&
        (wr_linter_fact(l, q->items[0].expr)->can & WR_CAN_UNDEFINED) &&
        constant_int(l, n->kids[1], &at) && at > 0) {
        wr_linter_add_node(
            l, WR_LINT_ARRAY_SHIFTS, n,
            "rows in which `%.*s` is missing are left out, so this is not the row of "
            "that number",
            WR_LINT_SOURCE(l, q->items[0].expr));
    }
}

// What a variable was set to; other nodes are themselves.
static const struct wr_node *behind(const struct wr_linter *l, const struct wr_node *n)
{
    return n->kind == WR_NODE_VARIABLE ? l->p->statement.assigns[n->index].expr : n;
}

static void call(struct wr_linter *l, const struct wr_node *n)
{
    const char *name = n->function->name;
    const struct wr_node *first = n->kid_count ? behind(l, n->kids[0]) : NULL;
    if (strcmp(name, "lpad") == 0 || strcmp(name, "rpad") == 0) {
        pad(l, n);
    } else if (strcmp(name, "topic") == 0) {
        topic_level(l, n);
    } else if (strcmp(name, "isUndefined") == 0 && first && wr_linter_is_call(first, "decode") &&
               first->kid_count == 2) {
        wr_linter_add_node(l, WR_LINT_DECODE_NULL, n, "`%.*s` is Null when it fails, not Undefined",
                           WR_LINT_SOURCE(l, n->kids[0]));
    } else if (strcmp(name, "get") == 0) {
        index_of_rows(l, n);
    } else if (strncmp(name, "regexp_", 7) == 0 && n->kid_count >= 2) {
        const struct wr_fact *f = wr_linter_fact(l, n->kids[1]);
        if (f->constant && f->value.type == WR_STRING &&
            wr_linter_regex_explodes(wr_value_text(&f->value))) {
            wr_linter_add_node(l, WR_LINT_REGEX_COST, n->kids[1],
                               "%.*s repeats a group that repeats", WR_LINT_SOURCE(l, n->kids[1]));
        }
    }
}

// ---- literals

static void number(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *f = wr_linter_fact(l, n);
    bool point = wr_str_find(n->text, WR_STR(".")) >= 0;
    if (l->num.dialect == WR_SQL_2016 && point && f->can == WR_CAN_INT) {
        struct wr_buf text;
        wr_buf_init_arena(&text, l->arena);
        wr_num_write(&text, &f->value, l->num.dialect);
        wr_linter_add_node(l, WR_LINT_WHOLE_DECIMAL, n, "%.*s comes out as %.*s",
                           WR_LINT_SOURCE(l, n), WR_STR_ARG(wr_buf_str(&text)));
    }
}

static void array(struct wr_linter *l, const struct wr_node *n, const struct wr_node *parent)
{
    bool list = parent && parent->kind == WR_NODE_BINARY && parent->op == WR_OP_IN;
    for (uint32_t i = 0; !list && i + 1 < n->kid_count; i++) {
        if (wr_linter_fact(l, n->kids[i])->can & WR_CAN_UNDEFINED) {
            wr_linter_add_node(l, WR_LINT_ARRAY_SHIFTS, n,
                               "with `%.*s` missing the items after it move to lower indexes",
                               WR_LINT_SOURCE(l, n->kids[i]));
            return;
        }
    }
}

static void case_of(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *operand = wr_linter_fact(l, n->kids[0]);
    if (n->has_else && (operand->can & WR_CAN_UNDEFINED) && operand->can != WR_CAN_UNDEFINED) {
        wr_linter_add_node(l, WR_LINT_CASE_ELSE, n,
                           "with `%.*s` missing CASE is Undefined, not its ELSE",
                           WR_LINT_SOURCE(l, n->kids[0]));
    }
}

// `newuuid` without parentheses. Names that payloads often have are left alone.
static void function_name(struct wr_linter *l, const struct wr_node *n)
{
    static const char *const usual[] = {"timestamp", "topic", "principal", "concat"};
    const struct wr_function *f = wr_function_find(n->text);
    bool field = !f || f->min_args > 0;
    for (size_t i = 0; !field && i < WR_COUNT(usual); i++) {
        field = strcmp(f->name, usual[i]) == 0;
    }
    if (!field) {
        wr_linter_add_node(l, WR_LINT_FUNCTION_NAME, n, "%.*s is a field here, %s() the function",
                           WR_LINT_SOURCE(l, n), f->name);
    }
}

void wr_linter_value(struct wr_linter *l, const struct wr_node *n, struct wr_lint_place place)
{
    const struct wr_node *parent = place.parent;
    switch (n->kind) {
    case WR_NODE_BINARY:
        if (n->op == WR_OP_DIV) {
            divide(l, n, parent);
        } else if (n->op == WR_OP_ADD) {
            add(l, n);
        }
        return;
    case WR_NODE_CALL:
        call(l, n);
        return;
    case WR_NODE_NUMBER:
        if (place.item) {
            number(l, n);
        }
        return;
    case WR_NODE_STAR:
        if (place.item && !place.row) {
            wr_linter_add_node(
                l, WR_LINT_RAW_PAYLOAD, n,
                "a payload that is not a JSON Object or Array becomes base64 text here");
        }
        return;
    case WR_NODE_ARRAY:
        array(l, n, parent);
        return;
    case WR_NODE_CASE:
        case_of(l, n);
        return;
    case WR_NODE_INDEX:
        index_of_rows(l, n);
        return;
    case WR_NODE_NAME:
        if (!place.row) {
            function_name(l, n);
        }
        return;
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_VARIABLE:
    case WR_NODE_MEMBER:
    case WR_NODE_ALL:
    case WR_NODE_CAST:
    case WR_NODE_UNARY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        return;
    }
}
