// The wire format of Protocol Buffers, one field at a time. What fields mean is not known here.
#include "sql/func/proto_wire.h"

#include "sql/base/banned.h"

bool wr_wire_fail(struct wr_wire *w, const char *at, const char *trouble)
{
    if (!w->trouble) {
        w->trouble = trouble;
        w->trouble_at = (size_t)(at - w->start);
    }
    return false;
}

static bool varint(struct wr_wire *w, uint64_t *out)
{
    const char *from = w->at;
    uint64_t n = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (w->at == w->end) {
            return wr_wire_fail(w, from, "a varint that ends early");
        }
        unsigned char byte = (unsigned char)*w->at++;
        n |= (uint64_t)(byte & 127) << shift; // what the tenth byte has beyond 64 bits is lost
        if (byte < 128) {
            *out = n;
            return true;
        }
    }
    return wr_wire_fail(w, from, "a varint of more than 10 bytes");
}

static bool fixed(struct wr_wire *w, size_t len, uint64_t *out)
{
    if ((size_t)(w->end - w->at) < len) {
        return wr_wire_fail(w, w->at, "a number that ends early");
    }
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        *out |= (uint64_t)(unsigned char)w->at[i] << (8 * i);
    }
    w->at += len;
    return true;
}

bool wr_wire_value(struct wr_wire *w, enum wr_wire_kind kind, uint64_t *out)
{
    if (w->at == w->end) {
        return false;
    }
    return kind == WR_WIRE_VARINT ? varint(w, out) : fixed(w, kind == WR_WIRE_FIXED64 ? 8 : 4, out);
}

static bool content(struct wr_wire *w, struct wr_wire_item *item)
{
    const char *from = w->at;
    switch (item->kind) {
    case WR_WIRE_VARINT:
        return varint(w, &item->n);
    case WR_WIRE_FIXED64:
        return fixed(w, 8, &item->n);
    case WR_WIRE_FIXED32:
        return fixed(w, 4, &item->n);
    case WR_WIRE_BYTES:
        if (!varint(w, &item->n)) {
            return false;
        }
        if (item->n > (uint64_t)(w->end - w->at)) {
            return wr_wire_fail(w, from, "a length beyond the end");
        }
        item->bytes = (wr_str){w->at, (size_t)item->n};
        w->at += item->n;
        return true;
    case WR_WIRE_GROUP:
    case WR_WIRE_GROUP_END:
        return true;
    }
    return wr_wire_fail(w, w->start + item->offset, "a field of an unknown wire type");
}

bool wr_wire_next(struct wr_wire *w, struct wr_wire_item *item)
{
    uint64_t tag;
    const char *from = w->at;
    if (w->at == w->end || !varint(w, &tag)) {
        return false;
    }
    tag = (uint32_t)tag; // as Google's decoders: what a fifth byte has beyond 32 bits is lost
    if (w->at - from > 5 || tag >> 3 == 0) {
        return wr_wire_fail(w, from, "a field number out of range");
    }
    *item = (struct wr_wire_item){.number = (uint32_t)(tag >> 3),
                                  .kind = (enum wr_wire_kind)(tag & 7),
                                  .offset = (size_t)(from - w->start)};
    return content(w, item);
}

bool wr_wire_skip_group(struct wr_wire *w, uint32_t number, int depth)
{
    if (depth > WR_WIRE_DEPTH_MAX) {
        return wr_wire_fail(w, w->at, "messages and groups nested too deep");
    }
    struct wr_wire_item item;
    while (wr_wire_next(w, &item)) {
        if (item.kind == WR_WIRE_GROUP_END) {
            return item.number == number ||
                   wr_wire_fail(w, w->start + item.offset, "the end of another group");
        }
        if (item.kind == WR_WIRE_GROUP && !wr_wire_skip_group(w, item.number, depth + 1)) {
            return false;
        }
    }
    return wr_wire_fail(w, w->at, "a group without end");
}
