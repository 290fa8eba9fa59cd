// encode() and decode(): sql.md 11.3 and 10.
#include "sql/func/bodies.h"

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
    c->steps += bytes.len / 4;
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
    c->steps += text.len;
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

wr_value wr_encode_decode(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    if (count == 2 && scheme_is(c, &args[1], WR_STR("base64"))) {
        return decode_base64(c, &args[0]);
    }
    if (count == 6 && scheme_is(c, &args[1], WR_STR("proto"))) {
        c->failed = true;
        wr_fault_set(&c->fault, WR_ERR_UNSUPPORTED, "decode(…, 'proto', …) is not supported yet");
    }
    return wr_undefined();
}
