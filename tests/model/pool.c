// Memory that dies with a case, texts and UTF-8.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/model/model.h"

struct model_chunk {
    struct model_chunk *next;
};

void *model_alloc(struct model *m, size_t size)
{
    // A chunk for each thing: ASan sees every step beyond one.
    struct model_chunk *c = calloc(1, sizeof *c + 8 + size);
    if (!c) {
        fputs("model: no memory\n", stderr);
        abort();
    }
    c->next = m->pool.chunks;
    m->pool.chunks = c;
    return (char *)c + sizeof *c + 8;
}

void model_clear(struct model *m)
{
    for (struct model_chunk *c = m->pool.chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    m->pool.chunks = NULL;
    m->unsupported = NULL;
}

struct model_text model_text_of(const char *terminated)
{
    return (struct model_text){terminated, strlen(terminated)};
}

bool model_text_same(struct model_text a, struct model_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool model_text_is(struct model_text t, const char *word)
{
    return model_text_same(t, model_text_of(word));
}

bool model_text_is_nocase(struct model_text t, const char *word)
{
    return t.len == strlen(word) && strncasecmp(t.at, word, t.len) == 0;
}

struct model_text model_text_part(struct model_text t, size_t from, size_t to)
{
    return (struct model_text){t.at + from, to - from};
}

void model_add(struct model_buf *b, struct model_text t)
{
    if (b->len + t.len > b->cap) {
        size_t cap = (b->len + t.len) * 2 + 64;
        char *at = model_alloc(b->m, cap);
        if (b->len) {
            memcpy(at, b->at, b->len);
        }
        b->at = at;
        b->cap = cap;
    }
    if (t.len) {
        memcpy(b->at + b->len, t.at, t.len);
    }
    b->len += t.len;
}

void model_add_char(struct model_buf *b, char c)
{
    model_add(b, (struct model_text){&c, 1});
}

void model_addf(struct model_buf *b, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line) {
        fputs("model: a line is too long\n", stderr);
        abort();
    }
    model_add(b, (struct model_text){line, (size_t)len});
}

struct model_text model_buf_text(const struct model_buf *b)
{
    return (struct model_text){b->at ? b->at : "", b->len};
}

size_t model_utf8(struct model_text t, size_t at, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at >= t.len) {
        return 0;
    }
    unsigned char first = (unsigned char)t.at[at];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 0 || first > 0xf4 || at + len > t.len) {
        return 0;
    }
    uint32_t p = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char c = (unsigned char)t.at[at + i];
        if ((c & 0xc0) != 0x80) {
            return 0;
        }
        p = p << 6 | (c & 0x3f);
    }
    if (p < least[len] || p > 0x10ffff || (p >= 0xd800 && p <= 0xdfff)) {
        return 0;
    }
    if (point) {
        *point = p;
    }
    return len;
}

bool model_utf8_valid(struct model_text t)
{
    for (size_t at = 0, step; at < t.len; at += step) {
        step = model_utf8(t, at, NULL);
        if (step == 0) {
            return false;
        }
    }
    return true;
}

size_t model_utf8_count(struct model_text t)
{
    size_t count = 0;
    for (size_t i = 0; i < t.len; i++) {
        count += ((unsigned char)t.at[i] & 0xc0) != 0x80;
    }
    return count;
}

size_t model_utf8_offset(struct model_text t, size_t index)
{
    size_t at = 0;
    while (index > 0 && at < t.len) {
        at += model_utf8(t, at, NULL);
        index--;
    }
    return at;
}

void model_utf8_add(struct model_buf *b, uint32_t p)
{
    if (p < 0x80) {
        model_add_char(b, (char)p);
    } else if (p < 0x800) {
        model_add_char(b, (char)(0xc0 | p >> 6));
        model_add_char(b, (char)(0x80 | (p & 0x3f)));
    } else if (p < 0x10000) {
        model_add_char(b, (char)(0xe0 | p >> 12));
        model_add_char(b, (char)(0x80 | (p >> 6 & 0x3f)));
        model_add_char(b, (char)(0x80 | (p & 0x3f)));
    } else {
        model_add_char(b, (char)(0xf0 | p >> 18));
        model_add_char(b, (char)(0x80 | (p >> 12 & 0x3f)));
        model_add_char(b, (char)(0x80 | (p >> 6 & 0x3f)));
        model_add_char(b, (char)(0x80 | (p & 0x3f)));
    }
}
