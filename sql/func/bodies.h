// Prototypes of all function bodies, made from the table in functions.h.
// Thread: the message's loop; several loops may run the same body at once.
#ifndef WR_SQL_FUNC_BODIES_H
#define WR_SQL_FUNC_BODIES_H

#include "sql/convert.h"
#include "sql/func/function.h"

// Two names may share a body: a repeated prototype is harmless.
#define FN(name, body, min_args, max_args, flags, signature, help) \
    wr_value body(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args);
#define LOOKUP(name, kind, min_args, max_args, flags, signature, help)
#include "sql/func/functions.h"

// The argument as text: its String conversion. False when there is none: the answer is Undefined.
static inline bool wr_call_text(struct wr_call *c, wr_value *arg, wr_str *out)
{
    if (arg->type == WR_STRING && !wr_value_is_lazy(arg)) {
        *out = wr_value_text(arg);
        return true;
    }
    wr_value v = wr_convert_string(&c->num, arg);
    *out = wr_value_text(&v);
    return v.type == WR_STRING;
}

// The argument as a whole number: floor, clamped into int64. False when it does not convert.
static inline bool wr_call_int(struct wr_call *c, wr_value *arg, int64_t *out)
{
    const unsigned special = WR_V_LAZY | WR_V_BIG | WR_V_DECIMAL;
    if (arg->type == WR_NUMBER && !(arg->flags & special) && arg->scale == 0) {
        *out = arg->as.coef;
        return true;
    }
    wr_value v = wr_convert_decimal(&c->num, arg);
    *out = v.type == WR_NUMBER ? wr_num_floor_clamped(&v) : 0;
    return v.type == WR_NUMBER;
}

// What was built in the arena, as a String; Undefined when the arena was full.
static inline wr_value wr_call_built(const struct wr_buf *b)
{
    if (b->over || b->len > UINT32_MAX) {
        return wr_undefined();
    }
    return b->len ? wr_string(wr_buf_str(b)) : wr_string(WR_STR(""));
}

// A text that lives as long as the message, Undefined when it is absent (`at` NULL).
static inline wr_value wr_call_present(wr_str s)
{
    return s.at ? wr_string(s) : wr_undefined();
}

// In math.c: `len` (at most 256) random bytes from the host, or from the system when it has no
// source.
void wr_math_random(struct wr_call *c, void *at, size_t len);

#endif
