// Walking and printing the tree. Making it is parser.c.
#include "sql/ast.h"

#include "sql/base/banned.h"

const char *wr_operator_text(enum wr_operator op)
{
    switch (op) {
    case WR_OP_AND:
        return "AND";
    case WR_OP_OR:
        return "OR";
    case WR_OP_EQ:
        return "=";
    case WR_OP_NE:
        return "<>";
    case WR_OP_LT:
        return "<";
    case WR_OP_LE:
        return "<=";
    case WR_OP_GT:
        return ">";
    case WR_OP_GE:
        return ">=";
    case WR_OP_IN:
        return "IN";
    case WR_OP_ADD:
        return "+";
    case WR_OP_SUB:
    case WR_OP_NEG:
        return "-";
    case WR_OP_MUL:
        return "*";
    case WR_OP_DIV:
        return "/";
    case WR_OP_MOD:
        return "%";
    case WR_OP_NOT:
        return "NOT";
    }
    return "?";
}

static const struct wr_node *find_in_query(const struct wr_query *q,
                                           bool (*wanted)(const struct wr_node *n))
{
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct wr_node *found = wr_node_find(q->items[i].expr, wanted);
        if (found) {
            return found;
        }
    }
    const struct wr_node *found = q->source ? wr_node_find(q->source, wanted) : NULL;
    return found || !q->where ? found : wr_node_find(q->where, wanted);
}

const struct wr_node *wr_node_find(const struct wr_node *n, bool (*wanted)(const struct wr_node *n))
{
    if (wanted(n)) {
        return n;
    }
    if (n->query) {
        return find_in_query(n->query, wanted);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        const struct wr_node *found = wr_node_find(n->kids[i], wanted);
        if (found) {
            return found;
        }
    }
    return NULL;
}

bool wr_node_is_plain_key(const struct wr_node *n)
{
    return n->kind == WR_NODE_STRING && !wr_num_is_numeric_string(n->text);
}

bool wr_node_is_get(const struct wr_node *n)
{
    return n->kind == WR_NODE_CALL && n->kid_count == 2 && wr_str_eq_nocase(n->text, WR_STR("get"));
}

int wr_node_path(const struct wr_node *n)
{
    for (int depth = 0;; n = n->kids[0], depth++) {
        switch (n->kind) {
        case WR_NODE_STAR:
            return depth;
        case WR_NODE_NAME:
            return depth + 1;
        case WR_NODE_MEMBER:
            break;
        case WR_NODE_INDEX:
            if (!wr_node_is_plain_key(n->kids[1])) {
                return -1;
            }
            break;
        case WR_NODE_CALL:
            if (!wr_node_is_get(n) || !wr_node_is_plain_key(n->kids[1])) {
                return -1;
            }
            break;
        case WR_NODE_NUMBER:
        case WR_NODE_STRING:
        case WR_NODE_NULL:
        case WR_NODE_TRUE:
        case WR_NODE_FALSE:
        case WR_NODE_VARIABLE:
        case WR_NODE_ALL:
        case WR_NODE_CAST:
        case WR_NODE_UNARY:
        case WR_NODE_BINARY:
        case WR_NODE_CASE:
        case WR_NODE_ARRAY:
        case WR_NODE_OBJECT:
        case WR_NODE_PAIR:
        case WR_NODE_EXISTS:
        case WR_NODE_QUERY:
            return -1;
        }
    }
}

void wr_node_path_keys(const struct wr_node *n, int len, wr_str *keys)
{
    for (int i = len - 1; i >= 0; i--, n = n->kind == WR_NODE_NAME ? n : n->kids[0]) {
        keys[i] = n->kind == WR_NODE_INDEX || n->kind == WR_NODE_CALL ? n->kids[1]->text : n->text;
    }
}

// A string in single quotes, with the quotes in it doubled.
static void print_string(wr_str s, struct wr_buf *out)
{
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\'') {
            wr_buf_add_char(out, '\'');
        }
        wr_buf_add_char(out, s.at[i]);
    }
    wr_buf_add_char(out, '\'');
}

static void print_kids(const struct wr_node *n, struct wr_buf *out)
{
    for (uint32_t i = 0; i < n->kid_count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_print(n->kids[i], out);
    }
    wr_buf_add_char(out, ')');
}

static void print_item(const struct wr_item *item, struct wr_buf *out)
{
    if (item->path_len == 0) {
        wr_node_print(item->expr, out);
        return;
    }
    wr_buf_add(out, WR_STR("(as "));
    wr_node_print(item->expr, out);
    for (uint32_t i = 0; i < item->path_len; i++) {
        wr_buf_add_char(out, i ? '.' : ' ');
        wr_buf_add(out, item->path[i]);
    }
    wr_buf_add_char(out, ')');
}

static void print_where(const struct wr_node *where, struct wr_buf *out)
{
    if (where) {
        wr_buf_add(out, WR_STR(" (where "));
        wr_node_print(where, out);
        wr_buf_add_char(out, ')');
    }
}

static void print_items(const struct wr_query *q, struct wr_buf *out)
{
    wr_buf_add(out, q->value ? WR_STR("(value") : WR_STR("(select"));
    for (uint32_t i = 0; i < q->item_count; i++) {
        wr_buf_add_char(out, ' ');
        print_item(&q->items[i], out);
    }
}

static void print_query(const struct wr_query *q, struct wr_buf *out)
{
    print_items(q, out);
    wr_buf_add(out, WR_STR(" (from "));
    wr_node_print(q->source, out);
    if (q->source_alias.at) {
        wr_buf_add_char(out, ' ');
        wr_buf_add(out, q->source_alias);
    }
    wr_buf_add_char(out, ')');
    print_where(q->where, out);
    wr_buf_add_char(out, ')');
}

static const char *cast_name(enum wr_cast_type type)
{
    switch (type) {
    case WR_CAST_STRING:
        return "String";
    case WR_CAST_INT:
        return "Int";
    case WR_CAST_DECIMAL:
        return "Decimal";
    case WR_CAST_DOUBLE:
        return "Double";
    case WR_CAST_BOOLEAN:
        return "Boolean";
    }
    return "?";
}

// The opening parenthesis and the word behind it.
static void print_head(const char *head, struct wr_buf *out)
{
    wr_buf_add_char(out, '(');
    wr_buf_add(out, wr_str_of(head));
}

void wr_node_print(const struct wr_node *n, struct wr_buf *out)
{
    switch (n->kind) {
    case WR_NODE_NUMBER:
    case WR_NODE_NAME:
        wr_buf_add(out, n->text);
        return;
    case WR_NODE_STRING:
        print_string(n->text, out);
        return;
    case WR_NODE_NULL:
        wr_buf_add(out, WR_STR("NULL"));
        return;
    case WR_NODE_TRUE:
        wr_buf_add(out, WR_STR("TRUE"));
        return;
    case WR_NODE_FALSE:
        wr_buf_add(out, WR_STR("FALSE"));
        return;
    case WR_NODE_STAR:
        wr_buf_add_char(out, '*');
        return;
    case WR_NODE_VARIABLE:
        wr_buf_add_char(out, '@');
        wr_buf_add(out, n->text);
        return;
    case WR_NODE_MEMBER:
        print_head(". ", out);
        wr_node_print(n->kids[0], out);
        wr_buf_add_char(out, ' ');
        wr_buf_add(out, n->text);
        wr_buf_add_char(out, ')');
        return;
    case WR_NODE_ALL:
        print_head(".*", out);
        print_kids(n, out);
        return;
    case WR_NODE_INDEX:
        print_head("[]", out);
        print_kids(n, out);
        return;
    case WR_NODE_CALL:
        print_head("", out);
        wr_buf_add(out, n->text);
        print_kids(n, out);
        return;
    case WR_NODE_CAST:
        print_head("cast ", out);
        wr_buf_add(out, wr_str_of(cast_name(n->cast)));
        print_kids(n, out);
        return;
    case WR_NODE_UNARY:
    case WR_NODE_BINARY:
        print_head(wr_operator_text(n->op), out);
        print_kids(n, out);
        return;
    case WR_NODE_CASE:
        print_head(n->has_else ? "case-else" : "case", out);
        print_kids(n, out);
        return;
    case WR_NODE_ARRAY:
        print_head("array", out);
        print_kids(n, out);
        return;
    case WR_NODE_OBJECT:
        print_head("object", out);
        print_kids(n, out);
        return;
    case WR_NODE_PAIR:
        print_head("", out);
        print_string(n->text, out);
        print_kids(n, out);
        return;
    case WR_NODE_EXISTS:
        print_head("exists", out);
        print_kids(n, out);
        return;
    case WR_NODE_QUERY:
        print_query(n->query, out);
        return;
    }
}

void wr_statement_print(const struct wr_statement *s, struct wr_buf *out)
{
    for (uint32_t i = 0; i < s->assign_count; i++) {
        wr_buf_add(out, WR_STR("(set @"));
        wr_buf_add(out, s->assigns[i].name);
        wr_buf_add_char(out, ' ');
        wr_node_print(s->assigns[i].expr, out);
        wr_buf_add(out, WR_STR(") "));
    }
    print_items(&s->select, out);
    if (s->filter.at) {
        wr_buf_add(out, WR_STR(" (from "));
        print_string(s->filter, out);
        wr_buf_add_char(out, ')');
    }
    print_where(s->select.where, out);
    wr_buf_add_char(out, ')');
}
