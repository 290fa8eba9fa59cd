// The trace ids of messages: unique enough to find one again, no secret.
#include "sql/sql.h"

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#include "sql/base/banned.h"

// Eight bytes as sixteen hex digits.
static inline void write_hex(char *to, uint64_t n)
{
#ifdef __SSE2__
    n = __builtin_bswap64(n);
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)&n);
    __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15));
    __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
    __m128i digit = _mm_unpacklo_epi8(high, low);
    __m128i letter = _mm_cmpgt_epi8(digit, _mm_set1_epi8(9));
    digit = _mm_add_epi8(digit, _mm_set1_epi8('0'));
    digit = _mm_add_epi8(digit, _mm_and_si128(letter, _mm_set1_epi8('a' - '0' - 10)));
    _mm_storeu_si128((__m128i *)(void *)to, digit);
#else
    for (int i = 0; i < 16; i++) {
        to[i] = "0123456789abcdef"[n >> (60 - 4 * i) & 15];
    }
#endif
}

// One to one, and each bit of n changes about half of the result's (the finisher of splitmix64).
static uint64_t mix(uint64_t n)
{
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

wr_str wr_sql_trace_id(const struct wr_sql_message *m)
{
    if (m->trace_id.at || !m->trace_room) {
        return m->trace_id;
    }
    uint64_t high = mix(m->trace_seed[0]), low = mix(high ^ m->trace_seed[1]);
    high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    char digits[32], *to = m->trace_room;
    write_hex(digits, high);
    write_hex(digits + 16, low);
    memcpy(to, digits, 8);
    memcpy(to + 9, digits + 8, 4);
    memcpy(to + 14, digits + 12, 4);
    memcpy(to + 19, digits + 16, 4);
    memcpy(to + 24, digits + 20, 12);
    to[8] = to[13] = to[18] = to[23] = '-';
    return (wr_str){to, WR_SQL_TRACE_LEN};
}
