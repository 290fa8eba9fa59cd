// Expressions as programs of their own. They share the tree of the program they come from.
#include "sql/part.h"

#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define PART_BYTES_MAX (64u << 20) // as a program's: constants and code, the tree is shared

wr_err wr_part_new(const struct wr_program *p, const struct wr_node *n,
                   const struct wr_query *row_of, struct wr_program **out, struct wr_fault *fault)
{
    struct wr_program *part = wr_zalloc(sizeof *part);
    wr_arena_init(&part->arena, PART_BYTES_MAX);
    part->statement = p->statement;
    part->version = p->version;
    part->dialect = p->dialect;
    part->fuel = p->fuel;
    wr_err err = wr_compile_part(part, n, row_of, fault);
    if (!err) {
        err = wr_program_seal(part, fault);
    }
    if (err) {
        wr_program_free(part);
        return err;
    }
    *out = part;
    return WR_OK;
}

bool wr_part_constant(const struct wr_program *part, wr_value *v)
{
    if (part->code.len != 2 || part->code.at[0].op != WR_OPC_LOAD_CONST) {
        return false;
    }
    *v = part->consts.at[part->code.at[0].b];
    return true;
}

static bool same_path(const struct wr_path *a, const struct wr_path *b)
{
    bool same = a->len == b->len;
    for (size_t i = 0; same && i < a->len; i++) {
        same = wr_str_eq(a->keys[i], b->keys[i]);
    }
    return same;
}

const uint32_t *wr_part_map(const struct wr_program *part, const struct wr_sql_message *m,
                            size_t index, struct wr_arena *arena)
{
    const struct wr_program *of = m->plan->programs[index];
    uint32_t *map = wr_arena_alloc(arena, (part->paths.len + 1) * sizeof *map);
    for (uint32_t i = 0; map && i < part->paths.len; i++) {
        uint32_t k = 0;
        while (k < of->paths.len && !same_path(&part->paths.at[i], &of->paths.at[k])) {
            k++;
        }
        if (k == of->paths.len) {
            return NULL;
        }
        map[i] = m->plan->maps[index][k];
    }
    return map;
}

void wr_part_start(struct wr_eval *e, const struct wr_program *part, const uint32_t *map,
                   struct wr_sql_message *m, const struct wr_sql_host *host,
                   const struct wr_eval *variables, const wr_value *row)
{
    wr_eval_begin(e, part, map, m, host);
    if (variables) {
        memcpy(e->vars_, variables->vars_, part->statement.assign_count * sizeof e->vars_[0]);
    }
    if (row && e->regs_) {
        e->regs_[0] = *row;
    }
}
