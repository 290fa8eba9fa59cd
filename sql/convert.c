// AWS's conversion tables, sql.md 5: standard conversions, CAST, and the text inside templates.
#include "sql/convert.h"

#include "sql/base/json.h"

#include "sql/base/banned.h"

static wr_value built(const struct wr_buf *b)
{
    return b->over || b->len > UINT32_MAX ? wr_undefined() : wr_string(wr_buf_str(b));
}

static wr_value force(const struct wr_num_context *c, wr_value *v)
{
    if (WR_UNLIKELY(wr_value_is_lazy(v))) {
        wr_value_force(v, c->arena, c->dialect);
    }
    return *v;
}

static wr_value number_of_text(const struct wr_num_context *c, wr_str text)
{
    bool paid = wr_arena_spend(c->arena, text.len);
    return paid && wr_num_is_numeric_string(text) ? wr_num_parse(c, text) : wr_undefined();
}

static wr_value boolean_of_text(wr_str text)
{
    if (wr_str_eq_nocase(text, WR_STR("true"))) {
        return wr_boolean(true);
    }
    if (wr_str_eq_nocase(text, WR_STR("false"))) {
        return wr_boolean(false);
    }
    return wr_undefined();
}

wr_value wr_convert_string(const struct wr_num_context *c, wr_value *v)
{
    struct wr_buf b;
    switch ((enum wr_type)v->type) {
    case WR_STRING:
        return force(c, v);
    case WR_NUMBER:
        if (force(c, v).type != WR_NUMBER) { // out of range, or no memory
            return wr_undefined();
        }
        wr_buf_init_arena(&b, c->arena);
        wr_num_write(&b, v, c->dialect);
        return built(&b);
    case WR_BOOLEAN:
        return wr_string(v->as.truth ? WR_STR("true") : WR_STR("false"));
    case WR_ARRAY:
    case WR_OBJECT: // the writer reads lazy parts itself: making the tree first would be a detour
        wr_buf_init_arena(&b, c->arena);
        wr_json_write(&b, v, c->arena, c->dialect);
        return c->arena->over ? wr_undefined() : built(&b);
    case WR_UNDEFINED:
    case WR_NULL:
    case WR_RAW: // encode() is the documented way to text
        break;
    }
    return wr_undefined();
}

// A NUMBER of the kind that it is written as.
static wr_value number_of(const struct wr_num_context *c, wr_value *v)
{
    switch ((enum wr_type)v->type) {
    case WR_NUMBER:
        return force(c, v);
    case WR_STRING:
        force(c, v);
        return v->type == WR_STRING ? number_of_text(c, wr_value_text(v)) : wr_undefined();
    case WR_UNDEFINED:
    case WR_NULL:
    case WR_BOOLEAN:
    case WR_ARRAY:
    case WR_OBJECT:
    case WR_RAW:
        break;
    }
    return wr_undefined();
}

wr_value wr_convert_decimal(const struct wr_num_context *c, wr_value *v)
{
    bool text = v->type == WR_STRING;
    wr_value n = number_of(c, v);
    return text && n.type == WR_NUMBER ? wr_num_as_decimal(c, &n) : n;
}

wr_value wr_convert_int(const struct wr_num_context *c, wr_value *v)
{
    wr_value n = wr_convert_decimal(c, v);
    return n.type != WR_NUMBER || wr_num_is_int(&n) ? n : wr_num_floor(c, &n);
}

wr_value wr_convert_boolean(const struct wr_num_context *c, wr_value *v)
{
    switch ((enum wr_type)v->type) {
    case WR_BOOLEAN:
        return *v;
    case WR_STRING:
        force(c, v);
        return v->type == WR_STRING ? boolean_of_text(wr_value_text(v)) : wr_undefined();
    case WR_UNDEFINED:
    case WR_NULL:
    case WR_NUMBER:
    case WR_ARRAY:
    case WR_OBJECT:
    case WR_RAW:
        break;
    }
    return wr_undefined();
}

static const struct cast_name {
    const char *name;
    enum wr_cast_type type;
    bool since16;
} cast_names[] = {
    {"string", WR_CAST_STRING, false},  {"nvarchar", WR_CAST_STRING, false},
    {"text", WR_CAST_STRING, false},    {"ntext", WR_CAST_STRING, false},
    {"varchar", WR_CAST_STRING, false}, {"int", WR_CAST_INT, false},
    {"integer", WR_CAST_INT, false},    {"double", WR_CAST_DOUBLE, false},
    {"decimal", WR_CAST_DECIMAL, true}, {"bool", WR_CAST_BOOLEAN, true},
    {"boolean", WR_CAST_BOOLEAN, true},
};

bool wr_cast_type_parse(wr_str name, enum wr_cast_type *out, bool *since16)
{
    for (size_t i = 0; i < WR_COUNT(cast_names); i++) {
        if (wr_str_eq_nocase(name, wr_str_of(cast_names[i].name))) {
            *out = cast_names[i].type;
            *since16 = cast_names[i].since16;
            return true;
        }
    }
    return false;
}

static wr_value cast_number(const struct wr_num_context *c, wr_value *v, enum wr_cast_type to)
{
    wr_value n = v->type == WR_BOOLEAN ? wr_num_int(c, v->as.truth) : number_of(c, v);
    if (n.type != WR_NUMBER) {
        return n;
    }
    if (to == WR_CAST_INT) {
        return wr_num_is_int(&n) ? n : wr_num_floor(c, &n);
    }
    if (to == WR_CAST_DOUBLE && !wr_num_is_int(&n)) {
        return wr_num_from_double(c, wr_num_to_double(&n));
    }
    return wr_num_as_decimal(c, &n);
}

static wr_value cast_boolean(const struct wr_num_context *c, wr_value *v)
{
    if (v->type != WR_NUMBER) {
        return wr_convert_boolean(c, v);
    }
    wr_value n = force(c, v);
    return n.type == WR_NUMBER ? wr_boolean(!wr_num_is_zero(&n)) : wr_undefined();
}

wr_value wr_convert_cast(const struct wr_num_context *c, wr_value *v, enum wr_cast_type to)
{
    switch (to) {
    case WR_CAST_STRING:
        return wr_convert_string(c, v);
    case WR_CAST_INT:
    case WR_CAST_DECIMAL:
    case WR_CAST_DOUBLE:
        return cast_number(c, v, to);
    case WR_CAST_BOOLEAN:
        return cast_boolean(c, v);
    }
    return wr_undefined();
}

void wr_convert_template_text(const struct wr_num_context *c, wr_value *v, struct wr_buf *b)
{
    switch ((enum wr_type)v->type) {
    case WR_UNDEFINED:
    case WR_NULL:
        return;
    case WR_RAW:
        (void)wr_arena_spend(c->arena, v->len);
        wr_buf_add_base64(b, wr_value_text(v));
        return;
    case WR_BOOLEAN:
        wr_buf_add(b, v->as.truth ? WR_STR("true") : WR_STR("false"));
        return;
    case WR_ARRAY:
    case WR_OBJECT:
        wr_json_write(b, v, c->arena, c->dialect);
        return;
    case WR_NUMBER:
        if (force(c, v).type == WR_NUMBER) {
            wr_num_write(b, v, c->dialect);
        }
        return;
    case WR_STRING:
        if (force(c, v).type == WR_STRING) {
            (void)wr_arena_spend(c->arena, v->len / 8);
            wr_buf_add(b, wr_value_text(v));
        }
        return;
    }
}
