// A program's life: made from a statement, extended by templates, verified, freed.
#include "sql/program.h"

#include "sql/parser.h"
#include "sql/template.h"
#include "sql/topic.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define PROGRAM_BYTES_MAX \
    (64u << 20) // tree, constants and code of the largest statement fit; bombs do not

wr_err wr_sql_version_parse(wr_str text, enum wr_dialect *out, struct wr_fault *fault)
{
    if (text.len == 0 || wr_str_eq(text, WR_STR("2015-10-08"))) {
        *out = WR_SQL_2015;
        return WR_OK;
    }
    if (wr_str_eq(text, WR_STR("2016-03-23")) || wr_str_eq(text, WR_STR("beta"))) {
        *out = WR_SQL_2016;
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "SQL version '%.*s' is not known: use 2016-03-23, 2015-10-08 or beta",
                        WR_STR_ARG(text));
}

static void warn(struct wr_program *p, size_t at, const char *text)
{
    struct wr_fault *grown =
        wr_arena_grow(&p->arena, p->warnings.at, p->warnings.len * sizeof *grown,
                      (p->warnings.len + 1) * sizeof *grown);
    if (grown) {
        p->warnings.at = grown;
        memset(&grown[p->warnings.len], 0, sizeof *grown);
        wr_fault_at(&grown[p->warnings.len++], WR_OK, p->statement.text, at, "%s", text);
    }
}

bool wr_program_value_like_field(const struct wr_statement *s)
{
    if (!s->select.value) {
        return false;
    }
    wr_str text = s->text;
    size_t at = s->select.items[0].begin;
    bool close = text.at[at - 1] != ' ' && text.at[at - 1] != '\t' && text.at[at - 1] != '\n' &&
                 text.at[at - 1] != '\r';
    bool minus = text.at[at] == '-' && at + 1 < text.len && (close || text.at[at + 1] == ' ');
    return minus || (text.at[at] == '[' && close);
}

static void add_warnings(struct wr_program *p)
{
    if (wr_program_value_like_field(&p->statement)) {
        warn(p, p->statement.select.items[0].begin,
             "VALUE is the keyword of SELECT VALUE here; a field of that name stands in "
             "parentheses: (value)");
    }
    if (p->dialect == WR_SQL_2015) {
        warn(p, 0,
             "SQL version 2015-10-08 (also the default without awsIotSqlVersion) damages nested "
             "payloads on AWS; weir treats them correctly; say awsIotSqlVersion 2016-03-23");
    }
    if (p->statement.filter_double_quoted) {
        warn(p, p->statement.filter_at,
             "the topic filter of FROM is in double quotes; AWS documents single quotes");
    }
}

wr_err wr_program_new(wr_str sql, const struct wr_program_options *options, struct wr_program **out,
                      struct wr_fault *fault)
{
    struct wr_program *p = wr_zalloc(sizeof *p);
    wr_arena_init(&p->arena, PROGRAM_BYTES_MAX);
    wr_str version = options->sql_version;
    wr_err err = wr_sql_version_parse(version, &p->dialect, fault);
    if (!err && sql.len > WR_SQL_LEN_MAX) {
        err = wr_fault_at(fault, WR_ERR_LIMIT, sql, WR_SQL_LEN_MAX,
                          "the statement is longer than %d bytes", WR_SQL_LEN_MAX);
    }
    if (!err) {
        p->version = version.len ? wr_str_dup(&p->arena, version) : WR_STR("2015-10-08");
        p->fuel = options->fuel ? options->fuel : WR_SQL_FUEL_DEFAULT;
        err = wr_parse_statement(wr_str_dup(&p->arena, sql), p->dialect, &p->arena, &p->statement,
                                 fault);
    }
    if (!err) {
        p->statement.dialect = p->dialect;
        err = wr_compile_statement(p, fault);
    }
    if (err) {
        wr_program_free(p);
        return err;
    }
    add_warnings(p);
    *out = p;
    return WR_OK;
}

wr_err wr_program_add_template(struct wr_program *p, wr_str text, uint32_t *id,
                               struct wr_fault *fault)
{
    wr_assert(!p->sealed);
    struct wr_template_code t = {.constant = true};
    t.text = wr_str_dup(&p->arena, text);
    if (text.len && !t.text.at) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the rule's templates need too much memory");
    }
    if (wr_template_has_expression(text)) {
        wr_str copy = t.text;
        uint32_t code = p->code.len, guards = p->guards.len;
        wr_err err = wr_compile_template(p, copy, &t, fault);
        if (err) { // half a template is none
            p->code.len = p->places.len = p->sources.len = code;
            p->guards.len = guards;
            return err;
        }
        t.text = copy;
    }
    struct wr_template_code *grown = wr_arena_grow(
        &p->arena, p->templates.at, p->templates.len * sizeof t, (p->templates.len + 1) * sizeof t);
    if (!grown || p->templates.len >= WR_SQL_CODE_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the rule has too many templates");
    }
    p->templates.at = grown;
    grown[p->templates.len] = t;
    *id = p->templates.len++;
    return WR_OK;
}

bool wr_program_template_constant(const struct wr_program *p, uint32_t id, wr_str *text)
{
    wr_assert(id < p->templates.len);
    if (p->templates.at[id].constant) {
        *text = p->templates.at[id].text;
    }
    return p->templates.at[id].constant;
}

// ---- verifying

const struct wr_op_info wr_op_table[WR_OPC_COUNT] = {
#define OP(name, a, b, c) {#name, {WR_OPERAND_##a, WR_OPERAND_##b, WR_OPERAND_##c}},
#include "sql/opcodes.h"
#undef OP
};

static bool ends(uint16_t op)
{
    return op == WR_OPC_RESULT || op == WR_OPC_RESULT_PAYLOAD || op == WR_OPC_TEXT_RESULT ||
           op == WR_OPC_JUMP;
}

// Constants that an instruction reads as texts, or as an Array of texts.
static bool constant_fits(const struct wr_program *p, const struct wr_ins *ins)
{
    const wr_value *k;
    switch (ins->op) {
    case WR_OPC_MEMBER:
    case WR_OPC_MEMBER_SOURCE:
        return p->consts.at[ins->c].type == WR_STRING;
    case WR_OPC_OBJECT_PUT:
    case WR_OPC_OBJECT_SET:
    case WR_OPC_TEXT_CONST:
        return p->consts.at[ins->b].type == WR_STRING;
    case WR_OPC_OBJECT_SET_PATH:
        k = &p->consts.at[ins->b];
        for (uint32_t i = 0; k->type == WR_ARRAY && i < k->len; i++) {
            if (k->as.items[i].type != WR_STRING) {
                return false;
            }
        }
        return k->type == WR_ARRAY && k->len > 0;
    default:
        return true;
    }
}

static bool call_fits(const struct wr_program *p, const struct wr_ins *ins)
{
    if (ins->op == WR_OPC_CAST) {
        return ins->c <= WR_CAST_BOOLEAN;
    }
    if (ins->op != WR_OPC_CALL && ins->op != WR_OPC_LOOKUP) {
        return true;
    }
    const struct wr_function *f = wr_function_at(ins->b);
    bool is_lookup = f->flags & WR_FN_LOOKUP;
    return (uint32_t)ins->a + ins->c <= p->reg_count && is_lookup == (ins->op == WR_OPC_LOOKUP) &&
           (is_lookup || f->body) && ins->c >= f->min_args &&
           (f->max_args == 255 || ins->c <= f->max_args);
}

// Whoever goes back goes to a NEXT, which takes fuel: every loop ends.
static bool jump_fits(const struct wr_program *p, uint32_t from, uint32_t to)
{
    return to < p->code.len && (to > from || p->code.at[to].op == WR_OPC_NEXT ||
                                p->code.at[to].op == WR_OPC_NEXT_WHERE);
}

bool wr_program_row_test(const struct wr_program *p, uint32_t next)
{
    if (p->code.len - next <= WR_ROW_TEST_LEN) {
        return false;
    }
    const struct wr_ins *row = &p->code.at[next], *member = row + 1, *load = row + 2,
                        *compare = row + 3, *jump = row + 4;
    bool comparison = compare->op >= WR_OPC_EQ && compare->op <= WR_OPC_GE;
    return member->op == WR_OPC_MEMBER && member->b == row->a && load->op == WR_OPC_LOAD_CONST &&
           comparison && jump->op == WR_OPC_JUMP_NOT_TRUE && jump->c == next &&
           compare->b == member->a && compare->c == load->a && load->a != member->a &&
           compare->a == jump->a && load->b < p->consts.len &&
           p->consts.at[load->b].type == WR_NUMBER && !wr_value_is_lazy(&p->consts.at[load->b]);
}

static bool operand_fits(const struct wr_program *p, uint32_t at, enum wr_operand_kind kind,
                         uint32_t v)
{
    switch (kind) {
    case WR_OPERAND_NONE:
        return v == 0;
    case WR_OPERAND_REG:
    case WR_OPERAND_ARGS:
        return v < p->reg_count;
    case WR_OPERAND_CONST:
        return v < p->consts.len;
    case WR_OPERAND_PATH:
        return v < p->paths.len;
    case WR_OPERAND_VAR:
        return v < p->statement.assign_count;
    case WR_OPERAND_FUNC:
        return v < wr_function_count();
    case WR_OPERAND_JUMP:
        return jump_fits(p, at, v);
    case WR_OPERAND_NUM:
        return true;
    }
    return false;
}

static bool instruction_fits(const struct wr_program *p, uint32_t at)
{
    const struct wr_ins *ins = &p->code.at[at];
    if (ins->op >= WR_OPC_COUNT) {
        return false;
    }
    const enum wr_operand_kind *kinds = wr_op_table[ins->op].kinds;
    return operand_fits(p, at, kinds[0], ins->a) && operand_fits(p, at, kinds[1], ins->b) &&
           operand_fits(p, at, kinds[2], ins->c) && constant_fits(p, ins) && call_fits(p, ins) &&
           (ins->op != WR_OPC_NEXT_WHERE || wr_program_row_test(p, at));
}

wr_err wr_program_seal(struct wr_program *p, struct wr_fault *fault)
{
    bool ok = p->code.len && ends(p->code.at[p->code.len - 1].op) && p->reg_count &&
              p->statement.assign_count <= WR_SQL_VARS_MAX;
    uint32_t at = 0;
    for (; ok && at < p->code.len; at++) {
        ok = instruction_fits(p, at);
    }
    for (uint32_t i = 0; ok && i < p->templates.len; i++) {
        ok = p->templates.at[i].constant || p->templates.at[i].entry < p->code.len;
    }
    for (uint32_t i = 0; ok && i < p->guards.len; i++) {
        ok = p->guards.at[i].handler < p->code.len;
    }
    if (!ok) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "the program is damaged near instruction %u",
                            at ? at - 1 : 0);
    }
    p->sealed = true;
    p->var_count = (uint16_t)p->statement.assign_count; // WR_SQL_VARS_MAX at most
    return WR_OK;
}

void wr_program_free(struct wr_program *p)
{
    if (p) {
        if (p->part) {
            wr_program_part_drop(p->part);
        } else {
            wr_arena_release(&p->arena);
        }
        free(p);
    }
}

wr_str wr_program_filter(const struct wr_program *p)
{
    return p->statement.filter;
}

enum wr_dialect wr_program_dialect(const struct wr_program *p)
{
    return p->dialect;
}

wr_str wr_program_version(const struct wr_program *p)
{
    return p->version;
}

bool wr_program_needs_host(const struct wr_program *p, struct wr_fault *fault)
{
    uint32_t statement_end = p->code.len;
    for (uint32_t i = 0; i < p->templates.len; i++) {
        const struct wr_template_code *t = &p->templates.at[i];
        if (!t->constant && t->entry < statement_end) {
            statement_end = t->entry;
        }
    }
    for (uint32_t i = 0; i < p->code.len; i++) {
        const struct wr_ins *ins = &p->code.at[i];
        if (ins->op != WR_OPC_LOOKUP) {
            continue;
        }
        const char *what = wr_function_at(ins->b)->name;
        if (i < statement_end && !p->part) {
            wr_fault_at(fault, WR_ERR_UNSUPPORTED, p->statement.text, p->places.at[i], "%s", what);
        } else {
            wr_fault_set(fault, WR_ERR_UNSUPPORTED, "%s", what);
        }
        return true;
    }
    return false;
}

unsigned wr_program_lookups(const struct wr_program *p)
{
    unsigned kinds = 0;
    for (uint32_t i = 0; i < p->code.len; i++) {
        const struct wr_ins *ins = &p->code.at[i];
        kinds |= ins->op == WR_OPC_LOOKUP ? 1u << wr_function_at(ins->b)->lookup : 0;
    }
    return kinds;
}

size_t wr_program_warning_count(const struct wr_program *p)
{
    return p->part ? 0 : p->warnings.len;
}

const struct wr_fault *wr_program_warning(const struct wr_program *p, size_t index)
{
    return &p->warnings.at[index];
}
