// Copies that fit somewhere.
#include "engine/flow/spill.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

void wr_spill_free(struct wr_spill *spill)
{
    while (spill) {
        struct wr_spill *next = spill->next;
        free(spill);
        spill = next;
    }
}

void *wr_spill_room(struct wr_message *m, size_t size, struct wr_spill **spill)
{
    void *at = wr_arena_alloc(&m->arena, size);
    if (at) {
        return at;
    }
    m->arena.over = false; // nothing is missing: it is elsewhere
    struct wr_spill *s = wr_alloc(sizeof *s + size);
    s->next = *spill;
    *spill = s;
    return s->bytes;
}

wr_str wr_spill_keep(struct wr_message *m, const void *at, size_t len, struct wr_spill **spill)
{
    char *to = wr_spill_room(m, len ? len : 1, spill); // not NULL: absent texts are
    if (len) {
        memcpy(to, at, len);
    }
    return (wr_str){to, len};
}
