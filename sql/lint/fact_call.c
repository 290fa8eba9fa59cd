// What values calls can have: sql.md 11. Most functions are rows of fact_functions.c; here are
// those whose result depends on what they are given.
#include "sql/convert.h"
#include "sql/lint/linter.h"
#include "sql/operator.h"

#include "sql/func/regex.h"
#include "sql/func/time_format.h"

#include "sql/base/banned.h"

static struct wr_fact some(unsigned can)
{
    return (struct wr_fact){.can = (uint16_t)can};
}

static struct wr_fact undefined(void)
{
    return some(WR_CAN_UNDEFINED);
}

static const struct wr_fact *argument(const struct wr_linter *l, const struct wr_node *n,
                                      uint32_t i)
{
    return wr_linter_fact(l, n->kids[i]);
}

bool wr_linter_is_call(const struct wr_node *n, const char *name)
{
    return n->kind == WR_NODE_CALL && strcmp(n->function->name, name) == 0;
}

// The text that argument `i` is for every message.
static bool constant_text(const struct wr_linter *l, const struct wr_node *n, uint32_t i,
                          wr_str *out)
{
    const struct wr_fact *f = argument(l, n, i);
    if (!f->constant || f->value.type != WR_STRING) {
        return false;
    }
    *out = wr_value_text(&f->value);
    return true;
}

static bool constant_int(const struct wr_linter *l, const struct wr_fact *f, int64_t *out)
{
    wr_value v = f->value;
    if (!f->constant) {
        return false;
    }
    v = wr_convert_int(&l->num, &v);
    if (v.type != WR_NUMBER) {
        return false;
    }
    *out = wr_num_floor_clamped(&v);
    return true;
}

struct wr_fact wr_linter_index_fact(struct wr_linter *l, const struct wr_node *base,
                                    const struct wr_node *index)
{
    const struct wr_fact *b = wr_linter_fact(l, base), *i = wr_linter_fact(l, index);
    if (b->constant && i->constant) {
        wr_value v = b->value, at = i->value;
        struct wr_arena_mark mark = wr_arena_mark(l->arena);
        return wr_linter_folded(l, mark, wr_operator_index(&l->num, &v, &at));
    }
    int64_t at;
    bool negative = constant_int(l, i, &at) && at < 0;
    bool member = (b->can & WR_CAN_OBJECT) && (i->can & WR_CAN_STRING);
    bool item = (b->can & WR_CAN_ARRAY) && (i->can & WR_CAN_COUNT) && !negative;
    bool letter = (b->can & WR_CAN_STRING) && (i->can & WR_CAN_COUNT) && !negative;
    if (member || item) {
        return some(WR_CAN_ALL);
    }
    return some(WR_CAN_UNDEFINED | (letter ? WR_CAN_STRING : 0u));
}

// The first argument, the second where the first is missing.
static struct wr_fact or_default(const struct wr_linter *l, const struct wr_node *n, bool may_fail)
{
    struct wr_fact first = *argument(l, n, 0);
    unsigned missing = WR_CAN_UNDEFINED | WR_CAN_NULL;
    if (first.constant && !(first.can & missing)) {
        return first;
    }
    unsigned can = first.can & ~missing;
    if ((first.can & missing) || may_fail) {
        can |= n->kid_count == 2 ? argument(l, n, 1)->can : WR_CAN_UNDEFINED;
    }
    return some(can);
}

static struct wr_fact concat(const struct wr_linter *l, const struct wr_node *n)
{
    unsigned all = 0, can = 0;
    bool spelt = true, text = n->kid_count == 1;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        unsigned one = argument(l, n, i)->can;
        all |= one;
        if (!(one & ~WR_CAN_ARRAY)) { // an Array for sure
            return some(WR_CAN_ARRAY);
        }
        spelt = spelt && (one & WR_CAN_SPELL & ~WR_CAN_ARRAY);
        text = text || (one & WR_CAN_STRING);
    }
    can |= all & WR_CAN_ARRAY;
    can |= spelt && text ? WR_CAN_STRING : 0u;
    return some(can | WR_CAN_UNDEFINED);
}

// isNull and isUndefined.
static struct wr_fact is_kind(const struct wr_linter *l, const struct wr_node *n, unsigned kind)
{
    unsigned can = argument(l, n, 0)->can;
    struct wr_fact f = some((can & kind ? WR_CAN_TRUE : 0u) | (can & ~kind ? WR_CAN_FALSE : 0u));
    if (f.can != WR_CAN_BOOLEAN) {
        f.constant = true;
        f.value = wr_boolean(f.can == WR_CAN_TRUE);
    }
    return f;
}

static struct wr_fact decode(const struct wr_linter *l, const struct wr_node *n)
{
    wr_str scheme;
    if (!constant_text(l, n, 1, &scheme)) {
        return some(argument(l, n, 1)->can & WR_CAN_SPELL ? WR_CAN_PAYLOAD : WR_CAN_UNDEFINED);
    }
    bool base64 = n->kid_count == 2 && wr_str_eq(scheme, WR_STR("base64"));
    bool proto = n->kid_count == 6 && wr_str_eq(scheme, WR_STR("proto"));
    if (!(base64 && (argument(l, n, 0)->can & WR_CAN_SPELL)) && !proto) {
        return undefined();
    }
    return some(WR_CAN_PAYLOAD);
}

static bool good_pattern(struct wr_linter *l, wr_str pattern)
{
    struct wr_zone utc;
    struct wr_buf text;
    wr_buf_init(&text, 0);
    bool good = !wr_zone_find(&utc, WR_STR("UTC"), NULL) || wr_time_write(&text, pattern, 0, &utc);
    wr_buf_release(&text);
    return good;
}

// False when a constant argument is one for which the function never has a value.
static bool constants_fit(struct wr_linter *l, const struct wr_node *n)
{
    const char *name = n->function->name;
    wr_str text;
    int64_t number;
    if (strncmp(name, "regexp_", 7) == 0) {
        return !constant_text(l, n, 1, &text) || wr_regex_check(text, NULL) == WR_OK;
    }
    if (strcmp(name, "parse_time") == 0) {
        struct wr_zone zone;
        bool zones = l->host && l->host->zone;
        return (!constant_text(l, n, 0, &text) || good_pattern(l, text)) &&
               (n->kid_count < 3 || !zones || !constant_text(l, n, 2, &text) ||
                wr_zone_find(&zone, text, l->host));
    }
    if (strcmp(name, "time_to_epoch") == 0) {
        return !constant_text(l, n, 1, &text) || wr_time_pattern_valid(text);
    }
    if (strcmp(name, "transform") == 0) {
        return !constant_text(l, n, 0, &text) || wr_str_eq(text, WR_STR("enrichArray"));
    }
    if (strcmp(name, "encode") == 0) {
        return !constant_text(l, n, 1, &text) || wr_str_eq(text, WR_STR("base64"));
    }
    if (strcmp(name, "get_mqtt_property") == 0) {
        return !constant_text(l, n, 0, &text) || wr_str_eq(text, WR_STR("content_type")) ||
               wr_str_eq(text, WR_STR("format_indicator")) ||
               wr_str_eq(text, WR_STR("response_topic")) ||
               wr_str_eq(text, WR_STR("correlation_data"));
    }
    if (strcmp(name, "topic") == 0) {
        return n->kid_count == 0 || !constant_int(l, argument(l, n, 0), &number) || number >= 1;
    }
    return true;
}

static struct wr_fact of_table(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_fact_function *f = wr_fact_function_find(n->function);
    if (!f) {
        return some(WR_CAN_ALL);
    }
    bool fits = true, may_miss = false;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        unsigned wanted = wr_fact_wanted(wr_fact_letter(f, i)), can = argument(l, n, i)->can;
        fits = fits && (can & wanted);
        may_miss = may_miss || (can & ~wanted);
    }
    if (!fits || !constants_fit(l, n)) {
        return undefined();
    }
    struct wr_fact fact = some(f->gives | (may_miss ? WR_CAN_UNDEFINED : 0u));
    if (strcmp(f->name, "topic") == 0 && n->kid_count == 0) {
        fact.can = WR_CAN_STRING;
    }
    fact.no_upper = f->no_upper;
    fact.no_lower = strcmp(f->name, "upper") == 0;
    return fact;
}

// The call with constants for arguments, as the compiler folds it.
static bool fold(struct wr_linter *l, const struct wr_node *n, struct wr_fact *out)
{
    const struct wr_function *f = n->function;
    if (!(f->flags & WR_FN_PURE) || !f->body) {
        return false;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        if (!argument(l, n, i)->constant) {
            return false;
        }
    }
    struct wr_arena_mark mark = wr_arena_mark(l->arena);
    wr_value *values = wr_arena_alloc(l->arena, (n->kid_count + 1) * sizeof *values);
    if (!values) {
        l->arena->over = false;
        return false;
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        values[i] = argument(l, n, i)->value;
    }
    struct wr_call call = {.num = l->num};
    *out = wr_linter_folded(l, mark, f->body(&call, values, n->kid_count, 0));
    return !call.failed && out->constant;
}

struct wr_fact wr_linter_call_fact(struct wr_linter *l, const struct wr_node *n)
{
    const struct wr_function *f = n->function;
    bool halved = (f->flags & WR_FN_LOOKUP) && f->lookup == WR_LOOKUP_DYNAMODB && n->kid_count == 5;
    if (n->kid_count < f->min_args || (f->max_args < 255 && n->kid_count > f->max_args) || halved) {
        return undefined();
    }
    struct wr_fact folded;
    if (wr_linter_is_call(n, "get")) {
        return wr_linter_index_fact(l, n->kids[0], n->kids[1]);
    }
    if (wr_linter_is_call(n, "get_or_default")) {
        return or_default(l, n, true);
    }
    if (fold(l, n, &folded)) {
        return folded;
    }
    if (wr_linter_is_call(n, "nanvl")) {
        return or_default(l, n, false);
    }
    if (wr_linter_is_call(n, "concat")) {
        return concat(l, n);
    }
    if (wr_linter_is_call(n, "isNull")) {
        return is_kind(l, n, WR_CAN_NULL);
    }
    if (wr_linter_is_call(n, "isUndefined")) {
        return is_kind(l, n, WR_CAN_UNDEFINED);
    }
    if (wr_linter_is_call(n, "decode")) {
        return decode(l, n);
    }
    return of_table(l, n);
}
