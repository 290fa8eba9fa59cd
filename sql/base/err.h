// Errors: codes, faults with a place, assertions. style.md section 5 says which idiom is for what.
// Thread: any.
#ifndef WR_BASE_ERR_H
#define WR_BASE_ERR_H

#include "sql/base/compiler.h"
#include "sql/base/str.h"

#include <stdint.h>

// ERR(name, text). Texts are the generic half of a message; the fault says the rest.
#define WR_ERR_MAP(ERR)                      \
    ERR(SYNTAX, "syntax error")              \
    ERR(TYPE, "wrong type")                  \
    ERR(UNKNOWN, "unknown name")             \
    ERR(UNSUPPORTED, "not supported")        \
    ERR(MISSING, "missing")                  \
    ERR(RANGE, "out of range")               \
    ERR(LIMIT, "over a limit")               \
    ERR(EXISTS, "exists already")            \
    ERR(IO, "input or output failed")        \
    ERR(BUSY, "in use")                      \
    ERR(DENIED, "not permitted")             \
    ERR(CORRUPT, "damaged data")             \
    ERR(STATE, "not possible in this state") \
    ERR(FAILED, "failed")

typedef enum {
    WR_OK = 0,
#define ERR(name, text) WR_ERR_##name,
    WR_ERR_MAP(ERR)
#undef ERR
} wr_err;

// "syntax error" for WR_ERR_SYNTAX; never NULL.
const char *wr_err_text(wr_err code);

#define WR_FAULT_TEXT_MAX 512 // one line on a terminal, with room for a path and two tokens

// What was wrong with an input, for a person. Caller-owned, zeroed or reused; on success untouched.
struct wr_fault {
    wr_err code;
    size_t offset;   // byte of the input where the trouble starts; SIZE_MAX when no place applies
    uint32_t line;   // 1-based; 0 when no place applies
    uint32_t column; // 1-based, in Unicode characters
    char text[WR_FAULT_TEXT_MAX]; // what was found and what was expected, no line break, terminated
};

// Fill `fault` (NULL is allowed) and return `code`, so that callers can write
// `return wr_fault_set(fault, WR_ERR_TYPE, ...)`. Texts that are too long end in "...".
wr_err wr_fault_set(struct wr_fault *fault, wr_err code, const char *format, ...) WR_PRINTF(3, 4);

// The same with a place: byte `offset` of `input`, from which line and column are counted.
wr_err wr_fault_at(struct wr_fault *fault, wr_err code, wr_str input, size_t offset,
                   const char *format, ...) WR_PRINTF(5, 6);

// Put "prefix: " before the fault's text, to say which file or member it is about.
void wr_fault_prefix(struct wr_fault *fault, const char *format, ...) WR_PRINTF(2, 3);

WR_NORETURN WR_COLD void wr_assert_failed(const char *file, int line, const char *what);

// Lack of memory: one line on stderr, then abort. Sizes that outsiders choose are checked before.
WR_NORETURN WR_COLD void wr_out_of_memory(size_t size);

// malloc, calloc and realloc that cannot fail. Thread: any.
void *wr_alloc(size_t size) WR_MUST_CHECK;
void *wr_zalloc(size_t size) WR_MUST_CHECK;
void *wr_realloc(void *old, size_t size) WR_MUST_CHECK;
// Calls of these since the process began, for metrics and benchmarks: on the message path there
// are none once it is warm. What libraries allocate for themselves is not in it.
uint64_t wr_alloc_calls(void);
// A terminated copy; give.
char *wr_strdup(wr_str s) WR_MUST_CHECK;

// Our bug: stays on in release builds, so cheap conditions only.
#define wr_assert(cond) (WR_LIKELY(cond) ? (void)0 : wr_assert_failed(__FILE__, __LINE__, #cond))
#ifdef NDEBUG
#    define wr_dassert(cond) ((void)sizeof(!(cond)))
#else
#    define wr_dassert(cond) wr_assert(cond)
#endif

#endif
