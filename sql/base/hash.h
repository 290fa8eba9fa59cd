// Seeded hashing for tables whose keys come from outside. Not for signatures.
// Thread: any, after wr_hash_seed_init().
#ifndef WR_BASE_HASH_H
#define WR_BASE_HASH_H

#include "sql/base/str.h"

#include <stdint.h>

extern uint64_t wr_hash_seed; // set once, before loops run

// Take a seed from the system's random source.
void wr_hash_seed_init(void);

// 64 bits over `len` bytes, keyed with `seed`.
uint64_t wr_hash_bytes(const void *at, size_t len, uint64_t seed);

static inline uint64_t wr_hash_str(wr_str s)
{
    return wr_hash_bytes(s.at, s.len, wr_hash_seed);
}

// CRC-32C (Castagnoli) of `len` bytes, continuing from `crc` (0 at the start).
uint32_t wr_crc32c(uint32_t crc, const void *at, size_t len);

// The same without the processor's instruction. For tests.
uint32_t wr_crc32c_portable(uint32_t crc, const void *at, size_t len);

#endif
