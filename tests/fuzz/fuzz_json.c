// Any bytes as JSON: the path reader and the tree maker give the same verdict, the canonical text
// of a tree reads back to an equal tree, and what a path finds is what the tree holds. jansson
// gives the same verdict and the same values, but for what is listed at against_jansson().
#include "sql/base/err.h"
#include "sql/base/json.h"
#include "sql/base/num.h"

#include <jansson.h>

#include <math.h>
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

// ---- the second parser

static wr_str text_of(const json_t *v)
{
    return (wr_str){json_string_value(v), json_string_length(v)};
}

// jansson has 64-bit integers and doubles; ours have 34 digits, and the nearest double is the same.
static bool same_number(const wr_value *v, const json_t *j)
{
    struct wr_buf b = {0};
    wr_num_write(&b, v, WR_SQL_2016);
    int64_t whole;
    bool same;
    if (json_is_integer(j)) {
        same = wr_num_to_i64(v, &whole) && whole == json_integer_value(j);
    } else {
        double x = strtod(wr_buf_terminated(&b), NULL), y = json_real_value(j);
        // Rounded twice when there are more than 34 digits.
        same = fabs(x - y) <= fabs(y) * 1e-15 || (fabs(x) < 1e-300 && fabs(y) < 1e-300);
    }
    wr_buf_release(&b);
    return same;
}

static bool same_value(wr_value v, const json_t *j, struct wr_arena *arena)
{
    wr_value_force(&v, arena, WR_SQL_2016);
    switch ((enum wr_type)v.type) {
    case WR_NULL:
        return json_is_null(j);
    case WR_BOOLEAN:
        return json_is_boolean(j) && v.as.truth == json_is_true(j);
    case WR_NUMBER:
        return json_is_number(j) && same_number(&v, j);
    case WR_STRING:
        return json_is_string(j) && wr_str_eq(wr_value_text(&v), text_of(j));
    case WR_ARRAY:
        if (!json_is_array(j) || json_array_size(j) != v.len) {
            return false;
        }
        for (uint32_t i = 0; i < v.len; i++) {
            if (!same_value(v.as.items[i], json_array_get(j, i), arena)) {
                return false;
            }
        }
        return true;
    case WR_OBJECT:
        if (!json_is_object(j) || json_object_size(j) != v.len) {
            return false;
        }
        for (uint32_t i = 0; i < v.len; i++) {
            char *key = wr_strdup(v.as.members[i].key);
            const json_t *found = json_object_get(j, key);
            free(key);
            if (!found || !same_value(v.as.members[i].value, found, arena)) {
                return false;
            }
        }
        return true;
    case WR_UNDEFINED: // a number out of range, which jansson would have refused
    case WR_RAW:
        return false;
    }
    return false;
}

// What differs on purpose: jansson refuses integers beyond 64 bits and reals beyond a double
// (numeric overflow; ours are wide, or Undefined), NULs in keys, and nesting beyond 2048; we refuse
// nesting beyond 512. And jansson 2.14 passes over a NUL behind a number or a word.
static void against_jansson(wr_str text, enum wr_json_kind kind, const wr_value *tree,
                            struct wr_arena *arena)
{
    static bool seeded;
    if (!seeded) {
        json_object_seed(1);
        seeded = true;
    }
    json_error_t error;
    json_t *j =
        json_loadb(text.len ? text.at : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (kind == WR_JSON_TOO_DEEP || arena->over) {
        json_decref(j);
        return;
    }
    bool ours = kind == WR_JSON_VALID || kind == WR_JSON_SCALAR;
    if (j && !ours) {
        wr_assert(memchr(text.at, 0, text.len));
    } else if (j) {
        wr_assert(!tree || same_value(*tree, j, arena) || arena->over);
    } else if (ours) {
        enum json_error_code code = json_error_code(&error);
        wr_assert(code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
    }
    json_decref(j);
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
    against_jansson(text, kind, err ? NULL : &tree, &arena);
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
