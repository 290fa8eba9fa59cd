// Reads a Protobuf message into slots (later fields replace or extend earlier ones), then makes the
// value of them. Depth is bounded, so both recurse.
#include "sql/func/proto_decode.h"

#include "sql/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

bool wr_proto_fail(struct wr_proto_decoder *d, const char *format, ...)
{
    if (!d->c->failed && !d->arena->over) {
        char text[WR_FAULT_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        d->c->failed = true;
        wr_fault_set(&d->c->fault, WR_ERR_FAILED, "decode: %s", text);
    }
    return false;
}

static bool fail_at(struct wr_proto_decoder *d, size_t offset, const char *what, wr_str name)
{
    return wr_proto_fail(d, "the Protobuf message is damaged: %s%s%.*s at byte %zu", what,
                         name.len ? " in " : "", WR_STR_ARG(name), offset);
}

// ---- scalars

static enum wr_wire_kind wire_kind(enum wr_proto_kind kind)
{
    switch (kind) {
    case WR_PROTO_DOUBLE:
    case WR_PROTO_FIXED64:
    case WR_PROTO_SFIXED64:
        return WR_WIRE_FIXED64;
    case WR_PROTO_FLOAT:
    case WR_PROTO_FIXED32:
    case WR_PROTO_SFIXED32:
        return WR_WIRE_FIXED32;
    case WR_PROTO_STRING:
    case WR_PROTO_BYTES:
    case WR_PROTO_MESSAGE:
        return WR_WIRE_BYTES;
    case WR_PROTO_GROUP:
        return WR_WIRE_GROUP;
    case WR_PROTO_INT64:
    case WR_PROTO_UINT64:
    case WR_PROTO_INT32:
    case WR_PROTO_BOOL:
    case WR_PROTO_UINT32:
    case WR_PROTO_ENUM:
    case WR_PROTO_SINT32:
    case WR_PROTO_SINT64:
        break;
    }
    return WR_WIRE_VARINT;
}

wr_value wr_proto_digits(struct wr_proto_decoder *d, bool neg, uint64_t n)
{
    char text[24], *at = text + sizeof text;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    if (neg) {
        *--at = '-';
    }
    wr_str copy = wr_str_dup(d->arena, (wr_str){at, (size_t)(text + sizeof text - at)});
    return copy.at ? wr_string(copy) : wr_undefined();
}

static wr_value signed_digits(struct wr_proto_decoder *d, int64_t n)
{
    return wr_proto_digits(d, n < 0, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static wr_value no_number(double number)
{
    return wr_string(isnan(number) ? WR_STR("NaN")
                     : number > 0  ? WR_STR("Infinity")
                                   : WR_STR("-Infinity"));
}

static wr_value double_value(struct wr_proto_decoder *d, uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return isfinite(number) ? wr_num_from_double(&d->c->num, number) : no_number(number);
}

// The fewest digits that read back as the same float: 0.1, not 0.10000000149011612.
static wr_value float_value(struct wr_proto_decoder *d, uint32_t bits)
{
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    float number;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number)) {
        return no_number((double)number);
    }
    double size = fabs((double)number);
    for (size_t i = 0; size < 16777216 && i < WR_COUNT(tens); i++) {
        double read = nearbyint(size * tens[i]) / tens[i];
        if ((float)read == (float)size && read * tens[i] < 1e9) {
            return wr_num_from_double(&d->c->num, number < 0 ? -read : read);
        }
    }
    char text[40]; // rare: very small and very large numbers
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, (double)number);
        if (strtof(text, NULL) == number) {
            break;
        }
    }
    return wr_num_parse(&d->c->num, wr_str_of(text));
}

static wr_value enum_value(struct wr_proto_decoder *d, const struct wr_proto_enum *e, int32_t n)
{
    const wr_str *name = wr_proto_enum_name(e, n);
    if (e->null) {
        return wr_null();
    }
    if (!name) {
        return e->closed ? wr_undefined() : wr_num_int(&d->c->num, n);
    }
    return wr_string(*name);
}

static uint64_t unzigzag(uint64_t n)
{
    return (n >> 1) ^ (0 - (n & 1));
}

// A number of the wire, cut to the width of the field's type.
static uint64_t cut(enum wr_proto_kind kind, uint64_t n)
{
    switch (kind) {
    case WR_PROTO_INT32:
    case WR_PROTO_UINT32:
    case WR_PROTO_ENUM:
        return (uint32_t)n;
    case WR_PROTO_SINT32:
        return (uint32_t)unzigzag((uint32_t)n);
    case WR_PROTO_SINT64:
        return unzigzag(n);
    case WR_PROTO_BOOL:
        return n != 0;
    case WR_PROTO_DOUBLE:
    case WR_PROTO_FLOAT:
    case WR_PROTO_INT64:
    case WR_PROTO_UINT64:
    case WR_PROTO_FIXED64:
    case WR_PROTO_FIXED32:
    case WR_PROTO_SFIXED32:
    case WR_PROTO_SFIXED64:
    case WR_PROTO_STRING:
    case WR_PROTO_BYTES:
    case WR_PROTO_MESSAGE:
    case WR_PROTO_GROUP:
        break;
    }
    return n;
}

// Undefined: a closed enum's number without a name, or the arena is full.
static wr_value number_value(struct wr_proto_decoder *d, const struct wr_proto_field *f, uint64_t n)
{
    switch (f->kind) {
    case WR_PROTO_DOUBLE:
        return double_value(d, n);
    case WR_PROTO_FLOAT:
        return float_value(d, (uint32_t)n);
    case WR_PROTO_INT64:
    case WR_PROTO_SINT64:
    case WR_PROTO_SFIXED64:
        return signed_digits(d, (int64_t)n);
    case WR_PROTO_UINT64:
    case WR_PROTO_FIXED64:
        return wr_proto_digits(d, false, n);
    case WR_PROTO_INT32:
    case WR_PROTO_SINT32:
    case WR_PROTO_SFIXED32:
        return wr_num_int(&d->c->num, (int32_t)(uint32_t)n);
    case WR_PROTO_UINT32:
    case WR_PROTO_FIXED32:
        return wr_num_int(&d->c->num, (int64_t)(uint32_t)n);
    case WR_PROTO_BOOL:
        return wr_boolean(n != 0);
    case WR_PROTO_ENUM:
        return enum_value(d, f->names, (int32_t)(uint32_t)n);
    case WR_PROTO_STRING:
    case WR_PROTO_BYTES:
    case WR_PROTO_MESSAGE:
    case WR_PROTO_GROUP:
        break;
    }
    return wr_undefined();
}

static wr_value base64(struct wr_proto_decoder *d, wr_str bytes)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, d->arena);
    if (bytes.len && !wr_buf_reserve(&b, (bytes.len + 2) / 3 * 4)) {
        return wr_undefined();
    }
    wr_buf_add_base64(&b, bytes);
    return wr_string(b.len ? wr_buf_str(&b) : WR_STR(""));
}

// ---- reading

static struct wr_proto_message *message_new(struct wr_proto_decoder *d,
                                            const struct wr_proto_type *t)
{
    size_t slots = t->field_count * sizeof(struct wr_proto_slot);
    size_t cases = t->oneof_count * sizeof(uint32_t);
    struct wr_proto_message *m = wr_arena_alloc(d->arena, sizeof *m + slots + cases);
    if (!m) {
        return NULL;
    }
    d->c->steps += 4 + t->field_count;
    memset(m, 0, sizeof *m + slots + cases);
    m->type = t;
    m->slots = (struct wr_proto_slot *)(m + 1);
    m->cases = (uint32_t *)(m->slots + t->field_count);
    return m;
}

// A singular field is about to be set: what its oneof held before is gone.
static void choose(struct wr_proto_message *m, const struct wr_proto_field *f)
{
    uint32_t index = (uint32_t)(f - m->type->fields);
    if (f->oneof != WR_PROTO_NO_ONEOF) {
        uint32_t *chosen = &m->cases[f->oneof];
        if (*chosen && *chosen != index + 1) {
            m->slots[*chosen - 1] = (struct wr_proto_slot){0};
        }
        *chosen = index + 1;
    }
    m->slots[index].set = true;
}

static bool read_fields(struct wr_proto_decoder *d, struct wr_proto_message *m, struct wr_wire *w,
                        uint32_t group, int depth);

static bool take_number(struct wr_proto_decoder *d, struct wr_proto_message *m,
                        const struct wr_proto_field *f, uint64_t n)
{
    struct wr_proto_slot *slot = &m->slots[f - m->type->fields];
    n = cut(f->kind, n);
    wr_value v = number_value(d, f, n);
    if (v.type == WR_UNDEFINED) {
        m->strange = true; // the number of a closed enum is an unknown field
        return !d->arena->over;
    }
    if (f->repeated) {
        wr_array_push(&slot->as.array, d->arena, v);
        slot->set = true;
        return !d->arena->over;
    }
    choose(m, f);
    slot->as.value = v;
    slot->set = f->presence || n != 0; // all bits: -0.0 is no default
    return true;
}

static bool take_packed(struct wr_proto_decoder *d, struct wr_proto_message *m,
                        const struct wr_proto_field *f, struct wr_wire w)
{
    uint64_t n;
    enum wr_wire_kind kind = wire_kind(f->kind);
    while (wr_wire_value(&w, kind, &n)) {
        if (!take_number(d, m, f, n)) {
            return false;
        }
    }
    return !w.trouble || fail_at(d, w.trouble_at, w.trouble, f->json_name);
}

static bool take_text(struct wr_proto_decoder *d, struct wr_proto_message *m,
                      const struct wr_proto_field *f, const struct wr_wire_item *item)
{
    struct wr_proto_slot *slot = &m->slots[f - m->type->fields];
    if (f->kind == WR_PROTO_STRING && !wr_utf8_valid(item->bytes)) {
        return fail_at(d, item->offset, "text that is not UTF-8", f->json_name);
    }
    d->c->steps += item->bytes.len / 16;
    if (f->repeated) {
        wr_value v = f->kind == WR_PROTO_STRING ? wr_string(item->bytes) : base64(d, item->bytes);
        wr_array_push(&slot->as.array, d->arena, v);
        slot->set = true;
        return !d->arena->over;
    }
    choose(m, f);
    slot->as.value = f->kind == WR_PROTO_STRING ? wr_string(item->bytes) : wr_raw(item->bytes);
    slot->set = f->presence || item->bytes.len;
    return true;
}

static wr_str key_text(struct wr_proto_decoder *d, const struct wr_proto_field *f, wr_value key)
{
    if (key.type == WR_BOOLEAN) {
        return key.as.truth ? WR_STR("true") : WR_STR("false");
    }
    if (key.type == WR_NUMBER) {
        int64_t n;
        key = wr_num_to_i64(&key, &n) ? signed_digits(d, n) : wr_undefined();
    }
    return wr_value_text(&key);
}

static bool take_entry(struct wr_proto_decoder *d, struct wr_proto_slot *slot,
                       struct wr_proto_message *entry, int depth)
{
    const struct wr_proto_field *fields = entry->type->fields;
    wr_value key, v;
    if (entry->strange) { // as a whole an unknown field
        return true;
    }
    if (!wr_proto_slot_value(d, &fields[0], &entry->slots[0], depth, &key) ||
        !wr_proto_slot_value(d, &fields[1], &entry->slots[1], depth, &v)) {
        return false;
    }
    wr_object_set(&slot->as.object, d->arena, key_text(d, &fields[0], key), v);
    slot->set = true;
    return !d->arena->over;
}

// A message or a group. Singular ones that come again extend what is there.
static bool take_message(struct wr_proto_decoder *d, struct wr_proto_message *m,
                         const struct wr_proto_field *f, struct wr_wire *w, uint32_t group,
                         int depth)
{
    struct wr_proto_slot *slot = &m->slots[f - m->type->fields];
    if (depth >= WR_WIRE_DEPTH_MAX) {
        return fail_at(d, (size_t)(w->at - w->start), "messages nested deeper than 100",
                       f->json_name);
    }
    if (!f->repeated) {
        choose(m, f);
        if (!slot->as.message) {
            slot->as.message = message_new(d, f->type);
        }
        return slot->as.message && read_fields(d, slot->as.message, w, group, depth + 1);
    }
    struct wr_proto_message *inner = message_new(d, f->type);
    wr_value v;
    if (!inner || !read_fields(d, inner, w, group, depth + 1)) {
        return false;
    }
    if (f->map) {
        return take_entry(d, slot, inner, depth + 1);
    }
    if (!wr_proto_finish(d, inner, depth + 1, &v)) {
        return false;
    }
    wr_array_push(&slot->as.array, d->arena, v);
    slot->set = true;
    return !d->arena->over;
}

static bool take(struct wr_proto_decoder *d, struct wr_proto_message *m,
                 const struct wr_wire_item *item, struct wr_wire *w, int depth)
{
    const struct wr_proto_field *f = wr_proto_type_field(m->type, item->number);
    enum wr_wire_kind wanted = f ? wire_kind(f->kind) : WR_WIRE_GROUP_END;
    bool number = wanted != WR_WIRE_BYTES && wanted != WR_WIRE_GROUP;
    d->c->steps += 2;
    if (f && item->kind == WR_WIRE_BYTES && f->repeated && number) {
        return take_packed(d, m, f, wr_wire_inside(w, item->bytes));
    }
    if (!f || item->kind != wanted) { // unknown
        return item->kind != WR_WIRE_GROUP || wr_wire_skip_group(w, item->number, depth + 1);
    }
    if (number) {
        return take_number(d, m, f, item->n);
    }
    if (wanted == WR_WIRE_GROUP) {
        return take_message(d, m, f, w, item->number, depth);
    }
    if (f->kind == WR_PROTO_MESSAGE) {
        struct wr_wire inner = wr_wire_inside(w, item->bytes);
        return take_message(d, m, f, &inner, 0, depth);
    }
    return take_text(d, m, f, item);
}

// To the end of the bytes, or of group number `group`.
static bool read_fields(struct wr_proto_decoder *d, struct wr_proto_message *m, struct wr_wire *w,
                        uint32_t group, int depth)
{
    struct wr_wire_item item;
    while (wr_wire_next(w, &item)) {
        if (item.kind == WR_WIRE_GROUP_END) {
            return (group && item.number == group) ||
                   fail_at(d, item.offset, "the end of another group", m->type->name);
        }
        if (!take(d, m, &item, w, depth)) {
            break;
        }
    }
    if (w->trouble) {
        return fail_at(d, w->trouble_at, w->trouble, m->type->name);
    }
    if (d->c->failed || d->arena->over) {
        return false;
    }
    return !group || fail_at(d, (size_t)(w->at - w->start), "a group without end", m->type->name);
}

struct wr_proto_message *wr_proto_read(struct wr_proto_decoder *d, const struct wr_proto_type *t,
                                       struct wr_wire w, int depth)
{
    struct wr_proto_message *m = message_new(d, t);
    return m && read_fields(d, m, &w, 0, depth) ? m : NULL;
}

// ---- the value

static bool default_value(struct wr_proto_decoder *d, const struct wr_proto_field *f, int depth,
                          wr_value *out)
{
    if (f->type) {
        struct wr_proto_message *empty = message_new(d, f->type);
        return empty && wr_proto_finish(d, empty, depth + 1, out);
    }
    bool text = f->kind == WR_PROTO_STRING || f->kind == WR_PROTO_BYTES;
    *out = text ? wr_string(WR_STR("")) : number_value(d, f, 0);
    if (out->type == WR_UNDEFINED && f->names && f->names->count) {
        *out = wr_string(f->names->values[0].name); // a proto2 enum without a zero
    }
    return !d->arena->over;
}

bool wr_proto_slot_value(struct wr_proto_decoder *d, const struct wr_proto_field *f,
                         struct wr_proto_slot *slot, int depth, wr_value *out)
{
    if (f->map) {
        *out = wr_object_done(&slot->as.object);
    } else if (f->repeated) {
        *out = wr_array_done(&slot->as.array);
    } else if (f->type && slot->as.message) {
        return wr_proto_finish(d, slot->as.message, depth + 1, out);
    } else if (f->type || slot->as.value.type == WR_UNDEFINED) {
        return default_value(d, f, depth, out);
    } else if (slot->as.value.type == WR_RAW) {
        *out = base64(d, wr_value_text(&slot->as.value));
    } else {
        *out = slot->as.value;
    }
    return !d->arena->over;
}

bool wr_proto_object(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                     struct wr_object_builder *out)
{
    for (uint32_t i = 0; i < m->type->field_count; i++) {
        const struct wr_proto_field *f = &m->type->fields[i];
        wr_value v;
        if (!m->slots[i].set) {
            if (f->required) {
                return wr_proto_fail(d,
                                     "the Protobuf message lacks the required field %.*s of %.*s",
                                     WR_STR_ARG(f->json_name), WR_STR_ARG(m->type->name));
            }
            continue;
        }
        if (!wr_proto_slot_value(d, f, &m->slots[i], depth, &v)) {
            return false;
        }
        wr_object_set(out, d->arena, f->json_name, v);
    }
    return !d->arena->over;
}

bool wr_proto_finish(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                     wr_value *out)
{
    if (depth > WR_WIRE_DEPTH_MAX + 1) {
        return wr_proto_fail(d, "messages of %.*s nest without end", WR_STR_ARG(m->type->name));
    }
    if (m->type->known != WR_PROTO_PLAIN) {
        return wr_proto_known(d, m, depth, out);
    }
    struct wr_object_builder b = {0};
    if (!wr_proto_object(d, m, depth, &b)) {
        return false;
    }
    *out = wr_object_done(&b);
    return true;
}

wr_value wr_proto_decode(struct wr_call *c, const struct wr_proto_schema *s,
                         const struct wr_proto_type *type, wr_str bytes)
{
    struct wr_proto_decoder d = {.c = c, .schema = s, .arena = c->num.arena};
    struct wr_proto_message *m = wr_proto_read(&d, type, wr_wire_of(bytes), 0);
    wr_value v;
    return m && wr_proto_finish(&d, m, 0, &v) ? v : wr_undefined();
}
