// The wire format of Protocol Buffers: tags, varints, fixed and length-delimited fields, groups.
// Reads descriptors and messages alike; never past the end, and says where bytes are damaged.
// Thread: any.
#ifndef WR_SQL_FUNC_PROTO_WIRE_H
#define WR_SQL_FUNC_PROTO_WIRE_H

#include "sql/base/str.h"

#include <stdint.h>

#define WR_WIRE_DEPTH_MAX  100 // nested messages and groups, as Google's own decoders
#define WR_WIRE_NUMBER_MAX ((1u << 29) - 1)

enum wr_wire_kind {
    WR_WIRE_VARINT = 0,
    WR_WIRE_FIXED64 = 1,
    WR_WIRE_BYTES = 2,
    WR_WIRE_GROUP = 3,
    WR_WIRE_GROUP_END = 4,
    WR_WIRE_FIXED32 = 5,
};

// A run of bytes being read. Embedded by value. `start` is where offsets count from: a message
// inside another keeps the outer one's.
struct wr_wire {
    const char *start, *at, *end;
    const char *trouble; // what is wrong with the bytes at trouble_at; NULL: nothing so far
    size_t trouble_at;
};

struct wr_wire_item {
    uint32_t number;
    enum wr_wire_kind kind;
    uint64_t n;   // VARINT, FIXED64, FIXED32
    wr_str bytes; // BYTES: borrowed from the input
    size_t offset;
};

static inline struct wr_wire wr_wire_of(wr_str bytes)
{
    const char *at = bytes.at ? bytes.at : "";
    return (struct wr_wire){.start = at, .at = at, .end = at + bytes.len};
}

// The content of a BYTES item of `outer`.
static inline struct wr_wire wr_wire_inside(const struct wr_wire *outer, wr_str bytes)
{
    return (struct wr_wire){.start = outer->start, .at = bytes.at, .end = bytes.at + bytes.len};
}

// Remember the first trouble; returns false.
bool wr_wire_fail(struct wr_wire *w, const char *at, const char *trouble);

// The next value of a kind, without a tag: what a packed field holds. False at the end, and with
// `trouble` set when the bytes are damaged.
bool wr_wire_value(struct wr_wire *w, enum wr_wire_kind kind, uint64_t *out);

// The next field. False at the end, and with `trouble` set when the bytes are damaged. After a
// GROUP the caller reads the group's own fields, or skips it.
bool wr_wire_next(struct wr_wire *w, struct wr_wire_item *item);

// Behind a GROUP item: to behind its end. `depth` is how deep the group stands.
bool wr_wire_skip_group(struct wr_wire *w, uint32_t number, int depth);

#endif
