// Segments and their list.
#include "engine/mqtt/native/segment.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

void wr_segments_release(struct wr_segments *s)
{
    wr_assert(s->used == 0);
    while (s->spare) {
        struct wr_segment *g = s->spare;
        s->spare = g->next;
        free(g);
    }
    s->spare_count = 0;
}

struct wr_segment *wr_segment_new(struct wr_segments *s, size_t size)
{
    wr_assert(size >= WR_SEGMENT_SIZE);
    struct wr_segment *g = s->spare;
    if (size == WR_SEGMENT_SIZE && g) {
        s->spare = g->next;
        s->spare_count--;
    } else {
        g = wr_alloc(sizeof *g + size);
        g->home = s;
        g->cap = size;
    }
    g->next = NULL;
    g->refs = 1;
    g->len = 0;
    s->used += g->cap;
    return g;
}

void wr_segment_end_(struct wr_segment *g)
{
    struct wr_segments *s = g->home;
    s->used -= g->cap;
    if (g->cap > WR_SEGMENT_SIZE || s->spare_count >= WR_SEGMENT_KEEP) {
        free(g);
        return;
    }
    g->next = s->spare;
    s->spare = g;
    s->spare_count++;
}
