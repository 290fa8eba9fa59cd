// What parses but may not run, except for syntax: parser.c.
#include "sql/check.h"

#include "sql/topic.h"

#include "sql/base/banned.h"

#define NAME_MAX_COMPARED 32 // longer names get no suggestion; the longest function has 23 letters

// Names that other dialects have, and what to use here.
static const struct {
    wr_str name;
    const char *advice;
} foreign[] = {
    {WR_STR_INIT("substr"), "did you mean substring?"},
    {WR_STR_INIT("mid"), "did you mean substring?"},
    {WR_STR_INIT("len"), "did you mean length?"},
    {WR_STR_INIT("char_length"), "did you mean length?"},
    {WR_STR_INIT("now"), "did you mean timestamp?"},
    {WR_STR_INIT("current_timestamp"), "did you mean timestamp?"},
    {WR_STR_INIT("coalesce"), "did you mean get_or_default?"},
    {WR_STR_INIT("ifnull"), "did you mean get_or_default?"},
    {WR_STR_INIT("nvl"), "did you mean nanvl or get_or_default?"},
    {WR_STR_INIT("instr"), "did you mean indexof?"},
    {WR_STR_INIT("uuid"), "did you mean newuuid?"},
    {WR_STR_INIT("date_format"), "did you mean parse_time?"},
    {WR_STR_INIT("pow"), "did you mean power?"},
    {WR_STR_INIT("if"), "write CASE x WHEN y THEN z END"},
    {WR_STR_INIT("convert"), "write cast(x AS Int)"},
    {WR_STR_INIT("count"), "a rule sees one message at a time, so there are no aggregates"},
    {WR_STR_INIT("sum"), "a rule sees one message at a time, so there are no aggregates"},
    {WR_STR_INIT("avg"), "a rule sees one message at a time, so there are no aggregates"},
    {WR_STR_INIT("min"), "a rule sees one message at a time, so there are no aggregates"},
    {WR_STR_INIT("max"), "a rule sees one message at a time, so there are no aggregates"},
};

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// How many letters must be inserted, removed or changed to make `a` of `b`, without case.
static size_t distance(wr_str a, wr_str b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t change = diagonal + (lower(a.at[i]) != lower(b.at[j]));
            diagonal = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[b.len];
}

// The function whose name is nearest, or NULL when none is near enough to be meant.
static const char *nearest(wr_str name)
{
    if (name.len > NAME_MAX_COMPARED) {
        return NULL;
    }
    const char *found = NULL;
    size_t best = name.len / 3 + 1;
    for (size_t i = 0; i < wr_function_count(); i++) {
        wr_str other = wr_str_of(wr_function_at(i)->name);
        size_t d = other.len <= NAME_MAX_COMPARED ? distance(name, other) : best;
        if (d < best) {
            best = d;
            found = other.at;
        }
    }
    return found;
}

static wr_err unknown_function(const struct wr_check *c, wr_str name, size_t at)
{
    for (size_t i = 0; i < WR_COUNT(foreign); i++) {
        if (wr_str_eq_nocase(foreign[i].name, name)) {
            return wr_fault_at(c->fault, WR_ERR_UNKNOWN, c->text, at,
                               "found the unknown function '%.*s': %s", WR_STR_ARG(name),
                               foreign[i].advice);
        }
    }
    wr_str shown = wr_str_cut(name, 0, least(name.len, 64));
    const char *other = nearest(name);
    if (other) {
        return wr_fault_at(c->fault, WR_ERR_UNKNOWN, c->text, at,
                           "found the unknown function '%.*s', did you mean %s?", WR_STR_ARG(shown),
                           other);
    }
    return wr_fault_at(c->fault, WR_ERR_UNKNOWN, c->text, at, "found the unknown function '%.*s'",
                       WR_STR_ARG(shown));
}

wr_err wr_check_since16(const struct wr_check *c, const char *what, size_t at)
{
    if (c->dialect != WR_SQL_2015) {
        return WR_OK;
    }
    return wr_fault_at(c->fault, WR_ERR_UNSUPPORTED, c->text, at,
                       "%s needs SQL version 2016-03-23, this rule has 2015-10-08", what);
}

wr_err wr_check_function(const struct wr_check *c, wr_str name, size_t at,
                         const struct wr_function **out)
{
    const struct wr_function *f = wr_function_find(name);
    if (!f) {
        return unknown_function(c, name, at);
    }
    if (f->flags & WR_FN_SINCE16) {
        wr_err err = wr_check_since16(c, f->name, at);
        if (err) {
            return err;
        }
    }
    *out = f;
    return WR_OK;
}

static bool is_variable(const struct wr_node *n)
{
    return n->kind == WR_NODE_VARIABLE;
}

static wr_err no_variable_in(const struct wr_check *c, const struct wr_node *arg, const char *what)
{
    const struct wr_node *v = wr_node_find(arg, is_variable);
    if (!v) {
        return WR_OK;
    }
    return wr_fault_at(c->fault, WR_ERR_UNSUPPORTED, c->text, v->at,
                       "found the variable @%.*s as %s, which cannot be a variable",
                       WR_STR_ARG(v->text), what);
}

// Which argument of a look-up is the role ARN (sql.md 11.6); the number of arguments when none is.
static uint32_t role_argument(const struct wr_node *call)
{
    switch ((enum wr_lookup_kind)call->function->lookup) {
    case WR_LOOKUP_LAMBDA:
        return call->kid_count;
    case WR_LOOKUP_ML:
        return 1;
    case WR_LOOKUP_DYNAMODB:
    case WR_LOOKUP_SHADOW:
    case WR_LOOKUP_SECRET:
    case WR_LOOKUP_REGISTRY:
        // With fewer arguments the role is what is missing, and the call Undefined anyway.
        return call->kid_count < call->function->min_args ? call->kid_count : call->kid_count - 1;
    }
    return call->kid_count;
}

static bool is_function(const struct wr_node *call, const char *name)
{
    return strcmp(call->function->name, name) == 0;
}

static bool is_proto_decode(const struct wr_node *n)
{
    return n->kind == WR_NODE_CALL && is_function(n, "decode") && n->kid_count >= 2 &&
           n->kids[1]->kind == WR_NODE_STRING && wr_str_eq(n->kids[1]->text, WR_STR("proto"));
}

// Not allowed in the default of get_or_default() (sql.md 11.3).
static bool is_no_default(const struct wr_node *n)
{
    return is_proto_decode(n) || (n->kind == WR_NODE_CALL && (n->function->flags & WR_FN_LOOKUP) &&
                                  n->function->lookup != WR_LOOKUP_REGISTRY);
}

static wr_err check_proto(struct wr_check *c, const struct wr_node *call)
{
    if (c->in_template) {
        return wr_fault_at(
            c->fault, WR_ERR_UNSUPPORTED, c->text, call->at,
            "found decode(…, 'proto', …), which is not allowed in a template: decode "
            "in the statement, with SET");
    }
    if (++c->proto_calls > WR_CHECK_PROTO_MAX) {
        return wr_fault_at(c->fault, WR_ERR_LIMIT, c->text, call->at,
                           "found more than %d calls of decode(…, 'proto', …) in one expression",
                           WR_CHECK_PROTO_MAX);
    }
    return WR_OK;
}

// get_registry_data(): one of two APIs, as a constant, and once in a rule (documented).
static wr_err check_registry(struct wr_check *c, const struct wr_node *call)
{
    const struct wr_node *api = call->kids[0];
    if (api->kind != WR_NODE_STRING || !(wr_str_eq(api->text, WR_STR("DescribeThing")) ||
                                         wr_str_eq(api->text, WR_STR("ListThingGroupsForThing")))) {
        return wr_fault_at(c->fault, WR_ERR_UNSUPPORTED, c->text, api->at,
                           "expected 'DescribeThing' or 'ListThingGroupsForThing', as a constant, "
                           "for the API of get_registry_data()");
    }
    if (++c->registry_calls > WR_CHECK_REGISTRY_MAX) {
        return wr_fault_at(c->fault, WR_ERR_LIMIT, c->text, call->at,
                           "found a second get_registry_data(): a statement and its templates may "
                           "call it once; keep what it gives in a variable, with SET");
    }
    return WR_OK;
}

wr_err wr_check_call(struct wr_check *c, const struct wr_node *call)
{
    if (call->function->flags & WR_FN_LOOKUP) {
        bool registry = call->function->lookup == WR_LOOKUP_REGISTRY &&
                        call->kid_count == call->function->max_args;
        wr_err err = registry ? check_registry(c, call) : WR_OK;
        if (err) {
            return err;
        }
        uint32_t role = role_argument(call);
        return role < call->kid_count ? no_variable_in(c, call->kids[role], "a role ARN") : WR_OK;
    }
    if (is_function(call, "transform") && call->kid_count > 0) {
        return no_variable_in(c, call->kids[0], "the mode of transform()");
    }
    if (is_function(call, "get_or_default") && call->kid_count > 1) {
        const struct wr_node *n = wr_node_find(call->kids[1], is_no_default);
        if (n) {
            return wr_fault_at(c->fault, WR_ERR_UNSUPPORTED, c->text, n->at,
                               "found %.*s() in the default of get_or_default(), where it is not "
                               "allowed",
                               WR_STR_ARG(n->text));
        }
    }
    return is_proto_decode(call) ? check_proto(c, call) : WR_OK;
}

wr_err wr_check_cast_type(const struct wr_check *c, wr_str name, size_t at, enum wr_cast_type *out)
{
    enum wr_cast_type type;
    bool since16;
    if (!wr_cast_type_parse(name, &type, &since16)) {
        return wr_fault_at(
            c->fault, WR_ERR_UNKNOWN, c->text, at,
            "found the unknown type '%.*s', expected String, Int, Decimal, Double or "
            "Boolean",
            WR_STR_ARG(wr_str_cut(name, 0, least(name.len, 64))));
    }
    if (since16) {
        wr_err err = wr_check_since16(c, "a cast to Decimal or Boolean", at);
        if (err) {
            return err;
        }
    }
    *out = type;
    return WR_OK;
}

static bool find_variable(const struct wr_check *c, wr_str name, uint32_t *index)
{
    for (uint32_t i = 0; c->scope && i < c->scope->assign_count; i++) {
        if (wr_str_eq(c->scope->assigns[i].name, name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

wr_err wr_check_variable(const struct wr_check *c, wr_str name, size_t at, uint32_t *index)
{
    if (find_variable(c, name, index)) {
        return WR_OK;
    }
    return wr_fault_at(c->fault, WR_ERR_UNKNOWN, c->text, at,
                       "found the variable @%.*s, which no SET before this place declares",
                       WR_STR_ARG(name));
}

wr_err wr_check_assign(const struct wr_check *c, wr_str name, size_t at)
{
    uint32_t index;
    if (find_variable(c, name, &index)) {
        return wr_fault_at(c->fault, WR_ERR_EXISTS, c->text, at,
                           "found @%.*s again: a variable is assigned once", WR_STR_ARG(name));
    }
    if (c->scope->assign_count == WR_SQL_VARS_MAX) {
        return wr_fault_at(c->fault, WR_ERR_LIMIT, c->text, at,
                           "found @%.*s, a statement has at most %d variables", WR_STR_ARG(name),
                           WR_SQL_VARS_MAX);
    }
    return WR_OK;
}

wr_err wr_check_filter(const struct wr_check *c, wr_str filter, size_t at)
{
    struct wr_fault why;
    wr_err err = wr_topic_filter_check(filter, &why);
    return err ? wr_fault_at(c->fault, err, c->text, at, "%s", why.text) : WR_OK;
}
