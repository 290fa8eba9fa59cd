// Texts and places of errors; the only place below main.c that may abort.
#include "sql/base/err.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

const char *wr_err_text(wr_err code)
{
    switch (code) {
    case WR_OK:
        return "ok";
#define ERR(name, text) \
    case WR_ERR_##name: \
        return text;
        WR_ERR_MAP(ERR)
#undef ERR
    }
    return "unknown error";
}

// Put "..." at the end of a text that was cut, and never behind half a character.
static void mark_cut(char *text)
{
    size_t at = WR_FAULT_TEXT_MAX - sizeof "...";
    while (at && ((unsigned char)text[at] & 0xc0) == 0x80) {
        at--;
    }
    memcpy(text + at, "...", sizeof "...");
}

static WR_PRINTF(2, 0) void fill(struct wr_fault *fault, const char *format, va_list args)
{
    int n = vsnprintf(fault->text, sizeof fault->text, format, args);
    if (n >= (int)sizeof fault->text) {
        mark_cut(fault->text);
    }
    for (char *c = fault->text; *c; c++) {
        if ((unsigned char)*c < ' ') {
            *c = ' ';
        }
    }
}

wr_err wr_fault_set(struct wr_fault *fault, wr_err code, const char *format, ...)
{
    if (fault) {
        va_list args;
        va_start(args, format);
        fill(fault, format, args);
        va_end(args);
        fault->code = code;
        fault->offset = SIZE_MAX;
        fault->line = fault->column = 0;
    }
    return code;
}

wr_err wr_fault_at(struct wr_fault *fault, wr_err code, wr_str input, size_t offset,
                   const char *format, ...)
{
    if (!fault) {
        return code;
    }
    va_list args;
    va_start(args, format);
    fill(fault, format, args);
    va_end(args);
    fault->code = code;
    fault->offset = offset;
    fault->line = fault->column = 1;
    for (size_t i = 0; i < offset && i < input.len; i++) {
        if (input.at[i] == '\n') {
            fault->line++;
            fault->column = 1;
        } else if (((unsigned char)input.at[i] & 0xc0) != 0x80) {
            fault->column++; // continuation bytes belong to the character before
        }
    }
    return code;
}

void wr_fault_prefix(struct wr_fault *fault, const char *format, ...)
{
    if (!fault) {
        return;
    }
    char old[WR_FAULT_TEXT_MAX];
    memcpy(old, fault->text, sizeof old);
    va_list args;
    va_start(args, format);
    fill(fault, format, args);
    va_end(args);
    size_t len = strlen(fault->text);
    int n = snprintf(fault->text + len, sizeof fault->text - len, ": %s", old);
    if (n >= (int)(sizeof fault->text - len)) {
        mark_cut(fault->text);
    }
}

void wr_assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "weir: %s:%d: internal error: %s does not hold\n", file, line, what);
    abort();
}

void wr_out_of_memory(size_t size)
{
    fprintf(stderr, "weir: out of memory (%zu bytes wanted)\n", size);
    abort();
}

// Relaxed: only the sum is read. An allocation costs far more than this.
static _Atomic uint64_t alloc_calls;

static void count_call(void)
{
    atomic_fetch_add_explicit(&alloc_calls, 1, memory_order_relaxed);
}

uint64_t wr_alloc_calls(void)
{
    return atomic_load_explicit(&alloc_calls, memory_order_relaxed);
}

void *wr_alloc(size_t size)
{
    count_call();
    void *p = malloc(size ? size : 1);
    if (!p) {
        wr_out_of_memory(size);
    }
    return p;
}

void *wr_zalloc(size_t size)
{
    count_call();
    void *p = calloc(1, size ? size : 1);
    if (!p) {
        wr_out_of_memory(size);
    }
    return p;
}

void *wr_realloc(void *old, size_t size)
{
    count_call();
    void *p = realloc(old, size ? size : 1);
    if (!p) {
        wr_out_of_memory(size);
    }
    return p;
}

char *wr_strdup(wr_str s)
{
    char *copy = wr_alloc(s.len + 1);
    if (s.len) {
        memcpy(copy, s.at, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}
