// Compiler extensions under our own names; nothing else in the tree spells __attribute__.
#ifndef WR_BASE_COMPILER_H
#define WR_BASE_COMPILER_H

#include <stddef.h>

#define WR_MUST_CHECK                   __attribute__((warn_unused_result))
#define WR_NORETURN                     __attribute__((noreturn))
#define WR_UNUSED                       __attribute__((unused))
#define WR_PRINTF(f, a)                 __attribute__((format(printf, f, a)))
#define WR_FALLTHROUGH                  __attribute__((fallthrough))
#define WR_HOT                          __attribute__((hot))
#define WR_COLD                         __attribute__((cold))
#define WR_TARGET(feature)              __attribute__((target(feature)))
#define WR_EXPORT                       __attribute__((visibility("default")))
#define WR_NOINLINE                     __attribute__((noinline))
#define WR_ALWAYS_INLINE                inline __attribute__((always_inline))
#define WR_NONSTRING                    __attribute__((nonstring))
#define WR_LIKELY(x)                    __builtin_expect(!!(x), 1)
#define WR_UNLIKELY(x)                  __builtin_expect(!!(x), 0)
#define WR_COUNT(array)                 (sizeof(array) / sizeof((array)[0]))
#define WR_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#if defined(__SANITIZE_ADDRESS__)
#    define WR_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define WR_ASAN 1
#    endif
#endif
#ifndef WR_ASAN
#    define WR_ASAN 0
#endif

// Have `size` bytes fetched into the processor's caches; any address is allowed.
#define WR_LINE 64
static WR_ALWAYS_INLINE void wr_fetch(const void *at, size_t size)
{
    __asm__ volatile(""); // a function that does nothing else would be left out
    for (size_t i = 0; i < size; i += WR_LINE) {
        __builtin_prefetch((const char *)at + i);
    }
    __builtin_prefetch((const char *)at + size - 1);
}

// Zero and copy a few hundred bytes, a number that is known when this is compiled. Compilers take
// `rep stos` and `rep movs` for that, which need longer to begin than the moves themselves take.
static WR_ALWAYS_INLINE void wr_zero_small(void *at, size_t size)
{
    char *p = (char *)at;
#pragma GCC unroll 8
    for (; size >= 64; size -= 64, p += 64) {
        __builtin_memset(p, 0, 64);
    }
    __builtin_memset(p, 0, size);
}

static WR_ALWAYS_INLINE void wr_copy_small(void *to, const void *from, size_t size)
{
    char *p = (char *)to;
    const char *q = (const char *)from;
#pragma GCC unroll 8
    for (; size >= 64; size -= 64, p += 64, q += 64) {
        __builtin_memcpy(p, q, 64);
    }
    __builtin_memcpy(p, q, size);
}

#endif
