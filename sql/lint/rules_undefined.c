// Expressions that are Undefined for every message, and why.
#include "sql/convert.h"
#include "sql/func/regex.h"
#include "sql/func/time_format.h"
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

// "'abc' is text": the first operand that is none of the kinds wanted.
static const struct wr_node *misfit(const struct wr_linter *l, const struct wr_node *n,
                                    unsigned wanted)
{
    for (uint32_t i = 0; i < n->kid_count; i++) {
        if (!(wr_linter_fact(l, n->kids[i])->can & wanted)) {
            return n->kids[i];
        }
    }
    return NULL;
}

static const char *name_of(const struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact *f = wr_linter_fact(l, n);
    bool text = !(f->can & ~(WR_CAN_STRING | WR_CAN_UNDEFINED));
    return text ? "text that is no number" : wr_can_name(f->can);
}

static void order(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_node *bad = misfit(l, n, WR_CAN_COUNT);
    if (!bad) {
        return;
    }
    bool text = !(wr_linter_fact(l, bad)->can & ~(WR_CAN_STRING | WR_CAN_UNDEFINED));
    wr_linter_add_node(l, text ? WR_LINT_TEXT_ORDER : WR_LINT_ARGUMENT_TYPE, n,
                       "always Undefined: `%.*s` is %s, and %s compares numbers only",
                       WR_LINT_SOURCE(l, bad), name_of(l, bad), wr_operator_text(n->op));
}

static void operands(struct wr_linter *l, const struct wr_node *n, unsigned wanted,
                     const char *what)
{
    const struct wr_node *bad = misfit(l, n, wanted);
    if (bad) {
        wr_linter_add_node(l, WR_LINT_ARGUMENT_TYPE, n,
                           "always Undefined: `%.*s` is %s, and %s takes %s",
                           WR_LINT_SOURCE(l, bad),
                           wanted & WR_CAN_NUMBER && !(wanted & WR_CAN_ARRAY)
                               ? name_of(l, bad)
                               : wr_can_name(wr_linter_fact(l, bad)->can),
                           wr_operator_text(n->op), what);
    } else {
        wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n, "`%.*s` is always Undefined",
                           WR_LINT_SOURCE(l, n));
    }
}

static void binary(struct wr_linter *l, const struct wr_node *n)
{
    if (wr_linter_quoted_name(l, n)) {
        return;
    }
    switch (n->op) {
    case WR_OP_AND:
    case WR_OP_OR:
        operands(l, n, WR_CAN_JUDGE, "Booleans");
        return;
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        order(l, n);
        return;
    case WR_OP_DIV:
    case WR_OP_MOD:
        if (!misfit(l, n, WR_CAN_COUNT)) {
            wr_linter_add_node(l, WR_LINT_DIVISION_BY_ZERO, n,
                               "always Undefined: the divisor `%.*s` is zero",
                               WR_LINT_SOURCE(l, n->kids[1]));
            return;
        }
        operands(l, n, WR_CAN_COUNT, "numbers");
        return;
    case WR_OP_ADD:
        operands(l, n, misfit(l, n, WR_CAN_SPELL) ? WR_CAN_SPELL : WR_CAN_NUMBER | WR_CAN_STRING,
                 "numbers or text");
        return;
    case WR_OP_SUB:
    case WR_OP_MUL:
        operands(l, n, WR_CAN_COUNT, "numbers");
        return;
    case WR_OP_IN:
        if (!(wr_linter_fact(l, n->kids[1])->can & WR_CAN_ARRAY)) {
            wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n,
                               "always Undefined: `%.*s` is %s, and IN takes an Array",
                               WR_LINT_SOURCE(l, n->kids[1]),
                               wr_can_name(wr_linter_fact(l, n->kids[1])->can));
        }
        return;
    case WR_OP_EQ:
    case WR_OP_NE:
    case WR_OP_NOT:
    case WR_OP_NEG:
        return;
    }
}

static void members(struct wr_linter *l, const struct wr_node *n, const struct wr_node *base)
{
    wr_linter_add_node(l, WR_LINT_NO_MEMBERS, n,
                       "always Undefined: `%.*s` is %s and has no members", WR_LINT_SOURCE(l, base),
                       wr_can_name(wr_linter_fact(l, base)->can));
}

static void index_of(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_node *base = n->kids[0], *index = n->kids[1];
    unsigned can = wr_linter_fact(l, base)->can;
    const struct wr_fact *at = wr_linter_fact(l, index);
    unsigned holds = WR_CAN_ARRAY | WR_CAN_OBJECT | WR_CAN_STRING;
    if (!(can & holds)) {
        members(l, n, base);
    } else if (!(can & holds & ~WR_CAN_OBJECT) && !(at->can & WR_CAN_STRING)) {
        wr_linter_add_node(l, WR_LINT_OBJECT_BY_NUMBER, n,
                           "always Undefined: `%.*s` is an Object, and the key `%.*s` is %s",
                           WR_LINT_SOURCE(l, base), WR_LINT_SOURCE(l, index), wr_can_name(at->can));
    } else if (at->can & WR_CAN_COUNT) {
        wr_linter_add_node(l, WR_LINT_ARGUMENT_RANGE, n,
                           "always Undefined: `%.*s` has no item at index %.*s; the first is at 0",
                           WR_LINT_SOURCE(l, base), WR_LINT_SOURCE(l, index));
    } else {
        wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n,
                           "always Undefined: `%.*s` is no index of `%.*s`, which is %s",
                           WR_LINT_SOURCE(l, index), WR_LINT_SOURCE(l, base),
                           wr_can_name((uint16_t)can));
    }
}

// ---- calls

static bool text_of(const struct wr_linter *l, const struct wr_node *n, uint32_t i, wr_str *out)
{
    const struct wr_fact *f = i < n->kid_count ? wr_linter_fact(l, n->kids[i]) : NULL;
    if (!f || !f->constant || f->value.type != WR_STRING) {
        return false;
    }
    *out = wr_value_text(&f->value);
    return true;
}

// True when argument `i` is why, and that was reported.
static bool argument_types(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact_function *f = wr_fact_function_find(n->function);
    for (uint32_t i = 0; f && i < n->kid_count; i++) {
        unsigned wanted = wr_fact_wanted(wr_fact_letter(f, i));
        const struct wr_fact *arg = wr_linter_fact(l, n->kids[i]);
        if (!(arg->can & wanted)) {
            wr_linter_add_node(
                l, WR_LINT_ARGUMENT_TYPE, n, "always Undefined: `%.*s` is %s; the signature is %s",
                WR_LINT_SOURCE(l, n->kids[i]),
                wanted == WR_CAN_COUNT ? name_of(l, n->kids[i]) : wr_can_name(arg->can),
                n->function->signature);
            return true;
        }
    }
    return false;
}

static bool time_call(struct wr_linter *l, const struct wr_node *n)
{
    wr_str text;
    bool writes = wr_linter_is_call(n, "parse_time");
    if (!writes && !wr_linter_is_call(n, "time_to_epoch")) {
        return false;
    }
    struct wr_zone zone;
    if (writes && text_of(l, n, 2, &text) && !wr_zone_find(&zone, text, l->host)) {
        wr_linter_add_node(l, WR_LINT_UNKNOWN_ZONE, n, "always Undefined: '%.*s' is no time zone",
                           WR_STR_ARG(text));
        return true;
    }
    uint32_t at = writes ? 0 : 1;
    if (!text_of(l, n, at, &text)) {
        return false;
    }
    wr_linter_add_node(l, WR_LINT_BAD_TIME_PATTERN, n,
                       "always Undefined: '%.*s' is no pattern of %s", WR_STR_ARG(text),
                       writes ? "Joda-Time" : "java.time's DateTimeFormatter");
    return true;
}

// Functions with words to choose from: argument `at`.
static const struct {
    const char *name;
    uint32_t at;
    const char *words;
} choices[] = {
    {"transform", 0, "'enrichArray'"},
    {"encode", 1, "'base64'"},
    {"decode", 1, "'base64', or 'proto' with four more arguments"},
    {"get_mqtt_property", 0,
     "'content_type', 'format_indicator', 'response_topic' or 'correlation_data'"},
};

static bool choice(struct wr_linter *l, const struct wr_node *n)
{
    for (size_t i = 0; i < WR_COUNT(choices); i++) {
        wr_str word;
        if (wr_linter_is_call(n, choices[i].name) && text_of(l, n, choices[i].at, &word)) {
            wr_linter_add_node(l, WR_LINT_UNKNOWN_CHOICE, n,
                               "always Undefined: '%.*s' is not what %s() takes, which is %s",
                               WR_STR_ARG(word), choices[i].name, choices[i].words);
            return true;
        }
    }
    return false;
}

// Functions that have a value for some numbers only.
static const struct {
    const char *name, *range;
} ranges[] = {
    {"chr", "0 to 127"},
    {"topic", "1 and up"},
    {"sqrt", "0 and up"},
    {"ln", "above 0"},
    {"log", "above 0"},
    {"asin", "-1 to 1"},
    {"acos", "-1 to 1"},
    {"exp", "up to about 709"},
    {"sinh", "about -710 to 710"},
    {"cosh", "about -710 to 710"},
    {"power", "a result that is real and finite"},
};

static bool range(struct wr_linter *l, const struct wr_node *n)
{
    for (size_t i = 0; i < WR_COUNT(ranges); i++) {
        if (wr_linter_is_call(n, ranges[i].name)) {
            wr_linter_add_node(l, WR_LINT_ARGUMENT_RANGE, n,
                               "always Undefined: %s() has a value for %s only", ranges[i].name,
                               ranges[i].range);
            return true;
        }
    }
    return false;
}

static bool regex(struct wr_linter *l, const struct wr_node *n)
{
    wr_str pattern;
    struct wr_fault fault = {0};
    if (strncmp(n->function->name, "regexp_", 7) != 0 || !text_of(l, n, 1, &pattern) ||
        !wr_regex_check(pattern, &fault)) {
        return false;
    }
    wr_linter_add_node(l, WR_LINT_BAD_REGEX, n, "always Undefined: %s", fault.text);
    return true;
}

static void call(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_function *f = n->function;
    bool wrong_count =
        n->kid_count < f->min_args || (f->max_args < 255 && n->kid_count > f->max_args);
    bool halved = (f->flags & WR_FN_LOOKUP) && f->lookup == WR_LOOKUP_DYNAMODB && n->kid_count == 5;
    if (wrong_count || halved) {
        wr_linter_add_node(l, WR_LINT_ARGUMENT_COUNT, n,
                           "always Undefined: %u argument%s; the signature is %s", n->kid_count,
                           n->kid_count == 1 ? "" : "s", f->signature);
        return;
    }
    if (wr_linter_is_call(n, "get")) {
        index_of(l, n);
        return;
    }
    if (argument_types(l, n) || regex(l, n) || time_call(l, n) || choice(l, n) || range(l, n)) {
        return;
    }
    wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n,
                       "`%.*s` is always Undefined; the signature is %s", WR_LINT_SOURCE(l, n),
                       f->signature);
}

void wr_linter_undefined(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_node *first = n->kid_count ? n->kids[0] : NULL;
    switch (n->kind) {
    case WR_NODE_BINARY:
        binary(l, n);
        return;
    case WR_NODE_UNARY:
        operands(l, n, n->op == WR_OP_NOT ? WR_CAN_JUDGE : WR_CAN_COUNT,
                 n->op == WR_OP_NOT ? "a Boolean" : "a number");
        return;
    case WR_NODE_MEMBER:
        if (wr_linter_fact(l, first)->can & WR_CAN_OBJECT) { // a known Object without that member
            break;
        }
        members(l, n, first);
        return;
    case WR_NODE_INDEX:
        index_of(l, n);
        return;
    case WR_NODE_CALL:
        call(l, n);
        return;
    case WR_NODE_CAST:
        wr_linter_add_node(l, WR_LINT_ARGUMENT_TYPE, n,
                           "always Undefined: `%.*s` is %s and has no conversion to this type",
                           WR_LINT_SOURCE(l, first), wr_can_name(wr_linter_fact(l, first)->can));
        return;
    case WR_NODE_QUERY:
        wr_linter_add_node(
            l, WR_LINT_ARGUMENT_TYPE, n,
            "always Undefined: `%.*s` is %s, and a query takes rows from an Array or Object",
            WR_LINT_SOURCE(l, n->query->source),
            wr_can_name(wr_linter_fact(l, n->query->source)->can));
        return;
    case WR_NODE_CASE:
        wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n,
                           "always Undefined: no WHEN can be taken, and there is no ELSE");
        return;
    case WR_NODE_NUMBER:
        wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n,
                           "always Undefined: %.*s is out of range, the largest number is 9.99E999",
                           WR_LINT_SOURCE(l, n));
        return;
    case WR_NODE_VARIABLE: // said where it is set
    case WR_NODE_ALL:      // said of its path
    case WR_NODE_PAIR:
        return;
    case WR_NODE_STRING:
    case WR_NODE_NULL:
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
    case WR_NODE_STAR:
    case WR_NODE_NAME:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_EXISTS:
        break;
    }
    wr_linter_add_node(l, WR_LINT_ALWAYS_UNDEFINED, n, "`%.*s` is always Undefined",
                       WR_LINT_SOURCE(l, n));
}
