// Bytes to tokens: every token, where each begins and ends, and what is none.
#include "sql/lexer.h"

#include "sql/base/buf.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static const char *const kind_names[] = {
#define PLAIN(name) #name,
    WR_PLAIN_MAP(PLAIN)
#undef PLAIN
#define SIGN(name, text) #name,
        WR_SIGN_MAP(SIGN)
#undef SIGN
#define KEYWORD(name, reserved) #name "_",
            WR_KEYWORD_MAP(KEYWORD)
#undef KEYWORD
};

// "KIND:begin-end" for each token, the last one END.
static void tokens(wr_str text, struct wr_buf *out)
{
    struct wr_lexer l;
    wr_lexer_init(&l, text, 0, text.len);
    struct wr_token t;
    do {
        t = wr_lexer_next(&l);
        wr_buf_addf(out, "%s%s:%u-%u", out->len ? " " : "", kind_names[t.kind], t.begin, t.end);
    } while (t.kind != WR_TOKEN_END);
}

static void cuts(void **state)
{
    static const struct {
        const char *name, *text, *tokens;
    } cases[] = {
        {"empty", "", "END:0-0"},
        {"blanks", " \t\r\n", "END:4-4"},
        {"form feed is no blank", "\f", "BAD:0-1 END:1-1"},
        {"name", "abc", "NAME:0-3 END:3-3"},
        {"name with digits", "_a1_", "NAME:0-4 END:4-4"},
        {"name beyond ASCII", "größe", "NAME:0-7 END:7-7"},
        {"no-break space is a letter", "a\u00a0b", "NAME:0-4 END:4-4"},
        {"keyword in a name", "selected", "NAME:0-8 END:8-8"},
        {"keyword without case", "sElEcT", "SELECT_:0-6 END:6-6"},
        {"dollar ends a name", "a$b", "NAME:0-1 BAD:1-2 NAME:2-3 END:3-3"},
        {"hyphen ends a name", "a-b", "NAME:0-1 MINUS:1-2 NAME:2-3 END:3-3"},
        {"number", "42", "NUMBER:0-2 END:2-2"},
        {"leading zeros", "007", "NUMBER:0-3 END:3-3"},
        {"point", "3.14", "NUMBER:0-4 END:4-4"},
        {"exponent", "1e3", "NUMBER:0-3 END:3-3"},
        {"exponent with sign", "1.5E-10", "NUMBER:0-7 END:7-7"},
        {"exponent with plus", "1E+2", "NUMBER:0-4 END:4-4"},
        {"two points", "1.2.3", "NUMBER:0-3 DOT:3-4 NUMBER:4-5 END:5-5"},
        {"no leading point", ".5", "DOT:0-1 NUMBER:1-2 END:2-2"},
        {"no trailing point", "5.", "BAD:0-2 END:2-2"},
        {"point and name", "5.a", "BAD:0-2 NAME:2-3 END:3-3"},
        {"letters behind", "5abc", "BAD:0-4 END:4-4"},
        {"underscore behind", "1_000", "BAD:0-5 END:5-5"},
        {"exponent without digits", "1e", "BAD:0-2 END:2-2"},
        {"exponent with a sign only", "1e+", "BAD:0-2 PLUS:2-3 END:3-3"},
        {"letters behind the exponent", "1e5x", "BAD:0-4 END:4-4"},
        {"hexadecimal", "0x1F", "BAD:0-4 END:4-4"},
        {"sign is an operator", "-1", "MINUS:0-1 NUMBER:1-2 END:2-2"},
        {"single quotes", "'a\"b'", "STRING:0-5 END:5-5"},
        {"double quotes", "\"a'b\"", "STRING:0-5 END:5-5"},
        {"empty string", "''", "STRING:0-2 END:2-2"},
        {"doubled quote", "'a''b'", "STRING:0-6 END:6-6"},
        {"escaped quote", "'a\\'b'", "STRING:0-6 END:6-6"},
        {"other escaped quote", "'a\\\"b'", "STRING:0-6 END:6-6"},
        {"escaped backslash at the end", "'a\\\\'", "STRING:0-5 END:5-5"},
        {"other backslash", "'\\d'", "STRING:0-4 END:4-4"},
        {"line break in a string", "'a\nb'", "STRING:0-5 END:5-5"},
        {"comment in a string", "'-- /* # ;'", "STRING:0-11 END:11-11"},
        {"no end", "a 'bc", "NAME:0-1 BAD:2-5 END:5-5"},
        {"end escaped away", "'a\\'", "BAD:0-4 END:4-4"},
        {"lone quote", "'", "BAD:0-1 END:1-1"},
        {"odd quotes", "'''", "BAD:0-3 END:3-3"},
        {"variable", "@a_1", "VARIABLE:0-4 END:4-4"},
        {"variable of digits", "@1", "VARIABLE:0-2 END:2-2"},
        {"variable with a keyword's name", "@from", "VARIABLE:0-5 END:5-5"},
        {"at sign alone", "@ a", "BAD:0-1 NAME:2-3 END:3-3"},
        {"at sign before a letter beyond ASCII", "@é", "BAD:0-1 NAME:1-3 END:3-3"},
        {"64 characters", "@aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd",
         "VARIABLE:0-65 END:65-65"},
        {"65 characters", "@aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddd",
         "BAD:0-66 END:66-66"},
        {"less or", "<><=<", "NE:0-2 LE:2-4 LT:4-5 END:5-5"},
        {"greater or", ">=>", "GE:0-2 GT:2-3 END:3-3"},
        {"bang", "!=!", "NE_BANG:0-2 BAD:2-3 END:3-3"},
        {"two equal signs", "==", "EQ:0-1 EQ:1-2 END:2-2"},
        {"line comment", "a--b", "NAME:0-1 BAD:1-3 NAME:3-4 END:4-4"},
        {"two minus apart", "- -", "MINUS:0-1 MINUS:2-3 END:3-3"},
        {"block comment", "/*", "BAD:0-2 END:2-2"},
        {"product over star", "*/", "STAR:0-1 SLASH:1-2 END:2-2"},
        {"hash", "#", "BAD:0-1 END:1-1"},
        {"semicolon", ";", "BAD:0-1 END:1-1"},
        {"C operators", "&& || &", "BAD:0-2 BAD:3-5 BAD:6-7 END:7-7"},
        {"other signs", "`^~?|\\", "BAD:0-1 BAD:1-2 BAD:2-3 BAD:3-4 BAD:4-5 BAD:5-6 END:6-6"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        tokens(Z(cases[i].text), &b);
        CHECK_STR(cases[i].name, wr_buf_str(&b), Z(cases[i].tokens));
        wr_buf_release(&b);
    }
}

// From the tables themselves: each entry's own text gives its kind and nothing else.
static void knows_its_tables(void **state)
{
    static const struct {
        const char *text;
        enum wr_token_kind kind;
        bool word, name;
    } all[] = {
#define SIGN(name, text) {text, WR_TOKEN_##name, false, false},
        WR_SIGN_MAP(SIGN)
#undef SIGN
#define KEYWORD(name, reserved) {#name, WR_WORD_##name, true, !(reserved)},
            WR_KEYWORD_MAP(KEYWORD)
#undef KEYWORD
                {"word", WR_TOKEN_NAME, true, true},
        {"1", WR_TOKEN_NUMBER, false, false},
        {"''", WR_TOKEN_STRING, false, false},
        {"@v", WR_TOKEN_VARIABLE, false, false},
        {"", WR_TOKEN_END, false, false},
        {"?", WR_TOKEN_BAD, false, false},
    };
    CHECK_INT("tokens seen", WR_COUNT(all), WR_TOKEN_COUNT);
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        struct wr_lexer l;
        wr_lexer_init(&l, Z(all[i].text), 0, strlen(all[i].text));
        struct wr_token t = wr_lexer_next(&l);
        CHECK_INT(all[i].text, t.kind, all[i].kind);
        CHECK_INT(all[i].text, t.end, strlen(all[i].text));
        CHECK_INT(all[i].text, t.why != NULL, t.kind == WR_TOKEN_BAD);
        CHECK_INT(all[i].text, wr_token_is_word(t.kind), all[i].word);
        CHECK_INT(all[i].text, wr_token_is_name(t.kind), all[i].name);
    }
}

static void decodes_strings(void **state)
{
    static const struct {
        const char *written, *content;
    } cases[] = {
        {"''", ""},
        {"'abc'", "abc"},
        {"\"abc\"", "abc"},
        {"'o''brien'", "o'brien"},
        {"\"a\"\"b\"", "a\"b"},
        {"'a\"\"b'", "a\"\"b"},
        {"''''", "'"},
        {"'\\d+'", "\\d+"},
        {"'\\\\d+'", "\\d+"},
        {"'\\n'", "\\n"},
        {"'\\'\\\"'", "'\""},
        {"'\\\\\\\\'", "\\\\"},
        {"'\\''''", "''"},
        {"'é→😀'", "é→😀"},
    };
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_lexer l;
        wr_lexer_init(&l, Z(cases[i].written), 0, strlen(cases[i].written));
        struct wr_token t = wr_lexer_next(&l);
        CHECK_INT(cases[i].written, t.kind, WR_TOKEN_STRING);
        wr_str s;
        CHECK(cases[i].written, wr_lexer_string(&l, t, &arena, &s));
        CHECK_STR(cases[i].written, s, Z(cases[i].content));
    }
    wr_arena_release(&arena);
}

static void sees_only_its_part(void **state)
{
    struct wr_lexer l;
    wr_lexer_init(&l, S("ab cd ef"), 3, 5);
    struct wr_token t = wr_lexer_next(&l);
    CHECK_STR("inside", wr_lexer_text(&l, t), S("cd"));
    CHECK_INT("inside", t.begin, 3);
    t = wr_lexer_next(&l);
    CHECK_INT("end", t.kind, WR_TOKEN_END);
    CHECK_INT("end", t.begin, 5);
    CHECK_INT("end again", wr_lexer_next(&l).kind, WR_TOKEN_END);
}

static void refuses_bytes(void **state)
{
    static const struct {
        const char *name;
        wr_str text;
        wr_err err;
        size_t offset;
        const char *fault;
    } cases[] = {
        {"empty", WR_STR_INIT(""), WR_OK, 0, NULL},
        {"ASCII", WR_STR_INIT("SELECT"), WR_OK, 0, NULL},
        {"four bytes", WR_STR_INIT("a😀b"), WR_OK, 0, NULL},
        {"NUL", WR_STR_INIT("a\0b"), WR_ERR_SYNTAX, 1, "found a NUL byte, expected text"},
        {"NUL in a string", WR_STR_INIT("é'\0'"), WR_ERR_SYNTAX, 3, NULL},
        {"lone byte", WR_STR_INIT("é\xff"), WR_ERR_SYNTAX, 2, "found byte 0xff, expected UTF-8"},
        {"cut sequence", WR_STR_INIT("ab\xe2\x82"), WR_ERR_SYNTAX, 2, NULL},
        {"overlong", WR_STR_INIT("\xc0\x80"), WR_ERR_SYNTAX, 0, NULL},
        {"surrogate", WR_STR_INIT("a\xed\xa0\x80"), WR_ERR_SYNTAX, 1, NULL},
        {"before a NUL", WR_STR_INIT("\x80\0"), WR_ERR_SYNTAX, 0, NULL},
        {"behind a NUL", WR_STR_INIT("\0\x80"), WR_ERR_SYNTAX, 0,
         "found a NUL byte, expected text"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        wr_err err = wr_lexer_check_bytes(cases[i].text, 0, cases[i].text.len, &fault);
        CHECK_INT(cases[i].name, err, cases[i].err);
        CHECK_INT(cases[i].name, fault.offset, cases[i].offset);
        if (cases[i].fault) {
            CHECK_STR(cases[i].name, Z(fault.text), Z(cases[i].fault));
        }
    }
}

// Tokens of any bytes lie behind one another and cover everything but blanks.
static void survives_any_bytes(void **state)
{
    uint32_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        char bytes[16];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(seed >> 16);
        }
        struct wr_lexer l;
        wr_lexer_init(&l, (wr_str){bytes, sizeof bytes}, 0, sizeof bytes);
        for (uint32_t end = 0;;) {
            struct wr_token t = wr_lexer_next(&l);
            if (t.kind == WR_TOKEN_END) {
                break;
            }
            CHECK("random", t.begin >= end && t.end > t.begin && t.end <= sizeof bytes);
            end = t.end;
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(cuts),          T(knows_its_tables),   T(decodes_strings), T(sees_only_its_part),
        T(refuses_bytes), T(survives_any_bytes),
    };
    return TEST_MAIN(tests);
}
