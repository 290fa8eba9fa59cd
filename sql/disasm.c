// Programs as text: what `weir explain` prints and tests compare.
#include "sql/program.h"

#include "sql/base/banned.h"

static void add_path(struct wr_buf *out, const struct wr_path *path)
{
    wr_buf_add_char(out, '*');
    for (size_t i = 0; i < path->len; i++) {
        wr_buf_add_char(out, '.');
        wr_buf_add(out, path->keys[i]);
    }
}

static void add_constant(const struct wr_program *p, struct wr_buf *out, uint32_t index)
{
    const wr_value *v = &p->consts.at[index];
    if (v->type == WR_UNDEFINED) {
        wr_buf_add(out, WR_STR("Undefined"));
        return;
    }
    struct wr_arena scratch;
    wr_arena_init(&scratch, 1u << 20);
    wr_json_write(out, v, &scratch, p->dialect);
    wr_arena_release(&scratch);
}

static void add_operand(const struct wr_program *p, struct wr_buf *out, enum wr_operand_kind kind,
                        uint16_t v)
{
    switch (kind) {
    case WR_OPERAND_NONE:
        return;
    case WR_OPERAND_REG:
    case WR_OPERAND_ARGS:
        wr_buf_addf(out, " r%u", v);
        return;
    case WR_OPERAND_CONST:
        wr_buf_add_char(out, ' ');
        add_constant(p, out, v);
        return;
    case WR_OPERAND_PATH:
        wr_buf_add_char(out, ' ');
        add_path(out, &p->paths.at[v]);
        return;
    case WR_OPERAND_VAR:
        wr_buf_addf(out, " @%.*s", WR_STR_ARG(p->statement.assigns[v].name));
        return;
    case WR_OPERAND_FUNC:
        wr_buf_addf(out, " %s", wr_function_at(v)->name);
        return;
    case WR_OPERAND_JUMP:
        wr_buf_addf(out, " -> %u", v);
        return;
    case WR_OPERAND_NUM:
        wr_buf_addf(out, " %u", v);
        return;
    }
}

void wr_program_disassemble(const struct wr_program *p, struct wr_buf *out)
{
    wr_buf_addf(out, "; SQL version %.*s, %u registers\n", WR_STR_ARG(p->version), p->reg_count);
    if (p->statement.filter.at) {
        wr_buf_addf(out, "; topic filter '%.*s'\n", WR_STR_ARG(p->statement.filter));
    }
    for (uint32_t i = 0; i < p->paths.len; i++) {
        wr_buf_add(out, WR_STR("; reads "));
        add_path(out, &p->paths.at[i]);
        wr_buf_add_char(out, '\n');
    }
    for (uint32_t at = 0; at < p->code.len; at++) {
        const struct wr_ins *ins = &p->code.at[at];
        for (uint32_t t = 0; t < p->templates.len; t++) {
            if (!p->templates.at[t].constant && p->templates.at[t].entry == at) {
                wr_buf_addf(out, "; template %u: %.*s\n", t, WR_STR_ARG(p->templates.at[t].text));
            }
        }
        wr_buf_addf(out, "%5u  %-16s", at, wr_op_table[ins->op].name);
        add_operand(p, out, wr_op_table[ins->op].kinds[0], ins->a);
        add_operand(p, out, wr_op_table[ins->op].kinds[1], ins->b);
        add_operand(p, out, wr_op_table[ins->op].kinds[2], ins->c);
        wr_buf_add_char(out, '\n');
    }
    for (uint32_t i = 0; i < p->guards.len; i++) {
        const struct wr_guard *g = &p->guards.at[i];
        wr_buf_addf(out, "; a failure in %u..%u goes on at %u\n", g->begin, g->end - 1, g->handler);
    }
}
