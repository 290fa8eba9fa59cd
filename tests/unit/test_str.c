// Comparisons and searches of borrowed strings.
#include "sql/base/str.h"

#include "sql/base/compiler.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static const struct {
    const char *name;
    wr_str a, b;
    int order;
    bool starts, ends, nocase; // b in a
    ptrdiff_t found;
} cases[] = {
    {"both empty", {NULL, 0}, WR_STR_INIT(""), 0, true, true, true, 0},
    {"empty needle", WR_STR_INIT("abc"), {NULL, 0}, 1, true, true, false, 0},
    {"in nothing", {NULL, 0}, WR_STR_INIT("a"), -1, false, false, false, -1},
    {"equal", WR_STR_INIT("abc"), WR_STR_INIT("abc"), 0, true, true, true, 0},
    {"case", WR_STR_INIT("aBc"), WR_STR_INIT("AbC"), 1, false, false, true, -1},
    {"near letters", WR_STR_INIT("@[`{"), WR_STR_INIT("`{@["), -1, false, false, false, -1},
    {"prefix", WR_STR_INIT("abc"), WR_STR_INIT("ab"), 1, true, false, false, 0},
    {"suffix", WR_STR_INIT("abc"), WR_STR_INIT("bc"), -1, false, true, false, 1},
    {"middle", WR_STR_INIT("aabbb"), WR_STR_INIT("abb"), -1, false, false, false, 1},
    {"NUL", WR_STR_INIT("a\0b"), WR_STR_INIT("\0b"), 1, false, true, false, 1},
    {"bytes are unsigned", WR_STR_INIT("\xc3"), WR_STR_INIT("a"), 1, false, false, false, -1},
    {"longer", WR_STR_INIT("ab"), WR_STR_INIT("abc"), -1, false, false, false, -1},
};

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void pairs(void **state)
{
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str a = cases[i].a, b = cases[i].b;
        CHECK_INT(cases[i].name, sign(wr_str_cmp(a, b)), cases[i].order);
        CHECK_INT(cases[i].name, sign(wr_str_cmp(b, a)), -cases[i].order);
        CHECK_INT(cases[i].name, wr_str_eq(a, b), cases[i].order == 0);
        CHECK_INT(cases[i].name, wr_str_starts(a, b), cases[i].starts);
        CHECK_INT(cases[i].name, wr_str_ends(a, b), cases[i].ends);
        CHECK_INT(cases[i].name, wr_str_eq_nocase(a, b), cases[i].nocase);
        CHECK_INT(cases[i].name, wr_str_find(a, b), cases[i].found);
    }
}

static void cuts(void **state)
{
    CHECK_STR("middle", wr_str_cut(S("abcd"), 1, 3), S("bc"));
    CHECK_STR("nothing", wr_str_cut(S("abcd"), 4, 4), S(""));
    CHECK_STR("of nothing", wr_str_cut((wr_str){NULL, 0}, 0, 0), S(""));
    CHECK_STR("terminated", wr_str_of("abc"), S("abc"));
    CHECK_STR("NULL", wr_str_of(NULL), S(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(pairs), T(cuts)};
    return TEST_MAIN(tests);
}
