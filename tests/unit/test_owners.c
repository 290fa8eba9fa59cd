// Whose session a client id is: for a day, at most so many, the oldest give way.
#include "engine/plugin/owners.h"

#include <stdio.h>

#include "sql/base/compiler.h"
#include "sql/base/hash.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

#define DAY_US (WR_OWNERS_KEEP_S * 1000000)

static void test_owners(void **state)
{
    struct wr_owners o = {0};
    CHECK("empty", !wr_owners_is_other(&o, "c", S("a"), 0));
    wr_owners_clear(&o, "c");
    wr_owners_set(&o, "c", S("a"), 5);
    CHECK("its own", !wr_owners_is_other(&o, "c", S("a"), 6));
    CHECK("another's", wr_owners_is_other(&o, "c", S("b"), 6));
    CHECK("a name that begins so", wr_owners_is_other(&o, "c", S("ab"), 6));
    CHECK("another client", !wr_owners_is_other(&o, "cc", S("b"), 6));
    CHECK("nearly a day", wr_owners_is_other(&o, "c", S("b"), 4 + DAY_US));
    CHECK("a day", !wr_owners_is_other(&o, "c", S("b"), 5 + DAY_US));
    wr_owners_set(&o, "c", S("b"), 7);
    CHECK("the latest", wr_owners_is_other(&o, "c", S("a"), 8));
    CHECK_INT("one", o.count, 1);
    wr_owners_clear(&o, "c");
    CHECK("gone", !wr_owners_is_other(&o, "c", S("a"), 8));
    CHECK_INT("none", o.count, 0);
    wr_owners_release(&o);
}

static void test_limit(void **state)
{
    enum { MORE = 500 };
    struct wr_owners o = {0};
    char id[32];
    for (int i = 0; i < WR_OWNERS_MAX + MORE; i++) {
        snprintf(id, sizeof id, "client-%d", i);
        wr_owners_set(&o, id, S("a"), i);
    }
    CHECK_INT("no more than", o.count, WR_OWNERS_MAX);
    for (int i = 0; i < WR_OWNERS_MAX + MORE; i++) {
        snprintf(id, sizeof id, "client-%d", i);
        CHECK_INT(id, wr_owners_is_other(&o, id, S("b"), WR_OWNERS_MAX), i >= MORE);
    }
    // From the middle, from both ends.
    static const int gone[] = {MORE, WR_OWNERS_MAX / 2, WR_OWNERS_MAX + MORE - 1};
    for (size_t i = 0; i < WR_COUNT(gone); i++) {
        snprintf(id, sizeof id, "client-%d", gone[i]);
        wr_owners_clear(&o, id);
        CHECK(id, !wr_owners_is_other(&o, id, S("b"), WR_OWNERS_MAX));
    }
    CHECK_INT("three less", o.count, WR_OWNERS_MAX - 3);
    wr_owners_release(&o);
    CHECK_INT("released", o.count, 0);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {T(test_owners), T(test_limit)};
    return TEST_MAIN(tests);
}
