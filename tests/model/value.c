// Values, and when two are equal (sql.md 6, `=`).
#include "tests/model/model.h"

#include <string.h>

const struct model_value model_undefined = {.type = MODEL_UNDEFINED};
const struct model_value model_null = {.type = MODEL_NULL};
const struct model_value model_true = {.type = MODEL_BOOL, .truth = true};
const struct model_value model_false = {.type = MODEL_BOOL};

mval model_bool(bool truth)
{
    return truth ? &model_true : &model_false;
}

struct model_value *model_new(struct model *m, enum model_type type)
{
    struct model_value *v = model_alloc(m, sizeof *v);
    v->type = type;
    return v;
}

mval model_string(struct model *m, struct model_text text)
{
    struct model_value *v = model_new(m, MODEL_STRING);
    v->text = text;
    return v;
}

mval model_raw(struct model *m, struct model_text bytes)
{
    struct model_value *v = model_new(m, MODEL_RAW);
    v->text = bytes;
    return v;
}

static void add(struct model *m, struct model_list *l, struct model_member member)
{
    if (l->count == l->cap) {
        size_t cap = l->cap * 2 + 4;
        struct model_member *at = model_alloc(m, cap * sizeof *at);
        if (l->count) {
            memcpy(at, l->at, l->count * sizeof *at);
        }
        l->at = at;
        l->cap = cap;
    }
    l->at[l->count++] = member;
}

void model_append(struct model *m, struct model_value *array, mval item)
{
    add(m, &array->list, (struct model_member){.value = item});
}

void model_put(struct model *m, struct model_value *object, struct model_text key, mval value)
{
    for (size_t i = 0; i < object->list.count; i++) {
        if (model_text_same(object->list.at[i].key, key)) {
            object->list.at[i].value = value;
            return;
        }
    }
    add(m, &object->list, (struct model_member){key, value});
}

mval model_member_of(mval object, struct model_text key)
{
    if (object->type == MODEL_OBJECT) {
        for (size_t i = 0; i < object->list.count; i++) {
            if (model_text_same(object->list.at[i].key, key)) {
                return object->list.at[i].value;
            }
        }
    }
    return &model_undefined;
}

bool model_is_number(mval v)
{
    return v->type == MODEL_INT || v->type == MODEL_DECIMAL;
}

// Undefined members and items count as absent.
static size_t defined(const struct model_list *l)
{
    size_t count = 0;
    for (size_t i = 0; i < l->count; i++) {
        count += l->at[i].value->type != MODEL_UNDEFINED;
    }
    return count;
}

static bool equal_arrays(const struct model_list *a, const struct model_list *b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a->count && a->at[i].value->type == MODEL_UNDEFINED) {
            i++;
        }
        while (k < b->count && b->at[k].value->type == MODEL_UNDEFINED) {
            k++;
        }
        if (i == a->count || k == b->count) {
            return i == a->count && k == b->count;
        }
        if (!model_equal(a->at[i++].value, b->at[k++].value)) {
            return false;
        }
    }
}

bool model_equal(mval a, mval b)
{
    if (model_is_number(a) && model_is_number(b)) {
        return model_compare(a, b) == 0;
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case MODEL_BOOL:
        return a->truth == b->truth;
    case MODEL_STRING:
    case MODEL_RAW:
        return model_text_same(a->text, b->text);
    case MODEL_ARRAY:
        return equal_arrays(&a->list, &b->list);
    case MODEL_OBJECT:
        if (defined(&a->list) != defined(&b->list)) {
            return false;
        }
        for (size_t i = 0; i < a->list.count; i++) {
            mval mine = a->list.at[i].value, other = model_member_of(b, a->list.at[i].key);
            if (mine->type != MODEL_UNDEFINED &&
                (other->type == MODEL_UNDEFINED || !model_equal(mine, other))) {
                return false;
            }
        }
        return true;
    case MODEL_NULL:
    case MODEL_UNDEFINED:
    case MODEL_INT:
    case MODEL_DECIMAL:
        break;
    }
    return true;
}
