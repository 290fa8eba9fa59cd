// Functions on numbers: sql.md 11.1. Exact ones go to sql/base/num, the documented double-precision
// ones through the nearest double and back.
#include "sql/func/bodies.h"

#include "sql/base/num.h"
#include "sql/operator.h"

#include <math.h>
#include <sys/random.h>

#include "sql/base/banned.h"

#define STEPS_DOUBLE 300 // to a double, the function, and back to the shortest digits
#define STEPS_RANDOM 200 // a system call

typedef wr_value (*exact_function)(const struct wr_num_context *c, const wr_value *a);

static wr_value exact(struct wr_call *c, wr_value *arg, exact_function f)
{
    wr_value n = wr_convert_decimal(&c->num, arg);
    return n.type == WR_NUMBER ? f(&c->num, &n) : wr_undefined();
}

wr_value wr_math_abs(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return exact(c, args, wr_num_abs);
}

wr_value wr_math_ceil(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return exact(c, args, wr_num_ceil);
}

wr_value wr_math_floor(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return exact(c, args, wr_num_floor);
}

wr_value wr_math_round(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return exact(c, args, wr_num_round);
}

static wr_value sign(const struct wr_num_context *c, const wr_value *a)
{
    return wr_num_int(c, wr_num_sign(a));
}

wr_value wr_math_sign(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return exact(c, args, sign);
}

wr_value wr_math_trunc(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_value n = wr_convert_decimal(&c->num, &args[0]);
    int64_t places;
    // The places do not convert from a String, unlike every other number argument.
    if (n.type != WR_NUMBER || args[1].type != WR_NUMBER || !wr_call_int(c, &args[1], &places)) {
        return wr_undefined();
    }
    places = places < 0 ? 0 : places > WR_NUM_DIGITS_MAX ? WR_NUM_DIGITS_MAX : places;
    return wr_num_trunc(&c->num, &n, (int)places);
}

wr_value wr_math_mod(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_operator_binary(&c->num, WR_OP_MOD, &args[0], &args[1], &c->steps);
}

// False when an argument is no number.
static bool doubles(struct wr_call *c, wr_value *args, uint32_t count, double *out)
{
    c->steps += STEPS_DOUBLE;
    for (uint32_t i = 0; i < count; i++) {
        wr_value n = wr_convert_decimal(&c->num, &args[i]);
        if (n.type != WR_NUMBER) {
            return false;
        }
        out[i] = wr_num_to_double(&n);
    }
    return true;
}

// NaN and infinities become Undefined in wr_num_from_double.
static wr_value with_double(struct wr_call *c, wr_value *arg, double (*f)(double))
{
    double d;
    return doubles(c, arg, 1, &d) ? wr_num_from_double(&c->num, f(d)) : wr_undefined();
}

static wr_value with_doubles(struct wr_call *c, wr_value *args, double (*f)(double, double))
{
    double d[2];
    return doubles(c, args, 2, d) ? wr_num_from_double(&c->num, f(d[0], d[1])) : wr_undefined();
}

wr_value wr_math_power(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return with_doubles(c, args, pow);
}

wr_value wr_math_atan2(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return with_doubles(c, args, atan2);
}

#define DOUBLE_FUNCTION(name, function)                                        \
    wr_value wr_math_##name(struct wr_call *c, wr_value *args, uint32_t count, \
                            uint32_t payload_args)                             \
    {                                                                          \
        return with_double(c, args, function);                                 \
    }
DOUBLE_FUNCTION(sqrt, sqrt)
DOUBLE_FUNCTION(exp, exp)
DOUBLE_FUNCTION(ln, log)
DOUBLE_FUNCTION(log, log10)
DOUBLE_FUNCTION(sin, sin)
DOUBLE_FUNCTION(cos, cos)
DOUBLE_FUNCTION(tan, tan)
DOUBLE_FUNCTION(asin, asin)
DOUBLE_FUNCTION(acos, acos)
DOUBLE_FUNCTION(atan, atan)
DOUBLE_FUNCTION(sinh, sinh)
DOUBLE_FUNCTION(cosh, cosh)
DOUBLE_FUNCTION(tanh, tanh)

// A whole number of more than 34 digits is a rounded Decimal: it has no bits to speak of.
static bool has_bits(const wr_value *n)
{
    return n->type == WR_NUMBER && wr_num_is_int(n);
}

static wr_value bits(struct wr_call *c, wr_value *args, char op)
{
    wr_value a = wr_convert_int(&c->num, &args[0]), b = wr_convert_int(&c->num, &args[1]);
    return has_bits(&a) && has_bits(&b) ? wr_num_bits(&c->num, op, &a, &b) : wr_undefined();
}

wr_value wr_math_bitand(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return bits(c, args, '&');
}

wr_value wr_math_bitor(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return bits(c, args, '|');
}

wr_value wr_math_bitxor(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return bits(c, args, '^');
}

wr_value wr_math_bitnot(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_value n = wr_convert_int(&c->num, &args[0]);
    return has_bits(&n) ? wr_num_bitnot(&c->num, &n) : wr_undefined();
}

wr_value wr_math_nanvl(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    if (args[0].type == WR_NUMBER) { // out of range is seen only now
        wr_value_force(&args[0], c->num.arena, c->num.dialect);
    }
    return args[0].type == WR_UNDEFINED || args[0].type == WR_NULL ? args[1] : args[0];
}

void wr_math_random(struct wr_call *c, void *at, size_t len)
{
    c->steps += STEPS_RANDOM;
    if (c->eval && c->eval->host && c->eval->host->random) {
        c->eval->host->random(c->eval->host->user, at, len);
        return;
    }
    // Up to 256 bytes getrandom() neither fails nor stops short once the system's pool is ready.
    wr_assert(len <= 256 && getrandom(at, len, 0) == (ssize_t)len);
}

wr_value wr_math_rand(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    uint64_t bits53;
    wr_math_random(c, &bits53, sizeof bits53);
    return wr_num_from_double(&c->num, (double)(bits53 >> 11) * 0x1p-53);
}
