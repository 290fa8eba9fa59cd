// decode(x, 'proto', bucket, key, protoName, messageType): a Protobuf message to a value, by a
// descriptor file (sql.md 11.3). AWS documents "to JSON format" and no more; weir decides: the JSON
// mapping of Protocol Buffers as Google's own printers write it by default, which is
//   names       lowerCamelCase, or the field's json_name; members by field number
//   absent      left out; so is a default value of a proto3 field without `optional`
//   64-bit      Strings of digits ("9007199254740993"); 32-bit and floating point: numbers
//   NaN etc.    Strings: "NaN", "Infinity", "-Infinity"
//   bytes       base64      enums    their names, a number where a proto3 enum has none
//   map         Object, the keys as text; of equal keys the last counts
//   Timestamp, Duration, FieldMask, wrappers, Struct, Value, ListValue, Any: their JSON forms
// Unknown fields and extensions are left out. Damaged bytes, text that is not UTF-8, a missing
// required field, and a value that has no JSON form fail the rule.
// Thread: any; descriptors read are kept for each thread until it ends.
#ifndef WR_SQL_FUNC_PROTO_H
#define WR_SQL_FUNC_PROTO_H

#include "sql/func/function.h"
#include "sql/func/proto_schema.h"

// Read descriptors that one thread keeps. More are read again for each message.
#define WR_PROTO_SCHEMAS_MAX 64

// The message `bytes` as a value in the message's arena. `bytes` and `s` outlive it. Undefined,
// with c->failed and the fault set, when it cannot be read; when the arena is full, Undefined.
wr_value wr_proto_decode(struct wr_call *c, const struct wr_proto_schema *s,
                         const struct wr_proto_type *type, wr_str bytes);

// The whole function: args are the four after the scheme, Strings. `bytes` outlives the value.
wr_value wr_proto_call(struct wr_call *c, wr_str bytes, const wr_str args[4]);

// Free what this thread keeps, when no value it made is used any more. It may go on decoding.
void wr_proto_thread_release(void);

#endif
