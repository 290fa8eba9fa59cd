// A program's first instructions run on what is known instead of on values: a register holds a
// path, a constant, or what a condition says if it is true and if it is false.
#include "sql/index_terms.h"

#include <math.h>
#include <stdlib.h>

#include "sql/operator.h"

#include "sql/base/banned.h"

#define TERMS_MAX 32    // the conditions of a WHERE that an index looks at
#define FUEL_MIN  10000 // programs with less are left alone: they may end anywhere

enum symbol_kind { UNKNOWN, PATH, CONSTANT, CONDITION };

struct symbol {
    enum symbol_kind kind;
    uint16_t path;
    const wr_value *constant;
    struct wr_term if_true, if_false; // CONDITION
};

struct reading {
    const struct wr_program *p;
    struct wr_arena *arena;
    struct symbol *regs;
    struct wr_term *terms;
    size_t count;
};

static const struct wr_term all = {.kind = WR_TERM_ALL};
static const struct wr_term never = {.kind = WR_TERM_NEVER};

void wr_index_bounds(const wr_value *number, double *low, double *high)
{
    double d = wr_num_to_double(number);
    if (fabs(d) < 9007199254740992.0 && number->scale == 0 && !(number->flags & WR_V_BIG)) {
        *low = *high = d; // exact
        return;
    }
    *low = nextafter(d, -INFINITY);
    *high = nextafter(d, INFINITY);
}

// ---- conditions

static bool is_scalar(const wr_value *v)
{
    return v->type >= WR_NULL && v->type <= WR_STRING && !wr_value_is_lazy(v);
}

static struct wr_term equal(uint16_t path, const wr_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_scalar(&values[i])) {
            return all;
        }
    }
    return count == 0                   ? never
           : count > WR_TERM_VALUES_MAX ? all
                                        : (struct wr_term){.kind = WR_TERM_EQ,
                                                           .path = path,
                                                           .values = values,
                                                           .value_count = (uint16_t)count};
}

// `path op constant`, an ordering.
static struct wr_term range(const struct reading *r, uint16_t path, enum wr_operator op,
                            const wr_value *constant)
{
    struct wr_num_context num = {r->arena, r->p->dialect};
    wr_value n = *constant;
    if (n.type == WR_STRING && wr_num_is_numeric_string(wr_value_text(&n))) {
        n = wr_num_parse(&num, wr_value_text(&n));
    }
    if (n.type != WR_NUMBER || wr_value_is_lazy(&n)) {
        return never; // there is no other ordering (sql.md 6)
    }
    struct wr_term t = {.kind = WR_TERM_RANGE, .path = path, .low = -INFINITY, .high = INFINITY};
    double low, high;
    wr_index_bounds(&n, &low, &high);
    if (op == WR_OP_LT || op == WR_OP_LE) {
        t.high = high;
    } else {
        t.low = low;
    }
    return t;
}

static struct wr_term comparison(const struct reading *r, uint16_t path, enum wr_operator op,
                                 const wr_value *constant)
{
    switch (op) {
    case WR_OP_EQ:
        return constant->type == WR_UNDEFINED ? never : equal(path, constant, 1);
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        return range(r, path, op, constant);
    case WR_OP_NE: // that there is a value: few rules would be left out
    case WR_OP_AND:
    case WR_OP_OR:
    case WR_OP_IN:
    case WR_OP_ADD:
    case WR_OP_SUB:
    case WR_OP_MUL:
    case WR_OP_DIV:
    case WR_OP_MOD:
    case WR_OP_NOT:
    case WR_OP_NEG:
        break;
    }
    return all;
}

static struct symbol compare(const struct reading *r, enum wr_operator op, const struct symbol *a,
                             const struct symbol *b)
{
    if (a->kind == CONSTANT && b->kind == PATH) {
        const struct symbol *swap = a;
        a = b;
        b = swap;
        op = wr_operator_mirrored(op);
    }
    if (a->kind != PATH || b->kind != CONSTANT) {
        return (struct symbol){.kind = CONDITION};
    }
    return (struct symbol){.kind = CONDITION,
                           .if_true = comparison(r, a->path, op, b->constant),
                           .if_false =
                               comparison(r, a->path, wr_operator_negated(op), b->constant)};
}

static struct symbol in(const struct symbol *a, const struct symbol *list)
{
    struct symbol s = {.kind = CONDITION};
    if (a->kind == PATH && list->kind == CONSTANT && list->constant->type == WR_ARRAY &&
        !wr_value_is_lazy(list->constant)) {
        s.if_true = equal(a->path, list->constant->as.items, list->constant->len);
    }
    return s;
}

// What holds if both do: the one that leaves fewer.
static struct wr_term both(const struct wr_term *a, const struct wr_term *b)
{
    if (a->kind == WR_TERM_NEVER || b->kind == WR_TERM_NEVER) {
        return never;
    }
    if (a->kind == WR_TERM_RANGE && b->kind == WR_TERM_RANGE && a->path == b->path) {
        struct wr_term t = *a;
        t.low = fmax(a->low, b->low);
        t.high = fmin(a->high, b->high);
        return t;
    }
    return a->kind == WR_TERM_EQ    ? *a
           : b->kind == WR_TERM_EQ  ? *b
           : a->kind != WR_TERM_ALL ? *a
                                    : *b;
}

// What holds if one of them does.
static struct wr_term either(const struct reading *r, const struct wr_term *a,
                             const struct wr_term *b)
{
    if (a->kind == WR_TERM_NEVER) {
        return *b;
    }
    if (b->kind == WR_TERM_NEVER) {
        return *a;
    }
    if (a->kind != b->kind || a->kind == WR_TERM_ALL || a->path != b->path) {
        return all;
    }
    struct wr_term t = *a;
    if (a->kind == WR_TERM_RANGE) {
        t.low = fmin(a->low, b->low);
        t.high = fmax(a->high, b->high);
        return t;
    }
    size_t count = (size_t)a->value_count + b->value_count;
    wr_value *values =
        count <= WR_TERM_VALUES_MAX ? wr_arena_alloc(r->arena, count * sizeof *values) : NULL;
    if (!values) {
        return all;
    }
    memcpy(values, a->values, a->value_count * sizeof *values);
    memcpy(values + a->value_count, b->values, b->value_count * sizeof *values);
    return equal(a->path, values, count);
}

static struct symbol logic(const struct reading *r, bool and, const struct symbol *a,
                           const struct symbol *b)
{
    struct symbol s = {.kind = CONDITION};
    if (a->kind == CONDITION && b->kind == CONDITION) {
        s.if_true = and? both(&a->if_true, &b->if_true) : either(r, &a->if_true, &b->if_true);
        s.if_false = and? either(r, &a->if_false, &b->if_false) : both(&a->if_false, &b->if_false);
    }
    return s;
}

// ---- the instructions

// Ranges on one path become one.
static void require(struct reading *r, const struct wr_term *t)
{
    if (t->kind == WR_TERM_ALL) {
        return;
    }
    for (size_t i = 0; i < r->count && t->kind == WR_TERM_RANGE; i++) {
        if (r->terms[i].kind == WR_TERM_RANGE && r->terms[i].path == t->path) {
            r->terms[i] = both(&r->terms[i], t);
            return;
        }
    }
    if (r->count < TERMS_MAX) {
        r->terms[r->count++] = *t;
    }
}

#define A (&r->regs[ins->a])
#define B (&r->regs[ins->b])
#define C (&r->regs[ins->c])

// False: from here on anything may happen, and nothing more is known.
static bool step(struct reading *r, const struct wr_ins *ins)
{
    struct symbol s = {.kind = CONDITION};
    switch ((enum wr_opcode)ins->op) {
    case WR_OPC_LOAD_CONST:
        *A = (struct symbol){.kind = CONSTANT, .constant = &r->p->consts.at[ins->b]};
        return true;
    case WR_OPC_LOAD_PATH:
    case WR_OPC_LOAD_SOURCE:
        *A = (struct symbol){.kind = PATH, .path = ins->b};
        return true;
    case WR_OPC_MOVE:
        *A = *B;
        return true;
#define COMPARISON(name)                     \
    case WR_OPC_##name:                      \
        *A = compare(r, WR_OP_##name, B, C); \
        return true;                         \
    case WR_OPC_REQUIRE_##name:              \
        s = compare(r, WR_OP_##name, B, C);  \
        require(r, &s.if_true);              \
        return true;
        COMPARISON(EQ)
        COMPARISON(NE)
        COMPARISON(LT)
        COMPARISON(LE)
        COMPARISON(GT)
        COMPARISON(GE)
#undef COMPARISON
    case WR_OPC_IN:
        *A = in(B, C);
        return true;
    case WR_OPC_AND:
    case WR_OPC_OR:
        *A = logic(r, ins->op == WR_OPC_AND, B, C);
        return true;
    case WR_OPC_NOT:
        if (B->kind == CONDITION) {
            s.if_true = B->if_false;
            s.if_false = B->if_true;
        }
        *A = s;
        return true;
    case WR_OPC_REQUIRE:
        if (A->kind == CONDITION) {
            require(r, &A->if_true);
        }
        return true;
    case WR_OPC_LOAD_VAR: // what may fail, suspend, go on elsewhere, or belongs to the result
    case WR_OPC_STORE_VAR:
    case WR_OPC_MEMBER:
    case WR_OPC_MEMBER_SOURCE:
    case WR_OPC_INDEX:
    case WR_OPC_ADD:
    case WR_OPC_SUB:
    case WR_OPC_MUL:
    case WR_OPC_DIV:
    case WR_OPC_MOD:
    case WR_OPC_NEG:
    case WR_OPC_CAST:
    case WR_OPC_STAR_ARGS:
    case WR_OPC_CALL:
    case WR_OPC_LOOKUP:
    case WR_OPC_JUMP:
    case WR_OPC_JUMP_NOT_TRUE:
    case WR_OPC_JUMP_UNDEFINED:
    case WR_OPC_JUMP_PRESENT:
    case WR_OPC_ARRAY_NEW:
    case WR_OPC_ARRAY_PUSH:
    case WR_OPC_ARRAY_DONE:
    case WR_OPC_OBJECT_NEW:
    case WR_OPC_OBJECT_PUT:
    case WR_OPC_OBJECT_SET:
    case WR_OPC_OBJECT_SET_PATH:
    case WR_OPC_OBJECT_MERGE:
    case WR_OPC_OBJECT_DONE:
    case WR_OPC_ROWS:
    case WR_OPC_NEXT:
    case WR_OPC_NEXT_WHERE:
    case WR_OPC_EXISTS:
    case WR_OPC_RESULT:
    case WR_OPC_RESULT_PAYLOAD:
    case WR_OPC_TEXT_NEW:
    case WR_OPC_TEXT_CONST:
    case WR_OPC_TEXT_VALUE:
    case WR_OPC_TEXT_RESULT:
    case WR_OPC_COUNT:
        break;
    }
    return false;
}

size_t wr_index_terms(const struct wr_program *p, struct wr_arena *arena,
                      const struct wr_term **terms)
{
    struct reading r = {.p = p, .arena = arena};
    *terms = NULL;
    if (p->fuel < FUEL_MIN || p->body_len > p->fuel) {
        return 0;
    }
    struct wr_term found[TERMS_MAX];
    r.regs = wr_zalloc((p->reg_count + 1u) * sizeof *r.regs);
    r.terms = found;
    for (uint32_t pc = 0; pc < p->body_len && step(&r, &p->code.at[pc]); pc++) {
    }
    free(r.regs);
    size_t size = r.count * sizeof *r.terms;
    struct wr_term *kept = r.count ? wr_arena_alloc(arena, size) : NULL;
    if (!kept) {
        return 0;
    }
    memcpy(kept, found, size);
    *terms = kept;
    return r.count;
}
