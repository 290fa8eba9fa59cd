// Counts calls of malloc and its kin in the whole process. Included by one file of a test.
#ifndef WR_TESTS_SUPPORT_ALLOCATIONS_H
#define WR_TESTS_SUPPORT_ALLOCATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "sql/base/compiler.h"

// Interposed in front of libc's. Under a sanitizer the allocator is not ours to replace; the other
// builds run this test.
static _Atomic uint64_t allocation_calls WR_UNUSED; // of all threads

#if !WR_ASAN && !defined(__SANITIZE_THREAD__)
#    define COUNTED 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *at);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void free(void *at);

void *malloc(size_t size)
{
    allocation_calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocation_calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocation_calls++;
    return __libc_realloc(old, size);
}

void free(void *at)
{
    allocation_calls++;
    __libc_free(at);
}
#else
#    define COUNTED 0
#endif

#endif
