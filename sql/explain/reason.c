// The tables of sql.md 5 and 6 read backwards: which row did it.
#include "sql/explain/reason.h"

#include <stdio.h>

#include "sql/base/json.h"
#include "sql/explain/show.h"
#include "sql/operator.h"

#include "sql/base/banned.h"

static void add_value(const struct wr_num_context *c, const wr_value *v, struct wr_buf *out)
{
    wr_show_value(out, v, c->arena, c->dialect);
}

static const char *side(uint32_t i)
{
    return i ? "right" : "left";
}

bool wr_reason_no_truth(const struct wr_num_context *c, const wr_value *v)
{
    wr_value copy = *v;
    return wr_operator_truth(&copy, c) == 2;
}

static bool is_number(const struct wr_num_context *c, const wr_value *v)
{
    wr_value copy = *v;
    return wr_convert_decimal(c, &copy).type == WR_NUMBER;
}

// "'12a' is no number" for what does not convert.
static void no_number(const struct wr_num_context *c, const wr_value *v, const char *where,
                      struct wr_buf *out)
{
    if (v->type == WR_UNDEFINED) {
        wr_buf_addf(out, "%s is Undefined", where);
        return;
    }
    if (v->type == WR_STRING) {
        wr_show_text(out, v, c->arena, c->dialect);
        wr_buf_addf(out, " is no number");
        return;
    }
    wr_buf_addf(out, "%s is ", where);
    add_value(c, v, out);
    wr_buf_add(out, WR_STR(", which is no number"));
}

static bool no_numbers(const struct wr_num_context *c, const wr_value *kids, uint32_t count,
                       struct wr_buf *out)
{
    bool said = false;
    for (uint32_t i = 0; i < count; i++) {
        if (is_number(c, &kids[i])) {
            continue;
        }
        char where[32];
        snprintf(where, sizeof where, "the %s side", side(i));
        wr_buf_add(out, said ? WR_STR("; ") : WR_STR(""));
        no_number(c, &kids[i], count == 1 ? "the operand" : where, out);
        said = true;
    }
    return said;
}

static void logic(const struct wr_num_context *c, const char *name, const wr_value *kids,
                  uint32_t count, struct wr_buf *out)
{
    bool said = false;
    for (uint32_t i = 0; i < count; i++) {
        if (!wr_reason_no_truth(c, &kids[i])) {
            continue;
        }
        wr_buf_addf(out, "%s", said ? "; " : "");
        if (count > 1) {
            wr_buf_addf(out, "the %s side is ", side(i));
        } else {
            wr_buf_add(out, WR_STR("the operand is "));
        }
        add_value(c, &kids[i], out);
        said = true;
    }
    if (said && count > 1) {
        wr_buf_addf(out, ": %s needs two Booleans, there is no short cut", name);
    } else if (said) {
        wr_buf_add(out, WR_STR(": NOT needs a Boolean"));
    }
}

// ---- equality

static bool convertible(const wr_value *a, const wr_value *b)
{
    bool text = a->type == WR_STRING || b->type == WR_STRING;
    bool plain = a->type == WR_NUMBER || b->type == WR_NUMBER || a->type == WR_BOOLEAN ||
                 b->type == WR_BOOLEAN;
    return text && plain && a->type != WR_NULL && b->type != WR_NULL;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static wr_str trimmed(wr_str s)
{
    while (s.len && blank(s.at[0])) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len && blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

// Two values that are not equal but might have been meant to be. True: said so.
static bool nearly_equal(const struct wr_num_context *c, const char *op, const wr_value *a,
                         const wr_value *b, struct wr_buf *out)
{
    if (convertible(a, b)) {
        add_value(c, a, out);
        wr_buf_add(out, WR_STR(" and "));
        add_value(c, b, out);
        wr_buf_addf(out, " are of different types: %s does not convert", op);
        return true;
    }
    if (a->type != WR_STRING || b->type != WR_STRING) {
        return false;
    }
    wr_str x = wr_value_text(a), y = wr_value_text(b);
    if (wr_str_eq(x, y)) {
        return false;
    }
    if (wr_str_eq_nocase(x, y)) {
        wr_buf_add(out, WR_STR("they differ in upper and lower case only"));
        return true;
    }
    if (wr_str_eq(trimmed(x), trimmed(y))) {
        wr_buf_add(out, WR_STR("they differ in blanks at the ends only: trim() takes them off"));
        return true;
    }
    return false;
}

static void equality(const struct wr_num_context *c, const struct wr_node *n, const wr_value *kids,
                     struct wr_buf *out)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (kids[i].type == WR_UNDEFINED) {
            wr_buf_addf(out, "the %s side is Undefined", side(i));
            return;
        }
    }
    nearly_equal(c, wr_operator_text(n->op), &kids[0], &kids[1], out);
}

static void membership(const struct wr_num_context *c, const wr_value *value, const wr_value *kids,
                       struct wr_buf *out)
{
    if (value->type == WR_UNDEFINED) {
        if (kids[0].type == WR_UNDEFINED) {
            wr_buf_add(out, WR_STR("the left side is Undefined"));
        } else {
            wr_buf_add(out, WR_STR("the right side is "));
            add_value(c, &kids[1], out);
            wr_buf_add(out, WR_STR(", not an Array"));
        }
        return;
    }
    for (uint32_t i = 0; !value->as.truth && i < kids[1].len && kids[1].type == WR_ARRAY; i++) {
        wr_value item = kids[1].as.items[i];
        wr_value_force(&item, c->arena, c->dialect);
        wr_value x = kids[0], y = item, s = wr_convert_string(c, &x), t = wr_convert_string(c, &y);
        bool alike = s.type == WR_STRING && t.type == WR_STRING &&
                     wr_str_eq_nocase(trimmed(wr_value_text(&s)), trimmed(wr_value_text(&t)));
        if (alike && nearly_equal(c, "IN", &kids[0], &item, out)) {
            return;
        }
    }
}

// ---- numbers

static void arithmetic(const struct wr_num_context *c, const struct wr_node *n,
                       const wr_value *value, const wr_value *kids, struct wr_buf *out)
{
    bool division = n->op == WR_OP_DIV || n->op == WR_OP_MOD;
    if (value->type == WR_UNDEFINED) {
        if (no_numbers(c, kids, 2, out)) {
            return;
        }
        wr_value y = kids[1], divisor = wr_convert_decimal(c, &y);
        wr_buf_add(out, division && wr_num_is_zero(&divisor)
                            ? WR_STR("division by zero")
                            : WR_STR("the result is out of range: at most 9.999…E999"));
        return;
    }
    bool ints = kids[0].type == WR_NUMBER && kids[1].type == WR_NUMBER && wr_num_is_int(&kids[0]) &&
                wr_num_is_int(&kids[1]);
    if (n->op == WR_OP_DIV && ints) {
        wr_value rest = wr_num_mod(c, &kids[0], &kids[1]);
        if (rest.type == WR_NUMBER && !wr_num_is_zero(&rest)) {
            wr_buf_add(out, WR_STR("both sides are Ints: the fraction is cut off"));
        }
    }
}

static void addition(const struct wr_num_context *c, const struct wr_node *n, const wr_value *value,
                     const wr_value *kids, struct wr_buf *out)
{
    bool text = kids[0].type == WR_STRING || kids[1].type == WR_STRING;
    if (!text) {
        arithmetic(c, n, value, kids, out);
        return;
    }
    if (value->type == WR_UNDEFINED) {
        uint32_t other = kids[0].type == WR_STRING;
        wr_buf_addf(out, "the %s side is ", side(other));
        add_value(c, &kids[other], out);
        wr_buf_add(out, WR_STR(", which has no text"));
    } else if (is_number(c, &kids[0]) && is_number(c, &kids[1])) {
        wr_buf_add(out, WR_STR("a side is a String, so + joins texts"));
    }
}

static void binary(const struct wr_num_context *c, const struct wr_node *n, const wr_value *value,
                   const wr_value *kids, struct wr_buf *out)
{
    switch (n->op) {
    case WR_OP_AND:
    case WR_OP_OR:
        logic(c, wr_operator_text(n->op), kids, 2, out);
        return;
    case WR_OP_EQ:
    case WR_OP_NE:
        equality(c, n, kids, out);
        return;
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        if (no_numbers(c, kids, 2, out) && kids[0].type == WR_STRING && kids[1].type == WR_STRING) {
            wr_buf_addf(out, ": %s compares numbers, texts have no order", wr_operator_text(n->op));
        }
        return;
    case WR_OP_IN:
        membership(c, value, kids, out);
        return;
    case WR_OP_ADD:
        addition(c, n, value, kids, out);
        return;
    case WR_OP_SUB:
    case WR_OP_MUL:
    case WR_OP_DIV:
    case WR_OP_MOD:
        arithmetic(c, n, value, kids, out);
        return;
    case WR_OP_NOT:
    case WR_OP_NEG:
        return;
    }
}

// ---- access

static void index_of(const struct wr_num_context *c, const wr_value *kids, struct wr_buf *out)
{
    wr_value at = kids[1], number = wr_convert_int(c, &at);
    switch ((enum wr_type)kids[0].type) {
    case WR_OBJECT:
        if (kids[1].type != WR_STRING) {
            wr_buf_add(out, WR_STR("a key must be a String, it is not converted: found "));
            add_value(c, &kids[1], out);
        } else {
            wr_buf_add(out, WR_STR("the Object has no member "));
            wr_show_text(out, &kids[1], c->arena, c->dialect);
        }
        return;
    case WR_ARRAY:
    case WR_STRING:
        if (number.type != WR_NUMBER) {
            no_number(c, &kids[1], "the index", out);
            return;
        }
        wr_buf_add(out, WR_STR("index "));
        wr_show_text(out, &number, c->arena, c->dialect);
        wr_buf_addf(out, " is out of range: the %s has %u %s, counted from 0",
                    wr_value_type_name(&kids[0]), kids[0].len,
                    kids[0].type == WR_ARRAY ? "items" : "bytes");
        return;
    case WR_UNDEFINED:
        wr_buf_add(out, WR_STR("what it reads from is Undefined"));
        return;
    case WR_NULL:
    case WR_BOOLEAN:
    case WR_NUMBER:
    case WR_RAW:
        wr_buf_add(out, WR_STR("what it reads from is "));
        add_value(c, &kids[0], out);
        return;
    }
}

static void member_of(const struct wr_num_context *c, const struct wr_node *n, const wr_value *kids,
                      struct wr_buf *out)
{
    if (kids[0].type == WR_OBJECT) {
        wr_buf_addf(out, "the Object has no member '%.*s'", WR_STR_ARG(n->text));
        return;
    }
    wr_buf_add(out, WR_STR("what is before the point is "));
    add_value(c, &kids[0], out);
    wr_buf_add(out, kids[0].type == WR_UNDEFINED ? WR_STR("") : WR_STR(", not an Object"));
}

static void cast_of(const struct wr_num_context *c, const struct wr_node *n, const wr_value *v,
                    struct wr_buf *out)
{
    bool number = n->cast == WR_CAST_INT || n->cast == WR_CAST_DECIMAL || n->cast == WR_CAST_DOUBLE;
    if (v->type == WR_STRING) {
        wr_show_text(out, v, c->arena, c->dialect);
        wr_buf_add(out, number ? WR_STR(" is no number") : WR_STR(" is neither true nor false"));
    } else if (v->type == WR_UNDEFINED) {
        wr_buf_add(out, WR_STR("the operand is Undefined"));
    } else {
        add_value(c, v, out);
        wr_buf_add(out, WR_STR(" cannot be cast to that"));
    }
}

// ---- calls

// The type of parameter `index` in "substring(text String, start Int [, end Int])"; {NULL, 0} when
// there are several forms, or any number of arguments.
static wr_str parameter(const char *signature, uint32_t index)
{
    const char *at = strchr(signature, '(');
    if (!at || strchr(signature, '|') || strstr(signature, "...")) {
        return (wr_str){NULL, 0};
    }
    for (at++;; index--) {
        at += strspn(at, " [,");
        size_t len = strcspn(at, ",)]"); // "start Int "
        if (len == 0 || index == 0) {
            while (len && at[len - 1] == ' ') {
                len--;
            }
            size_t type = len;
            while (type && at[type - 1] != ' ') {
                type--;
            }
            return len ? (wr_str){at + type, len - type} : (wr_str){NULL, 0};
        }
        at += len;
    }
}

static bool bad_argument(const struct wr_num_context *c, const char *signature, uint32_t index,
                         const wr_value *v, struct wr_buf *out)
{
    char where[32];
    snprintf(where, sizeof where, "argument %u", index + 1);
    wr_str type = parameter(signature, index);
    bool number = wr_str_eq(type, WR_STR("Int")) || wr_str_eq(type, WR_STR("Decimal"));
    wr_value copy = *v;
    bool text = wr_str_eq(type, WR_STR("String"));
    if (number && !is_number(c, v)) {
        no_number(c, v, where, out);
        return true;
    }
    if (text && wr_convert_string(c, &copy).type != WR_STRING) {
        wr_buf_addf(out, "%s is ", where);
        add_value(c, v, out);
        wr_buf_add(out, v->type == WR_UNDEFINED ? WR_STR("") : WR_STR(", which has no text"));
        return true;
    }
    return false;
}

static void call_of(const struct wr_num_context *c, const struct wr_node *n, const wr_value *value,
                    const wr_value *kids, struct wr_buf *out)
{
    const struct wr_function *f = n->function;
    uint32_t count = n->kid_count;
    if (count < f->min_args || (f->max_args < 255 && count > f->max_args)) {
        wr_buf_addf(out, "the wrong number of arguments gives Undefined: found %u, expected %s",
                    count, f->signature);
        return;
    }
    if (wr_node_is_get(n)) {
        index_of(c, kids, out);
        return;
    }
    size_t before = out->len;
    for (uint32_t i = 0; i < count && out->len == before; i++) {
        bad_argument(c, f->signature, i, &kids[i], out);
    }
    for (uint32_t i = 0; i < count && out->len == before; i++) {
        if (kids[i].type == WR_UNDEFINED && value->type == WR_UNDEFINED) {
            wr_buf_addf(out, "argument %u is Undefined", i + 1);
        }
    }
}

void wr_reason_write(const struct wr_num_context *c, const struct wr_node *n, const wr_value *value,
                     const wr_value *kids, struct wr_buf *out)
{
    bool undefined = value->type == WR_UNDEFINED;
    switch (n->kind) {
    case WR_NODE_BINARY:
        binary(c, n, value, kids, out);
        return;
    case WR_NODE_UNARY:
        if (undefined && n->op == WR_OP_NOT) {
            logic(c, "NOT", kids, 1, out);
        } else if (undefined) {
            no_numbers(c, kids, 1, out);
        }
        return;
    case WR_NODE_CAST:
        if (undefined) {
            cast_of(c, n, &kids[0], out);
        }
        return;
    case WR_NODE_INDEX:
        if (undefined) {
            index_of(c, kids, out);
        }
        return;
    case WR_NODE_MEMBER:
        if (undefined) {
            member_of(c, n, kids, out);
        }
        return;
    case WR_NODE_CALL:
        if (undefined) {
            call_of(c, n, value, kids, out);
        } else if (value->type == WR_NULL && wr_str_eq_nocase(n->text, WR_STR("decode"))) {
            wr_buf_add(out, WR_STR("the text is not base64, or holds no UTF-8"));
        }
        return;
    case WR_NODE_NUMBER:
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_VARIABLE:
    case WR_NODE_ALL:
    case WR_NODE_CASE:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        return;
    }
}
