// What to read from a payload for several programs at once, and the reading.
#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct wr_plan *wr_plan_new(const struct wr_program *const *programs, size_t count)
{
    struct wr_plan *plan = wr_zalloc(sizeof *plan);
    size_t total = 0;
    bool seen[2] = {false, false};
    for (size_t i = 0; i < count; i++) {
        wr_assert(programs[i]->sealed);
        total += programs[i]->paths.len;
        seen[programs[i]->dialect] = true;
    }
    struct wr_path *paths = wr_alloc((total + 1) * sizeof *paths);
    uint32_t *slots = wr_alloc((total + 1) * sizeof *slots);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < programs[i]->paths.len; k++) {
            paths[n++] = programs[i]->paths.at[k];
        }
    }
    plan->paths = wr_paths_new(paths, total, slots);
    plan->shapes = wr_shapes_new(plan->paths);
    plan->path_count = wr_paths_count(plan->paths);
    plan->mixed = seen[WR_SQL_2015] && seen[WR_SQL_2016];
    plan->slot_count = plan->path_count * (plan->mixed ? 2 : 1);
    plan->root_slot = -1;
    plan->program_count = count;
    plan->programs = wr_alloc((count + 1) * sizeof *plan->programs);
    plan->maps = wr_alloc((count + 1) * sizeof *plan->maps);
    n = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t own = programs[i]->paths.len;
        plan->programs[i] = programs[i];
        plan->maps[i] = wr_alloc((own + 1) * sizeof **plan->maps);
        bool second = plan->mixed && programs[i]->dialect == WR_SQL_2015;
        for (uint32_t k = 0; k < own; k++, n++) {
            if (paths[n].len == 0) {
                plan->root_slot = slots[n];
            }
            plan->maps[i][k] = (uint32_t)(slots[n] + (second ? plan->path_count : 0));
        }
    }
    free(paths);
    free(slots);
    return plan;
}

void wr_plan_free(struct wr_plan *plan)
{
    if (!plan) {
        return;
    }
    for (size_t i = 0; i < plan->program_count; i++) {
        free(plan->maps[i]);
    }
    free(plan->maps);
    free(plan->programs);
    wr_shapes_free(plan->shapes);
    wr_paths_free(plan->paths);
    free(plan);
}

wr_err wr_sql_message_read(struct wr_sql_message *m, const struct wr_plan *plan,
                           struct wr_arena *arena)
{
    m->plan = plan;
    m->arena = arena;
    m->slots = wr_arena_alloc(arena, (plan->slot_count + 1) * sizeof *m->slots);
    if (!m->slots) {
        return WR_ERR_LIMIT;
    }
    m->json = wr_shapes_read(plan->shapes, m->payload, m->padded ? 32 : 0, m->slots,
                             &m->malformed_at) == WR_JSON_VALID;
    if (!m->json) {
        memset(m->slots, 0, plan->path_count * sizeof *m->slots);
        if (plan->root_slot >= 0) {
            m->slots[plan->root_slot] = wr_raw(m->payload);
        }
    }
    if (plan->mixed) {
        memcpy(m->slots + plan->path_count, m->slots, plan->path_count * sizeof *m->slots);
    }
    return WR_OK;
}
