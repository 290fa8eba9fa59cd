// Arguments and answers of the look-up functions.
#include "engine/lookup/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

static struct wr_arena *arena_of(const struct wr_lookup *l)
{
    return l->eval->message->arena;
}

static enum wr_dialect dialect_of(const struct wr_lookup *l)
{
    const struct wr_program *p = l->eval->program; // NULL: a sink's, without a rule
    return p ? wr_program_dialect(p) : WR_SQL_2016;
}

// ---- what is asked

wr_str wr_lookup_text(const struct wr_lookup *l, size_t i)
{
    return i < l->arg_count && l->args[i].type == WR_STRING ? wr_value_text(&l->args[i])
                                                            : (wr_str){"", 0};
}

wr_str wr_lookup_shadow_name(const struct wr_lookup *l)
{
    return l->arg_count == 3 ? wr_lookup_text(l, 1) : (wr_str){NULL, 0};
}

bool wr_lookup_has_sort_key(const struct wr_lookup *l)
{
    return l->arg_count == 6;
}

void wr_lookup_event(const struct wr_lookup *l, struct wr_buf *out)
{
    wr_json_write(out, &l->args[1], arena_of(l), dialect_of(l));
}

// AWS flattens a record of several levels by writing its values as text.
void wr_lookup_record(const struct wr_lookup *l, struct wr_buf *out)
{
    const wr_value *record = &l->args[2];
    struct wr_arena *arena = arena_of(l);
    if (record->type != WR_OBJECT) {
        wr_json_write(out, record, arena, dialect_of(l));
        return;
    }
    struct wr_object_builder flat = {0};
    for (uint32_t i = 0; i < record->len; i++) {
        wr_value v = record->as.members[i].value;
        if (v.type == WR_OBJECT || v.type == WR_ARRAY) {
            struct wr_buf text;
            wr_buf_init_arena(&text, arena);
            wr_json_write(&text, &v, arena, dialect_of(l));
            v = wr_string(wr_buf_str(&text));
        }
        wr_object_set(&flat, arena, record->as.members[i].key, v);
    }
    wr_value value = wr_object_done(&flat);
    wr_json_write(out, &value, arena, dialect_of(l));
}

// ---- what it comes to

void wr_lookup_fail(struct wr_lookup *l, const char *format, ...)
{
    char text[WR_FAULT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->result = wr_undefined();
    l->failed = true;
    wr_fault_set(&l->fault, WR_ERR_FAILED, "%s(): %s", wr_lookup_name(l->kind), text);
}

wr_value wr_lookup_member(const struct wr_lookup *l, const wr_value *object, wr_str name)
{
    const wr_value *found = object->type == WR_OBJECT ? wr_object_get(object, name) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena_of(l), dialect_of(l));
    return v;
}

void wr_lookup_json(struct wr_lookup *l, wr_str text)
{
    struct wr_fault fault = {0};
    wr_str copy = wr_str_dup(arena_of(l), text); // what is read borrows from it
    if (!copy.at) {
        wr_lookup_fail(l, "an answer of %zu bytes does not fit into message_memory", text.len);
    } else if (wr_json_parse(copy, arena_of(l), dialect_of(l), &l->result, &fault)) {
        // Not the text itself: it may be a secret.
        if (arena_of(l)->over) {
            wr_lookup_fail(l, "an answer of %zu bytes does not fit into message_memory", text.len);
        } else {
            wr_lookup_fail(l, "the answer is no JSON (byte %zu of %zu)", fault.offset, text.len);
        }
    }
}

bool wr_lookup_item_fits(const struct wr_lookup *l, const wr_value *item)
{
    for (size_t i = 1; i <= (wr_lookup_has_sort_key(l) ? 3u : 1u); i += 2) {
        wr_value v = wr_lookup_member(l, item, wr_lookup_text(l, i));
        if (v.type == WR_UNDEFINED ||
            !wr_value_equal(&v, &l->args[i + 1], arena_of(l), dialect_of(l))) {
            return false;
        }
    }
    return true;
}

void wr_lookup_item(struct wr_lookup *l, const wr_value *item)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, arena_of(l));
    wr_json_write(&text, item, arena_of(l), dialect_of(l));
    if (text.len > WR_LOOKUP_ITEM_MAX) {
        wr_lookup_fail(l, "the item has %zu bytes as JSON, at most %d may be looked up", text.len,
                       WR_LOOKUP_ITEM_MAX);
        return;
    }
    l->result = *item;
}

void wr_lookup_secret(struct wr_lookup *l, const wr_value *secret)
{
    wr_str type = wr_lookup_text(l, 1);
    bool keyed = l->arg_count == 4;
    if (wr_str_eq(type, WR_STR("SecretBinary"))) {
        l->result = wr_lookup_member(l, secret, type);
        if (keyed) {
            wr_lookup_fail(l, "a SecretBinary has no keys");
            return;
        }
    } else if (wr_str_eq(type, WR_STR("SecretString"))) {
        l->result = wr_lookup_member(l, secret, type);
        wr_value parsed;
        if (l->result.type == WR_STRING &&
            !wr_json_parse(wr_value_text(&l->result), arena_of(l), dialect_of(l), &parsed, NULL) &&
            parsed.type == WR_OBJECT) {
            l->result = keyed ? wr_lookup_member(l, &parsed, wr_lookup_text(l, 2)) : parsed;
            return;
        }
        if (keyed && l->result.type != WR_UNDEFINED) {
            wr_lookup_fail(l, "the secret is no JSON object, so it has no keys");
            return;
        }
    } else {
        wr_lookup_fail(l, "the type is '%.*s', expected SecretString or SecretBinary",
                       WR_STR_ARG(type));
        return;
    }
    if (l->result.type != WR_STRING) {
        wr_lookup_fail(l, "secret %.*s has no %.*s", WR_STR_ARG(wr_lookup_text(l, 0)),
                       WR_STR_ARG(type));
    }
}
