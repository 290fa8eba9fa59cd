// The readers of `weir check`: what they make of JSON and YAML, where each value stands, and where
// a byte of a text does.
#include "engine/cli/check/tree.h"

#include "tests/support/test.h"

#include <stdlib.h>

#include "sql/base/banned.h"

static wr_err read_text(struct wr_source *s, bool yaml, const char *text, struct wr_fault *fault)
{
    *fault = (struct wr_fault){0};
    wr_source_of(s, "f", Z(text));
    return yaml ? wr_tree_read_yaml(s, fault) : wr_tree_read_json(s, fault);
}

// The whole tree in one line, with places.
static void print(const struct wr_tree *t, struct wr_buf *out)
{
    if (t->key.at) {
        wr_buf_addf(out, "%.*s@%u:%u=", WR_STR_ARG(t->key), t->key_at.line, t->key_at.column);
    }
    if (t->tag.len) {
        wr_buf_addf(out, "!%.*s ", WR_STR_ARG(t->tag));
    }
    if (t->kind == WR_TREE_MAP || t->kind == WR_TREE_LIST) {
        wr_buf_add_char(out, t->kind == WR_TREE_MAP ? '{' : '[');
        for (const struct wr_tree *m = t->first; m; m = m->next) {
            print(m, out);
            wr_buf_add(out, m->next ? S(" ") : S(""));
        }
        wr_buf_add_char(out, t->kind == WR_TREE_MAP ? '}' : ']');
    } else {
        static const char kinds[] = "0bns"; // null, Boolean, number, string
        wr_buf_addf(out, "%c:%.*s", kinds[t->kind], WR_STR_ARG(t->text));
    }
    wr_buf_addf(out, "@%u:%u", t->at.line, t->at.column);
}

static void reads(void **state)
{
    static const struct {
        const char *name;
        bool yaml;
        const char *text, *tree;
    } cases[] = {
        {"scalars", false, "[1, -0.5e+3, true, false, null, \"a\"]",
         "[n:1@1:2 n:-0.5e+3@1:5 b:true@1:14 b:false@1:20 0:null@1:27 s:a@1:33]@1:1"},
        {"objects", false, "{\n \"a\": {\"b\":1},\n\t\"c\" : []}",
         "{a@2:2={b@2:8=n:1@2:12}@2:7 c@3:2=[]@3:8}@1:1"},
        {"escapes", false, "\"\\\"\\\\\\/\\b\\n\\u00e4\\ud83d\\ude00\"", "s:\"\\/\b\nä😀@1:1"},
        {"columns are characters", false, "[\"ä😀\", 1]", "[s:ä😀@1:2 n:1@1:8]@1:1"},
        {"YAML scalars", true,
         "- 1\n- -1.5e3\n- true\n- ~\n- 'true'\n- yes\n- 2016-03-23\n- 007\n- ''\n",
         "[n:1@1:3 n:-1.5e3@2:3 b:true@3:3 0:~@4:3 s:true@5:3 s:yes@6:3 s:2016-03-23@7:3 "
         "s:007@8:3 s:@9:3]@1:1"},
        {"YAML maps", true, "a:\n  b: x\nc: {d: [1]}\n",
         "{a@1:1={b@2:3=s:x@2:6}@2:3 c@3:1={d@3:5=[n:1@3:9]@3:8}@3:4}@1:1"},
        {"tags", true, "a: !Sub 'x'\nb: !GetAtt A.B\nc: !Join [',', [a]]\nd: !Ref\n  e\n",
         "{a@1:1=!Sub s:x@1:9 b@2:1=!GetAtt s:A.B@2:12 c@3:1=!Join [s:,@3:11 [s:a@3:17]@3:16]@3:4 "
         "d@4:1=!Ref s:e@4:8}@1:1"},
        {"aliases are copies", true, "a: &x {b: 1}\nc: *x\n",
         "{a@1:1={b@1:8=n:1@1:11}@1:4 c@2:1={b@1:8=n:1@1:11}@1:4}@1:1"},
        {"blocks", true, "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
         "{a@1:1=s:x\ny\n@1:4 b@4:1=s:x y@4:4}@1:1"},
        {"JSON is YAML", true, "{\"a\": [1, \"b\"]}", "{a@1:2=[n:1@1:8 s:b@1:11]@1:7}@1:1"},
        {"a mark at the beginning", true,
         "\xef\xbb\xbf"
         "a: 'ä'\n",
         "{a@1:1=s:ä@1:4}@1:1"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_source s;
        struct wr_fault fault;
        struct wr_buf out = {0};
        if (read_text(&s, cases[i].yaml, cases[i].text, &fault)) {
            CASE_FAIL(cases[i].name, "%s", fault.text);
        }
        print(s.root, &out);
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].tree));
        wr_buf_release(&out);
        wr_source_release(&s);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *name;
        bool yaml;
        const char *text;
        unsigned line, column;
        const char *fault;
    } cases[] = {
        {"empty", false, "", 1, 1, "found the end of the file, expected a value"},
        {"two values", false, "{} 1", 1, 4, "found '1', expected the end of the file"},
        {"comma", false, "{\"a\": 1,}", 1, 9, "found '}', expected a key in \""},
        {"list", false, "[1 2]", 1, 4, "found '2', expected a comma or ]"},
        {"colon", false, "{\"a\" 1}", 1, 6, "found '1', expected a colon"},
        {"key", false, "{a: 1}", 1, 2, "found 'a', expected a key in \" or }"},
        {"leading zero", false, "[01]", 1, 3, "found '1', expected no digit after a leading 0"},
        {"fraction", false, "[1.]", 1, 4, "found ']', expected a digit"},
        {"word", false, "[nul]", 1, 2, "found 'n', expected a value"},
        {"escape", false, "\"\\x\"", 1, 3,
         "found 'x', expected an escape: one of \" \\ / b f n r t u"},
        {"half a pair", false, "\"\\ude00\"", 1, 3, "found half a surrogate pair"},
        {"control", false, "\"a\nb\"", 1, 3,
         "found a line break, expected the rest of a string and a \""},
        {"twice", false, "{\"a\": 1,\n \"a\": 2}", 2, 2,
         "found the key \"a\" again, first in line 1"},
        {"bytes", false, "[\"\xff\"]", 1, 3, "found bytes that are not UTF-8"},
        {"YAML twice", true, "a: 1\nb: 2\na: 3\n", 3, 1,
         "found the key \"a\" again, first in line 1"},
        {"alias", true, "a: *x\n", 1, 4, "found an alias without its anchor"},
        {"alias in itself", true, "a: &x [*x]\n", 1, 8, "found an alias inside of what it means"},
        {"documents", true, "a: 1\n---\nb: 1\n", 2, 1,
         "found a second document, expected one a file"},
        {"list as a key", true, "? [a]\n: 1\n", 1, 3, "found a mapping, list or alias as a key"},
        {"indentation", true, "a: 1\n b: 2\n", 2, 3,
         "mapping values are not allowed in this context"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_source s;
        struct wr_fault fault;
        CHECK(cases[i].name, read_text(&s, cases[i].yaml, cases[i].text, &fault) != WR_OK);
        CHECK_STR(cases[i].name, Z(fault.text), Z(cases[i].fault));
        CHECK_INT(cases[i].name, fault.line, cases[i].line);
        CHECK_INT(cases[i].name, fault.column, cases[i].column);
        wr_source_release(&s);
    }
}

// The text of member `a` and a byte of it, where the mark § stands in the file when it can be told.
static void places_bytes(void **state)
{
    static const struct {
        const char *name;
        bool yaml;
        const char *text; // with the mark
        const char *upto; // the decoded text in front of it
    } cases[] = {
        {"JSON", false, "{\"a\": \"abc§def\"}", "abc"},
        {"JSON escapes", false, "{\"a\": \"\\n\\u00e4\\ud83d\\ude00\\\"§x\"}", "\nä😀\""},
        {"at the end", false, "{\"a\": \"abc§\"}", "abc"},
        {"plain", true, "a: abc §def\n", "abc "},
        {"plain, folded", true, "a: abc\n  def §ghi\n", "abc def "},
        {"plain, an empty line", true, "a: abc\n\n  def §ghi\n", "abc\ndef "},
        {"single", true, "a: 'it''s §x'\n", "it's "},
        {"single, folded", true, "a: 'x  \n   y§z'\n", "x y"},
        {"double", true, "a: \"\\t\\x41\\\"§x\"\n", "\tA\""},
        {"double, a line that goes on", true, "a: \"x \\\n  y§z\"\n", "x y"},
        {"literal", true, "a: |\n  SELECT x\n    FROM §y\n", "SELECT x\n  FROM "},
        {"literal, first line empty", true, "a: |\n\n  x§y\n", "\nx"},
        {"literal, stripped", true, "a: |-\n   ä\n\n   b§c\n", "ä\n\nb"},
        {"folded", true, "a: >\n  SELECT x\n  FROM §y\n", "SELECT x FROM "},
        {"folded, an empty line", true, "a: >-\n  x\n\n  y§z\n", "x\ny"},
        {"folded, indented lines", true, "a: >\n  x\n    y\n  z§w\n", "x\n  y\nz"},
        {"folded, tagged", true, "a: !Sub >-\n  x\n  y§z\n", "x y"},
        {"Windows", true, "a: |\r\n  x\r\n  y§z\r\n", "x\ny"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str all = Z(cases[i].text);
        ptrdiff_t mark = wr_str_find(all, S("§"));
        struct wr_buf text = {0};
        wr_buf_add(&text, wr_str_cut(all, 0, (size_t)mark));
        wr_buf_add(&text, wr_str_cut(all, (size_t)mark + strlen("§"), all.len));
        struct wr_source s;
        struct wr_fault fault;
        if (read_text(&s, cases[i].yaml, wr_buf_terminated(&text), &fault)) {
            CASE_FAIL(cases[i].name, "%s", fault.text);
        }
        const struct wr_tree *t = wr_tree_get(s.root, "a");
        CHECK_STR(cases[i].name, wr_str_cut(t->text, 0, strlen(cases[i].upto)), Z(cases[i].upto));
        struct wr_place place, expected = wr_source_place(&s, (size_t)mark);
        CHECK(cases[i].name, wr_tree_place(&s, t, strlen(cases[i].upto), &place));
        CHECK_INT(cases[i].name, place.offset, mark);
        CHECK_INT(cases[i].name, place.line, expected.line);
        CHECK_INT(cases[i].name, place.column, expected.column);
        wr_source_release(&s);
        wr_buf_release(&text);
    }
}

// Every byte of a text in every style: the character at the place is the text's, or an escape.
static void places_agree(void **state)
{
    static const char *const texts[] = {
        "a: |\n  one\n   two\n\n  three\n",
        "a: >\n  one\n  two\n\n  three\n    four\n  five\n",
        "a: 'one\n  two\n\n  three'\n",
        "a: one\n  two\n  three # comment\n",
    };
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        struct wr_source s;
        struct wr_fault fault;
        CHECK(texts[i], read_text(&s, true, texts[i], &fault) == WR_OK);
        const struct wr_tree *t = wr_tree_get(s.root, "a");
        for (size_t at = 0; at < t->text.len; at++) {
            struct wr_place place;
            if (t->text.at[at] == ' ' || t->text.at[at] == '\n') {
                continue;
            }
            CHECK(texts[i], wr_tree_place(&s, t, at, &place));
            CHECK_INT(texts[i], s.text.at[place.offset], t->text.at[at]);
        }
        wr_source_release(&s);
    }
}

static void finds_paths(void **state)
{
    static const struct {
        const char *path;
        unsigned line;
        bool whole;
    } cases[] = {
        {"a", 2, true},     {"a[0].b", 3, true},     {"a[1]", 5, true},   {"a[2]", 2, false},
        {"p.x.y", 7, true}, {"p.x", 7, true},        {"p.x.z", 7, false}, {"P.X.Y", 7, true},
        {"none", 1, false}, {"a[0].none", 3, false}, {"", 1, true},       {"a[0", 3, true},
    };
    struct wr_source s;
    struct wr_fault fault;
    CHECK("reads",
          read_text(&s, false, "{\n\"a\": [\n{\"b\": 1\n},\n2],\n\"p\":\n{\"x.y\": 1, \"x\": 2}\n}",
                    &fault) == WR_OK);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        bool whole;
        const struct wr_tree *t = wr_tree_find(s.root, cases[i].path, &whole);
        CHECK_INT(cases[i].path, t->at.line, cases[i].line);
        CHECK_INT(cases[i].path, whole, cases[i].whole);
    }
    wr_source_release(&s);
}

static void becomes_json(void **state)
{
    struct wr_source s;
    struct wr_fault fault;
    CHECK("reads",
          read_text(&s, false,
                    "{\"a\": [1, 1.5, 9223372036854775808, 1e999, true, null, \"\\u00e4\"]}",
                    &fault) == WR_OK);
    json_t *v = wr_tree_json(s.root);
    char *text = json_dumps(v, JSON_COMPACT);
    CHECK_STR("text", Z(text), S("{\"a\":[1,1.5,9.2233720368547758e18,0.0,true,null,\"ä\"]}"));
    free(text);
    json_decref(v);
    wr_source_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reads), T(refuses), T(places_bytes), T(places_agree), T(finds_paths), T(becomes_json),
    };
    return TEST_MAIN(tests);
}
