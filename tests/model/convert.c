// Conversions and casts: sql.md 5.
#include "tests/model/model.h"

// ^-?\d+(\.\d+)?([eE]-?\d+)?$
static bool numeric(struct model_text t)
{
    size_t at = 0, start;
    at += at < t.len && t.at[at] == '-';
    for (start = at; at < t.len && t.at[at] >= '0' && t.at[at] <= '9'; at++) {
    }
    if (at == start) {
        return false;
    }
    if (at < t.len && t.at[at] == '.') {
        for (start = ++at; at < t.len && t.at[at] >= '0' && t.at[at] <= '9'; at++) {
        }
        if (at == start) {
            return false;
        }
    }
    if (at < t.len && (t.at[at] == 'e' || t.at[at] == 'E')) {
        at++;
        at += at < t.len && t.at[at] == '-';
        for (start = at; at < t.len && t.at[at] >= '0' && t.at[at] <= '9'; at++) {
        }
        if (at == start) {
            return false;
        }
    }
    return at == t.len;
}

mval model_to_string(struct model *m, mval v)
{
    struct model_buf b = {.m = m};
    switch (v->type) {
    case MODEL_STRING:
        return v;
    case MODEL_BOOL:
        return model_string(m, v->truth ? TEXT("true") : TEXT("false"));
    case MODEL_INT:
    case MODEL_DECIMAL:
        model_write_number(&b, v);
        return model_string(m, model_buf_text(&b));
    case MODEL_ARRAY:
    case MODEL_OBJECT:
        model_json_write(&b, v);
        return model_string(m, model_buf_text(&b));
    case MODEL_RAW: // only templates and JSON say what it is
    case MODEL_UNDEFINED:
    case MODEL_NULL:
        break;
    }
    return &model_undefined;
}

mval model_to_decimal(struct model *m, mval v)
{
    if (model_is_number(v)) {
        return v;
    }
    if (v->type == MODEL_STRING && numeric(v->text)) {
        mval n = model_parse_number(m, v->text);
        // A String converts to Decimal: 2015-10-08 keeps that.
        return n->type == MODEL_UNDEFINED ? n : model_number(m, n->number, false);
    }
    return &model_undefined;
}

mval model_to_int(struct model *m, mval v)
{
    mval n = model_to_decimal(m, v);
    if (n->type != MODEL_UNDEFINED) {
        n = model_floor(m, n);
    }
    return n->type == MODEL_INT ? n : &model_undefined;
}

mval model_to_bool(mval v)
{
    if (v->type == MODEL_BOOL) {
        return v;
    }
    if (v->type == MODEL_STRING && model_text_is_nocase(v->text, "true")) {
        return &model_true;
    }
    if (v->type == MODEL_STRING && model_text_is_nocase(v->text, "false")) {
        return &model_false;
    }
    return &model_undefined;
}

static const struct {
    const char *name;
    char target; // Decimal, douBle, Int, Truth, String
    bool since16;
} types[] = {
    {"String", 'S', false},  {"Nvarchar", 'S', false}, {"Text", 'S', false},
    {"Ntext", 'S', false},   {"varchar", 'S', false},  {"Int", 'I', false},
    {"Integer", 'I', false}, {"Double", 'B', false},   {"Decimal", 'D', true},
    {"Bool", 'T', true},     {"Boolean", 'T', true},
};

static char target_of(struct model_text type, bool is16)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (model_text_is_nocase(type, types[i].name) && (is16 || !types[i].since16)) {
            return types[i].target;
        }
    }
    return 0;
}

bool model_cast_known(struct model_text type, bool is16)
{
    return target_of(type, is16) != 0;
}

static mval cast_to_bool(mval v)
{
    return model_is_number(v) ? model_bool(model_digits_of(v->number).count != 0)
                              : model_to_bool(v);
}

mval model_cast(struct model *m, mval v, struct model_text type)
{
    char target = target_of(type, m->is16);
    if (target == 'S') {
        return model_to_string(m, v);
    }
    if (target == 'T') {
        return cast_to_bool(v);
    }
    // Only a Decimal is rounded to a double, in a text as well: "6" is none.
    mval n = v->type == MODEL_BOOL                         ? model_int(m, v->truth)
             : v->type == MODEL_STRING && numeric(v->text) ? model_parse_number(m, v->text)
                                                           : model_to_decimal(m, v);
    if (n->type == MODEL_UNDEFINED) {
        return n;
    }
    if (target == 'I') {
        return model_floor(m, n);
    }
    if (target == 'B' && n->type == MODEL_DECIMAL) {
        return model_double(m, model_to_double(n));
    }
    return model_number(m, n->number, false);
}
