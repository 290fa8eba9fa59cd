// Any bytes as JSON: the path reader and the tree maker give the same verdict, the canonical text
// of a tree reads back to an equal tree, and what a path finds is what the tree holds.
#include "sql/base/err.h"
#include "sql/base/json.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define MEMORY_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wr_paths *paths;
static uint32_t slots[4];

static void make_paths(void)
{
    static const wr_str a[] = {WR_STR_INIT("a")};
    static const wr_str ab[] = {WR_STR_INIT("a"), WR_STR_INIT("b")};
    static const wr_str c[] = {WR_STR_INIT("c\n")};
    const struct wr_path wanted[] = {{NULL, 0}, {a, 1}, {ab, 2}, {c, 1}};
    paths = wr_paths_new(wanted, WR_COUNT(wanted), slots);
}

static wr_value member(wr_value v, wr_str key, struct wr_arena *arena)
{
    wr_value_force(&v, arena, WR_SQL_2016);
    const wr_value *found = v.type == WR_OBJECT ? wr_object_get(&v, key) : NULL;
    return found ? *found : wr_undefined();
}

// Compared as canonical text: it shows every digit, and leaves numbers out of range out on both
// sides.
static void agree(wr_value x, wr_value y, struct wr_arena *arena)
{
    struct wr_buf texts[2] = {0};
    wr_json_write(&texts[0], &x, arena, WR_SQL_2016);
    wr_json_write(&texts[1], &y, arena, WR_SQL_2016);
    wr_assert(arena->over || wr_str_eq(wr_buf_str(&texts[0]), wr_buf_str(&texts[1])));
    wr_buf_release(&texts[0]);
    wr_buf_release(&texts[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!paths) {
        make_paths();
    }
    wr_str text = {(const char *)data, size};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    wr_value values[4], tree, again;
    struct wr_fault fault = {0};
    enum wr_json_kind kind = wr_json_read(paths, text, values, NULL);
    wr_err err = wr_json_parse(text, &arena, WR_SQL_2016, &tree, &fault);
    if (!arena.over) {
        wr_assert((err == WR_OK) == (kind == WR_JSON_VALID || kind == WR_JSON_SCALAR));
    }
    if (!err && kind == WR_JSON_VALID) {
        agree(values[slots[0]], tree, &arena);
        agree(values[slots[1]], member(tree, WR_STR("a"), &arena), &arena);
        agree(values[slots[2]], member(member(tree, WR_STR("a"), &arena), WR_STR("b"), &arena),
              &arena);
        agree(values[slots[3]], member(tree, WR_STR("c\n"), &arena), &arena);
        struct wr_buf out = {0};
        wr_json_write(&out, &tree, &arena, WR_SQL_2016);
        if (!arena.over && !wr_json_parse(wr_buf_str(&out), &arena, WR_SQL_2016, &again, NULL)) {
            struct wr_buf twice = {0};
            wr_json_write(&twice, &again, &arena, WR_SQL_2016);
            wr_assert(arena.over || wr_str_eq(wr_buf_str(&out), wr_buf_str(&twice)));
            wr_buf_release(&twice);
        } else {
            wr_assert(arena.over);
        }
        wr_buf_release(&out);
    }
    wr_arena_release(&arena);
    return 0;
}
