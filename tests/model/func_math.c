// Functions of numbers: sql.md 11.1.
#include <math.h>
#include <stdlib.h>

#include "tests/model/model.h"

static MODEL_BODY(abs)
{
    mval v = model_to_decimal(r->m, args[0]);
    return model_is_number(v) ? model_number(r->m, bid128_abs(v->number), v->type == MODEL_INT) : v;
}

static MODEL_BODY(ceil)
{
    mval v = model_to_decimal(r->m, args[0]);
    _IDEC_flags flags = 0;
    return model_is_number(v)
               ? model_number(r->m, bid128_round_integral_positive(v->number, &flags), true)
               : v;
}

static MODEL_BODY(floor)
{
    mval v = model_to_decimal(r->m, args[0]);
    return model_is_number(v) ? model_floor(r->m, v) : v;
}

static MODEL_BODY(round)
{
    mval v = model_to_decimal(r->m, args[0]);
    _IDEC_flags flags = 0;
    return model_is_number(v)
               ? model_number(r->m, bid128_round_integral_nearest_away(v->number, &flags), true)
               : v;
}

static MODEL_BODY(sign)
{
    mval v = model_to_decimal(r->m, args[0]);
    if (!model_is_number(v)) {
        return v;
    }
    struct model_digits d = model_digits_of(v->number);
    return model_int(r->m, d.count == 0 ? 0 : d.negative ? -1 : 1);
}

static MODEL_BODY(trunc)
{
    mval v = model_to_decimal(r->m, args[0]);
    if (!model_is_number(v) || !model_is_number(args[1])) {
        return &model_undefined;
    }
    int64_t places = model_clamped(model_floor(r->m, args[1]));
    return v->type == MODEL_INT ? v
                                : model_truncate(r->m, v,
                                                 places < 0    ? 0
                                                 : places > 34 ? 34
                                                               : (int)places);
}

static MODEL_BODY(mod)
{
    return model_binary(r->m, TEXT("%"), args[0], args[1]);
}

static mval one_double(struct model_run *r, mval arg, double (*f)(double))
{
    mval v = model_to_decimal(r->m, arg);
    return model_is_number(v) ? model_double(r->m, f(model_to_double(v))) : v;
}

static mval two_doubles(struct model_run *r, const mval *args, double (*f)(double, double))
{
    mval x = model_to_decimal(r->m, args[0]), y = model_to_decimal(r->m, args[1]);
    if (!model_is_number(x) || !model_is_number(y)) {
        return &model_undefined;
    }
    return model_double(r->m, f(model_to_double(x), model_to_double(y)));
}

#define DOUBLE(name, function)                   \
    static MODEL_BODY(name)                      \
    {                                            \
        return one_double(r, args[0], function); \
    }
DOUBLE(sqrt, sqrt)
DOUBLE(exp, exp)
DOUBLE(ln, log)
DOUBLE(log, log10)
DOUBLE(sin, sin)
DOUBLE(cos, cos)
DOUBLE(tan, tan)
DOUBLE(asin, asin)
DOUBLE(acos, acos)
DOUBLE(atan, atan)
DOUBLE(sinh, sinh)
DOUBLE(cosh, cosh)
DOUBLE(tanh, tanh)

static MODEL_BODY(power)
{
    return two_doubles(r, args, pow);
}

static MODEL_BODY(atan2)
{
    return two_doubles(r, args, atan2);
}

static mval bits(struct model_run *r, const mval *args, char op)
{
    mval x = model_to_int(r->m, args[0]), y = model_to_int(r->m, args[1]);
    if (x->type != MODEL_INT || y->type != MODEL_INT) {
        return &model_undefined;
    }
    return model_bits(r->m, op, x, y);
}

static MODEL_BODY(bitand)
{
    return bits(r, args, '&');
}

static MODEL_BODY(bitor)
{
    return bits(r, args, '|');
}

static MODEL_BODY(bitxor)
{
    return bits(r, args, '^');
}

static MODEL_BODY(bitnot)
{
    mval x = model_to_int(r->m, args[0]);
    return x->type == MODEL_INT ? model_bits(r->m, '^', x, model_int(r->m, -1)) : x;
}

static MODEL_BODY(nanvl)
{
    bool absent = args[0]->type == MODEL_UNDEFINED || args[0]->type == MODEL_NULL;
    return absent ? args[1] : args[0];
}

static MODEL_BODY(rand)
{
    r->m->chance = true;
    return model_double(r->m, (double)(random() & 0xffffff) / 0x1000000);
}

const struct model_function model_math[] = {
    {"abs", 1, 1, false, model_fn_abs},       {"ceil", 1, 1, false, model_fn_ceil},
    {"floor", 1, 1, false, model_fn_floor},   {"round", 1, 1, false, model_fn_round},
    {"sign", 1, 1, false, model_fn_sign},     {"trunc", 2, 2, false, model_fn_trunc},
    {"mod", 2, 2, false, model_fn_mod},       {"remainder", 2, 2, false, model_fn_mod},
    {"power", 2, 2, false, model_fn_power},   {"sqrt", 1, 1, false, model_fn_sqrt},
    {"exp", 1, 1, false, model_fn_exp},       {"ln", 1, 1, false, model_fn_ln},
    {"log", 1, 1, false, model_fn_log},       {"sin", 1, 1, false, model_fn_sin},
    {"cos", 1, 1, false, model_fn_cos},       {"tan", 1, 1, false, model_fn_tan},
    {"asin", 1, 1, false, model_fn_asin},     {"acos", 1, 1, false, model_fn_acos},
    {"atan", 1, 1, false, model_fn_atan},     {"atan2", 2, 2, false, model_fn_atan2},
    {"sinh", 1, 1, false, model_fn_sinh},     {"cosh", 1, 1, false, model_fn_cosh},
    {"tanh", 1, 1, false, model_fn_tanh},     {"bitand", 2, 2, false, model_fn_bitand},
    {"bitor", 2, 2, false, model_fn_bitor},   {"bitxor", 2, 2, false, model_fn_bitxor},
    {"bitnot", 1, 1, false, model_fn_bitnot}, {"nanvl", 2, 2, false, model_fn_nanvl},
    {"rand", 0, 0, false, model_fn_rand},     {0},
};
