// Compiler extensions under our own names; nothing else in the tree spells __attribute__.
#ifndef WR_BASE_COMPILER_H
#define WR_BASE_COMPILER_H

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

#endif
