// What the files of the Protobuf decoder share; not for others.
// Thread: the message's loop.
#ifndef WR_SQL_FUNC_PROTO_DECODE_H
#define WR_SQL_FUNC_PROTO_DECODE_H

#include "sql/func/proto.h"
#include "sql/func/proto_wire.h"

struct wr_proto_message;

// One field of a message being read.
struct wr_proto_slot {
    bool set;
    union {
        wr_value value;                   // a scalar; bytes are RAW
        struct wr_proto_message *message; // MESSAGE, GROUP
        struct wr_array_builder array;    // repeated
        struct wr_object_builder object;  // map
    } as;
};

struct wr_proto_message {
    const struct wr_proto_type *type;
    bool strange;                // a closed enum had a number without a name
    struct wr_proto_slot *slots; // one a field, in the type's order
    uint32_t *cases;             // one a oneof: 1 + the field that is set, 0: none
};

struct wr_proto_decoder {
    struct wr_call *c;
    const struct wr_proto_schema *schema;
    struct wr_arena *arena;
};

// The rule fails (the arena being full comes first). Return false.
bool wr_proto_fail(struct wr_proto_decoder *d, const char *format, ...) WR_PRINTF(2, 3);

// Read a message that stands `depth` deep. NULL on failure.
struct wr_proto_message *wr_proto_read(struct wr_proto_decoder *d, const struct wr_proto_type *t,
                                       struct wr_wire w, int depth);
// The value of what was read. False on failure.
bool wr_proto_finish(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                     wr_value *out);
// As an Object, whatever the type.
bool wr_proto_object(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                     struct wr_object_builder *out);
// A slot's value, or the default of its type when it is not set.
bool wr_proto_slot_value(struct wr_proto_decoder *d, const struct wr_proto_field *f,
                         struct wr_proto_slot *slot, int depth, wr_value *out);

// The JSON forms of well-known types.
bool wr_proto_known(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                    wr_value *out);

// `n` as digits, with a sign when `neg`: a String in the arena.
wr_value wr_proto_digits(struct wr_proto_decoder *d, bool neg, uint64_t n);

#endif
