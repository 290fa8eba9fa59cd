// Any bytes as a program: what the verifier takes must run safely, in both the message's memory and
// its fuel, to an end. Constants, paths and variables are those of a compiled statement.
//
//   bytes:  registers u8, guards u8 (low bits: how many), message u8, then 6 bytes a guard and 8 an
//   instruction: opcode u8, mode u8, a u16, b u16, c u16, little end first. With an even mode
//   operands are brought into their range, so that the verifier is passed often enough.
#include "sql/program.h"

#include "sql/func/function.h"
#include "sql/func/regex.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define FUEL         20000
#define MEMORY_BYTES (4u << 20)
#define CODE_MAX     512
#define GUARDS_MAX   3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char statement[] =
    "SET @a = x.y, @b = [1, 2.5, 'three', @a] "
    "SELECT *, a, b.c.d AS p.q.r, b, {'k': @b, 'l': [a]} AS o, 'text' + s AS t, 1e40 AS big, "
    "null AS n, true AS yes, (SELECT v, w AS m FROM rows WHERE v > 3) AS list, "
    "get_or_default(aws_lambda('arn', a), 'none') AS guarded, topic(2) AS level, "
    "regexp_replace(s, '(a)(b)?', '<$1$2>') AS re, parse_time('yyyy', 0) AS year "
    "FROM 'a/#' WHERE a > 1 AND s <> 'x'";
static const char object[] = "{\"a\":5,\"b\":{\"c\":{\"d\":\"e\\n\"}},\"s\":\"abab\","
                             "\"x\":{\"y\":[1,{\"z\":null}]},"
                             "\"rows\":[{\"v\":1},{\"v\":4,\"w\":[]},5,[6],\"7\"]}";
static const char *const payloads[] = {
    object,
    "[1,2,{\"a\":[true,1e400,-0.5]}]",
    "{\"a\":\"true\",\"s\":1234567890123456789012345678901234567,\"rows\":{\"v\":9}}",
    "not JSON",
};

static uint32_t u16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t below(uint32_t v, uint32_t limit)
{
    return limit ? v % limit : 0;
}

static uint32_t fitted(const struct wr_program *p, enum wr_operand_kind kind, uint32_t v,
                       uint32_t len)
{
    switch (kind) {
    case WR_OPERAND_NONE:
        return 0;
    case WR_OPERAND_REG:
    case WR_OPERAND_ARGS:
        return below(v, p->reg_count);
    case WR_OPERAND_CONST:
        return below(v, p->consts.len);
    case WR_OPERAND_PATH:
        return below(v, p->paths.len);
    case WR_OPERAND_VAR:
        return below(v, p->statement.assign_count);
    case WR_OPERAND_FUNC:
        return below(v, (uint32_t)wr_function_count());
    case WR_OPERAND_JUMP:
        return below(v, len);
    case WR_OPERAND_NUM:
        return v;
    }
    return v;
}

static void fit(const struct wr_program *p, struct wr_ins *ins, uint32_t len)
{
    ins->op = (uint16_t)below(ins->op, WR_OPC_COUNT);
    const enum wr_operand_kind *kinds = wr_op_table[ins->op].kinds;
    ins->a = (uint16_t)fitted(p, kinds[0], ins->a, len);
    ins->b = (uint16_t)fitted(p, kinds[1], ins->b, len);
    ins->c = (uint16_t)fitted(p, kinds[2], ins->c, len);
    if (ins->op == WR_OPC_CALL || ins->op == WR_OPC_LOOKUP) {
        const struct wr_function *f = wr_function_at(ins->b);
        ins->op = f->flags & WR_FN_LOOKUP ? WR_OPC_LOOKUP : WR_OPC_CALL;
        uint32_t most = f->max_args == 255 ? 4 : f->max_args;
        ins->c = (uint16_t)(f->min_args + below(ins->c, most - f->min_args + 1u));
        ins->a = (uint16_t)below(ins->a, p->reg_count > ins->c ? p->reg_count - ins->c : 1);
    } else if (ins->op == WR_OPC_CAST) {
        ins->c = (uint16_t)below(ins->c, WR_CAST_BOOLEAN + 1u);
    }
}

// Puts the program of the bytes in the place of the compiled one.
static void replace(struct wr_program *p, const uint8_t *data, size_t size)
{
    const struct wr_guard none = {0};
    p->reg_count = data[0];
    uint32_t guards = below(data[1], GUARDS_MAX + 1);
    data += 3;
    size -= 3;
    p->guards.len = 0;
    p->guards.at = wr_arena_alloc(&p->arena, GUARDS_MAX * sizeof none);
    for (; guards && size >= 6 && p->guards.at; guards--, data += 6, size -= 6) {
        p->guards.at[p->guards.len++] = (struct wr_guard){u16(data), u16(data + 2), u16(data + 4)};
    }
    uint32_t len = (uint32_t)(size / 8 < CODE_MAX ? size / 8 : CODE_MAX);
    p->code.at = wr_arena_alloc(&p->arena, (len + 1) * sizeof *p->code.at);
    p->places.at = wr_arena_alloc(&p->arena, (len + 1) * sizeof *p->places.at);
    wr_assert(p->code.at && p->places.at);
    p->code.len = p->places.len = len;
    for (uint32_t i = 0; i < len; i++, data += 8) {
        struct wr_ins *ins = &p->code.at[i];
        *ins = (struct wr_ins){data[0], (uint16_t)u16(data + 2), (uint16_t)u16(data + 4),
                               (uint16_t)u16(data + 6)};
        if (data[1] % 2 == 0) {
            fit(p, ins, len);
        }
        p->places.at[i] = i % (uint32_t)(sizeof statement - 1);
    }
    for (uint32_t i = 0; i < p->templates.len; i++) {
        p->templates.at[i].entry = below(p->templates.at[i].entry, len ? len : 1);
    }
}

static void fixed_random(void *user, void *at, size_t len)
{
    memset(at, 0x5a, len);
}

// Every other look-up is answered, and some of them later.
static void lookup(void *user, struct wr_lookup *l)
{
    unsigned turn = ++*(unsigned *)user;
    l->failed = turn & 1;
    l->result = turn & 2 ? wr_undefined() : l->args[0];
    wr_fault_set(&l->fault, WR_ERR_FAILED, "refused");
    l->answered = !(turn & 4);
}

static void run_on(struct wr_eval *e)
{
    for (int i = 0; wr_eval_run(e) == WR_EVAL_SUSPENDED; i++) {
        wr_assert(i < FUEL);
        e->lookup->answered = true;
    }
}

static void run(struct wr_program *p, const char *payload, uint32_t id)
{
    unsigned turn = 0;
    const struct wr_sql_host host = {
        .user = &turn, .account_id = WR_STR("1"), .random = fixed_random, .lookup = lookup};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    struct wr_sql_message m = {
        .topic = WR_STR("a/b/c"), .payload = wr_str_of(payload), .format_indicator = -1};
    struct wr_eval e = {0};
    wr_str bytes;
    bool json;
    if (!wr_sql_message_read(&m, plan, &arena)) {
        wr_eval_start(&e, &m, 0, &host);
        run_on(&e);
        if (e.state == WR_EVAL_MATCHED && wr_eval_output(&e, &bytes, &json)) {
            wr_assert(arena.over);
        }
        wr_eval_template(&e, id);
        run_on(&e);
        if (e.state == WR_EVAL_MATCHED && !wr_eval_text(&e, &bytes, NULL)) {
            wr_assert(bytes.len == 0 || bytes.at);
        }
    }
    wr_plan_free(plan);
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    const struct wr_program_options options = {.sql_version = WR_STR("2016-03-23"), .fuel = FUEL};
    struct wr_fault fault = {0};
    struct wr_program *p;
    uint32_t id;
    wr_assert(!wr_program_new(wr_str_of(statement), &options, &p, &fault));
    wr_assert(!wr_program_add_template(p, WR_STR("x${a}-${@b}"), &id, &fault));
    replace(p, data, size);
    if (wr_program_seal(p, &fault)) {
        wr_assert(fault.code && fault.text[0]);
    } else {
        run(p, payloads[data[2] % WR_COUNT(payloads)], id);
    }
    wr_program_free(p);
    return 0;
}
