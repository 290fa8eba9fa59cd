// CRC-32C against published values, the hash against its promises.
#include "sql/base/hash.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

// RFC 3720 appendix B.4, and the usual check value.
static void crc_of_known_texts(void **state)
{
    unsigned char bytes[32];
    static const struct {
        const char *name;
        int kind;
        uint32_t want;
    } cases[] = {
        {"zeros", 0, 0x8a9136aa},
        {"ones", 1, 0x62a8ab43},
        {"rising", 2, 0x46dd794e},
        {"falling", 3, 0x113fdb5c},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned k = 0; k < 32; k++) {
            unsigned v[] = {0, 0xff, k, 31 - k};
            bytes[k] = (unsigned char)v[cases[i].kind];
        }
        CHECK_HEX(cases[i].name, wr_crc32c(0, bytes, 32), cases[i].want);
        CHECK_HEX(cases[i].name, wr_crc32c_portable(0, bytes, 32), cases[i].want);
    }
    CHECK_HEX("check", wr_crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_HEX("empty", wr_crc32c(0, NULL, 0), 0);
}

static void crc_continues_and_needs_no_instruction(void **state)
{
    char text[300];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 37 + 11);
    }
    for (size_t len = 0; len <= sizeof text; len++) {
        uint32_t whole = wr_crc32c(0, text, len);
        assert_int_equal(wr_crc32c_portable(0, text, len), whole);
        for (size_t cut = 0; cut <= len; cut += 7) {
            assert_int_equal(wr_crc32c(wr_crc32c(0, text, cut), text + cut, len - cut), whole);
        }
    }
}

static void hash_depends_on_every_byte_length_and_seed(void **state)
{
    char text[100] = {0};
    uint64_t seen[101];
    for (size_t len = 0; len <= sizeof text; len++) {
        seen[len] = wr_hash_bytes(text, len, 1);
        assert_true(wr_hash_bytes(text, len, 2) != seen[len]);
        for (size_t other = 0; other < len; other++) {
            assert_true(seen[other] != seen[len]); // all zeros, only the length differs
        }
        for (size_t i = 0; i < len; i++) {
            for (int bit = 0; bit < 8; bit++) {
                text[i] = (char)(1 << bit);
                uint64_t changed = wr_hash_bytes(text, len, 1) ^ seen[len];
                text[i] = 0;
                int flipped = __builtin_popcountll(changed);
                assert_true(flipped > 8 && flipped < 56);
            }
        }
    }
}

// Keys that differ little must spread over a table by their low bits.
static void hash_spreads_similar_keys(void **state)
{
    enum { SLOTS = 1024, KEYS = 16 * SLOTS };
    static uint16_t load[SLOTS];
    for (uint32_t i = 0; i < KEYS; i++) {
        load[wr_hash_bytes(&i, sizeof i, 42) % SLOTS]++;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        assert_in_range(load[i], 1, 48);
    }
}

static void seed_changes(void **state)
{
    wr_hash_seed_init();
    uint64_t first = wr_hash_seed;
    wr_hash_seed_init();
    assert_true(first != wr_hash_seed);
    assert_true(wr_hash_str(S("a")) == wr_hash_bytes("a", 1, wr_hash_seed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(crc_of_known_texts),
        T(crc_continues_and_needs_no_instruction),
        T(hash_depends_on_every_byte_length_and_seed),
        T(hash_spreads_similar_keys),
        T(seed_changes),
    };
    return TEST_MAIN(tests);
}
