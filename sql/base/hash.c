// A 64-bit hash by folded multiplication (the construction of wyhash) and CRC-32C.
#include "sql/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>
#ifdef __x86_64__
#    include <nmmintrin.h>
#endif

#include "sql/base/clock.h"
#include "sql/base/compiler.h"

#include "sql/base/banned.h"

uint64_t wr_hash_seed;

void wr_hash_seed_init(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        // Only very old kernels come here; a seed from the clock still differs from run to run.
        seed = (uint64_t)wr_mono_now().us * 0x9e3779b97f4a7c15u ^ (uint64_t)wr_wall_ms();
    }
    wr_hash_seed = seed;
}

// ---- hash

// Odd, half of the bits set, from the digits of pi and e.
#define SECRET_0 0x243f6a8885a308d3u
#define SECRET_1 0xb7e151628aed2a6bu
#define SECRET_2 0x13198a2e03707345u
#define SECRET_3 0xbf7158809cf4f3c7u

static inline uint64_t load8(const unsigned char *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

static inline uint64_t load4(const unsigned char *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// The key goes into both factors of every multiplication: with a constant there, bytes equal to it
// would make the product 0, whatever the key, and so make collisions to order.
uint64_t wr_hash_bytes(const void *at, size_t len, uint64_t seed)
{
    const unsigned char *p = at;
    uint64_t a = 0, b = 0;
    uint64_t key = seed ^ fold(seed ^ SECRET_0, SECRET_1), state = key;
    if (WR_LIKELY(len <= 16)) {
        if (len >= 8) {
            a = load8(p);
            b = load8(p + len - 8);
        } else if (len >= 4) {
            a = load4(p);
            b = load4(p + len - 4);
        } else if (len) {
            a = (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1];
        }
    } else {
        size_t left = len;
        if (left > 32) {
            uint64_t second = ~state;
            do {
                state = fold(load8(p) ^ SECRET_1 ^ key, load8(p + 8) ^ state);
                second = fold(load8(p + 16) ^ SECRET_2 ^ key, load8(p + 24) ^ second);
                p += 32;
                left -= 32;
            } while (left > 32);
            state ^= second;
        }
        if (left > 16) {
            state = fold(load8(p) ^ SECRET_2 ^ key, load8(p + 8) ^ state);
        }
        a = load8(p + left - 16); // may overlap what went before
        b = load8(p + left - 8);
    }
    return fold(SECRET_3 ^ len, fold(a ^ SECRET_1 ^ key, b ^ state ^ SECRET_2));
}

// ---- CRC-32C: reflected polynomial 0x82f63b78

#define POLYNOMIAL 0x82f63b78u

#define CRC_STEP(c)  ((c)&1 ? (c) >> 1 ^ POLYNOMIAL : (c) >> 1)
#define CRC_STEP4(c) CRC_STEP(CRC_STEP(CRC_STEP(CRC_STEP((uint32_t)(c)))))

// One table for four bits at a time: short, and only machines without the instruction use it.
#define ROW(c) CRC_STEP4(c), CRC_STEP4((c) + 1), CRC_STEP4((c) + 2), CRC_STEP4((c) + 3)
static const uint32_t nibbles[16] = {ROW(0), ROW(4), ROW(8), ROW(12)};

static uint32_t crc_table(uint32_t crc, const unsigned char *p, size_t len)
{
    for (; len; len--) {
        crc ^= *p++;
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return crc;
}

#ifdef __x86_64__
WR_TARGET("sse4.2") static uint32_t crc_machine(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t wide = crc;
    for (; len >= 8; len -= 8, p += 8) {
        wide = _mm_crc32_u64(wide, load8(p));
    }
    crc = (uint32_t)wide;
    for (; len; len--) {
        crc = _mm_crc32_u8(crc, *p++);
    }
    return crc;
}
#endif

uint32_t wr_crc32c_portable(uint32_t crc, const void *at, size_t len)
{
    return ~crc_table(~crc, at, len);
}

uint32_t wr_crc32c(uint32_t crc, const void *at, size_t len)
{
#ifdef __x86_64__
    if (WR_LIKELY(__builtin_cpu_supports("sse4.2"))) {
        return ~crc_machine(~crc, at, len);
    }
#endif
    return wr_crc32c_portable(crc, at, len);
}
