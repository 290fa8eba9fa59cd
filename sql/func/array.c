// Functions on structure and the tests for missing values: sql.md 11.3.
#include "sql/func/bodies.h"

#include "sql/base/json.h"
#include "sql/operator.h"

#include "sql/base/banned.h"

#define TRANSFORM_MAX (128 * 1024) // sql.md 14, bytes as compact JSON

wr_value wr_array_get(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_operator_index(&c->num, &args[0], &args[1]);
}

// A number out of range is Undefined, which shows only when it is read.
static enum wr_type type_of(struct wr_call *c, wr_value *v)
{
    if (v->type == WR_NUMBER) {
        wr_value_force(v, c->num.arena, c->num.dialect);
    }
    return (enum wr_type)v->type;
}

wr_value wr_array_is_null(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_boolean(args[0].type == WR_NULL);
}

wr_value wr_array_is_undefined(struct wr_call *c, wr_value *args, uint32_t count,
                               uint32_t payload_args)
{
    return wr_boolean(type_of(c, &args[0]) == WR_UNDEFINED);
}

wr_value wr_array_get_or_default(struct wr_call *c, wr_value *args, uint32_t count,
                                 uint32_t payload_args)
{
    enum wr_type type = type_of(c, &args[0]);
    if (type != WR_UNDEFINED && type != WR_NULL) {
        return args[0];
    }
    return count == 2 ? args[1] : wr_undefined();
}

static bool too_large(struct wr_call *c, const wr_value *v)
{
    if (wr_json_bound(v, TRANSFORM_MAX) <= TRANSFORM_MAX) {
        return false;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    wr_buf_limit(&b, TRANSFORM_MAX + 1);
    wr_json_write(&b, v, c->num.arena, c->num.dialect);
    return b.over || b.len > TRANSFORM_MAX;
}

static wr_value enriched(struct wr_call *c, wr_value item, const wr_value *with)
{
    struct wr_object_builder b = {0};
    const wr_value *both[] = {&item, with};
    for (size_t k = 0; k < WR_COUNT(both); k++) {
        for (uint32_t i = 0; i < both[k]->len; i++) {
            const struct wr_member *m = &both[k]->as.members[i];
            if (!wr_value_is_absent(&m->value, c->num.arena, c->num.dialect)) {
                wr_object_set(&b, c->num.arena, m->key, m->value);
            }
        }
    }
    c->steps += 20 + 4 * ((uint64_t)item.len + with->len);
    return wr_object_done(&b);
}

// Item `i` with its content. An Array that the statement made, as [o] or by a nested query, may
// hold values of the payload that are still lazy.
static wr_value forced_item(struct wr_call *c, const wr_value *array, uint32_t i)
{
    wr_value item = array->as.items[i];
    wr_value_force(&item, c->num.arena, c->num.dialect);
    return item;
}

// A nested query gives an Array of one: look inside when there the wanted type is.
static wr_value unwrap(struct wr_call *c, const wr_value *v, enum wr_type wanted)
{
    if (v->type == WR_ARRAY && v->len == 1 && v->as.items[0].type == wanted) {
        return forced_item(c, v, 0);
    }
    return *v;
}

wr_value wr_array_transform(struct wr_call *c, wr_value *args, uint32_t count,
                            uint32_t payload_args)
{
    for (uint32_t i = 0; i < 3; i++) {
        wr_value_force(&args[i], c->num.arena, c->num.dialect);
    }
    if (args[0].type != WR_STRING || !wr_str_eq(wr_value_text(&args[0]), WR_STR("enrichArray"))) {
        return wr_undefined();
    }
    wr_value with = unwrap(c, &args[1], WR_OBJECT), array = unwrap(c, &args[2], WR_ARRAY);
    if (with.type != WR_OBJECT || array.type != WR_ARRAY) {
        return wr_undefined();
    }
    struct wr_array_builder b = {0};
    for (uint32_t i = 0; i < array.len; i++) {
        wr_value item = forced_item(c, &array, i);
        if (item.type == WR_UNDEFINED) {
            continue; // a member of a result that was never there
        }
        if (item.type != WR_OBJECT) {
            return wr_undefined();
        }
        wr_array_push(&b, c->num.arena, enriched(c, item, &with));
        if (c->num.arena->over) {
            return wr_undefined();
        }
    }
    wr_value result = wr_array_done(&b);
    return too_large(c, &result) ? wr_undefined() : result;
}
