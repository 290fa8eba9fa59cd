// What decode(…, 'proto', …) knows of messages: a FileDescriptorSet, as protoc writes it, read into
// tables. Immutable once made.
// Thread: any that owns the arena; several may read.
#ifndef WR_SQL_FUNC_PROTO_SCHEMA_H
#define WR_SQL_FUNC_PROTO_SCHEMA_H

#include "sql/base/arena.h"
#include "sql/base/err.h"

// Types of fields, as numbered by descriptor.proto.
enum wr_proto_kind {
    WR_PROTO_DOUBLE = 1,
    WR_PROTO_FLOAT,
    WR_PROTO_INT64,
    WR_PROTO_UINT64,
    WR_PROTO_INT32,
    WR_PROTO_FIXED64,
    WR_PROTO_FIXED32,
    WR_PROTO_BOOL,
    WR_PROTO_STRING,
    WR_PROTO_GROUP,
    WR_PROTO_MESSAGE,
    WR_PROTO_BYTES,
    WR_PROTO_UINT32,
    WR_PROTO_ENUM,
    WR_PROTO_SFIXED32,
    WR_PROTO_SFIXED64,
    WR_PROTO_SINT32,
    WR_PROTO_SINT64,
};

// Types with a JSON form of their own. Only when their fields are what they should be; otherwise
// the type is an ordinary one.
enum wr_proto_known {
    WR_PROTO_PLAIN,
    WR_PROTO_TIMESTAMP,
    WR_PROTO_DURATION,
    WR_PROTO_WRAPPER,
    WR_PROTO_STRUCT,
    WR_PROTO_VALUE,
    WR_PROTO_LIST,
    WR_PROTO_ANY,
    WR_PROTO_FIELD_MASK,
};

struct wr_proto_name { // of one enum value
    int32_t number;
    wr_str name;
};

struct wr_proto_enum {
    struct wr_proto_enum *next_;
    wr_str name, body_;
    bool closed; // numbers without a name are unknown fields (proto2)
    bool null;   // google.protobuf.NullValue
    uint32_t count;
    const struct wr_proto_name *values; // by number; of aliases the first
};

#define WR_PROTO_NO_ONEOF UINT32_MAX

struct wr_proto_field {
    uint32_t number;
    enum wr_proto_kind kind;
    bool repeated, required;
    bool presence; // a default value on the wire counts as set
    bool map;      // repeated entries of `type`, whose fields 1 and 2 are key and value
    uint32_t oneof;
    wr_str json_name;
    const struct wr_proto_type *type;  // MESSAGE, GROUP
    const struct wr_proto_enum *names; // ENUM
};

struct wr_proto_type {
    struct wr_proto_type *next_;
    wr_str name; // with the package, without a leading dot
    const struct wr_proto_file *file;
    wr_str body_;
    struct wr_proto_field *fields; // by number
    uint32_t field_count, oneof_count;
    enum wr_proto_known known;
    bool map_entry;
};

struct wr_proto_file {
    struct wr_proto_file *next_;
    wr_str name, package;
    bool proto3;
};

struct wr_proto_schema;

// Read the bytes of a descriptor file; everything is made in `arena`, a copy of the bytes too.
// Faults have the offset of the damage where there is one. WR_ERR_LIMIT: the arena was too small.
wr_err wr_proto_schema_read(wr_str bytes, struct wr_arena *arena, struct wr_proto_schema **out,
                            struct wr_fault *fault) WR_MUST_CHECK;

// Message `type` ("Person", "Outer.Inner", or with the package) of the .proto file `proto` (its
// name without ".proto", with or without folders).
wr_err wr_proto_schema_find(const struct wr_proto_schema *s, wr_str proto, wr_str type,
                            const struct wr_proto_type **out, struct wr_fault *fault) WR_MUST_CHECK;

// By full name, without a leading dot; NULL when there is none.
const struct wr_proto_type *wr_proto_schema_type(const struct wr_proto_schema *s, wr_str name);

// Of all types, those of imports too, in the order of their names: number `index`, or NULL.
const struct wr_proto_type *wr_proto_schema_at(const struct wr_proto_schema *s, size_t index);

const struct wr_proto_field *wr_proto_type_field(const struct wr_proto_type *t, uint32_t number);

// The name of an enum's number, or NULL.
const wr_str *wr_proto_enum_name(const struct wr_proto_enum *e, int32_t number);

#endif
