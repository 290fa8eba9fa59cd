// Growing byte buffer, on the heap or in an arena. The only way to build text.
// Thread: the owner's.
#ifndef WR_BASE_BUF_H
#define WR_BASE_BUF_H

#include "sql/base/arena.h"
#include "sql/base/compiler.h"
#include "sql/base/str.h"

#include <stdint.h>

// Embedded by value. `{0}` is an empty heap buffer without a limit.
struct wr_buf {
    char *at;
    size_t len;
    size_t cap_;
    size_t limit_;           // 0: none
    struct wr_arena *arena_; // NULL: heap
    bool over;               // something did not fit: the content is cut and must not be used
};

// In the arena: wr_buf_release() is then without effect. On the arena's limit `over` is set.
static inline void wr_buf_init_arena(struct wr_buf *b, struct wr_arena *arena)
{
    *b = (struct wr_buf){.arena_ = arena};
}

// On the heap, at most `limit` bytes (0: no limit).
static inline void wr_buf_init(struct wr_buf *b, size_t limit)
{
    *b = (struct wr_buf){.limit_ = limit};
}

// At most `limit` bytes from here on, wherever they are.
static inline void wr_buf_limit(struct wr_buf *b, size_t limit)
{
    b->limit_ = limit;
}
// Empty, memory kept.
static inline void wr_buf_clear(struct wr_buf *b)
{
    b->len = 0;
    b->over = false;
}

void wr_buf_release(struct wr_buf *b);

// Room for `size` more bytes at b->at + b->len, or NULL with `over` set. The caller adds to b->len.
char *wr_buf_reserve(struct wr_buf *b, size_t size) WR_MUST_CHECK;

void wr_buf_add(struct wr_buf *b, wr_str s);
void wr_buf_addf(struct wr_buf *b, const char *format, ...)
    WR_PRINTF(2, 3); // not for the message path
void wr_buf_add_u64(struct wr_buf *b, uint64_t n);
void wr_buf_add_i64(struct wr_buf *b, int64_t n);
void wr_buf_add_hex(struct wr_buf *b, const void *bytes, size_t len); // lower case
void wr_buf_add_base64(struct wr_buf *b, wr_str bytes);               // standard alphabet, padded

static inline void wr_buf_add_char(struct wr_buf *b, char c)
{
    if (WR_LIKELY(b->len < b->cap_)) {
        b->at[b->len++] = c;
        return;
    }
    char *to = wr_buf_reserve(b, 1);
    if (to) {
        *to = c;
        b->len++;
    }
}

// The content; borrowed, until the next change.
static inline wr_str wr_buf_str(const struct wr_buf *b)
{
    return (wr_str){b->at, b->len};
}

// The content with a NUL behind it that is not counted; "" when empty or over.
const char *wr_buf_terminated(struct wr_buf *b);

// Strict base64 (RFC 4648 section 4: alphabet and padding are checked): the decoded bytes are
// appended. Returns false, with nothing appended, when `text` is not base64.
bool wr_buf_add_unbase64(struct wr_buf *b, wr_str text) WR_MUST_CHECK;

#endif
