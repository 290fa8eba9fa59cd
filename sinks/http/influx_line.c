// From a result to InfluxDB's line protocol:
//
//   table,tag=value,tag=value field=1i,field=2.5,field="text",field=t 1700000000000
//
// `${…}` in tableName and tags is expanded by the engine, once, on the message. `@{field}` is the
// sink's, for each point, from the result; what stands in the rule (rec->written) tells the two
// apart, so that a device cannot bring in a marker of its own.
#include <stdlib.h>

#include "sinks/http/influx.h"
#include "sql/base/json.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

struct tag {
    wr_str key, value;
};

struct point {
    const struct wr_record *rec;
    bool v3;
    const wr_value *object; // forced
    struct tag *tags;
    size_t tag_count;
    struct wr_buf *out;
    const char *trouble;
};

// ---- markers and templates of the rule

// The field of "…@{field}…"; false: there is no marker.
static bool marker(wr_str written, wr_str *before, wr_str *field, wr_str *behind)
{
    ptrdiff_t at = wr_str_find(written, WR_STR("@{"));
    if (at < 0) {
        return false;
    }
    wr_str rest = wr_str_cut(written, (size_t)at + 2, written.len);
    ptrdiff_t end = wr_str_find(rest, WR_STR("}"));
    if (end < 0) {
        return false;
    }
    *before = wr_str_cut(written, 0, (size_t)at);
    *field = wr_str_cut(rest, 0, (size_t)end);
    *behind = wr_str_cut(rest, (size_t)end + 1, rest.len);
    return true;
}

// Whether `written` takes its value from the member `name`: "@{name}" or "${name}".
static bool names(wr_str written, wr_str name)
{
    for (size_t i = 0; i + 2 < written.len; i++) {
        if ((written.at[i] != '@' && written.at[i] != '$') || written.at[i + 1] != '{') {
            continue;
        }
        size_t from = i + 2, to = from;
        while (to < written.len && written.at[to] != '}') {
            to++;
        }
        while (from < to && written.at[from] == ' ') {
            from++;
        }
        while (to > from && written.at[to - 1] == ' ') {
            to--;
        }
        if (wr_str_eq(wr_str_cut(written, from, to), name)) {
            return true;
        }
    }
    return false;
}

static const struct wr_param *written(const struct point *p, int option)
{
    const struct wr_record *rec = p->rec;
    return rec->written ? &rec->written[option] : &rec->params[option];
}

// A member is a tag's or the table's already, and no field.
static bool is_used(const struct point *p, wr_str name)
{
    const struct wr_param *tags = written(p, WR_INFLUX_TAGS);
    bool used = names(written(p, WR_INFLUX_TABLE)->text, name);
    for (size_t i = 0; !used && tags->set && i < tags->count; i++) {
        used = names(tags->values[i], name);
    }
    return used;
}

// ---- values

static wr_value forced(const struct point *p, const wr_value *v)
{
    wr_value value = *v;
    wr_value_force(&value, p->rec->arena, p->rec->dialect);
    return value;
}

// The String conversion of the SQL language; Undefined and Null are empty.
static wr_str text_of(const struct point *p, const wr_value *v)
{
    wr_value value = forced(p, v);
    struct wr_buf b;
    wr_buf_init_arena(&b, p->rec->arena);
    switch ((enum wr_type)value.type) {
    case WR_UNDEFINED:
    case WR_NULL:
        return WR_STR("");
    case WR_STRING:
    case WR_RAW:
        return wr_value_text(&value);
    case WR_BOOLEAN:
        return value.as.truth ? WR_STR("true") : WR_STR("false");
    case WR_NUMBER:
    case WR_ARRAY:
    case WR_OBJECT:
        wr_json_write(&b, &value, p->rec->arena, p->rec->dialect);
        return wr_buf_str(&b);
    }
    return WR_STR("");
}

// `resolved` as the engine expanded it, with its marker filled in from the point.
static wr_str fill_in(const struct point *p, wr_str in_rule, wr_str resolved)
{
    wr_str before, field, behind;
    if (p->rec->is_error_action || !marker(in_rule, &before, &field, &behind)) {
        return resolved;
    }
    const wr_value *member = wr_object_get(p->object, field);
    wr_str value = member ? text_of(p, member) : WR_STR("");
    if (before.len == 0 && behind.len == 0) {
        return value;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, p->rec->arena);
    wr_buf_add(&b, before);
    wr_buf_add(&b, value);
    wr_buf_add(&b, behind);
    return wr_buf_str(&b);
}

static bool fail(struct point *p, const char *why)
{
    p->trouble = p->trouble ? p->trouble : why;
    return false;
}

// A name or a tag's value, with a backslash before each of `special`.
static bool add_escaped(struct point *p, wr_str text, const char *special)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '\n' || c == '\r' || c == '\0') {
            return fail(p, "a line break or a NUL in a name or a tag");
        }
        if (strchr(special, c)) {
            wr_buf_add_char(p->out, '\\');
        }
        wr_buf_add_char(p->out, c);
    }
    if (text.len && text.at[text.len - 1] == '\\') {
        return fail(p, "a name or a tag that ends in a backslash, which line protocol cannot hold");
    }
    return true;
}

static bool starts_well(wr_str name)
{
    char c = name.len ? name.at[0] : '\0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void add_quoted(struct wr_buf *out, wr_str text)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') {
            wr_buf_add_char(out, '\\');
        }
        wr_buf_add_char(out, text.at[i]);
    }
    wr_buf_add_char(out, '"');
}

static bool add_number(struct point *p, const wr_value *n)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, p->rec->arena);
    wr_num_write(&text, n, p->rec->dialect);
    wr_str digits = wr_buf_str(&text);
    int64_t whole;
    wr_buf_add(p->out, digits);
    if (!wr_num_is_int(n)) {
        return true; // as it is
    }
    if (wr_num_to_i64(n, &whole)) {
        wr_buf_add_char(p->out, 'i');
        return true;
    }
    static const wr_str most = WR_STR_INIT("18446744073709551615");
    bool fits = digits.len < most.len ||
                (digits.len == most.len && memcmp(digits.at, most.at, most.len) <= 0);
    if (!fits || digits.at[0] == '-') {
        return fail(p, "an integer that InfluxDB cannot hold");
    }
    wr_buf_add_char(p->out, 'u');
    return true;
}

// "key=value"; nothing for a null.
static bool add_field(struct point *p, wr_str key, const wr_value *v, size_t *count)
{
    wr_value value = forced(p, v);
    if (value.type == WR_NULL || value.type == WR_UNDEFINED) {
        return true;
    }
    if (key.len == 0 || key.at[0] == '_') {
        return fail(p, "a field whose name is empty or begins with _");
    }
    for (size_t i = 0; p->v3 && i < p->tag_count; i++) {
        if (wr_str_eq(p->tags[i].key, key)) {
            return fail(p, "a tag and a field of one name");
        }
    }
    wr_buf_add_char(p->out, *count ? ',' : ' ');
    ++*count;
    if (!add_escaped(p, key, ", =")) {
        return false;
    }
    wr_buf_add_char(p->out, '=');
    switch ((enum wr_type)value.type) {
    case WR_NUMBER:
        return add_number(p, &value);
    case WR_BOOLEAN:
        wr_buf_add_char(p->out, value.as.truth ? 't' : 'f');
        return true;
    default:
        add_quoted(p->out, text_of(p, &value));
        return true;
    }
}

// ---- one point

static int by_key(const void *a, const void *b)
{
    return wr_str_cmp(((const struct tag *)a)->key, ((const struct tag *)b)->key);
}

static bool resolve_tags(struct point *p)
{
    const struct wr_param *tags = &p->rec->params[WR_INFLUX_TAGS];
    const struct wr_param *in_rule = written(p, WR_INFLUX_TAGS);
    size_t count = tags->set ? tags->count : 0;
    p->tags = wr_arena_alloc(p->rec->arena, (count + 1) * sizeof *p->tags);
    p->tag_count = 0;
    if (!p->tags) {
        return fail(p, "that the message is over its limit of memory");
    }
    for (size_t i = 0; i < count; i++) {
        bool same = in_rule->count == count;
        wr_str value = fill_in(p, same ? in_rule->values[i] : tags->values[i], tags->values[i]);
        if (value.len) {
            p->tags[p->tag_count++] = (struct tag){tags->keys[i], value};
        }
    }
    qsort(p->tags, p->tag_count, sizeof *p->tags, by_key);
    return true;
}

static bool add_head(struct point *p)
{
    wr_str table =
        fill_in(p, written(p, WR_INFLUX_TABLE)->text, p->rec->params[WR_INFLUX_TABLE].text);
    if (table.len == 0) {
        return fail(p, "an empty tableName");
    }
    if (table.at[0] == '_' || (p->v3 && !starts_well(table))) {
        return fail(p, "a tableName that InfluxDB does not take: its first character");
    }
    if (table.at[0] == '#') { // the line would be a comment
        return fail(p, "a tableName that begins with #");
    }
    if (!add_escaped(p, table, ", ") || !resolve_tags(p)) {
        return false;
    }
    for (size_t i = 0; i < p->tag_count; i++) {
        const struct tag *t = &p->tags[i];
        if (p->v3 && !starts_well(t->key)) {
            return fail(p, "a tag whose name does not begin with a letter or digit");
        }
        wr_buf_add_char(p->out, ',');
        if (!add_escaped(p, t->key, ", =")) {
            return false;
        }
        wr_buf_add_char(p->out, '=');
        if (!add_escaped(p, t->value, ", =")) {
            return false;
        }
    }
    return true;
}

// The message's time in the rule's unit, for an error document, which has none.
static int64_t own_time(const struct wr_record *rec)
{
    wr_str unit = rec->params[WR_INFLUX_UNIT].text;
    int64_t ms = rec->timestamp_ms;
    return wr_str_eq(unit, WR_STR("s"))    ? ms / 1000
           : wr_str_eq(unit, WR_STR("us")) ? ms * 1000
           : wr_str_eq(unit, WR_STR("ns")) ? ms * 1000000
                                           : ms;
}

static bool add_time(struct point *p)
{
    const wr_value *member = wr_object_get(p->object, WR_STR("timestamp"));
    int64_t time = own_time(p->rec);
    if (!p->rec->is_error_action) {
        wr_value value = member ? forced(p, member) : wr_undefined();
        if (value.type != WR_NUMBER || !wr_num_is_int(&value) || !wr_num_to_i64(&value, &time)) {
            return fail(p, "a result without a member \"timestamp\" that is an integer");
        }
    }
    wr_buf_addf(p->out, " %lld\n", (long long)time);
    return true;
}

static bool add_point(struct point *p)
{
    size_t fields = 0;
    if (!add_head(p)) {
        return false;
    }
    for (uint32_t i = 0; i < p->object->len; i++) {
        const struct wr_member *m = &p->object->as.members[i];
        bool time = wr_str_eq(m->key, WR_STR("timestamp")) && !p->rec->is_error_action;
        if (!time && (p->rec->is_error_action || !is_used(p, m->key)) &&
            !add_field(p, m->key, &m->value, &fields)) {
            return false;
        }
    }
    if (fields == 0) {
        return fail(p, "a point without a field");
    }
    if (fields + p->tag_count > WR_INFLUX_FIELDS_MAX) {
        return fail(p, "a point of more than 250 tags and fields");
    }
    return add_time(p);
}

const char *wr_influx_lines(const struct wr_record *rec, bool v3, struct wr_buf *out,
                            size_t *points)
{
    struct point p = {.rec = rec, .v3 = v3, .out = out};
    wr_value result = *rec->result;
    wr_value_force(&result, rec->arena, rec->dialect);
    const wr_value *items = result.type == WR_ARRAY ? result.as.items : &result;
    size_t count = result.type == WR_ARRAY ? result.len : 1;
    *points = 0;
    if (count == 0) {
        return "an empty array";
    }
    for (size_t i = 0; i < count; i++) {
        wr_value object = forced(&p, &items[i]);
        if (object.type != WR_OBJECT) {
            return "a result that is neither an object nor an array of objects";
        }
        p.object = &object;
        if (!add_point(&p)) {
            return p.trouble;
        }
        ++*points;
    }
    return out->over || rec->arena->over ? "that the message is over its limit of memory" : NULL;
}
