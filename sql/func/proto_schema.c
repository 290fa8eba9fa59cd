// Reads a FileDescriptorSet: first all names, then the fields, which may refer to any of them.
#include "sql/func/proto_schema.h"

#include "sql/func/proto_wire.h"

#include "sql/base/utf8.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define NESTING_MAX 64 // messages declared inside messages

// Numbers of the fields of descriptor.proto.
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_TYPE = 4, FILE_ENUM = 5, FILE_SYNTAX = 12 };
enum { TYPE_NAME = 1, TYPE_FIELD = 2, TYPE_TYPE = 3, TYPE_ENUM = 4, TYPE_OPTIONS = 7 };
enum { TYPE_ONEOF = 8, OPTION_MAP_ENTRY = 7, ENUM_NAME = 1, ENUM_VALUE = 2 };
enum { VALUE_NAME = 1, VALUE_NUMBER = 2, FIELD_NAME = 1, FIELD_NUMBER = 3, FIELD_LABEL = 4 };
enum { FIELD_TYPE = 5, FIELD_TYPE_NAME = 6, FIELD_ONEOF = 9, FIELD_JSON_NAME = 10 };
enum { FIELD_PROTO3_OPTIONAL = 17, LABEL_REQUIRED = 2, LABEL_REPEATED = 3 };

struct wr_proto_schema {
    struct wr_proto_file *files;
    struct wr_proto_type *types;
    struct wr_proto_enum *enums;
    const struct wr_proto_type **by_name; // sorted
    const struct wr_proto_enum **enum_by_name;
    uint32_t type_count, enum_count;
};

struct reader {
    struct wr_proto_schema *s;
    struct wr_arena *arena;
    struct wr_fault *fault;
    const char *start; // of the descriptor
};

static void *make(struct reader *r, size_t size)
{
    void *at = wr_arena_alloc(r->arena, size);
    if (at) {
        memset(at, 0, size);
    } else {
        wr_fault_set(r->fault, WR_ERR_LIMIT, "the descriptor file needs too much memory");
    }
    return at;
}

static struct wr_wire open_body(const struct reader *r, wr_str body)
{
    return (struct wr_wire){
        .start = r->start, .at = body.at ? body.at : r->start, .end = body.at + body.len};
}

static bool damaged(struct reader *r, size_t offset, const char *what)
{
    wr_fault_set(r->fault, WR_ERR_CORRUPT, "the descriptor file is damaged: %s at byte %zu", what,
                 offset);
    if (r->fault) {
        r->fault->offset = offset;
    }
    return false;
}

// The next field that is no group; false at the end. wire_ok() tells the end from damage.
static bool next(struct wr_wire *w, struct wr_wire_item *item)
{
    while (wr_wire_next(w, item)) {
        if (item->kind == WR_WIRE_GROUP_END) {
            return wr_wire_fail(w, w->start + item->offset, "the end of no group");
        }
        if (item->kind != WR_WIRE_GROUP) {
            return true;
        }
        if (!wr_wire_skip_group(w, item->number, 1)) {
            return false;
        }
    }
    return false;
}

static bool wire_ok(struct reader *r, const struct wr_wire *w)
{
    return !w->trouble || damaged(r, w->trouble_at, w->trouble);
}

static bool is_bytes(const struct wr_wire_item *item, uint32_t number)
{
    return item->number == number && item->kind == WR_WIRE_BYTES;
}

static bool is_varint(const struct wr_wire_item *item, uint32_t number)
{
    return item->number == number && item->kind == WR_WIRE_VARINT;
}

// Names go into JSON.
static bool take_name(struct reader *r, const struct wr_wire_item *item, wr_str *out)
{
    *out = item->bytes;
    return wr_utf8_valid(item->bytes) || damaged(r, item->offset, "a name that is not UTF-8");
}

static bool join(struct reader *r, wr_str outer, wr_str name, wr_str *out)
{
    if (!outer.len) {
        *out = name;
        return true;
    }
    char *at = make(r, outer.len + 1 + name.len);
    if (at) {
        memcpy(at, outer.at, outer.len);
        at[outer.len] = '.';
        memcpy(at + outer.len + 1, name.len ? name.at : "", name.len);
        *out = (wr_str){at, outer.len + 1 + name.len};
    }
    return at;
}

// ---- names

static bool add_enum(struct reader *r, wr_str body, wr_str scope, const struct wr_proto_file *file)
{
    struct wr_proto_enum *e = make(r, sizeof *e);
    if (!e) {
        return false;
    }
    struct wr_wire w = open_body(r, body);
    struct wr_wire_item item;
    wr_str name = {0};
    while (next(&w, &item)) {
        if (is_bytes(&item, ENUM_NAME) && !take_name(r, &item, &name)) {
            return false;
        }
        e->count += is_bytes(&item, ENUM_VALUE);
    }
    if (!wire_ok(r, &w) || !join(r, scope, name, &e->name)) {
        return false;
    }
    e->body_ = body;
    e->closed = !file->proto3;
    e->null = wr_str_eq(e->name, WR_STR("google.protobuf.NullValue"));
    e->next_ = r->s->enums;
    r->s->enums = e;
    r->s->enum_count++;
    return true;
}

static bool take_options(struct reader *r, struct wr_proto_type *t, wr_str body)
{
    struct wr_wire w = open_body(r, body);
    struct wr_wire_item item;
    while (next(&w, &item)) {
        if (is_varint(&item, OPTION_MAP_ENTRY)) {
            t->map_entry = item.n != 0;
        }
    }
    return wire_ok(r, &w);
}

static bool add_type(struct reader *r, wr_str body, wr_str scope, const struct wr_proto_file *file,
                     int depth)
{
    struct wr_wire w = open_body(r, body);
    if (depth > NESTING_MAX) {
        return damaged(r, (size_t)(w.at - w.start), "messages declared too deep in others");
    }
    struct wr_proto_type *t = make(r, sizeof *t);
    if (!t) {
        return false;
    }
    struct wr_wire_item item;
    wr_str name = {0};
    while (next(&w, &item)) {
        if (is_bytes(&item, TYPE_NAME) && !take_name(r, &item, &name)) {
            return false;
        }
        if (is_bytes(&item, TYPE_OPTIONS) && !take_options(r, t, item.bytes)) {
            return false;
        }
        t->field_count += is_bytes(&item, TYPE_FIELD);
        t->oneof_count += is_bytes(&item, TYPE_ONEOF);
    }
    if (!wire_ok(r, &w) || !join(r, scope, name, &t->name)) {
        return false;
    }
    t->body_ = body;
    t->file = file;
    t->next_ = r->s->types;
    r->s->types = t;
    r->s->type_count++;
    w = open_body(r, body);
    while (next(&w, &item)) {
        if ((is_bytes(&item, TYPE_TYPE) && !add_type(r, item.bytes, t->name, file, depth + 1)) ||
            (is_bytes(&item, TYPE_ENUM) && !add_enum(r, item.bytes, t->name, file))) {
            return false;
        }
    }
    return true;
}

static bool take_syntax(struct reader *r, struct wr_proto_file *file, wr_str syntax)
{
    file->proto3 = wr_str_eq(syntax, WR_STR("proto3"));
    if (file->proto3 || syntax.len == 0 || wr_str_eq(syntax, WR_STR("proto2"))) {
        return true;
    }
    wr_fault_set(r->fault, WR_ERR_UNSUPPORTED,
                 "%.*s in the descriptor file has the syntax '%.*s'; proto2 and proto3 are known",
                 WR_STR_ARG(file->name), WR_STR_ARG(syntax));
    return false;
}

static bool add_file(struct reader *r, wr_str body)
{
    struct wr_proto_file *file = make(r, sizeof *file);
    if (!file) {
        return false;
    }
    struct wr_wire w = open_body(r, body);
    struct wr_wire_item item;
    wr_str syntax = {0};
    while (next(&w, &item)) {
        if ((is_bytes(&item, FILE_NAME) && !take_name(r, &item, &file->name)) ||
            (is_bytes(&item, FILE_PACKAGE) && !take_name(r, &item, &file->package)) ||
            (is_bytes(&item, FILE_SYNTAX) && !take_name(r, &item, &syntax))) {
            return false;
        }
    }
    if (!wire_ok(r, &w) || !take_syntax(r, file, syntax)) {
        return false;
    }
    file->next_ = r->s->files;
    r->s->files = file;
    w = open_body(r, body);
    while (next(&w, &item)) {
        if ((is_bytes(&item, FILE_TYPE) && !add_type(r, item.bytes, file->package, file, 0)) ||
            (is_bytes(&item, FILE_ENUM) && !add_enum(r, item.bytes, file->package, file))) {
            return false;
        }
    }
    return true;
}

static int type_order(const void *a, const void *b)
{
    return wr_str_cmp((*(const struct wr_proto_type *const *)a)->name,
                      (*(const struct wr_proto_type *const *)b)->name);
}

static int enum_order(const void *a, const void *b)
{
    return wr_str_cmp((*(const struct wr_proto_enum *const *)a)->name,
                      (*(const struct wr_proto_enum *const *)b)->name);
}

static bool twice(struct reader *r, wr_str name)
{
    wr_fault_set(r->fault, WR_ERR_CORRUPT, "the descriptor file declares %.*s twice",
                 WR_STR_ARG(name));
    return false;
}

static bool sort_names(struct reader *r)
{
    struct wr_proto_schema *s = r->s;
    s->by_name = make(r, (s->type_count + 1) * sizeof *s->by_name);
    s->enum_by_name = make(r, (s->enum_count + 1) * sizeof *s->enum_by_name);
    if (!s->by_name || !s->enum_by_name) {
        return false;
    }
    uint32_t n = 0;
    for (struct wr_proto_type *t = s->types; t; t = t->next_) {
        s->by_name[n++] = t;
    }
    n = 0;
    for (struct wr_proto_enum *e = s->enums; e; e = e->next_) {
        s->enum_by_name[n++] = e;
    }
    qsort(s->by_name, s->type_count, sizeof *s->by_name, type_order);
    qsort(s->enum_by_name, s->enum_count, sizeof *s->enum_by_name, enum_order);
    for (uint32_t i = 1; i < s->type_count; i++) {
        if (type_order(&s->by_name[i - 1], &s->by_name[i]) == 0) {
            return twice(r, s->by_name[i]->name);
        }
    }
    for (uint32_t i = 1; i < s->enum_count; i++) {
        if (enum_order(&s->enum_by_name[i - 1], &s->enum_by_name[i]) == 0) {
            return twice(r, s->enum_by_name[i]->name);
        }
    }
    return true;
}

const struct wr_proto_type *wr_proto_schema_type(const struct wr_proto_schema *s, wr_str name)
{
    const struct wr_proto_type key = {.name = name}, *wanted = &key;
    const struct wr_proto_type **found =
        bsearch(&wanted, s->by_name, s->type_count, sizeof *s->by_name, type_order);
    return found ? *found : NULL;
}

const struct wr_proto_type *wr_proto_schema_at(const struct wr_proto_schema *s, size_t index)
{
    return index < s->type_count ? s->by_name[index] : NULL;
}

static const struct wr_proto_enum *find_enum(const struct wr_proto_schema *s, wr_str name)
{
    const struct wr_proto_enum key = {.name = name}, *wanted = &key;
    const struct wr_proto_enum **found =
        bsearch(&wanted, s->enum_by_name, s->enum_count, sizeof *s->enum_by_name, enum_order);
    return found ? *found : NULL;
}

// ---- fields

static int name_order(const void *a, const void *b)
{
    const struct wr_proto_name *x = a, *y = b;
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return (x->name.at > y->name.at) - (x->name.at < y->name.at); // as they stand in the file
}

static bool fill_enum(struct reader *r, struct wr_proto_enum *e)
{
    struct wr_proto_name *values = make(r, (e->count + 1) * sizeof *values);
    if (!values) {
        return false;
    }
    struct wr_wire w = open_body(r, e->body_);
    struct wr_wire_item item, part;
    uint32_t n = 0;
    while (next(&w, &item)) {
        if (!is_bytes(&item, ENUM_VALUE)) {
            continue;
        }
        struct wr_wire inner = wr_wire_inside(&w, item.bytes);
        values[n].name = (wr_str){item.bytes.at, 0};
        while (next(&inner, &part)) {
            if (is_bytes(&part, VALUE_NAME) && !take_name(r, &part, &values[n].name)) {
                return false;
            }
            if (is_varint(&part, VALUE_NUMBER)) {
                values[n].number = (int32_t)(uint32_t)part.n;
            }
        }
        if (!wire_ok(r, &inner)) {
            return false;
        }
        n++;
    }
    qsort(values, n, sizeof *values, name_order);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || values[kept - 1].number != values[i].number) {
            values[kept++] = values[i];
        }
    }
    e->count = kept;
    e->values = values;
    return true;
}

const wr_str *wr_proto_enum_name(const struct wr_proto_enum *e, int32_t number)
{
    uint32_t low = 0, high = e->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (e->values[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < e->count && e->values[low].number == number ? &e->values[low].name : NULL;
}

// "some_name" is "someName" where protoc left json_name out.
static bool camel(struct reader *r, wr_str name, wr_str *out)
{
    char *at = make(r, name.len + 1);
    if (!at) {
        return false;
    }
    size_t n = 0;
    bool upper = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c == '_') {
            upper = true;
            continue;
        }
        at[n++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        upper = false;
    }
    *out = (wr_str){at, n};
    return true;
}

struct field_text {
    wr_str name, json_name, type_name;
    uint64_t number, label, kind, oneof;
    bool in_oneof, proto3_optional;
};

static bool read_field(struct reader *r, wr_str body, struct field_text *out)
{
    struct wr_wire w = open_body(r, body);
    struct wr_wire_item item;
    *out = (struct field_text){0};
    while (next(&w, &item)) {
        if ((is_bytes(&item, FIELD_NAME) && !take_name(r, &item, &out->name)) ||
            (is_bytes(&item, FIELD_JSON_NAME) && !take_name(r, &item, &out->json_name)) ||
            (is_bytes(&item, FIELD_TYPE_NAME) && !take_name(r, &item, &out->type_name))) {
            return false;
        }
        if (item.kind != WR_WIRE_VARINT) {
            continue;
        }
        switch (item.number) {
        case FIELD_NUMBER:
            out->number = item.n;
            break;
        case FIELD_LABEL:
            out->label = item.n;
            break;
        case FIELD_TYPE:
            out->kind = item.n;
            break;
        case FIELD_ONEOF:
            out->oneof = item.n;
            out->in_oneof = true;
            break;
        case FIELD_PROTO3_OPTIONAL:
            out->proto3_optional = item.n != 0;
            break;
        default:
            break;
        }
    }
    return wire_ok(r, &w);
}

static bool bind_type(struct reader *r, const struct field_text *text, struct wr_proto_field *f)
{
    bool named = f->kind == WR_PROTO_MESSAGE || f->kind == WR_PROTO_GROUP ||
                 f->kind == WR_PROTO_ENUM || f->kind == 0;
    if (!named) {
        return true;
    }
    wr_str name = text->type_name;
    if (name.len && name.at[0] == '.') {
        name = wr_str_cut(name, 1, name.len);
    }
    f->type = f->kind == WR_PROTO_ENUM ? NULL : wr_proto_schema_type(r->s, name);
    f->names =
        f->kind == WR_PROTO_ENUM || (f->kind == 0 && !f->type) ? find_enum(r->s, name) : NULL;
    if (!f->type && !f->names) {
        wr_fault_set(r->fault, WR_ERR_MISSING,
                     "the descriptor file lacks %.*s, the type of %.*s: make it with protoc "
                     "--include_imports",
                     WR_STR_ARG(text->type_name), WR_STR_ARG(text->name));
        return false;
    }
    if (f->kind == 0) {
        f->kind = f->type ? WR_PROTO_MESSAGE : WR_PROTO_ENUM;
    }
    return true;
}

static bool fill_field(struct reader *r, const struct wr_proto_type *t, wr_str body,
                       struct wr_proto_field *f)
{
    struct field_text text;
    size_t offset = (size_t)(body.at - r->start);
    if (!read_field(r, body, &text)) {
        return false;
    }
    if (text.number == 0 || text.number > WR_WIRE_NUMBER_MAX) {
        return damaged(r, offset, "a field number out of range");
    }
    if (text.kind > WR_PROTO_SINT64 || (text.in_oneof && text.oneof >= t->oneof_count)) {
        return damaged(r, offset, "a field of an unknown type");
    }
    bool proto3 = t->file->proto3;
    *f = (struct wr_proto_field){.number = (uint32_t)text.number,
                                 .kind = (enum wr_proto_kind)text.kind,
                                 .repeated = text.label == LABEL_REPEATED,
                                 .required = text.label == LABEL_REQUIRED,
                                 .oneof = WR_PROTO_NO_ONEOF,
                                 .json_name = text.json_name};
    if (!bind_type(r, &text, f) || (!f->json_name.at && !camel(r, text.name, &f->json_name))) {
        return false;
    }
    if (text.in_oneof && !text.proto3_optional && !f->repeated) {
        f->oneof = (uint32_t)text.oneof;
    }
    f->presence = !proto3 || text.in_oneof || f->type;
    f->map = f->repeated && f->kind == WR_PROTO_MESSAGE && f->type->map_entry;
    return true;
}

static int field_order(const void *a, const void *b)
{
    const struct wr_proto_field *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int json_order(const void *a, const void *b)
{
    return wr_str_cmp((*(const struct wr_proto_field *const *)a)->json_name,
                      (*(const struct wr_proto_field *const *)b)->json_name);
}

// Members of an object are unique, so two fields may not share a name.
static bool names_unique(struct reader *r, const struct wr_proto_type *t)
{
    const struct wr_proto_field **by = make(r, (t->field_count + 1) * sizeof *by);
    if (!by) {
        return false;
    }
    for (uint32_t i = 0; i < t->field_count; i++) {
        by[i] = &t->fields[i];
    }
    qsort(by, t->field_count, sizeof *by, json_order);
    for (uint32_t i = 1; i < t->field_count; i++) {
        if (json_order(&by[i - 1], &by[i]) == 0) {
            wr_fault_set(r->fault, WR_ERR_UNSUPPORTED,
                         "two fields of %.*s are both called '%.*s' in JSON", WR_STR_ARG(t->name),
                         WR_STR_ARG(by[i]->json_name));
            return false;
        }
        if (t->fields[i - 1].number == t->fields[i].number) {
            return damaged(r, (size_t)(t->body_.at - r->start), "two fields with one number");
        }
    }
    return true;
}

static bool fill_type(struct reader *r, struct wr_proto_type *t)
{
    t->fields = make(r, (t->field_count + 1) * sizeof *t->fields);
    if (!t->fields) {
        return false;
    }
    struct wr_wire w = open_body(r, t->body_);
    struct wr_wire_item item;
    uint32_t n = 0;
    while (next(&w, &item)) {
        if (is_bytes(&item, TYPE_FIELD) && !fill_field(r, t, item.bytes, &t->fields[n++])) {
            return false;
        }
    }
    qsort(t->fields, t->field_count, sizeof *t->fields, field_order);
    return names_unique(r, t);
}

const struct wr_proto_field *wr_proto_type_field(const struct wr_proto_type *t, uint32_t number)
{
    if (number - 1 < t->field_count && t->fields[number - 1].number == number) {
        return &t->fields[number - 1];
    }
    const struct wr_proto_field key = {.number = number};
    return t->field_count ? bsearch(&key, t->fields, t->field_count, sizeof *t->fields, field_order)
                          : NULL;
}

// ---- well-known types

#define REPEATED 0x80

static const struct {
    wr_str name;
    enum wr_proto_known known;
    uint8_t kinds[6]; // of fields 1, 2, …; all that the type has
} known_types[] = {
    {WR_STR_INIT("Timestamp"), WR_PROTO_TIMESTAMP, {WR_PROTO_INT64, WR_PROTO_INT32}},
    {WR_STR_INIT("Duration"), WR_PROTO_DURATION, {WR_PROTO_INT64, WR_PROTO_INT32}},
    {WR_STR_INIT("DoubleValue"), WR_PROTO_WRAPPER, {WR_PROTO_DOUBLE}},
    {WR_STR_INIT("FloatValue"), WR_PROTO_WRAPPER, {WR_PROTO_FLOAT}},
    {WR_STR_INIT("Int64Value"), WR_PROTO_WRAPPER, {WR_PROTO_INT64}},
    {WR_STR_INIT("UInt64Value"), WR_PROTO_WRAPPER, {WR_PROTO_UINT64}},
    {WR_STR_INIT("Int32Value"), WR_PROTO_WRAPPER, {WR_PROTO_INT32}},
    {WR_STR_INIT("UInt32Value"), WR_PROTO_WRAPPER, {WR_PROTO_UINT32}},
    {WR_STR_INIT("BoolValue"), WR_PROTO_WRAPPER, {WR_PROTO_BOOL}},
    {WR_STR_INIT("StringValue"), WR_PROTO_WRAPPER, {WR_PROTO_STRING}},
    {WR_STR_INIT("BytesValue"), WR_PROTO_WRAPPER, {WR_PROTO_BYTES}},
    {WR_STR_INIT("Struct"), WR_PROTO_STRUCT, {WR_PROTO_MESSAGE | REPEATED}},
    {WR_STR_INIT("Value"),
     WR_PROTO_VALUE,
     {WR_PROTO_ENUM, WR_PROTO_DOUBLE, WR_PROTO_STRING, WR_PROTO_BOOL, WR_PROTO_MESSAGE,
      WR_PROTO_MESSAGE}},
    {WR_STR_INIT("ListValue"), WR_PROTO_LIST, {WR_PROTO_MESSAGE | REPEATED}},
    {WR_STR_INIT("Any"), WR_PROTO_ANY, {WR_PROTO_STRING, WR_PROTO_BYTES}},
    {WR_STR_INIT("FieldMask"), WR_PROTO_FIELD_MASK, {WR_PROTO_STRING | REPEATED}},
};

static void recognise(struct wr_proto_type *t)
{
    const wr_str prefix = WR_STR("google.protobuf.");
    if (!wr_str_starts(t->name, prefix)) {
        return;
    }
    wr_str name = wr_str_cut(t->name, prefix.len, t->name.len);
    for (size_t i = 0; i < WR_COUNT(known_types); i++) {
        if (!wr_str_eq(known_types[i].name, name)) {
            continue;
        }
        uint32_t n = 0;
        while (n < 6 && known_types[i].kinds[n]) {
            n++;
        }
        bool same = t->field_count == n;
        for (uint32_t k = 0; same && k < n; k++) {
            const struct wr_proto_field *f = &t->fields[k];
            same = f->number == k + 1 &&
                   (f->kind | (f->repeated ? REPEATED : 0u)) == known_types[i].kinds[k] &&
                   f->map == (known_types[i].known == WR_PROTO_STRUCT);
        }
        t->known = same ? known_types[i].known : WR_PROTO_PLAIN;
    }
}

static bool entry_fits(struct reader *r, const struct wr_proto_type *t)
{
    const struct wr_proto_field *key = t->fields;
    bool ok = t->field_count == 2 && key->number == 1 && t->fields[1].number == 2 &&
              !key->repeated && !t->fields[1].repeated && !key->type && !key->names &&
              key->kind != WR_PROTO_BYTES && key->kind != WR_PROTO_DOUBLE &&
              key->kind != WR_PROTO_FLOAT && t->fields[1].kind != WR_PROTO_GROUP;
    return ok || damaged(r, (size_t)(t->body_.at - r->start), "a map that is none");
}

// ---- the whole

wr_err wr_proto_schema_read(wr_str bytes, struct wr_arena *arena, struct wr_proto_schema **out,
                            struct wr_fault *fault)
{
    struct wr_fault mine = {0};
    struct reader r = {.arena = arena, .fault = fault ? fault : &mine};
    wr_str copy = wr_str_dup(arena, bytes);
    r.s = make(&r, sizeof *r.s);
    if (!r.s || (bytes.len && !copy.at)) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the descriptor file needs too much memory");
    }
    struct wr_wire w = wr_wire_of(copy);
    r.start = w.start;
    struct wr_wire_item item;
    while (next(&w, &item)) {
        if (is_bytes(&item, SET_FILE) && !add_file(&r, item.bytes)) {
            return r.fault->code;
        }
    }
    if (!wire_ok(&r, &w) || !sort_names(&r)) {
        return r.fault->code;
    }
    for (struct wr_proto_enum *e = r.s->enums; e; e = e->next_) {
        if (!fill_enum(&r, e)) {
            return r.fault->code;
        }
    }
    for (struct wr_proto_type *t = r.s->types; t; t = t->next_) {
        if (!fill_type(&r, t)) {
            return r.fault->code;
        }
        recognise(t);
        if (t->map_entry && !entry_fits(&r, t)) {
            return r.fault->code;
        }
    }
    *out = r.s;
    return WR_OK;
}

// "folder/name.proto" is called "folder/name" or "name".
static bool is_called(const struct wr_proto_file *file, wr_str proto)
{
    wr_str name = file->name;
    if (!wr_str_ends(name, WR_STR(".proto"))) {
        return false;
    }
    name.len -= sizeof ".proto" - 1;
    if (name.len == proto.len) {
        return wr_str_eq(name, proto);
    }
    return wr_str_ends(name, proto) && proto.len && name.at[name.len - proto.len - 1] == '/';
}

static const struct wr_proto_type *type_of_file(const struct wr_proto_schema *s,
                                                const struct wr_proto_file *file, wr_str name)
{
    size_t skip = file->package.len ? file->package.len + 1 : 0;
    const struct wr_proto_type *full = NULL;
    wr_str plain = name.len && name.at[0] == '.' ? wr_str_cut(name, 1, name.len) : name;
    for (const struct wr_proto_type *t = s->types; t; t = t->next_) {
        if (t->file == file && !t->map_entry) {
            if (t->name.len >= skip && wr_str_eq(wr_str_cut(t->name, skip, t->name.len), name)) {
                return t;
            }
            full = wr_str_eq(t->name, plain) ? t : full;
        }
    }
    return full;
}

wr_err wr_proto_schema_find(const struct wr_proto_schema *s, wr_str proto, wr_str type,
                            const struct wr_proto_type **out, struct wr_fault *fault)
{
    bool seen = false;
    for (const struct wr_proto_file *file = s->files; file; file = file->next_) {
        if (is_called(file, proto)) {
            seen = true;
            const struct wr_proto_type *t = type_of_file(s, file, type);
            if (t) {
                *out = t;
                return WR_OK;
            }
        }
    }
    if (seen) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "%.*s.proto has no message '%.*s'",
                            WR_STR_ARG(proto), WR_STR_ARG(type));
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "the descriptor file has no '%.*s.proto' (the name is given without "
                        "\".proto\")",
                        WR_STR_ARG(proto));
}
