// The functions by name, and those of structure and tests (sql.md 11.3).
#include "tests/model/model.h"

#define TRANSFORM_MAX (128 * 1024)

mval model_get(struct model *m, mval a, mval i)
{
    if (a->type == MODEL_OBJECT) {
        return i->type == MODEL_STRING ? model_member_of(a, i->text) : &model_undefined;
    }
    if (a->type != MODEL_ARRAY && a->type != MODEL_STRING) {
        return &model_undefined;
    }
    mval index = model_to_int(m, i);
    int64_t at = index->type == MODEL_INT ? model_clamped(index) : -1;
    size_t count = a->type == MODEL_ARRAY ? a->list.count : model_utf8_count(a->text);
    if (at < 0 || (size_t)at >= count) {
        return &model_undefined;
    }
    if (a->type == MODEL_ARRAY) {
        return a->list.at[at].value;
    }
    return model_string(m, model_text_part(a->text, model_utf8_offset(a->text, (size_t)at),
                                           model_utf8_offset(a->text, (size_t)at + 1)));
}

static MODEL_BODY(get)
{
    return model_get(r->m, args[0], args[1]);
}

static MODEL_BODY(isnull)
{
    return model_bool(args[0]->type == MODEL_NULL);
}

static MODEL_BODY(isundefined)
{
    return model_bool(args[0]->type == MODEL_UNDEFINED);
}

static MODEL_BODY(get_or_default)
{
    bool absent = args[0]->type == MODEL_UNDEFINED || args[0]->type == MODEL_NULL;
    return !absent ? args[0] : count == 2 ? args[1] : &model_undefined;
}

static void merge(struct model *m, struct model_value *out, mval object)
{
    for (size_t i = 0; i < object->list.count; i++) {
        if (object->list.at[i].value->type != MODEL_UNDEFINED) {
            model_put(m, out, object->list.at[i].key, object->list.at[i].value);
        }
    }
}

static bool only_of(mval v, enum model_type type)
{
    return v->type == MODEL_ARRAY && v->list.count == 1 && v->list.at[0].value->type == type;
}

static MODEL_BODY(transform)
{
    mval o = args[1], a = args[2];
    if (args[0]->type != MODEL_STRING || !model_text_is(args[0]->text, "enrichArray")) {
        return &model_undefined;
    }
    o = only_of(o, MODEL_OBJECT) ? o->list.at[0].value : o;
    a = only_of(a, MODEL_ARRAY) ? a->list.at[0].value : a;
    if (o->type != MODEL_OBJECT || a->type != MODEL_ARRAY) {
        return &model_undefined;
    }
    struct model_value *out = model_new(r->m, MODEL_ARRAY);
    for (size_t i = 0; i < a->list.count; i++) {
        if (a->list.at[i].value->type == MODEL_UNDEFINED) {
            continue; // not there: a number of the payload beyond the range
        }
        if (a->list.at[i].value->type != MODEL_OBJECT) {
            return &model_undefined;
        }
        struct model_value *item = model_new(r->m, MODEL_OBJECT);
        merge(r->m, item, a->list.at[i].value);
        merge(r->m, item, o);
        model_append(r->m, out, item);
    }
    struct model_buf size = {.m = r->m};
    model_json_write(&size, out);
    return size.len > TRANSFORM_MAX ? &model_undefined : out;
}

// `payload`: the first argument is `*`, whose bytes are meant.
mval model_encode(struct model_run *r, mval v, mval scheme, bool payload)
{
    // A Raw value is the payload's bytes, however it came here.
    mval text = v->type == MODEL_RAW ? model_string(r->m, v->text) : model_to_string(r->m, v);
    struct model_text bytes = payload ? r->message->payload : text->text;
    if (scheme->type != MODEL_STRING || !model_text_is(scheme->text, "base64") ||
        (!payload && text->type != MODEL_STRING)) {
        return &model_undefined;
    }
    struct model_buf b = {.m = r->m};
    model_base64_write(&b, bytes);
    return model_string(r->m, model_buf_text(&b));
}

static MODEL_BODY(encode)
{
    return model_encode(r, args[0], args[1], false);
}

static MODEL_BODY(decode)
{
    if (count != 2) {
        r->m->unsupported = "Protobuf";
    }
    mval text = model_to_string(r->m, args[0]), v;
    struct model_text bytes;
    if (args[1]->type != MODEL_STRING || !model_text_is(args[1]->text, "base64") ||
        text->type != MODEL_STRING) {
        return &model_undefined;
    }
    if (!model_base64_read(r->m, text->text, &bytes) || !model_utf8_valid(bytes)) {
        return &model_null;
    }
    return model_json_read(r->m, bytes, &v) ? v : model_string(r->m, bytes);
}

const struct model_function model_structure[] = {
    {"get", 2, 2, false, model_fn_get},
    {"isNull", 1, 1, false, model_fn_isnull},
    {"isUndefined", 1, 1, true, model_fn_isundefined},
    {"get_or_default", 1, 2, true, model_fn_get_or_default},
    {"transform", 3, 3, true, model_fn_transform},
    {"encode", 2, 2, true, model_fn_encode},
    {"decode", 2, 6, true, model_fn_decode},
    {0},
};

static const struct model_function *const families[] = {
    model_math,    model_strings, model_structure, model_times,
    model_regexes, model_digests, model_messages,
};

const struct model_function *model_function(struct model_text name)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (const struct model_function *f = families[i]; f->name; f++) {
            if (model_text_is_nocase(name, f->name)) {
                return f;
            }
        }
    }
    return NULL;
}

void model_tally_init(struct model_tally *tally)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (const struct model_function *f = families[i]; f->name && count < MODEL_TALLY - 1;
             f++) {
            tally[count++] = (struct model_tally){.function = f->name};
        }
    }
    tally[count] = (struct model_tally){0};
}
