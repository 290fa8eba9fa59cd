// What reading by shapes and learning them share; for json_shape.c and json_shape_learn.c only.
// Thread: the shapes'.
//
//   ops  literal before a hole, then the hole; … END; those of elements of arrays, each from a HEAD
//        to an END
#ifndef WR_BASE_JSON_SHAPE_PARTS_H
#define WR_BASE_JSON_SHAPE_PARTS_H

#include "sql/base/json_paths.h"

// OP(name). Holes are called by what they held when the shape was learned; each takes any scalar.
#define OP_KINDS(OP)                                                       \
    OP(OP_STRING)                                                          \
    OP(OP_NUMBER)                                                          \
    OP(OP_WORD)                                                            \
    OP(OP_SKIP_STRING) /* nobody wants them, nor what they are part of */  \
    OP(OP_SKIP_NUMBER)                                                     \
    OP(OP_ARRAY)                                                           \
    OP(OP_SKIP_ARRAY) /* nobody wants it, and it was not one of objects */ \
    OP(OP_TEXT)       /* no hole: more of the literal follows */           \
    OP(OP_OPEN)       /* an object that is wanted as a whole begins */     \
    OP(OP_CLOSE)      /* and ends */                                       \
    OP(OP_END)        /* of the payload, or of an array's element */       \
    OP(OP_HEAD)       /* never met: what is known of the elements whose ops follow */

enum op_kind {
#define OP(name) name,
    OP_KINDS(OP)
#undef OP
};

#define LITERAL     16 // bytes of one op's literal: a load
#define COLUMNS_MAX 64 // members of an element that may become a row

struct op {
    uint8_t kind;
    uint8_t len;    // of the literal
    uint16_t mask;  // a bit for each of its bytes
    uint16_t depth; // containers around the hole; HEAD: bytes that an element has at least
    uint32_t at;    // where the value goes: bytes from the first slot, or from the element's first
                    // member; what nobody wants goes behind the last slot, or to the first
                    // member of an element that is no row. HEAD: the first of its keys
    uint32_t element; // ARRAY: the ops of an element that is an object; 0: none. HEAD: how many
                      // members an element has, all of them scalars; 0: others, or not wanted
    char literal[LITERAL];
};

struct range {
    uint32_t begin, len;
};

struct shape {
    struct op *ops;
    uint32_t op_count, op_cap;
    struct range *keys; // of elements; in key_text
    uint32_t key_count, key_cap;
    struct wr_buf key_text;
    bool tidy; // the literals: no blanks
    bool full; // a payload that fits sets every slot
    uint64_t hits;
};

// Make `s`, whose memory is used again, the shape of `text`, which is valid. False: it makes no
// shape, and `s` is not usable.
bool wr_shape_learn(const struct wr_paths *paths, struct shape *s, wr_str text);

#endif
