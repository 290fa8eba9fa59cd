// Bump allocation in a chain of blocks that grow by doubling and are kept over resets.
//
//   first_ ──► block ──► block (current_) ──► block (kept from an earlier, larger message)
//                        │ used │ next_ … end_ │
#include "sql/base/arena.h"

#include "sql/base/err.h"

#include <stdlib.h>

#if WR_ASAN
#    include <sanitizer/asan_interface.h>
#    define POISON(at, size)   ASAN_POISON_MEMORY_REGION(at, size)
#    define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#    define POISON(at, size)   ((void)(at), (void)(size))
#    define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

#include "sql/base/banned.h"

#ifdef WR_SQUEEZE
#    define BLOCK_MIN 64 // rare paths become common
#else
#    define BLOCK_MIN 8192 // a typical message with its result fits into one block
#endif
#define BLOCK_MAX (1u << 20) // beyond it doubling wastes more than it saves

struct wr_arena_block {
    struct wr_arena_block *next;
    size_t size;
    _Alignas(16) char bytes[];
};

// `size` is a multiple of 16, so that what is free always is.
static struct wr_arena_block *block_new(size_t size)
{
    wr_assert(size % 16 == 0);
    struct wr_arena_block *b = wr_alloc(sizeof *b + size);
    b->next = NULL;
    b->size = size;
    POISON(b->bytes, size);
    return b;
}

static void enter(struct wr_arena *a, struct wr_arena_block *b)
{
    size_t allowed =
        (a->limit_ - a->used_) & ~(size_t)15; // so that the fast path needs no look at the limit
    a->current_ = b;
    a->next_ = b->bytes;
    a->end_ = b->bytes + (b->size < allowed ? b->size : allowed);
}

void wr_arena_init_first(struct wr_arena *a, size_t limit, size_t first)
{
    memset(a, 0, sizeof *a);
    a->limit_ = limit;
    a->fuel = UINT64_MAX;
    a->first_ = block_new((first + 15) & ~(size_t)15);
    enter(a, a->first_);
}

void wr_arena_init(struct wr_arena *a, size_t limit)
{
    wr_arena_init_first(a, limit, BLOCK_MIN);
}

void wr_arena_release(struct wr_arena *a)
{
    struct wr_arena_block *b = a->first_;
    while (b) {
        struct wr_arena_block *next = b->next;
        UNPOISON(b->bytes, b->size);
        free(b);
        b = next;
    }
    memset(a, 0, sizeof *a);
}

void wr_arena_wipe(struct wr_arena *a)
{
    for (struct wr_arena_block *b = a->first_; b; b = b->next) {
        UNPOISON(b->bytes, b->size);
        explicit_bzero(b->bytes, b->size);
    }
    wr_arena_release(a);
}

void wr_arena_reset(struct wr_arena *a)
{
    for (struct wr_arena_block *b = a->first_; WR_ASAN && b; b = b->next) {
        POISON(b->bytes, b->size);
    }
    a->used_ = 0;
    a->over = a->spent = false;
    a->fuel = UINT64_MAX;
    enter(a, a->first_);
}

struct wr_arena_mark wr_arena_mark(const struct wr_arena *a)
{
    return (struct wr_arena_mark){a->current_, a->next_, a->used_};
}

void wr_arena_rewind(struct wr_arena *a, struct wr_arena_mark mark)
{
    for (struct wr_arena_block *b = mark.block->next; WR_ASAN && b; b = b->next) {
        POISON(b->bytes, b->size);
    }
    a->used_ = mark.used;
    a->over = false;
    enter(a, mark.block);
    POISON(mark.next, (size_t)(a->end_ - mark.next));
    a->next_ = mark.next;
}

size_t wr_arena_used(const struct wr_arena *a)
{
    return a->used_ + (size_t)(a->next_ - a->current_->bytes);
}

void *wr_arena_alloc_slow_(struct wr_arena *a, size_t size)
{
    if (a->fail_at && --a->fail_at == 0) {
        a->over = true;
        return NULL;
    }
    size_t used = wr_arena_used(a);
    size_t room = (size + 15) & ~(size_t)15;
    if (size > a->limit_ || room > a->limit_ || used > a->limit_ - room) {
        a->over = true;
        return NULL;
    }
    if (room > (size_t)(a->end_ - a->next_)) {
        a->used_ = used;
        struct wr_arena_block *kept = a->current_->next;
        if (!kept || kept->size < room) {
            size_t grown = a->current_->size < BLOCK_MAX ? a->current_->size * 2 : BLOCK_MAX;
            struct wr_arena_block *b = block_new(room > grown ? room : grown);
            b->next = kept;
            a->current_->next = b;
            kept = b;
        }
        enter(a, kept);
    }
    void *at = a->next_;
    a->next_ += room;
    UNPOISON(at, size);
    return at;
}

void *wr_arena_grow(struct wr_arena *a, void *at, size_t old_size, size_t new_size)
{
    size_t old_room = (old_size + 15) & ~(size_t)15;
    size_t new_room = (new_size + 15) & ~(size_t)15;
    if (at && (char *)at + old_room == a->next_ && !a->fail_at && new_size <= a->limit_ &&
        new_room <= (size_t)(a->end_ - (char *)at) &&
        wr_arena_used(a) - old_room <= a->limit_ - new_size) {
        a->next_ = (char *)at + new_room;
        UNPOISON(at, new_size);
        return at;
    }
    void *fresh = wr_arena_alloc(a, new_size);
    if (fresh && old_size) {
        memcpy(fresh, at, old_size < new_size ? old_size : new_size);
    }
    return fresh;
}

wr_str wr_str_dup(struct wr_arena *a, wr_str s)
{
    char *copy = wr_arena_alloc(a, s.len + 1);
    if (!copy) {
        return (wr_str){NULL, 0};
    }
    if (s.len) {
        memcpy(copy, s.at, s.len);
    }
    copy[s.len] = '\0';
    return (wr_str){copy, s.len};
}
