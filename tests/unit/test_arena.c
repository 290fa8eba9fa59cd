// Bump allocation: alignment, growth, limits, faults.
#include "sql/base/arena.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void allocations_are_aligned_and_apart(void **state)
{
    struct wr_arena a;
    wr_arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        char *last = NULL;
        size_t total = 0;
        for (size_t size = 0; size < 300; size++) {
            char *p = wr_arena_alloc(&a, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            memset(p, (int)size, size);
            assert_true(p != last || size <= 1);
            last = p;
            total += size;
        }
        assert_true(wr_arena_used(&a) >= total);
        wr_arena_reset(&a);
        assert_int_equal(wr_arena_used(&a), 0);
    }
    wr_arena_release(&a);
    wr_arena_release(&a);
}

static const struct {
    const char *name;
    size_t limit, first, second;
    bool first_fits, second_fits;
} limits[] = {
    {"nothing", 0, 1, 1, false, false},
    {"exact", 64, 64, 0, true, true},
    {"two halves", 64, 32, 32, true, true},
    {"one too many", 64, 32, 33, true, false},
    {"rounding counts", 64, 49, 1, true, false},
    {"huge", 64, SIZE_MAX, 64, false, true},
    {"nearly huge", 64, SIZE_MAX - 15, 64, false, true},
    {"beyond a block", 100000, 50000, 40000, true, true},
    {"beyond blocks and limit", 100000, 50000, 60000, true, false},
};

static void limit_is_kept(void **state)
{
    for (size_t i = 0; i < WR_COUNT(limits); i++) {
        struct wr_arena a;
        wr_arena_init(&a, limits[i].limit);
        for (int round = 0; round < 2; round++) {
            CHECK_INT(limits[i].name, wr_arena_alloc(&a, limits[i].first) != NULL,
                      limits[i].first_fits);
            CHECK_INT(limits[i].name, wr_arena_alloc(&a, limits[i].second) != NULL,
                      limits[i].second_fits);
            CHECK_INT(limits[i].name, a.over, !limits[i].first_fits || !limits[i].second_fits);
            CHECK(limits[i].name, wr_arena_used(&a) <= limits[i].limit);
            wr_arena_reset(&a);
            CHECK_INT(limits[i].name, a.over, false);
        }
        wr_arena_release(&a);
    }
}

static void grow_keeps_content(void **state)
{
    struct wr_arena a;
    wr_arena_init(&a, 1 << 20);
    char *p = wr_arena_grow(&a, NULL, 0, 10);
    assert_non_null(p);
    memcpy(p, "0123456789", 10);
    char *same = wr_arena_grow(&a, p, 10, 40);
    assert_ptr_equal(same, p); // the latest one grows in place
    char *other = wr_arena_alloc(&a, 1);
    assert_non_null(other);
    *other = 'x';
    char *moved = wr_arena_grow(&a, p, 40, 20000);
    assert_non_null(moved);
    assert_true(moved != p);
    assert_memory_equal(moved, "0123456789", 10);
    assert_int_equal(*other, 'x');
    assert_null(wr_arena_grow(&a, moved, 20000, 2 << 20));
    assert_true(a.over);
    assert_memory_equal(moved, "0123456789", 10);
    wr_arena_release(&a);
}

static void injected_fault_comes_once(void **state)
{
    struct wr_arena a;
    wr_arena_init(&a, 1 << 20);
    a.fail_at = 3;
    assert_non_null(wr_arena_alloc(&a, 1));
    assert_non_null(wr_arena_grow(&a, NULL, 0, 1));
    assert_null(wr_arena_alloc(&a, 1));
    assert_true(a.over);
    assert_non_null(wr_arena_alloc(&a, 1));
    wr_arena_release(&a);
}

static void strings_are_copied_with_a_nul(void **state)
{
    struct wr_arena a;
    wr_arena_init(&a, 1 << 10);
    wr_str s = wr_str_dup(&a, S("a\0b"));
    CHECK_STR("copy", s, S("a\0b"));
    assert_int_equal(s.at[3], '\0');
    wr_str empty = wr_str_dup(&a, (wr_str){NULL, 0});
    assert_non_null(empty.at);
    assert_int_equal(empty.at[0], '\0');
    static char large[2000];
    wr_str none = wr_str_dup(&a, (wr_str){large, sizeof large});
    assert_null(none.at);
    assert_int_equal(none.len, 0);
    wr_arena_release(&a);
}

static void rewind_gives_back_what_came_after(void **state)
{
    struct wr_arena a;
    wr_arena_init(&a, 100000);
    wr_str kept = wr_str_dup(&a, S("kept"));
    struct wr_arena_mark mark = wr_arena_mark(&a);
    size_t used = wr_arena_used(&a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 9; i++) {
            assert_non_null(wr_arena_alloc(&a, 10000));
        }
        assert_null(wr_arena_alloc(&a, 20000));
        assert_true(a.over);
        wr_arena_rewind(&a, mark);
        assert_false(a.over);
        assert_int_equal(wr_arena_used(&a), used);
        CHECK_STR("kept", kept, S("kept"));
    }
    wr_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(allocations_are_aligned_and_apart),
        T(limit_is_kept),
        T(grow_keeps_content),
        T(injected_fault_comes_once),
        T(strings_are_copied_with_a_nul),
        T(rewind_gives_back_what_came_after),
    };
    return TEST_MAIN(tests);
}
