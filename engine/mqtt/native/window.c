// The ring's rare moments.
#include "engine/mqtt/native/window.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

#define FIRST_CAP 1024

void wr_window_release(struct wr_window *w)
{
    free(w->at);
    *w = (struct wr_window){0};
}

void wr_window_grow_(struct wr_window *w)
{
    size_t cap = w->at ? 2 * (w->mask_ + 1) : FIRST_CAP;
    struct wr_window_entry *at = wr_alloc(cap * sizeof *at);
    for (uint64_t n = w->first; n < w->next; n++) {
        at[n & (cap - 1)] = w->at[n & w->mask_];
    }
    free(w->at);
    w->at = at;
    w->mask_ = cap - 1;
}

void wr_window_end(struct wr_window *w, struct wr_known_list *known)
{
    for (; w->first < w->next; w->first++) {
        const struct wr_window_entry *e = &w->at[w->first & w->mask_];
        if (e->known) {
            wr_known_add(known, e->mid, e->content);
        }
    }
}
