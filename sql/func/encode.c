// encode() and decode(): sql.md 11.3 and 10.
#include "sql/func/bodies.h"

#include "sql/func/proto.h"

#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

static bool scheme_is(struct wr_call *c, wr_value *arg, wr_str name)
{
    wr_str s;
    return wr_call_text(c, arg, &s) && wr_str_eq(s, name);
}

wr_value wr_encode_encode(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    if (!scheme_is(c, &args[1], WR_STR("base64"))) {
        return wr_undefined();
    }
    wr_str bytes;
    if ((payload_args & 1) && c->eval) {
        bytes = c->eval->message->payload; // as published, blanks and all
    } else if (args[0].type == WR_RAW) {
        bytes = wr_value_text(&args[0]);
    } else if (!wr_call_text(c, &args[0], &bytes)) {
        return wr_undefined();
    }
    c->steps += bytes.len;
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    if (bytes.len && !wr_buf_reserve(&b, (bytes.len + 2) / 3 * 4)) {
        return wr_undefined();
    }
    wr_buf_add_base64(&b, bytes);
    return wr_call_built(&b);
}

static wr_value decode_base64(struct wr_call *c, wr_value *arg)
{
    wr_str text;
    if (!wr_call_text(c, arg, &text)) {
        return wr_undefined();
    }
    c->steps += 2 * text.len;
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    bool decoded = wr_buf_add_unbase64(&b, text);
    if (b.over) {
        return wr_undefined();
    }
    wr_str bytes = wr_buf_str(&b);
    if (!decoded || !wr_utf8_valid(bytes)) {
        return wr_null();
    }
    wr_value v;
    if (wr_json_parse(bytes, c->num.arena, c->num.dialect, &v, NULL) == WR_OK) {
        return v;
    }
    return c->num.arena->over ? wr_undefined() : wr_call_built(&b);
}

static wr_value no_protobuf(struct wr_call *c, const char *what)
{
    c->failed = true;
    wr_fault_set(&c->fault, WR_ERR_TYPE, "decode: %s", what);
    return wr_undefined();
}

// The payload's bytes, or base64 text; nothing from nothing, all else fails the rule.
static wr_value decode_proto(struct wr_call *c, wr_value *args, uint32_t payload_args)
{
    wr_str bytes, names[4];
    for (uint32_t i = 0; i < WR_COUNT(names); i++) {
        wr_value_force(&args[i + 2], c->num.arena, c->num.dialect);
        if (args[i + 2].type != WR_STRING) {
            return no_protobuf(c, "bucket, key, proto name and message type have to be Strings");
        }
        names[i] = wr_value_text(&args[i + 2]);
    }
    wr_value_force(&args[0], c->num.arena, c->num.dialect);
    if ((payload_args & 1) && c->eval) {
        bytes = c->eval->message->payload;
    } else if (args[0].type == WR_RAW) {
        bytes = wr_value_text(&args[0]);
    } else if (args[0].type == WR_STRING) {
        struct wr_buf b;
        wr_buf_init_arena(&b, c->num.arena);
        c->steps += args[0].len;
        if (!wr_buf_add_unbase64(&b, wr_value_text(&args[0]))) {
            return no_protobuf(c, "the text is not base64");
        }
        if (b.over) {
            return wr_undefined();
        }
        bytes = wr_buf_str(&b);
    } else if (args[0].type == WR_UNDEFINED || args[0].type == WR_NULL) {
        return wr_undefined();
    } else {
        return no_protobuf(c, "a Protobuf message is the payload (*) or base64 text");
    }
    return wr_proto_call(c, bytes, names);
}

wr_value wr_encode_decode(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    if (count == 2 && scheme_is(c, &args[1], WR_STR("base64"))) {
        return decode_base64(c, &args[0]);
    }
    if (count == 6 && scheme_is(c, &args[1], WR_STR("proto"))) {
        return decode_proto(c, args, payload_args);
    }
    return wr_undefined();
}
