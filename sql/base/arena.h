// Bump allocator whose memory all dies at once: one arena per message. With it goes the fuel of the
// evaluation that works in it: what is made or walked here is paid for in steps.
// Thread: the arena's owner. There is no lock.
#ifndef WR_BASE_ARENA_H
#define WR_BASE_ARENA_H

#include "sql/base/compiler.h"
#include "sql/base/str.h"

#include <stdint.h>

struct wr_arena_block;

// Embedded by value. Zeroed memory is not an arena: call wr_arena_init().
struct wr_arena {
    char *next_;
    char *end_;
    struct wr_arena_block *first_, *current_;
    size_t used_;  // bytes of full blocks before current_
    size_t limit_; // wr_arena_used() never passes it
    bool over;     // an allocation met the limit since the last reset: what was made is incomplete
    bool spent;    // work met the end of the fuel: what was made or found is incomplete
    uint64_t fuel; // steps left for work in this arena; UINT64_MAX: no limit
    uint64_t fail_at; // tests only: the n-th allocation from now meets the limit; 0 is never
};

// `limit` in bytes bounds what may be handed out between two resets.
void wr_arena_init(struct wr_arena *a, size_t limit);

// The same with a first block of `first` bytes: for what is small and made in large numbers.
void wr_arena_init_first(struct wr_arena *a, size_t limit, size_t first);

// Give all memory back to the system. Zeroed memory is accepted.
void wr_arena_release(struct wr_arena *a);

// The same, with the memory overwritten first: it held a secret.
void wr_arena_wipe(struct wr_arena *a);

// `size` bytes aligned for any type, not zeroed, valid until wr_arena_reset().
// Returns NULL only when the arena's limit would be passed, and then sets `over`.
// Lack of memory aborts.
static inline void *wr_arena_alloc(struct wr_arena *a, size_t size) WR_MUST_CHECK;

// Forget everything handed out, keep the memory. ASan catches a pointer that was kept too long.
void wr_arena_reset(struct wr_arena *a);

// A point to come back to: everything handed out after it is forgotten, as by a reset, and `over`
// is cleared. For work that met the limit and must not take the memory of what comes next.
struct wr_arena_mark {
    struct wr_arena_block *block;
    char *next;
    size_t used;
};
struct wr_arena_mark wr_arena_mark(const struct wr_arena *a);
void wr_arena_rewind(struct wr_arena *a, struct wr_arena_mark mark);

// Make allocation `at` (the latest one, or any) larger: in place when it is the latest and there is
// room, else by copy. NULL as wr_arena_alloc(). `at` may be NULL with `old_size` 0.
void *wr_arena_grow(struct wr_arena *a, void *at, size_t old_size, size_t new_size) WR_MUST_CHECK;

// Pay for work: about a nanosecond or two a step. False, with `spent` set, when the fuel does not
// suffice; the work is then not done, or given up. Whoever set `fuel` must look at `spent` before
// he uses what came out.
static inline bool wr_arena_spend(struct wr_arena *a, uint64_t steps)
{
    if (WR_UNLIKELY(steps > a->fuel)) {
        a->fuel = 0;
        a->spent = true;
        return false;
    }
    a->fuel -= steps;
    return true;
}

// Bytes handed out since the last reset, block tails included.
size_t wr_arena_used(const struct wr_arena *a);

// A copy of `s` in the arena (followed by a NUL that is not counted). On the limit {NULL, 0}.
wr_str wr_str_dup(struct wr_arena *a, wr_str s);

// Not for callers: the path that needs a new block.
void *wr_arena_alloc_slow_(struct wr_arena *a, size_t size) WR_MUST_CHECK;

static inline void *wr_arena_alloc(struct wr_arena *a, size_t size)
{
    size_t room = (size + 15) & ~(size_t)15;
    // Under ASan and with a fault to inject every allocation takes the path that looks closer. What
    // is free is a multiple of 16, so where `size` fits `room` does.
    if (WR_ASAN || WR_UNLIKELY(a->fail_at) || WR_UNLIKELY(size > (size_t)(a->end_ - a->next_))) {
        return wr_arena_alloc_slow_(a, size);
    }
    void *at = a->next_;
    a->next_ += room;
    return at;
}

#endif
