// The ring of unfinished offsets.
#include "engine/kafka/frontier.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

static struct wr_frontier_entry *at(const struct wr_frontier *f, uint64_t number)
{
    return &f->ring_[number & (f->cap_ - 1)];
}

static void grow(struct wr_frontier *f)
{
    struct wr_frontier bigger = *f;
    bigger.cap_ = f->cap_ ? 2 * f->cap_ : 64; // a power of two
    bigger.ring_ = wr_alloc(bigger.cap_ * sizeof *bigger.ring_);
    for (uint64_t n = f->first_; n < f->next_; n++) {
        *at(&bigger, n) = *at(f, n);
    }
    free(f->ring_);
    *f = bigger;
}

uint64_t wr_frontier_take(struct wr_frontier *f, int64_t offset)
{
    if (f->next_ - f->first_ == f->cap_) {
        grow(f);
    }
    wr_dassert(f->next_ == f->first_ || at(f, f->next_ - 1)->offset < offset);
    *at(f, f->next_) = (struct wr_frontier_entry){.offset = offset};
    return f->next_++;
}

bool wr_frontier_finish(struct wr_frontier *f, uint64_t number)
{
    wr_assert(number >= f->first_ && number < f->next_ && !at(f, number)->done);
    at(f, number)->done = true;
    if (number != f->first_) {
        return false;
    }
    for (; f->first_ < f->next_ && at(f, f->first_)->done; f->first_++) {
        f->committable = at(f, f->first_)->offset + 1;
    }
    return true;
}

size_t wr_frontier_open(const struct wr_frontier *f)
{
    return (size_t)(f->next_ - f->first_);
}

void wr_frontier_release(struct wr_frontier *f)
{
    free(f->ring_);
    *f = (struct wr_frontier){0};
}
