// Faults: texts, places, prefixes.
#include "sql/base/err.h"

#include <stdlib.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void every_code_has_a_text(void **state)
{
    for (int code = WR_OK; code <= WR_ERR_FAILED; code++) {
        assert_true(strlen(wr_err_text((wr_err)code)) > 1);
    }
    assert_string_equal(wr_err_text(WR_ERR_SYNTAX), "syntax error");
}

static const struct {
    const char *name;
    wr_str input;
    size_t offset;
    uint32_t line, column;
} places[] = {
    {"start", WR_STR_INIT("abc"), 0, 1, 1},
    {"middle", WR_STR_INIT("abc"), 2, 1, 3},
    {"end", WR_STR_INIT("abc"), 3, 1, 4},
    {"behind the end", WR_STR_INIT("abc"), 99, 1, 4},
    {"second line", WR_STR_INIT("a\nbc"), 3, 2, 2},
    {"at the break", WR_STR_INIT("a\nbc"), 1, 1, 2},
    {"after the break", WR_STR_INIT("a\n\nbc"), 2, 2, 1},
    {"characters, not bytes", WR_STR_INIT("\xc3\xa9\xf0\x9f\x98\x80x"), 6, 1, 3},
    {"empty", {NULL, 0}, 0, 1, 1},
};

static void places_are_counted(void **state)
{
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        struct wr_fault f = {0};
        assert_int_equal(wr_fault_at(&f, WR_ERR_TYPE, places[i].input, places[i].offset, "x%d", 1),
                         WR_ERR_TYPE);
        CHECK_INT(places[i].name, f.line, places[i].line);
        CHECK_INT(places[i].name, f.column, places[i].column);
        CHECK_INT(places[i].name, f.offset, places[i].offset);
        assert_string_equal(f.text, "x1");
    }
    assert_int_equal(wr_fault_at(NULL, WR_ERR_TYPE, S(""), 0, "x"), WR_ERR_TYPE);
}

static void texts_are_one_line_and_cut(void **state)
{
    struct wr_fault f = {0};
    assert_int_equal(wr_fault_set(&f, WR_ERR_IO, "a\nb\tc"), WR_ERR_IO);
    assert_string_equal(f.text, "a b c");
    assert_true(f.offset == SIZE_MAX && f.line == 0);
    char large[WR_FAULT_TEXT_MAX + 50];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    wr_fault_set(&f, WR_ERR_IO, "%s", large);
    assert_int_equal(strlen(f.text), WR_FAULT_TEXT_MAX - 1);
    assert_string_equal(f.text + WR_FAULT_TEXT_MAX - 4, "...");
    wr_fault_set(&f, WR_ERR_IO, "inner");
    wr_fault_prefix(&f, "file %d", 7);
    wr_fault_prefix(&f, "%s", "outer");
    assert_string_equal(f.text, "outer: file 7: inner");
    wr_fault_prefix(NULL, "x");
    assert_int_equal(wr_fault_set(NULL, WR_ERR_IO, "x"), WR_ERR_IO);
}

// Cutting must not leave half a character in what people and JSON readers get.
static void texts_are_cut_between_characters(void **state)
{
    for (int shift = 0; shift < 4; shift++) {
        char large[WR_FAULT_TEXT_MAX * 2 + 8];
        memset(large, 'x', 4);
        size_t len = (size_t)shift;
        while (len + 4 < sizeof large) {
            memcpy(large + len, "\xf0\x9f\x98\x80", 4);
            len += 4;
        }
        large[len] = '\0';
        struct wr_fault f = {0};
        wr_fault_set(&f, WR_ERR_IO, "%s", large);
        size_t kept = strlen(f.text);
        assert_string_equal(f.text + kept - 3, "...");
        assert_int_equal((kept - 3 - (size_t)shift) % 4, 0);
        wr_fault_set(&f, WR_ERR_IO, "%.*s", 500 + shift, large);
        wr_fault_prefix(&f, "a prefix that makes it too long");
        assert_string_equal(f.text + strlen(f.text) - 3, "...");
    }
}

static void copies(void **state)
{
    char *s = wr_strdup(S("a\0b"));
    assert_memory_equal(s, "a\0b", 4);
    s = wr_realloc(s, 100);
    assert_memory_equal(s, "a\0b", 4);
    free(s);
    unsigned char *z = wr_zalloc(10);
    assert_int_equal(z[9], 0);
    free(z);
    void *none = wr_alloc(0);
    assert_non_null(none);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_code_has_a_text),
        T(places_are_counted),
        T(texts_are_one_line_and_cut),
        T(texts_are_cut_between_characters),
        T(copies),
    };
    return TEST_MAIN(tests);
}
