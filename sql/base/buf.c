// Growth, number and base64 writing for wr_buf.
#include "sql/base/buf.h"

#include "sql/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define CAP_MIN 64

// Behind cap_ there is always one more byte, for the NUL that some callees want.

void wr_buf_release(struct wr_buf *b)
{
    if (!b->arena_) {
        free(b->at);
    }
    b->at = NULL;
    b->len = b->cap_ = 0;
}

char *wr_buf_reserve(struct wr_buf *b, size_t size)
{
    if (WR_LIKELY(b->at && size <= b->cap_ - b->len)) {
        return b->at + b->len;
    }
    if (b->over || size > SIZE_MAX / 4 || (b->limit_ && size > b->limit_ - b->len)) {
        b->over = true;
        return NULL;
    }
    size_t cap = b->cap_ ? b->cap_ * 2 : CAP_MIN;
    if (cap < b->len + size) {
        cap = b->len + size;
    }
    if (b->limit_ && cap > b->limit_) {
        cap = b->limit_;
    }
    if (b->arena_) {
        char *at = wr_arena_grow(b->arena_, b->at, b->at ? b->cap_ + 1 : 0, cap + 1);
        if (!at) {
            b->over = true;
            return NULL;
        }
        b->at = at;
    } else {
        b->at = wr_realloc(b->at, cap + 1);
    }
    b->cap_ = cap;
    return b->at + b->len;
}

void wr_buf_add(struct wr_buf *b, wr_str s)
{
    if (s.len == 0) {
        return;
    }
    char *to = wr_buf_reserve(b, s.len);
    if (to) {
        memcpy(to, s.at, s.len);
        b->len += s.len;
    }
}

void wr_buf_addf(struct wr_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : wr_buf_reserve(b, (size_t)n);
    if (to) {
        vsnprintf(to, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void wr_buf_add_u64(struct wr_buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    wr_buf_add(b, (wr_str){digits + at, sizeof digits - at});
}

void wr_buf_add_i64(struct wr_buf *b, int64_t n)
{
    if (n < 0) {
        wr_buf_add_char(b, '-');
        wr_buf_add_u64(b, -(uint64_t)n);
    } else {
        wr_buf_add_u64(b, (uint64_t)n);
    }
}

void wr_buf_add_hex(struct wr_buf *b, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    char *to = wr_buf_reserve(b, len * 2);
    if (!to) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    b->len += len * 2;
}

void wr_buf_add_base64(struct wr_buf *b, wr_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = (bytes.len + 2) / 3 * 4;
    char *to = wr_buf_reserve(b, size);
    if (!to) {
        return;
    }
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)(unsigned char)bytes.at[i] << 16 |
                         (left > 1 ? (uint32_t)(unsigned char)bytes.at[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)(unsigned char)bytes.at[i + 2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[three & 63] : '=';
    }
    b->len += size;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool wr_buf_add_unbase64(struct wr_buf *b, wr_str text)
{
    if (text.len % 4 != 0) {
        return false;
    }
    size_t pad = 0;
    if (text.len && text.at[text.len - 1] == '=') {
        pad = text.at[text.len - 2] == '=' ? 2 : 1;
    }
    size_t size = text.len / 4 * 3 - pad;
    char *to = wr_buf_reserve(b, size);
    if (!to) {
        return true; // `over` says it
    }
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t three = 0;
        for (size_t k = 0; k < 4; k++) {
            int bits = i + k >= text.len - pad ? 0 : sextet(text.at[i + k]);
            if (bits < 0) {
                return false;
            }
            three = three << 6 | (uint32_t)bits;
        }
        bool last = i + 4 == text.len;
        // Bits behind the last byte must be zero, else two texts would mean the same bytes.
        if (last && ((pad == 1 && (three & 0xff)) || (pad == 2 && (three & 0xffff)))) {
            return false;
        }
        *to++ = (char)(three >> 16);
        if (!last || pad < 2) {
            *to++ = (char)(three >> 8);
        }
        if (!last || pad < 1) {
            *to++ = (char)three;
        }
    }
    b->len += size;
    return true;
}

const char *wr_buf_terminated(struct wr_buf *b)
{
    if (b->over || !b->at) {
        return "";
    }
    b->at[b->len] = '\0';
    return b->at;
}
