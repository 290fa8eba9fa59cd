// Calculates what it is told on standard input, for tests/unit/num_decimal.py.
//
//   add 2016 1.5 -2      prints   D -0.5        the kind and the text of sql.md 9
//   div 2015 1 0                  U             Undefined
//   cmp 2016 1 1.0                0
//   todouble 2016 0.1 0           0x1.999999999999ap-4
//   fromdouble 2016 0x1p-1 0      D 0.5
//
// A result that is not in canonical form is reported as "FORM".
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/num.h"

#include "sql/base/banned.h"

#define LINE_MAX_LEN 8192

static bool same_form(const wr_value *a, const wr_value *b)
{
    if (a->type != b->type || a->flags != b->flags || a->scale != b->scale) {
        return false;
    }
    if (a->flags & WR_V_BIG) {
        return a->as.big->w[0] == b->as.big->w[0] && a->as.big->w[1] == b->as.big->w[1];
    }
    return a->as.coef == b->as.coef;
}

static void print_value(const struct wr_num_context *c, const wr_value *v)
{
    if (v->type == WR_UNDEFINED) {
        puts("U");
        return;
    }
    struct wr_buf text = {0};
    wr_num_write(&text, v, c->dialect);
    wr_value again = wr_num_parse(c, wr_buf_str(&text));
    bool same = same_form(v, &again) && wr_num_hash(v) == wr_num_hash(&again);
    printf("%s%s %s\n", same ? "" : "FORM ", wr_num_is_int(v) ? "I" : "D",
           wr_buf_terminated(&text));
    wr_buf_release(&text);
}

// The operations that give a number; false for an unknown name.
static bool calculate(const struct wr_num_context *c, wr_str op, const wr_value *a,
                      const wr_value *b, wr_value *out)
{
    static const struct {
        wr_str name;
        wr_value (*one)(const struct wr_num_context *, const wr_value *);
        wr_value (*two)(const struct wr_num_context *, const wr_value *, const wr_value *);
        char bits;
    } ops[] = {
        {WR_STR_INIT("add"), .two = wr_num_add},     {WR_STR_INIT("sub"), .two = wr_num_sub},
        {WR_STR_INIT("mul"), .two = wr_num_mul},     {WR_STR_INIT("mod"), .two = wr_num_mod},
        {WR_STR_INIT("neg"), .one = wr_num_neg},     {WR_STR_INIT("abs"), .one = wr_num_abs},
        {WR_STR_INIT("floor"), .one = wr_num_floor}, {WR_STR_INIT("ceil"), .one = wr_num_ceil},
        {WR_STR_INIT("round"), .one = wr_num_round}, {WR_STR_INIT("not"), .one = wr_num_bitnot},
        {WR_STR_INIT("and"), .bits = '&'},           {WR_STR_INIT("or"), .bits = '|'},
        {WR_STR_INIT("xor"), .bits = '^'},
    };
    int64_t places;
    if (wr_str_eq(op, WR_STR("parse"))) {
        *out = *a;
    } else if (wr_str_eq(op, WR_STR("div")) || wr_str_eq(op, WR_STR("exact"))) {
        *out = wr_num_div(c, a, b, op.at[0] == 'e');
    } else if (wr_str_eq(op, WR_STR("trunc"))) {
        *out = wr_num_to_i64(b, &places) ? wr_num_trunc(c, a, (int)places) : wr_undefined();
    } else {
        size_t i = 0;
        while (i < WR_COUNT(ops) && !wr_str_eq(ops[i].name, op)) {
            i++;
        }
        if (i == WR_COUNT(ops)) {
            return false;
        }
        *out = ops[i].one   ? ops[i].one(c, a)
               : ops[i].two ? ops[i].two(c, a, b)
                            : wr_num_bits(c, ops[i].bits, a, b);
    }
    return true;
}

static bool ask(wr_str op, const wr_value *a, const wr_value *b)
{
    int64_t whole;
    if (wr_str_eq(op, WR_STR("cmp"))) {
        printf("%d\n", wr_num_cmp(a, b));
    } else if (wr_str_eq(op, WR_STR("clamp"))) {
        printf("%lld\n", (long long)wr_num_floor_clamped(a));
    } else if (wr_str_eq(op, WR_STR("i64"))) {
        if (wr_num_to_i64(a, &whole)) {
            printf("%lld\n", (long long)whole);
        } else {
            puts("no");
        }
    } else if (wr_str_eq(op, WR_STR("todouble"))) {
        printf("%a\n", wr_num_to_double(a));
    } else {
        return false;
    }
    return true;
}

int main(void)
{
    static char line[LINE_MAX_LEN], op[16], a_text[LINE_MAX_LEN], b_text[LINE_MAX_LEN];
    struct wr_arena arena;
    int year;
    wr_arena_init(&arena, 1 << 20);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%15s %d %8000s %8000s", op, &year, a_text, b_text) != 4) {
            return 2;
        }
        struct wr_num_context c = {&arena, year == 2015 ? WR_SQL_2015 : WR_SQL_2016};
        wr_arena_reset(&arena);
        if (wr_str_eq(wr_str_of(op), WR_STR("fromdouble"))) {
            wr_value v = wr_num_from_double(&c, strtod(a_text, NULL));
            print_value(&c, &v);
            continue;
        }
        wr_value a = wr_num_parse(&c, wr_str_of(a_text)), b = wr_num_parse(&c, wr_str_of(b_text));
        wr_value out = wr_undefined();
        if (a.type != WR_NUMBER || b.type != WR_NUMBER) {
            puts("U");
        } else if (calculate(&c, wr_str_of(op), &a, &b, &out)) {
            print_value(&c, &out);
        } else if (!ask(wr_str_of(op), &a, &b)) {
            return 2;
        }
    }
    wr_arena_release(&arena);
    return 0;
}
