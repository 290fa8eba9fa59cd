// Looking for rows that pass.
#include "sql/rows.h"

#include "sql/base/banned.h"

// Finds the member by where it stood in the row before. NULL: there is none.
static inline const wr_value *find(const wr_value *object, wr_str name, struct wr_row_cursor *at)
{
    const struct wr_member *m = object->as.members;
    // Rows that were made by the reader share the texts of their keys.
    if (WR_LIKELY(at->member < object->len && m[at->member].key.at == at->key)) {
        return &m[at->member].value;
    }
    for (uint32_t i = 0; i < object->len; i++) {
        if (wr_str_eq(m[i].key, name)) {
            at->member = i;
            at->key = m[i].key.at;
            return &m[i].value;
        }
    }
    return NULL;
}

enum wr_row wr_rows_next(const wr_value *array, struct wr_row_cursor *at,
                         const struct wr_row_test *test, const struct wr_num_context *c,
                         uint32_t each, wr_value *row)
{
    while (at->next < array->len) {
        const wr_value *item = &array->as.items[at->next++];
        *row = *item;
        if (item->type != WR_OBJECT || wr_value_is_lazy(item) || c->arena->over) {
            return WR_ROW_UNKNOWN;
        }
        const wr_value *found = find(item, test->member, at);
        if (!found || found->type != WR_NUMBER) {
            return WR_ROW_UNKNOWN;
        }
        wr_value v = *found;
        if (WR_UNLIKELY(!wr_value_force_small(&v, c->arena))) {
            wr_value_force(&v, c->arena, c->dialect);
        }
        int order;
        if (v.type != WR_NUMBER || !wr_num_cmp_small(&v, test->constant, &order)) {
            return WR_ROW_UNKNOWN;
        }
        if (test->passes & 1u << (order + 1)) { // as enum wr_row_order counts
            return WR_ROW_PASSES;
        }
        if (!wr_arena_spend(c->arena, each + item->len)) {
            return WR_ROW_UNKNOWN;
        }
    }
    return WR_ROW_NONE;
}
