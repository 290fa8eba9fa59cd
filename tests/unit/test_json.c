// JSON reader, tree maker and writer: verdicts, paths, and both of them against each other and
// against jansson on random texts.
#include "sql/base/json.h"

#include <stdlib.h>

#include <jansson.h>

#include "sql/base/hash.h"
#include "sql/base/num.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (64u << 20)

// An exact-sized heap copy, so that ASan sees a read behind the end.
static wr_str heap_copy(wr_str s)
{
    char *at = wr_alloc(s.len);
    if (s.len) {
        memcpy(at, s.at, s.len);
    }
    return (wr_str){at, s.len};
}

static void heap_free(wr_str s)
{
    union {
        const char *in;
        char *out;
    } at = {.in = s.at};
    free(at.out);
}

// ---- verdicts

#define OK  WR_JSON_VALID
#define SCA WR_JSON_SCALAR
#define BAD WR_JSON_MALFORMED

static const struct {
    wr_str text;
    enum wr_json_kind kind;
    size_t error_at; // of BAD
} verdicts[] = {
    {WR_STR_INIT("{}"), OK, 0},
    {WR_STR_INIT("[]"), OK, 0},
    {WR_STR_INIT(" {} "), OK, 0},
    {WR_STR_INIT("\t\r\n [ ] \n"), OK, 0},
    {WR_STR_INIT("[[]]"), OK, 0},
    {WR_STR_INIT("[[],[]]"), OK, 0},
    {WR_STR_INIT("[{}]"), OK, 0},
    {WR_STR_INIT("{\"\":0}"), OK, 0},
    {WR_STR_INIT("{\"a\":1}"), OK, 0},
    {WR_STR_INIT("{\"a\":1,\"a\":2}"), OK, 0},
    {WR_STR_INIT("{ \"a\" : 1 , \"b\" : [ 2 , 3 ] }"), OK, 0},
    {WR_STR_INIT("[null,true,false]"), OK, 0},
    {WR_STR_INIT("[0]"), OK, 0},
    {WR_STR_INIT("[-0]"), OK, 0},
    {WR_STR_INIT("[-0.0]"), OK, 0},
    {WR_STR_INIT("[1]"), OK, 0},
    {WR_STR_INIT("[10]"), OK, 0},
    {WR_STR_INIT("[123456789012345678901234567890]"), OK, 0},
    {WR_STR_INIT("[0.1]"), OK, 0},
    {WR_STR_INIT("[1e1]"), OK, 0},
    {WR_STR_INIT("[1E1]"), OK, 0},
    {WR_STR_INIT("[1e+1]"), OK, 0},
    {WR_STR_INIT("[1e-1]"), OK, 0},
    {WR_STR_INIT("[1.5e-07]"), OK, 0},
    {WR_STR_INIT("[0e0]"), OK, 0},
    {WR_STR_INIT("[1e99999999999999999999]"), OK, 0},
    {WR_STR_INIT("[\"\"]"), OK, 0},
    {WR_STR_INIT("[\"abc\"]"), OK, 0},
    {WR_STR_INIT("[\"0123456789abcdef0123456789abcdef\"]"), OK, 0},
    {WR_STR_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), OK, 0},
    {WR_STR_INIT("[\"\\u0000\"]"), OK, 0},
    {WR_STR_INIT("[\"\\u00e9\\u00C9\\uFFFF\"]"), OK, 0},
    {WR_STR_INIT("[\"\\ud83d\\ude00\"]"), OK, 0},
    {WR_STR_INIT("[\"\\uD83D\\uDE00\"]"), OK, 0},
    {WR_STR_INIT("[\"\\udbff\\udfff\"]"), OK, 0},
    {WR_STR_INIT("[\"\x7f\"]"), OK, 0},
    {WR_STR_INIT("[\"\xc3\xa9\"]"), OK, 0},
    {WR_STR_INIT("[\"\xe2\x82\xac\"]"), OK, 0},
    {WR_STR_INIT("[\"\xf0\x9f\x98\x80\"]"), OK, 0},
    {WR_STR_INIT("[\"\xf4\x8f\xbf\xbf\"]"), OK, 0},
    {WR_STR_INIT("[\"\xed\x9f\xbf\xee\x80\x80\"]"), OK, 0},
    {WR_STR_INIT("[\"\xe2\x80\xa8\"]"), OK, 0},
    {WR_STR_INIT("[\"\xef\xbb\xbf\"]"), OK, 0},
    {WR_STR_INIT("{\"\xc3\xa9\":1}"), OK, 0},
    {WR_STR_INIT("{\"\\u0061\":1}"), OK, 0},
    {WR_STR_INIT("[\"a\",\"b\" ,\"c\" , \"d\"]"), OK, 0},
    {WR_STR_INIT("[1 ,2\n,\t3]"), OK, 0},
    {WR_STR_INIT("{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}"), OK, 0},
    {WR_STR_INIT("80"), SCA, 0},
    {WR_STR_INIT(" 80 "), SCA, 0},
    {WR_STR_INIT("-1.5e3"), SCA, 0},
    {WR_STR_INIT("\"x\""), SCA, 0},
    {WR_STR_INIT("\"\""), SCA, 0},
    {WR_STR_INIT("true"), SCA, 0},
    {WR_STR_INIT("false\n"), SCA, 0},
    {WR_STR_INIT("null"), SCA, 0},
    {WR_STR_INIT("0"), SCA, 0},

    {WR_STR_INIT(""), BAD, 0},
    {WR_STR_INIT(" "), BAD, 1},
    {WR_STR_INIT("\n\n"), BAD, 2},
    {WR_STR_INIT("\xef\xbb\xbf{}"), BAD, 0},
    {WR_STR_INIT("\xff\xfe{"), BAD, 0},
    {WR_STR_INIT("{"), BAD, 1},
    {WR_STR_INIT("["), BAD, 1},
    {WR_STR_INIT("}"), BAD, 0},
    {WR_STR_INIT("]"), BAD, 0},
    {WR_STR_INIT("{]"), BAD, 1},
    {WR_STR_INIT("[}"), BAD, 1},
    {WR_STR_INIT("[1}"), BAD, 2},
    {WR_STR_INIT("{\"a\":1]"), BAD, 6},
    {WR_STR_INIT("{}{}"), BAD, 2},
    {WR_STR_INIT("{} x"), BAD, 3},
    {WR_STR_INIT("[]]"), BAD, 2},
    {WR_STR_INIT("[],"), BAD, 2},
    {WR_STR_INIT("{}\0"), BAD, 2},
    {WR_STR_INIT("[,]"), BAD, 1},
    {WR_STR_INIT("[1,]"), BAD, 3},
    {WR_STR_INIT("[,1]"), BAD, 1},
    {WR_STR_INIT("[1,,2]"), BAD, 3},
    {WR_STR_INIT("[1 2]"), BAD, 3},
    {WR_STR_INIT("[1"), BAD, 2},
    {WR_STR_INIT("[1,"), BAD, 3},
    {WR_STR_INIT("[1, "), BAD, 4},
    {WR_STR_INIT("{,}"), BAD, 1},
    {WR_STR_INIT("{\"a\"}"), BAD, 4},
    {WR_STR_INIT("{\"a\":}"), BAD, 5},
    {WR_STR_INIT("{\"a\":1,}"), BAD, 7},
    {WR_STR_INIT("{\"a\" 1}"), BAD, 5},
    {WR_STR_INIT("{\"a\"::1}"), BAD, 5},
    {WR_STR_INIT("{\"a\":1,,\"b\":2}"), BAD, 7},
    {WR_STR_INIT("{\"a\":1 \"b\":2}"), BAD, 7},
    {WR_STR_INIT("{\"a\":1;\"b\":2}"), BAD, 6},
    {WR_STR_INIT("{a:1}"), BAD, 1},
    {WR_STR_INIT("{'a':1}"), BAD, 1},
    {WR_STR_INIT("{1:1}"), BAD, 1},
    {WR_STR_INIT("{null:1}"), BAD, 1},
    {WR_STR_INIT("{[]:1}"), BAD, 1},
    {WR_STR_INIT("{\"a\""), BAD, 4},
    {WR_STR_INIT("{\"a\":"), BAD, 5},
    {WR_STR_INIT("{\"a\":1"), BAD, 6},
    {WR_STR_INIT("{\"a"), BAD, 3},
    {WR_STR_INIT("['a']"), BAD, 1},
    {WR_STR_INIT("[a]"), BAD, 1},
    {WR_STR_INIT("[\"a]"), BAD, 4},
    {WR_STR_INIT("[\"a\\\"]"), BAD, 6},
    {WR_STR_INIT("[\"\\"), BAD, 3},
    {WR_STR_INIT("\""), BAD, 1},
    {WR_STR_INIT("[\"\\x41\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\a\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\v\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\'\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\0\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\\0\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\U0041\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\u\"]"), BAD, 4},
    {WR_STR_INIT("[\"\\u1\"]"), BAD, 5},
    {WR_STR_INIT("[\"\\u12\"]"), BAD, 6},
    {WR_STR_INIT("[\"\\u123\"]"), BAD, 7},
    {WR_STR_INIT("[\"\\u12"), BAD, 6},
    {WR_STR_INIT("[\"\\ug000\"]"), BAD, 4},
    {WR_STR_INIT("[\"\\u000g\"]"), BAD, 7},
    {WR_STR_INIT("[\"\\u+123\"]"), BAD, 4},
    {WR_STR_INIT("[\"\\ud800\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\udc00\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ud800x\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ud800\\n\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ud800\\u0041\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ud800\\ud800\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ude00\\ud83d\"]"), BAD, 2},
    {WR_STR_INIT("[\"\\ud83d\\u"), BAD, 2},
    {WR_STR_INIT("{\"\\ud800\":1}"), BAD, 2},
    {WR_STR_INIT("[\"\t\"]"), BAD, 2},
    {WR_STR_INIT("[\"\n\"]"), BAD, 2},
    {WR_STR_INIT("[\"\0\"]"), BAD, 2},
    {WR_STR_INIT("[\"\x1f\"]"), BAD, 2},
    {WR_STR_INIT("[\"0123456789abcdef\x01\"]"), BAD, 18},
    {WR_STR_INIT("{\"a\n\":1}"), BAD, 3},
    {WR_STR_INIT("[\"\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xbf\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xc3\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xc3(\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xc0\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xc1\xbf\"]"), BAD, 2},
    {WR_STR_INIT("[\"a\xe0\x80\x80\"]"), BAD, 3},
    {WR_STR_INIT("[\"\xe0\x9f\xbf\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xed\xa0\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xed\xbf\xbf\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xe2\x82\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xe2\x28\xa1\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xf0\x80\x80\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xf0\x8f\xbf\xbf\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xf4\x90\x80\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xf5\x80\x80\x80\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xf0\x9f\x98\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xff\"]"), BAD, 2},
    {WR_STR_INIT("[\"\xfe\"]"), BAD, 2},
    {WR_STR_INIT("[\"0123456789abcdef\xc3\"]"), BAD, 18},
    {WR_STR_INIT("{\"\xc3\":1}"), BAD, 2},
    {WR_STR_INIT("[\xc3\xa9]"), BAD, 1},
    {WR_STR_INIT("[\xc2\xa0]"), BAD, 1},
    {WR_STR_INIT("\x0c[]"), BAD, 0},
    {WR_STR_INIT("[\x0b]"), BAD, 1},
    {WR_STR_INIT("[+1]"), BAD, 1},
    {WR_STR_INIT("[-]"), BAD, 2},
    {WR_STR_INIT("[--1]"), BAD, 2},
    {WR_STR_INIT("[- 1]"), BAD, 2},
    {WR_STR_INIT("[01]"), BAD, 2},
    {WR_STR_INIT("[-01]"), BAD, 3},
    {WR_STR_INIT("[00]"), BAD, 2},
    {WR_STR_INIT("[.5]"), BAD, 1},
    {WR_STR_INIT("[-.5]"), BAD, 2},
    {WR_STR_INIT("[5.]"), BAD, 3},
    {WR_STR_INIT("[5.e1]"), BAD, 3},
    {WR_STR_INIT("[1.2.3]"), BAD, 4},
    {WR_STR_INIT("[1e]"), BAD, 3},
    {WR_STR_INIT("[1e+]"), BAD, 4},
    {WR_STR_INIT("[1e+-1]"), BAD, 4},
    {WR_STR_INIT("[1e1.5]"), BAD, 4},
    {WR_STR_INIT("[1ee1]"), BAD, 3},
    {WR_STR_INIT("[0x10]"), BAD, 2},
    {WR_STR_INIT("[1_000]"), BAD, 2},
    {WR_STR_INIT("[1f]"), BAD, 2},
    {WR_STR_INIT("[NaN]"), BAD, 1},
    {WR_STR_INIT("[Infinity]"), BAD, 1},
    {WR_STR_INIT("[-Infinity]"), BAD, 2},
    {WR_STR_INIT("[nan]"), BAD, 2},
    {WR_STR_INIT("[True]"), BAD, 1},
    {WR_STR_INIT("[TRUE]"), BAD, 1},
    {WR_STR_INIT("[tru]"), BAD, 4},
    {WR_STR_INIT("[truee]"), BAD, 5},
    {WR_STR_INIT("[fals"), BAD, 5},
    {WR_STR_INIT("[nul"), BAD, 4},
    {WR_STR_INIT("[nulL]"), BAD, 4},
    {WR_STR_INIT("[undefined]"), BAD, 1},
    {WR_STR_INIT("[1]//x"), BAD, 3},
    {WR_STR_INIT("[1/*x*/]"), BAD, 2},
    {WR_STR_INIT("# x\n[]"), BAD, 0},
    {WR_STR_INIT("80 81"), BAD, 3},
    {WR_STR_INIT("1,"), BAD, 1},
    {WR_STR_INIT("\"a\" \"b\""), BAD, 4},
    {WR_STR_INIT("\"a\":1"), BAD, 3},
    {WR_STR_INIT("-"), BAD, 1},
    {WR_STR_INIT("hello"), BAD, 0},
    {WR_STR_INIT("<xml/>"), BAD, 0},
};

static bool jansson_takes(wr_str text, bool *unsure)
{
    json_error_t error;
    json_t *j = json_loadb(text.at ? text.at : "", text.len,
                           JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    // Two things jansson cannot hold though they are JSON: NUL in a key, doubles out of range.
    *unsure = !j && (json_error_code(&error) == json_error_null_byte_in_key ||
                     json_error_code(&error) == json_error_numeric_overflow);
    bool taken = j != NULL;
    json_decref(j);
    return taken;
}

static void verdict_of_reader_parser_and_jansson(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    for (size_t i = 0; i < WR_COUNT(verdicts); i++) {
        const char *name = verdicts[i].text.at;
        bool good = verdicts[i].kind != BAD, unsure;
        wr_str text = heap_copy(verdicts[i].text);
        size_t error_at = SIZE_MAX;
        CHECK_INT(name, wr_json_read(NULL, text, NULL, &error_at), verdicts[i].kind);
        CHECK_INT(name, error_at, good ? SIZE_MAX : verdicts[i].error_at);
        CHECK_INT(name, wr_json_read(NULL, text, NULL, NULL), verdicts[i].kind);

        wr_value v = {.type = WR_RAW};
        struct wr_fault fault = {0};
        wr_err err = wr_json_parse(text, &arena, WR_SQL_2016, &v, &fault);
        CHECK_INT(name, err, good ? WR_OK : WR_ERR_SYNTAX);
        if (good) {
            CHECK_INT(name, v.flags & WR_V_LAZY, 0);
        } else {
            CHECK_INT(name, fault.offset, verdicts[i].error_at);
            CHECK_INT(name, v.type, WR_RAW); // untouched
        }
        bool taken = jansson_takes(text, &unsure);
        if (!unsure) {
            CHECK_INT(name, taken, good);
        }
        heap_free(text);
    }
    assert_true(WR_COUNT(verdicts) >= 150);
    wr_arena_release(&arena);
}

static void every_cut_of_a_text_is_malformed(void **state)
{
    wr_str whole = S(" {\"a\" : [1.5e-3, \"\\u00e9\\ud83d\\ude00\xc3\xa9\", true, false, null, {}],"
                     "\"0123456789abcdef\":\"0123456789abcdef0123\"}");
    assert_int_equal(wr_json_read(NULL, whole, NULL, NULL), WR_JSON_VALID);
    for (size_t len = 0; len < whole.len; len++) {
        wr_str text = heap_copy(wr_str_cut(whole, 0, len));
        size_t error_at = 0;
        assert_int_equal(wr_json_read(NULL, text, NULL, &error_at), WR_JSON_MALFORMED);
        assert_true(error_at <= len);
        heap_free(text);
    }
}

static wr_str nested(size_t depth, bool objects)
{
    struct wr_buf b = {0};
    for (size_t i = 0; i < depth; i++) {
        wr_buf_add(&b, objects ? WR_STR("{\"a\":") : WR_STR("["));
    }
    wr_buf_add(&b, objects ? WR_STR("1") : WR_STR(""));
    for (size_t i = 0; i < depth; i++) {
        wr_buf_add_char(&b, objects ? '}' : ']');
    }
    wr_str text = heap_copy(wr_buf_str(&b));
    wr_buf_release(&b);
    return text;
}

static void depth_is_limited(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    for (int objects = 0; objects < 2; objects++) {
        for (size_t depth = WR_JSON_DEPTH_MAX; depth <= WR_JSON_DEPTH_MAX + 1; depth++) {
            wr_str text = nested(depth, objects);
            bool fits = depth == WR_JSON_DEPTH_MAX;
            struct wr_fault fault = {0};
            wr_value v;
            assert_int_equal(wr_json_read(NULL, text, NULL, NULL),
                             fits ? WR_JSON_VALID : WR_JSON_TOO_DEEP);
            assert_int_equal(wr_json_parse(text, &arena, WR_SQL_2016, &v, &fault),
                             fits ? WR_OK : WR_ERR_LIMIT);
            heap_free(text);
        }
    }
    wr_arena_release(&arena);
}

// ---- paths

#define KEYS_MAX  4
#define PATHS_MAX 6

// A path written "a/b/c"; "" is the empty path and "/" the path of one empty key.
static struct wr_path path_of(wr_str *keys, const char *text)
{
    struct wr_path path = {keys, 0};
    if (!*text) {
        return path;
    }
    if (strcmp(text, "/") == 0) {
        keys[0] = WR_STR("");
        path.len = 1;
        return path;
    }
    for (;;) {
        size_t len = strcspn(text, "/");
        keys[path.len++] = (wr_str){text, len};
        if (!text[len]) {
            return path;
        }
        text += len + 1;
    }
}

static const struct {
    const char *name, *text, *paths[PATHS_MAX], *wants[PATHS_MAX]; // want "": Undefined
} path_cases[] = {
    {"member", "{\"a\":1,\"b\":\"x\"}", {"a", "b", "c"}, {"1", "\"x\"", ""}},
    {"kinds of values",
     "{\"a\":null,\"b\":true,\"c\":[1, 2],\"d\":{\"e\":{}},\"f\":\"\\n\",\"g\":1.50}",
     {"a", "b", "c", "d", "f", "g"},
     {"null", "true", "[1,2]", "{\"e\":{}}", "\"\\n\"", "1.5"}},
    {"deep",
     "{\"a\":{\"b\":{\"c\":7}}}",
     {"a/b/c", "a/b", "a", "a/x"},
     {"7", "{\"c\":7}", "{\"b\":{\"c\":7}}", ""}},
    {"whole document", "{\"a\": 1}", {"", "a"}, {"{\"a\":1}", "1"}},
    {"whole array", " [ 1, {\"a\":2} ] ", {"", "a"}, {"[1,{\"a\":2}]", ""}},
    {"scalar document", "5", {"", "a"}, {"5", ""}},
    {"equal paths share", "{\"a\":1}", {"a", "a"}, {"1", "1"}},
    {"no way through arrays", "{\"a\":[{\"b\":1}]}", {"a/b"}, {""}},
    {"no way through scalars", "{\"a\":1}", {"a/b"}, {""}},
    {"same name elsewhere",
     "{\"x\":{\"a\":1},\"y\":[{\"a\":2}],\"z\":{\"b\":3}}",
     {"a", "b", "z/b"},
     {"", "", "3"}},
    {"last one wins", "{\"a\":1,\"a\":2}", {"a"}, {"2"}},
    {"last subtree wins",
     "{\"a\":{\"b\":1,\"c\":2},\"a\":{\"c\":3}}",
     {"a/b", "a/c", "a"},
     {"", "3", "{\"c\":3}"}},
    {"scalar after subtree", "{\"a\":{\"b\":1},\"a\":5}", {"a/b", "a"}, {"", "5"}},
    {"subtree after scalar", "{\"a\":5,\"a\":{\"b\":1}}", {"a/b", "a"}, {"1", "{\"b\":1}"}},
    {"array after subtree", "{\"a\":{\"b\":1},\"a\":[]}", {"a/b", "a"}, {"", "[]"}},
    {"two levels cleared", "{\"a\":{\"b\":{\"c\":1}},\"a\":{}}", {"a/b/c", "a/b"}, {"", ""}},
    {"repeated inside",
     "{\"a\":{\"b\":1,\"b\":{\"c\":2},\"b\":{\"d\":3}}}",
     {"a/b/c", "a/b/d"},
     {"", "3"}},
    {"escaped key", "{\"\\u0061\":1,\"b\\\"\":2}", {"a", "b\""}, {"1", "2"}},
    {"escaped key repeats a plain one", "{\"a\":1,\"\\u0061\":2}", {"a"}, {"2"}},
    {"escaped key with children", "{\"\\u0061\":{\"\\u0062\":{\"c\":2}}}", {"a/b/c"}, {"2"}},
    {"escaped surrogates", "{\"\\ud83d\\ude00\":1}", {"\xf0\x9f\x98\x80"}, {"1"}},
    {"longer escaped key", "{\"\\u0061b\":1}", {"a"}, {""}},
    {"empty key", "{\"\":1,\"a\":{\"\":2}}", {"/"}, {"1"}},
    {"keys of one length", "{\"ab\":1,\"ac\":2,\"bc\":3}", {"ac", "bc"}, {"2", "3"}},
    {"malformed gives nothing", "{\"a\":1,\"b\":2", {"a", ""}, {"", ""}},
    {"number without range", "{\"a\":1e1000,\"b\":1e-1000}", {"a", "b"}, {"", "0"}},
};

static void write_slot(struct wr_buf *b, wr_value v, struct wr_arena *arena)
{
    wr_buf_clear(b);
    wr_json_write(b, &v, arena, WR_SQL_2016);
}

static void reader_finds_paths(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_buf b = {0};
    for (size_t i = 0; i < WR_COUNT(path_cases); i++) {
        wr_str keys[PATHS_MAX][KEYS_MAX];
        struct wr_path paths[PATHS_MAX];
        uint32_t slots[PATHS_MAX];
        size_t count = 0;
        for (; count < PATHS_MAX && path_cases[i].paths[count]; count++) {
            paths[count] = path_of(keys[count], path_cases[i].paths[count]);
        }
        struct wr_paths *p = wr_paths_new(paths, count, slots);
        wr_value values[PATHS_MAX];
        memset(values, 0xff, sizeof values);
        wr_str text = heap_copy(Z(path_cases[i].text));
        wr_json_read(p, text, values, NULL);
        for (size_t k = 0; k < count; k++) {
            assert_true(slots[k] < wr_paths_count(p));
            write_slot(&b, values[slots[k]], &arena);
            CHECK_STR(path_cases[i].name, wr_buf_str(&b), Z(path_cases[i].wants[k]));
        }
        heap_free(text);
        wr_paths_free(p);
    }
    wr_buf_release(&b);
    wr_arena_release(&arena);
}

static void no_paths_at_all(void **state)
{
    uint32_t none;
    struct wr_paths *p = wr_paths_new(NULL, 0, &none);
    assert_int_equal(wr_paths_count(p), 0);
    assert_int_equal(wr_json_read(p, S("{\"a\":1}"), NULL, NULL), WR_JSON_VALID);
    wr_paths_free(p);
    wr_paths_free(NULL);
}

static void wide_tries_find_every_key(void **state)
{
    enum { WIDE = 1000 };
    static char names[WIDE][16];
    static wr_str keys[WIDE];
    static struct wr_path paths[WIDE];
    static uint32_t slots[WIDE];
    static wr_value values[WIDE];
    struct wr_buf text = {0};
    wr_buf_add_char(&text, '{');
    for (int i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof names[i], "key%d", i);
        keys[i] = Z(names[i]);
        paths[i] = (struct wr_path){&keys[i], 1};
        // Every other one is spelled with an escape, and one of three is not there.
        if (i % 3) {
            wr_buf_addf(&text, "%s\"%s%s\":%d", text.len > 1 ? "," : "", i % 2 ? "\\u006b" : "k",
                        names[i] + 1, i);
        }
    }
    wr_buf_add_char(&text, '}');
    struct wr_paths *p = wr_paths_new(paths, WIDE, slots);
    assert_int_equal(wr_paths_count(p), WIDE);
    assert_int_equal(wr_json_read(p, wr_buf_str(&text), values, NULL), WR_JSON_VALID);
    for (int i = 0; i < WIDE; i++) {
        const wr_value *v = &values[slots[i]];
        CHECK_INT(names[i], v->type, i % 3 ? WR_NUMBER : WR_UNDEFINED);
        if (i % 3) {
            CHECK_STR(names[i], ((wr_str){v->as.text, v->len}), Z(names[i] + 3));
        }
    }
    wr_paths_free(p);
    wr_buf_release(&text);
}

static void long_escaped_keys_are_compared_decoded(void **state)
{
    char plain[2000], other[2000];
    struct wr_buf text = {0};
    memset(plain, 'k', sizeof plain);
    memset(other, 'k', sizeof other);
    other[1999] = 'x';
    wr_str keys[] = {{plain, sizeof plain}, {other, sizeof other}, WR_STR_INIT("short")};
    struct wr_path paths[] = {{&keys[0], 1}, {&keys[1], 1}, {&keys[2], 1}};
    uint32_t slots[3];
    wr_value values[3];
    struct wr_paths *p = wr_paths_new(paths, 3, slots);
    wr_buf_add(&text, S("{\"\\u006b"));
    wr_buf_add(&text, (wr_str){plain, 1000});
    wr_buf_add(&text, S("\\u006B"));
    wr_buf_add(&text, (wr_str){plain, 998});
    wr_buf_add(&text, S("\":1}"));
    assert_int_equal(wr_json_read(p, wr_buf_str(&text), values, NULL), WR_JSON_VALID);
    assert_int_equal(values[slots[0]].type, WR_NUMBER);
    assert_int_equal(values[slots[1]].type, WR_UNDEFINED);
    assert_int_equal(values[slots[2]].type, WR_UNDEFINED);
    wr_paths_free(p);
    wr_buf_release(&text);
}

// ---- random texts

static uint64_t random_state;

static uint32_t rnd(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

static void random_space(struct wr_buf *b)
{
    if (rnd(8) == 0) {
        wr_buf_add_char(b, " \t\n\r"[rnd(4)]);
    }
}

static void random_string(struct wr_buf *b)
{
    static const char *const parts[] = {
        "a",
        "b",
        "c",
        "ab",
        "\\u0061",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\xc3\xa9",
        "\\u00e9",
        "\xf0\x9f\x98\x80",
        "\\ud83d\\ude00",
        "\\u0001",
        "0123456789abcdef",
        "\x7f",
        " ",
    };
    wr_buf_add_char(b, '"');
    for (uint32_t n = rnd(4); n; n--) {
        wr_buf_add(b, Z(parts[rnd(WR_COUNT(parts))]));
    }
    wr_buf_add_char(b, '"');
}

static void random_key(struct wr_buf *b)
{
    static const char *const keys[] = {"\"a\"",       "\"b\"", "\"c\"",
                                       "\"\\u0061\"", "\"\"",  "\"\\u0062\""};
    if (rnd(4)) {
        wr_buf_add(b, Z(keys[rnd(WR_COUNT(keys))]));
    } else {
        random_string(b);
    }
}

static void random_value(struct wr_buf *b, int depth)
{
    static const char *const leaves[] = {
        "null",     "true",      "false",  "0",
        "-0",       "1.50",      "1e3",    "123456789012345678901234567890",
        "0.1",      "1E-7",      "-12.5",  "100",
        "0.000001", "0.0000001", "1e34",   "1.0",
        "0.10e1",   "7e-1100",   "-0.0e5",
    };
    uint32_t kind = depth > 4 ? rnd(5) : rnd(10);
    random_space(b);
    if (kind < 3) {
        wr_buf_add(b, Z(leaves[rnd(WR_COUNT(leaves))]));
    } else if (kind < 5) {
        random_string(b);
    } else {
        bool object = kind < 8;
        wr_buf_add_char(b, object ? '{' : '[');
        random_space(b);
        for (uint32_t i = 0, n = rnd(5) ? rnd(5) : rnd(40); i < n; i++) {
            if (i) {
                wr_buf_add_char(b, ',');
            }
            random_space(b);
            if (object) {
                random_key(b);
                random_space(b);
                wr_buf_add_char(b, ':');
            }
            random_value(b, depth + 1);
            random_space(b);
        }
        wr_buf_add_char(b, object ? '}' : ']');
    }
    random_space(b);
}

static void breakage(struct wr_buf *b)
{
    static const char bytes[] = "{}[],:\"\\u0019.eE+-tfn \x01\x80\xc3\xff";
    for (uint32_t n = 1 + rnd(2); n && b->len; n--) {
        size_t at = rnd((uint32_t)b->len);
        switch (rnd(3)) {
        case 0:
            b->at[at] = bytes[rnd(sizeof bytes - 1)]; // no NUL: at the end jansson takes it
            break;
        case 1: // one byte less
            memmove(b->at + at, b->at + at + 1, b->len - at - 1);
            b->len--;
            break;
        case 2: // one byte twice
            wr_buf_add_char(b, 'x');
            memmove(b->at + at + 1, b->at + at, b->len - at - 1);
            break;
        }
    }
}

// The value at `path` by walking the tree.
static wr_value walk(const wr_value *tree, const struct wr_path *path)
{
    const wr_value *v = tree;
    for (size_t i = 0; v && i < path->len; i++) {
        v = v->type == WR_OBJECT ? wr_object_get(v, path->keys[i]) : NULL;
    }
    return v ? *v : wr_undefined();
}

static void random_texts_agree(void **state)
{
    static const char *const wanted[] = {"",      "a",     "b",   "a/a", "a/b",     "b/a",
                                         "a/b/c", "a/a/a", "c/c", "/",   "b/b/b/b", "\xc3\xa9"};
    enum { PATHS = WR_COUNT(wanted) };
    wr_str keys[PATHS][KEYS_MAX];
    struct wr_path paths[PATHS];
    uint32_t slots[PATHS];
    for (size_t i = 0; i < PATHS; i++) {
        paths[i] = path_of(keys[i], wanted[i]);
    }
    struct wr_paths *p = wr_paths_new(paths, PATHS, slots);
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_buf text = {0}, first = {0}, second = {0};
    size_t good = 0;
    random_state = 7;
    for (int round = 0; round < 20000; round++) {
        wr_arena_reset(&arena);
        wr_buf_clear(&text);
        random_value(&text, 0);
        if (round % 2) {
            breakage(&text);
        }
        wr_str copy = heap_copy(wr_buf_str(&text));
        const char *name = wr_buf_terminated(&text);
        wr_value values[PATHS], tree;
        struct wr_fault fault;
        enum wr_json_kind kind = wr_json_read(p, copy, values, NULL);
        bool unsure, taken = jansson_takes(copy, &unsure);
        if (!unsure) {
            CHECK_INT(name, kind == WR_JSON_VALID || kind == WR_JSON_SCALAR, taken);
        }
        wr_err err = wr_json_parse(copy, &arena, WR_SQL_2016, &tree, &fault);
        CHECK_INT(name, err == WR_OK, kind == WR_JSON_VALID || kind == WR_JSON_SCALAR);
        good += err == WR_OK;
        for (size_t i = 0; err == WR_OK && i < PATHS; i++) {
            wr_value by_tree = walk(&tree, &paths[i]), by_reader = values[slots[i]];
            write_slot(&first, by_reader, &arena);
            write_slot(&second, by_tree, &arena);
            CHECK_STR(name, wr_buf_str(&first), wr_buf_str(&second));
            wr_value_force(&by_reader, &arena, WR_SQL_2016);
            write_slot(&first, by_reader, &arena);
            CHECK_STR(name, wr_buf_str(&first), wr_buf_str(&second));
            // Broken texts may hold numbers out of range, Undefined in the end, which equal
            // nothing.
            if (round % 2 == 0 && by_tree.type != WR_UNDEFINED) {
                CHECK(name, wr_value_equal(&by_tree, &by_reader, &arena, WR_SQL_2016));
            }
            // What is written is canonical: reading and writing it again changes nothing.
            if (first.len) {
                wr_value again;
                wr_str canonical = wr_buf_str(&first);
                assert_int_equal(wr_json_parse(canonical, &arena, WR_SQL_2016, &again, &fault),
                                 WR_OK);
                write_slot(&second, again, &arena);
                CHECK_STR(name, wr_buf_str(&second), canonical);
            }
        }
        heap_free(copy);
    }
    assert_true(good > 10000);
    wr_buf_release(&text);
    wr_buf_release(&first);
    wr_buf_release(&second);
    wr_arena_release(&arena);
    wr_paths_free(p);
}

// ---- writing

static const struct {
    const char *name, *text, *want_2016, *want_2015; // NULL: as 2016
} write_cases[] = {
    {"spaces go", " { \"a\" : [ 1 , 2 ] } ", "{\"a\":[1,2]}", NULL},
    {"order stays", "{\"z\":1,\"a\":2}", "{\"z\":1,\"a\":2}", NULL},
    {"repeated key", "{\"z\":1,\"a\":2,\"z\":3}", "{\"z\":3,\"a\":2}", NULL},
    {"repeated escaped key", "{\"z\":1,\"a\":2,\"\\u007a\":{}}", "{\"z\":{},\"a\":2}", NULL},
    {"repeated key inside", "[{\"z\":1,\"z\":[1,2]}]", "[{\"z\":[1,2]}]", NULL},
    {"whole decimals", "[5.0,1e2,-3.00,0.0,-0,-0.0]", "[5,100,-3,0,0,0]",
     "[5.0,100.0,-3.0,0.0,0,0.0]"},
    {"fractions", "[5.50,0.000001,0.0000015,0.00000015,1.2345e2]",
     "[5.5,0.000001,0.0000015,1.5E-7,123.45]", NULL},
    {"micro and less", "[0.00000100,0.0000009]", "[0.000001,9E-7]", NULL},
    {"large", "[1e33,1e34,-2.5e40,12345678901234567890123456789012345]",
     "[1000000000000000000000000000000000,1E+34,-2.5E+40,1.234567890123456789012345678901234E+34]",
     "[1000000000000000000000000000000000.0,1E+34,-2.5E+40,1.234567890123456789012345678901234E+"
     "34]"},
    {"34 digits stay", "[1234567890123456789012345678901234,0.1234567890123456789012345678901234]",
     "[1234567890123456789012345678901234,0.1234567890123456789012345678901234]", NULL},
    {"out of range is left out", "[1,1e1000,2]", "[1,2]", NULL},
    {"out of range in an object", "{\"a\":1e1000,\"b\":-1e1000}", "{}", NULL},
    {"below the range is zero", "{\"a\":1e-1000}", "{\"a\":0}", "{\"a\":0.0}"},
    {"escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"]",
     "[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"]", NULL},
    {"characters", "[\"\\u00e9\\u2028\\ud83d\\ude00\"]",
     "[\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"]", NULL},
    {"NUL", "[\"a\\u0000b\"]", "[\"a\\u0000b\"]", NULL},
    {"escaped key", "{\"a\\\"b\":1,\"\\u00e9\":2}", "{\"a\\\"b\":1,\"\xc3\xa9\":2}", NULL},
    {"empty", "[{},[],\"\"]", "[{},[],\"\"]", NULL},
    {"words", "[true,false,null]", "[true,false,null]", NULL},
    {"top scalar", " \"x\" ", "\"x\"", NULL},
    {"top number", "1.50", "1.5", NULL},
    {"top number out of range", "1e1000", "", NULL},
};

static void canonical_text(void **state)
{
    wr_str no_keys;
    struct wr_path root = {&no_keys, 0};
    uint32_t slot;
    struct wr_paths *p = wr_paths_new(&root, 1, &slot);
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_buf b = {0};
    for (size_t i = 0; i < 2 * WR_COUNT(write_cases); i++) {
        enum wr_dialect dialect = i % 2 ? WR_SQL_2015 : WR_SQL_2016;
        const char *want = i % 2 ? write_cases[i / 2].want_2015 : write_cases[i / 2].want_2016;
        const char *name = write_cases[i / 2].name;
        want = want ? want : write_cases[i / 2].want_2016;
        wr_str text = Z(write_cases[i / 2].text);
        wr_value lazy, forced;
        struct wr_fault fault;
        wr_json_read(p, text, &lazy, NULL);
        wr_buf_clear(&b);
        wr_json_write(&b, &lazy, &arena, dialect);
        CHECK_STR(name, wr_buf_str(&b), Z(want));
        assert_int_equal(wr_json_parse(text, &arena, dialect, &forced, &fault), WR_OK);
        wr_buf_clear(&b);
        wr_json_write(&b, &forced, &arena, dialect);
        CHECK_STR(name, wr_buf_str(&b), Z(want));
    }
    wr_value raw = wr_raw(S("\x00\xff"));
    struct wr_array_builder array = {0};
    wr_array_push(&array, &arena, raw);
    wr_array_push(&array, &arena, wr_undefined());
    wr_array_push(&array, &arena, wr_null());
    wr_value v = wr_array_done(&array);
    write_slot(&b, v, &arena);
    CHECK_STR("raw and Undefined", wr_buf_str(&b), S("[\"AP8=\",null]"));
    wr_buf_release(&b);
    wr_arena_release(&arena);
    wr_paths_free(p);
}

// Objects with more keys than are compared one by one, with and without repetition.
static void large_objects(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    for (int repeat = 0; repeat < 2; repeat++) {
        struct wr_buf text = {0}, want = {0}, got = {0};
        wr_buf_add_char(&text, '{');
        wr_buf_add_char(&want, '{');
        for (int i = 0; i < 5000; i++) {
            wr_buf_addf(&text, "%s\"k%d\": %d", i ? ", " : "", i, i);
            wr_buf_addf(&want, "%s\"k%d\":%d", i ? "," : "", i, repeat && i < 100 ? i + 7 : i);
        }
        for (int i = 0; repeat && i < 100; i++) {
            wr_buf_addf(&text, ",\"\\u006b%d\":%d", i, i + 7);
        }
        wr_buf_add_char(&text, '}');
        wr_buf_add_char(&want, '}');
        wr_value v = {
            .type = WR_OBJECT, .flags = WR_V_LAZY, .len = (uint32_t)text.len, .as.text = text.at};
        wr_json_write(&got, &v, &arena, WR_SQL_2016);
        CHECK_STR("large object", wr_buf_str(&got), wr_buf_str(&want));
        wr_value_force(&v, &arena, WR_SQL_2016);
        assert_int_equal(v.len, 5000);
        wr_buf_release(&text);
        wr_buf_release(&want);
        wr_buf_release(&got);
    }
    wr_arena_release(&arena);
}

// Each arena allocation fails once: never a crash, and never an answer that looks whole but is not.
static void every_allocation_may_fail(void **state)
{
    wr_str text =
        S("{\"a\":[1,2,\"\\n\",{\"\\u0062\":12345678901234567890.5}],\"a1\":1,\"a2\":1,\"a3\":1,"
          "\"a4\":1,\"a5\":1,\"a6\":1,\"a7\":1,\"a8\":1,\"a9\":1,\"b0\":1,\"b1\":1,\"b2\":1,"
          "\"b3\":1,\"b4\":1,\"b5\":1,\"b6\":1e40,\"b7\":1.0,\"a1\":\"\\t\"}");
    wr_str want =
        S("{\"a\":[1,2,\"\\n\",{\"b\":12345678901234567890.5}],\"a1\":\"\\t\",\"a2\":1,\"a3\":1,"
          "\"a4\":1,\"a5\":1,\"a6\":1,\"a7\":1,\"a8\":1,\"a9\":1,\"b0\":1,\"b1\":1,\"b2\":1,"
          "\"b3\":1,\"b4\":1,\"b5\":1,\"b6\":1E+40,\"b7\":1}");
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_buf b = {0};
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        wr_arena_reset(&arena);
        arena.fail_at = n;
        wr_value v = wr_null();
        struct wr_fault fault;
        wr_err err = wr_json_parse(text, &arena, WR_SQL_2016, &v, &fault);
        assert_int_equal(err == WR_OK, !arena.over);
        assert_true(err == WR_OK || err == WR_ERR_LIMIT);
        if (err == WR_OK) {
            wr_buf_clear(&b);
            wr_json_write(&b, &v, &arena, WR_SQL_2016);
            if (!b.over) {
                CHECK_STR("tree", wr_buf_str(&b), want);
            }
            done = arena.fail_at > 0;
        }
        assert_true(n < 1000);
    }
    done = false;
    for (uint64_t n = 1; !done; n++) {
        wr_arena_reset(&arena);
        arena.fail_at = n;
        wr_value v = {
            .type = WR_OBJECT, .flags = WR_V_LAZY, .len = (uint32_t)text.len, .as.text = text.at};
        wr_buf_clear(&b);
        wr_json_write(&b, &v, &arena, WR_SQL_2016);
        assert_int_equal(b.over, arena.over);
        if (!b.over) {
            CHECK_STR("lazy", wr_buf_str(&b), want);
            done = true;
        }
        assert_true(n < 1000);
    }
    wr_buf_release(&b);
    wr_arena_release(&arena);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(verdict_of_reader_parser_and_jansson),
        T(every_cut_of_a_text_is_malformed),
        T(depth_is_limited),
        T(reader_finds_paths),
        T(no_paths_at_all),
        T(wide_tries_find_every_key),
        T(long_escaped_keys_are_compared_decoded),
        T(random_texts_agree),
        T(canonical_text),
        T(large_objects),
        T(every_allocation_may_fail),
    };
    return TEST_MAIN(tests);
}
