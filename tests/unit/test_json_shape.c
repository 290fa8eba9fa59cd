// Reading by shapes gives what the reader that knows nothing gives, for documents that fit, that
// nearly fit, and that are broken: kind, place of the error, every value. And what is called
// canonical is what the writer would have written.
#include "sql/base/json_shape.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

#define VALUES 8

static uint64_t chance;

static unsigned below(unsigned limit)
{
    chance += 0x9e3779b97f4a7c15;
    uint64_t n = chance;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return (unsigned)((n ^ (n >> 31)) % limit);
}

static struct wr_paths *paths;
static uint32_t slots[VALUES];

static void make_paths(void)
{
    static const wr_str a[] = {WR_STR_INIT("a")}, ab[] = {WR_STR_INIT("a"), WR_STR_INIT("b")},
                        c[] = {WR_STR_INIT("c")}, de[] = {WR_STR_INIT("d"), WR_STR_INIT("e")},
                        def[] = {WR_STR_INIT("d"), WR_STR_INIT("e"), WR_STR_INIT("f")},
                        list[] = {WR_STR_INIT("list")}, d[] = {WR_STR_INIT("d")};
    const struct wr_path wanted[VALUES] = {{NULL, 0}, {a, 1},   {ab, 2}, {c, 1},
                                           {de, 2},   {def, 3}, {d, 1},  {list, 1}};
    paths = wr_paths_new(wanted, VALUES, slots);
}

// ---- documents

static const char *const keys[] = {"a",       "b",        "c",    "d",
                                   "e",       "f",        "list", "a longer name of a key",
                                   "\\u0061", "\xc3\xbc", "",     "seventeen letters"};
static const char *const scalars[] = {
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "21.5",
    "0.5",
    "-0.25",
    "1.0",
    "100.10",
    "0.0000001",
    "0.000001",
    "1e3",
    "1E-2",
    "12345678901234",
    "1234567890123456789",
    "-12345678901234567.25",
    "123456789012345678901234567890123456",
    "1e999",
    "1e1000",
    "-1.5e-7",
    "2.50E+10",
    "0e0",
    "00",
    "01",
    "1.",
    ".5",
    "-",
    "1e5e3",
    "1.5e3.2",
    "1.2.3e5",
    "1-2e5",
    "12e",
    "7e+",
    "e5",
    "true",
    "false",
    "null",
    "tru",
    "nul",
    "falsy",
    "\"\"",
    "\"short\"",
    "\"exactly 14 ch\"",
    "\"fifteen letters\"",
    "\"sixteen letters!\"",
    "\"a text of more than thirty-two plain letters\"",
    "\"\\n\"",
    "\"esc\\u0041pe\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\xc3\xbcml\xc3\xa4ut\"",
    "\"\xff\"",
    "\"tab\there\"",
    "\"a text of more than thirty-two letters with \xc3\xbc in it\"",
    "\"unclosed"};
#define GOOD 23 // of the scalars: numbers that are valid

static void add(struct wr_buf *b, const char *text)
{
    wr_buf_add(b, wr_str_of(text));
}

static void blank(struct wr_buf *b, bool spaced)
{
    if (spaced && below(3) == 0) {
        add(b, below(2) ? " " : "\n\t ");
    }
}

// `seed` decides keys and containers, the running chance the scalars.
static void value(struct wr_buf *b, uint64_t *seed, unsigned depth, bool spaced)
{
    uint64_t keep = chance;
    chance = *seed;
    unsigned kind = below(depth > 3 ? 6 : 10), count = below(6), first = below(WR_COUNT(keys));
    bool same_element = below(2);
    *seed = chance;
    chance = keep;
    if (kind < 6) {
        add(b, scalars[below(8) ? below(GOOD) : below(WR_COUNT(scalars))]);
        return;
    }
    bool object = kind < 8 || depth == 0;
    add(b, object ? "{" : "[");
    uint64_t element = *seed;
    for (unsigned i = 0; i < count; i++) {
        blank(b, spaced);
        add(b, i ? "," : "");
        blank(b, spaced);
        if (object) {
            add(b, "\"");
            add(b, keys[(first + i * (1 + first % 3)) % WR_COUNT(keys)]);
            add(b, "\"");
            blank(b, spaced);
            add(b, ":");
            blank(b, spaced);
        }
        uint64_t again = element;
        value(b, !object && same_element ? &again : seed, depth + 1, spaced);
    }
    add(b, object ? "}" : "]");
}

static void damage(struct wr_buf *b)
{
    static const char bytes[] = "{}[],:\"\\0 1-.ea\n\xff";
    if (b->len == 0) {
        return;
    }
    size_t at = below((unsigned)b->len);
    switch (below(3)) {
    case 0:
        b->at[at] = bytes[below(sizeof bytes - 1)];
        return;
    case 1:
        b->len = at;
        return;
    case 2:
        memmove(b->at + at, b->at + at + 1, b->len - at - 1);
        b->len--;
        return;
    }
}

// ---- comparing

static void check_canonical(const char *name, const wr_value *v)
{
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    for (int dialect = 0; dialect < 2; dialect++) {
        struct wr_buf as_is = {0}, written = {0};
        wr_value plain = *v;
        plain.flags &= (uint8_t) ~(WR_V_CANON | WR_V_TIDY);
        wr_json_write(&as_is, v, &arena, (enum wr_dialect)dialect);
        wr_json_write(&written, &plain, &arena, (enum wr_dialect)dialect);
        CHECK_STR(name, wr_buf_str(&as_is), wr_buf_str(&written));
        wr_value forced = *v, slow = plain;
        wr_value_force(&forced, &arena, (enum wr_dialect)dialect);
        wr_value_force(&slow, &arena, (enum wr_dialect)dialect);
        CHECK(name, forced.type < WR_ARRAY ||
                        wr_value_equal(&forced, &slow, &arena, (enum wr_dialect)dialect));
        if (v->type == WR_NUMBER) {
            CHECK_INT(name, forced.flags, slow.flags);
            CHECK_INT(name, forced.scale, slow.scale);
            CHECK_INT(name, wr_num_cmp(&forced, &slow), 0);
        }
        wr_buf_release(&as_is);
        wr_buf_release(&written);
    }
    wr_arena_release(&arena);
}

static uint64_t trees_made;

// A tree is what forcing the text gives: the same members in the same places, and when written.
static void check_tree(const char *name, const wr_value *tree, const wr_value *lazy,
                       struct wr_arena *arena)
{
    if (tree->type == WR_UNDEFINED) {
        return;
    }
    trees_made++;
    wr_value forced = *lazy;
    wr_value_force(&forced, arena, WR_SQL_2016);
    CHECK_INT(name, tree->type, WR_ARRAY);
    CHECK_INT(name, tree->flags & WR_V_LAZY, 0);
    CHECK_INT(name, tree->len, forced.len);
    CHECK(name, wr_value_equal(tree, &forced, arena, WR_SQL_2016) || strstr(name, "1e1000"));
    struct wr_buf got = {0}, want = {0};
    wr_json_write(&got, tree, arena, WR_SQL_2016);
    wr_json_write(&want, &forced, arena, WR_SQL_2016);
    CHECK_STR(name, wr_buf_str(&got), wr_buf_str(&want));
    wr_buf_release(&got);
    wr_buf_release(&want);
}

static void compare(struct wr_shapes *shapes, wr_str text, size_t padding)
{
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    wr_value trees[VALUES];
    memset(trees, 0x55, sizeof trees);
    const struct wr_shapes_trees made = {&arena, trees};
    wr_value want[VALUES], got[VALUES + 1];
    memset(got, 0x55, sizeof got); // a slot that is not set shows
    size_t want_at = 0, got_at = 0;
    enum wr_json_kind kind = wr_json_read(paths, text, want, &want_at);
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(text.len < 200 ? text.len : 200), text.at);
    CHECK_INT(name, wr_shapes_read(shapes, text, padding, got, &made, &got_at), kind);
    if (kind == WR_JSON_MALFORMED || kind == WR_JSON_TOO_DEEP) {
        CHECK_INT(name, got_at, want_at);
    }
    for (size_t i = 0; i < VALUES; i++) {
        const wr_value *w = &want[i], *g = &got[i];
        CHECK_INT(name, g->type, w->type);
        CHECK_INT(name, g->flags & ~(WR_V_CANON | WR_V_TIDY), w->flags);
        CHECK_INT(name, g->len, w->len);
        CHECK(name, w->type == WR_BOOLEAN ? g->as.truth == w->as.truth
                                          : w->type <= WR_NULL || g->as.text == w->as.text);
        if (g->flags & (WR_V_CANON | WR_V_TIDY)) {
            check_canonical(name, g);
        }
        check_tree(name, &trees[i], g, &arena);
    }
    CHECK(name, !arena.over);
    wr_arena_release(&arena);
}

// The text exactly as long as its memory (for ASan), or with bytes behind it that continue it.
static void read_both(struct wr_shapes *shapes, const struct wr_buf *b)
{
    char *exact = wr_alloc(b->len + 1), *padded = wr_alloc(b->len + 32);
    memcpy(exact + 1, b->at, b->len); // odd addresses too
    memcpy(padded, b->at, b->len);
    for (size_t i = 0; i < 32; i++) {
        padded[b->len + i] = "\"}]1,\"a\":}}5.25e7\\\"\"\"}]1,\"a\":}}5."[i];
    }
    compare(shapes, (wr_str){exact + 1, b->len}, 0);
    compare(shapes, (wr_str){padded, b->len}, 32);
    free(exact);
    free(padded);
}

static void reads_as_the_reader_does(void **state)
{
    uint64_t hits = 0, reads = 0;
    for (unsigned kind = 0; kind < 3000; kind++) {
        struct wr_shapes *shapes = wr_shapes_new(paths);
        wr_shapes_want_tree(shapes, slots[7]);
        wr_shapes_want_tree(shapes, slots[1]);
        uint64_t seed = kind * 2654435761u + 1;
        bool spaced = kind % 5 == 0;
        chance = seed;
        for (unsigned i = 0; i < 24; i++) {
            struct wr_buf b = {0};
            uint64_t structure = seed + (below(6) == 0 ? below(3) : 0);
            if (below(10) == 0) {
                add(&b, " ");
            }
            value(&b, &structure, 0, spaced);
            if (below(6) == 0) {
                damage(&b);
            }
            read_both(shapes, &b);
            wr_buf_release(&b);
        }
        struct wr_shapes_stats stats = wr_shapes_stats(shapes);
        hits += stats.hits;
        reads += stats.hits + stats.misses;
        wr_shapes_free(shapes);
    }
    CHECK_INT("reads", reads, 3000 * 24 * 2);
    CHECK("shapes were used", hits > reads / 10);
}

static void reads_every_scalar_in_every_place(void **state)
{
    static const char *const frames[] = {
        "{\"a\":%s}",
        "{\"a\":{\"b\":%s},\"c\":1}",
        "{\"list\":[%s,1,%s],\"d\":{\"e\":%s}}",
        "[%s,%s]",
        "{ \"c\" : %s }",
        "{\"x\":%s,\"y\":{\"z\":%s},\"a\":%s}",
        "{\"x\":[%s,%s],\"a\":1,\"y\":[ %s ,\"t\"]}",
        "{\"a\":{\"b\":1,\"x\":%s},\"c\":%s,\"d\":{\"e\":{\"f\":%s}},\"list\":[%s]}",
        "{\"list\":[{\"n\":1,\"v\":%s},{\"n\":2,\"v\":%s}]}",
    };
    trees_made = 0;
    for (size_t f = 0; f < WR_COUNT(frames); f++) {
        struct wr_shapes *shapes = wr_shapes_new(paths);
        wr_shapes_want_tree(shapes, slots[7]);
        for (size_t round = 0; round < 2; round++) {
            for (size_t i = 0; i < WR_COUNT(scalars); i++) {
                struct wr_buf b = {0};
                for (const char *p = frames[f]; *p; p++) {
                    if (p[0] == '%') {
                        add(&b, scalars[i]);
                        p++;
                    } else {
                        wr_buf_add_char(&b, *p);
                    }
                }
                read_both(shapes, &b);
                wr_buf_release(&b);
            }
        }
        CHECK(frames[f], wr_shapes_stats(shapes).hits > 10);
        wr_shapes_free(shapes);
    }
    CHECK("trees were made", trees_made > 60);
}

// A tree needs memory that the message may not have: then there is none, and no harm.
static void makes_no_tree_without_room(void **state)
{
    static const char text[] = "{\"list\":[{\"n\":1,\"v\":\"x\"},{\"n\":2,\"v\":\"y\"}]}";
    struct wr_shapes *shapes = wr_shapes_new(paths);
    wr_shapes_want_tree(shapes, slots[7]);
    wr_value values[VALUES + 1], trees[VALUES];
    for (unsigned fail_at = 0; fail_at < 8; fail_at++) {
        struct wr_arena arena;
        wr_arena_init(&arena, 1 << 20);
        arena.fail_at = fail_at;
        const struct wr_shapes_trees made = {&arena, trees};
        CHECK_INT(text, wr_shapes_read(shapes, wr_str_of(text), 0, values, &made, NULL),
                  WR_JSON_VALID);
        CHECK_INT("learned from the first", trees[slots[7]].type,
                  fail_at >= 5 ? WR_ARRAY : WR_UNDEFINED);
        CHECK_INT(text, values[slots[7]].type, WR_ARRAY);
        CHECK(text, !arena.over);
        wr_arena_release(&arena);
    }
    // Many short elements behind a first one that is short: more than a tree may take.
    struct wr_buf b = {0};
    add(&b, "{\"list\":[{\"n\":1,\"v\":2}");
    for (unsigned i = 0; i < 20000; i++) {
        add(&b, ",{\"n\":1,\"v\":2}");
    }
    add(&b, "]}");
    read_both(shapes, &b);
    wr_buf_release(&b);
    wr_shapes_free(shapes);
}

static void knows_depth(void **state)
{
    struct wr_shapes *shapes = wr_shapes_new(paths);
    for (unsigned depth = WR_JSON_DEPTH_MAX - 3; depth < WR_JSON_DEPTH_MAX + 3; depth++) {
        for (unsigned again = 0; again < 3; again++) {
            struct wr_buf b = {0};
            add(&b, "{\"list\":[{\"x\":1},");
            for (unsigned i = 2; i < depth; i++) {
                add(&b, "[");
            }
            for (unsigned i = 2; i < depth; i++) {
                add(&b, "]");
            }
            add(&b, "]}");
            read_both(shapes, &b);
            wr_buf_release(&b);
        }
    }
    CHECK("the shape was used", wr_shapes_stats(shapes).hits > 3);
    wr_shapes_free(shapes);
}

static void gives_up_where_no_two_are_alike(void **state)
{
    struct wr_shapes *shapes = wr_shapes_new(paths);
    wr_value values[VALUES + 1];
    for (unsigned i = 0; i < 100000; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "{\"key-%u\":1,\"a\":%u}", i, i);
        CHECK_INT(text, wr_shapes_read(shapes, (wr_str){text, (size_t)len}, 0, values, NULL, NULL),
                  WR_JSON_VALID);
        CHECK_INT(text, values[slots[1]].type, WR_NUMBER);
    }
    struct wr_shapes_stats stats = wr_shapes_stats(shapes);
    CHECK_INT("all missed", stats.misses, 100000);
    CHECK("few were learned", stats.learned < 100);
    for (unsigned i = 0; i < 20000; i++) { // and comes back when they are
        static const char same[] = "{\"a\":1,\"c\":2}";
        CHECK_INT(same, wr_shapes_read(shapes, wr_str_of(same), 0, values, NULL, NULL),
                  WR_JSON_VALID);
    }
    CHECK("hits again", wr_shapes_stats(shapes).hits > 5000);
    wr_shapes_free(shapes);
}

int main(void)
{
    wr_hash_seed_init();
    make_paths();
    const struct CMUnitTest tests[] = {
        T(reads_as_the_reader_does),        T(reads_every_scalar_in_every_place),
        T(makes_no_tree_without_room),      T(knows_depth),
        T(gives_up_where_no_two_are_alike),
    };
    int code = TEST_MAIN(tests);
    wr_paths_free(paths);
    return code;
}
