// Regular expressions: Java's dialect row by row, replacement texts, and the limits that make every
// pattern end on every text. What Java does was measured with OpenJDK 17.
#include "sql/func/function.h"
#include "sql/func/regex.h"
#include "sql/func/regex_translate.h"

#include "sql/base/hash.h"
#include "sql/base/json.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (16 * 1024 * 1024)
#define KIB         1024

static struct wr_arena arena;

static int setup(void **state)
{
    wr_hash_seed_init();
    wr_arena_init(&arena, ARENA_LIMIT);
    return 0;
}

static int teardown(void **state)
{
    wr_arena_release(&arena);
    wr_regex_thread_release();
    return 0;
}

// ---- PCRE2's own function, so that a test can refuse machine code as a hardened system does

static bool jit_refused;

int pcre2_jit_compile(pcre2_code *code, uint32_t options)
{
    static int (*real)(pcre2_code *, uint32_t);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "pcre2_jit_compile_8");
        wr_assert(found);
        memcpy(&real, &found, sizeof real); // ISO C has no cast from object to function pointers
    }
    return jit_refused ? PCRE2_ERROR_NOMEMORY : real(code, options);
}

// ---- calling

static wr_value call(struct wr_call *c, const char *function, wr_str a, wr_str b, const wr_str *d)
{
    wr_value args[3] = {wr_string(a), wr_string(b), d ? wr_string(*d) : wr_undefined()};
    return wr_function_find(Z(function))->body(c, args, d ? 3 : 2, 0);
}

// 1 matches, 0 does not, -1 Undefined.
static int matches(struct wr_call *c, wr_str subject, wr_str pattern)
{
    wr_value v = call(c, "regexp_matches", subject, pattern, NULL);
    return v.type == WR_BOOLEAN ? v.as.truth : -1;
}

static int matches_alone(wr_str subject, wr_str pattern)
{
    struct wr_call c = {.num = {&arena, WR_SQL_2016}};
    wr_arena_reset(&arena);
    return matches(&c, subject, pattern);
}

// ---- the dialect

// `want`: 1 matches, 0 does not, -1 the pattern is refused (the result is Undefined).
struct dialect_case {
    const char *row, *pattern, *subject;
    int want;
};

// A row of the comparison of Java 17 with PCRE2 in dependencies.md for each name.
static const struct dialect_case dialect_cases[] = {
    {"\\w \\d are ASCII without flags", "^\\w$", "é", 0},
    {"\\w \\d are ASCII without flags", "^\\d$", "٣", 0},
    {"\\w \\d are ASCII without flags", "^\\w$", "e", 1},
    {"\\w \\d are ASCII without flags", "^\\d$", "3", 1},
    {"\\w \\d are ASCII without flags", "^\\W$", "é", 1},
    {"\\w \\d are ASCII without flags", "^[\\w]$", "é", 0},
    {"\\w \\d are ASCII without flags", "^\\s$", "\302\240", 0},
    {"\\b looks at ASCII here", "a\\b", "a-", 1},
    {"\\b looks at ASCII here", "a\\bb", "ab", 0},
    {"\\b looks at ASCII here", "\\Bb", "ab", 1},
    {". stops at line ends", ".", "\015", 0},
    {". stops at line ends", ".", "\302\205", 0},
    {". stops at line ends", ".", "\342\200\250", 0},
    {". stops at line ends", ".", "\342\200\251", 0},
    {". stops at line ends", ".", "\012", 0},
    {". stops at line ends", ".", "\013", 1},
    {". stops at line ends", ".", "\014", 1},
    {". stops at line ends", "(?s)a.b", "a\012b", 1},
    {". stops at line ends", "a.b", "a\012b", 0},
    {". stops at line ends", "(?s)^.$", "\342\200\250", 1},
    {"$ before a final line end", "a$", "a\015\012", 1},
    {"$ before a final line end", "a$", "a\012", 1},
    {"$ before a final line end", "a$", "a\015", 1},
    {"$ before a final line end", "a$", "a\342\200\250", 1},
    {"$ before a final line end", "a$", "a\302\205", 1},
    {"$ before a final line end", "a$", "a\013", 0},
    {"$ before a final line end", "a$", "a\012\012", 0},
    {"$ before a final line end", "a\\r$", "a\015\012", 0},
    {"$ before a final line end", "a\\Z", "a\015\012", 1},
    {"$ before a final line end", "a\\Z", "a\014", 0},
    {"$ before a final line end", "a\\z", "a\012", 0},
    {"$ before a final line end", "^[^x](?!$)c$", "bc", 1},
    {"$ before a final line end", "^a|b$", "xb", 1},
    {"(?m)^ and (?m)$", "(?m)^b$", "a\015b\015c", 1},
    {"(?m)^ and (?m)$", "(?m)^b$", "a\013b\013c", 0},
    {"(?m)^ and (?m)$", "(?m)^", "", 0},
    {"(?m)^ and (?m)$", "(?m)a\\r$", "a\015\012b", 0},
    {"(?m)^ and (?m)$", "(?m)a\\r\\n^b", "a\015\012b", 1},
    {"(?m)^ and (?m)$", "(?m)a\\r^", "a\015\012b", 0},
    {"(?m)^ and (?m)$", "^b(?m)$", "b\012c", 1},
    {"(?m)^ and (?m)$", "(?m)^$", "a\012\012b", 1},
    {"class intersection and union", "^[a-c&&[^b]]$", "b", 0},
    {"class intersection and union", "^[a-c&&[^b]]$", "c", 1},
    {"class intersection and union", "^[a-c&&[^b]]$", "&", 0},
    {"class intersection and union", "^[\\w&&[^\\d]]+$", "abc", 1},
    {"class intersection and union", "^[\\w&&[^\\d]]+$", "ab1", 0},
    {"class intersection and union", "^[^a-c&&[^b]]$", "b", 1},
    {"class intersection and union", "^[^a-c&&[^b]]$", "a", 0},
    {"class intersection and union", "^[a-z&&[def]&&[^e]]$", "d", 1},
    {"class intersection and union", "^[a-z&&[def]&&[^e]]$", "e", 0},
    {"class intersection and union", "^[a-z&&def]$", "e", 1},
    {"class intersection and union", "[a&&&]", "a", -1},
    {"class intersection and union", "[a&&]", "a", -1},
    {"class intersection and union", "[&&a]", "a", -1},
    {"class intersection and union", "[a-z&&[b]c]", "c", -1},
    {"nested classes", "^[[:alpha:]]$", ":", 1},
    {"nested classes", "^[[:alpha:]]$", "b", 0},
    {"nested classes", "^[a[^b]]$", "c", 1},
    {"nested classes", "^[a[^b]]$", "b", 0},
    {"nested classes", "^[^a[^b]]$", "b", 1},
    {"nested classes", "^[^a[bc]]$", "b", 0},
    {"nested classes", "^[^a[bc]]$", "d", 1},
    {"sets of other sets above U+00FF", "^[\\S\\p{Punct}]$", "ſ", 1},
    {"sets of other sets above U+00FF", "^[^\\W\\p{S}]$", "ſ", 0},
    {"sets of other sets above U+00FF", "^[\\W\\p{L}]$", "ſ", 1},
    {"sets of other sets above U+00FF", "^[^\\P{Lower}\\p{S}9]$", "ſ", 0},
    {"sets of other sets above U+00FF", "^[[\\W]\\p{Punct}]$", "ſ", 1},
    {"sets of other sets above U+00FF", "^[^\\W_]$", "a", 1},
    {"sets of other sets above U+00FF", "^[\\s\\S]$", "\012", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)É", "é", 0},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)É", "é", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)k", "\342\204\252", 0},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)k", "\342\204\252", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)^[a-c]+$", "aBC", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)^[X-c]$", "y", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)abc(?-i)D", "ABCD", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)abc(?-i)D", "ABCd", 0},
    {"(?i) is ASCII, (?iu) Unicode", "a(?i:b)c", "aBc", 1},
    {"(?i) is ASCII, (?iu) Unicode", "a(?i:b)c", "aBC", 0},
    {"(?i) is ASCII, (?iu) Unicode", "(?i)(ab)\\1", "abAB", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)^[iI]\304\260$", "\304\261i", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)^[h-j]$", "\304\260", 1},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)^[H-J]$", "\304\260", 0},
    {"(?i) is ASCII, (?iu) Unicode", "(?iu)^[H-J]$", "\304\261", 1},
    {"\\p{Alpha} and kin are ASCII", "^\\p{Alpha}$", "é", 0},
    {"\\p{Alpha} and kin are ASCII", "^\\p{Lower}$", "é", 0},
    {"\\p{Alpha} and kin are ASCII", "^\\p{Lower}$", "e", 1},
    {"\\p{Alpha} and kin are ASCII", "^[\\P{Lower}]$", "e", 0},
    {"\\p{Alpha} and kin are ASCII", "^\\P{Alpha}$", "é", 1},
    {"\\p{Alpha} and kin are ASCII", "(?i)^\\p{Lu}\\p{Lower}$", "aB", 1},
    {"\\p{Is…} scripts and properties", "^\\p{IsLatin}$", "é", 1},
    {"\\p{Is…} scripts and properties", "^\\p{IsAlphabetic}$", "é", 1},
    {"\\p{Is…} scripts and properties", "^\\p{L}\\pN\\PL$", "é1-", 1},
    {"\\p{Is…} scripts and properties", "^\\p{IsGreek}\\p{sc=Cyrillic}\\p{gc=Lu}$", "αжA", 1},
    {"\\p{Is…} scripts and properties", "\\p{InGreek}", "α", -1},
    {"\\p{Is…} scripts and properties", "\\p{javaLowerCase}", "a", -1},
    {"\\p{Is…} scripts and properties", "\\p{IsNope}", "a", -1},
    {"\\p{Is…} scripts and properties", "(?i)\\p{IsUppercase}", "a", -1},
    {"look-behind of no fixed length", "(?<=a{1,3})b", "ab", -1},
    {"look-behind of no fixed length", "(?<=a+)b", "ab", -1},
    {"look-behind of no fixed length", "(?<=ab|c)d", "abd", 1},
    {"look-behind of no fixed length", "(?<=(a)\\1)b", "aab", -1},
    {"\\uXXXX", "^\\u00e9$", "é", 1},
    {"\\uXXXX", "^\\ud83d\\ude00$", "😀", 1},
    {"\\uXXXX", "\\ud83d", "😀", 0},
    {"\\uXXXX", "\\u00e", "é", -1},
    {"\\uXXXX", "^\\x41\\x{1F600}$", "A😀", 1},
    {"\\uXXXX", "\\x4", "A", -1},
    {"\\uXXXX", "\\x{110000}", "A", -1},
    {"octal", "^\\0101$", "A", 1},
    {"octal", "\\101", "A", 0},
    {"octal", "\\08", "A", -1},
    {"(a)\\10", "^(a)\\10$", "aa0", 1},
    {"(a)\\10", "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\10", "abcdefghijj", 1},
    {"(a)\\2", "(a)\\2", "aa", 0},
    {"(a)\\2", "\\1(a)", "a", 0},
    {"(?d) (?u) (?U)", "(?d).", "\015", 1},
    {"(?d) (?u) (?U)", "(?d)a$", "a\015", 0},
    {"(?d) (?u) (?U)", "(?d)a$", "a\012", 1},
    {"(?d) (?u) (?U)", "(?dm)^b$", "a\012b\012c", 1},
    {"(?d) (?u) (?U)", "(?dm)^b$", "a\015b\015c", 0},
    {"(?d) (?u) (?U)", "(?u)é", "é", 1},
    {"(?d) (?u) (?U)", "(?U)\\w", "é", -1},
    {"braces that count nothing", "{", "{", -1},
    {"braces that count nothing", "a{", "a{", -1},
    {"braces that count nothing", "a{,3}", "a", -1},
    {"braces that count nothing", "a]}", "a]}", 1},
    {"what only PCRE2 has", "(?#x)a", "a", -1},
    {"what only PCRE2 has", "(?P<n>a)", "a", -1},
    {"what only PCRE2 has", "(?|a|b)", "a", -1},
    {"what only PCRE2 has", "(a)?(?(1)b|c)", "ab", -1},
    {"what only PCRE2 has", "(?R)", "a", -1},
    {"what only PCRE2 has", "(a)(?1)", "aa", -1},
    {"what only PCRE2 has", "a\\Kb", "ab", -1},
    {"what only PCRE2 has", "\\N", "a", -1},
    {"what only PCRE2 has", "(*UTF)a", "a", -1},
    {"what only PCRE2 has", "(*LIMIT_MATCH=1)a", "a", -1},
    {"what only PCRE2 has", "\\C", "a", -1},
    {"what only PCRE2 has", "(?C1)a", "a", -1},
    {"errors in both", "a**", "a", -1},
    {"errors in both", "*a", "a", -1},
    {"errors in both", "+", "a", -1},
    {"errors in both", "x{2,1}", "xx", -1},
    {"errors in both", "\\y", "y", -1},
    {"errors in both", "[a-\\d]", "a", -1},
    {"errors in both", "[z-a]", "a", -1},
    {"errors in both", "[a", "a", -1},
    {"errors in both", "[]", "a", -1},
    {"errors in both", "(a", "a", -1},
    {"errors in both", "a)", "a", -1},
    {"errors in both", "a\\", "a", -1},
    {"errors in both", "\\k<x>", "a", -1},
    {"errors in both", "(?<n>a)(?<n>b)", "ab", -1},
    {"found anywhere", "a{2,}", "aaaa", 1},
    {"found anywhere", "b", "abc", 1},
    {"found anywhere", "", "abc", 1},
    {"what PCRE2 10.42 repeats otherwise", "a{0}b", "b", -1},
    {"what PCRE2 10.42 repeats otherwise", "(?:c|(?=b)b){0,0}\\z", "a", -1},
    {"what PCRE2 10.42 repeats otherwise", "(?:a+){2}+", "aa", -1},
    {"what PCRE2 10.42 repeats otherwise", "(?:a+){1,}+b", "aab", 1},
    {"what PCRE2 10.42 repeats otherwise", "\\b*a", "a", 1},
    {"what PCRE2 10.42 repeats otherwise", "^?a", "ba", 1},
    {"what PCRE2 10.42 repeats otherwise", "(?m)^+$", "", 0},
    {"what PCRE2 10.42 repeats otherwise", "\\Ga", "a", -1},
    {"what PCRE2 10.42 repeats otherwise", "{2}", "a", -1},
    {"what PCRE2 10.42 repeats otherwise", "a{2}{3}", "aaaaaa", -1},
    {"what PCRE2 10.42 repeats otherwise", "(?x)a? ?b", "ab", 1},
    {"what PCRE2 10.42 repeats otherwise", "(?x)a + ?b", "aab", 1},
    {"quotes and names", "(?<year>\\d{4})-\\k<year>", "2020-2020", 1},
    {"quotes and names", "^\\Qa.b*\\E+$", "a.b**", 1},
    {"quotes and names", "^\\Q(", "(", 1},
    {"quotes and names", "^[\\Q^]\\E]+$", "^]", 1},
    {"quotes and names", "[\\Qa\\E-z]", "b", -1},
    {"comments", "(?x) a b # comment\012 c", "abc", 1},
    {"comments", "(?x)[a b]", " ", 0},
    {"comments", "(?x)a\\ b", "a b", 1},
    {"comments", "(?x)[a& ]", "a", -1},
    {"characters and classes", "\\cA", "\001", 1},
    {"characters and classes", "\\ca", "!", 1},
    {"characters and classes", "^\\t\\x20\\e$", "\011 \033", 1},
    {"characters and classes", "[]a]", "]", 1},
    {"characters and classes", "^[\\d-z]+$", "1-z", 1},
    {"characters and classes", "^[a-\\uffff]+$", "\357\276\275\355\236\277", 1},
    {"characters and classes", "^[\\x{d800}-\\x{dfff}]$", "a", 0},
    {"characters and classes", "^[^\\x{d800}-\\x{dfff}]$", "a", 1},
    {"characters and classes", "^[+--]+$", "+,-", 1},
    {"characters and classes", "^[a-]+$", "a-", 1},
    {"characters and classes", "\\_\\-\\/", "_-/", 1},
    {"characters and classes", "^\\R$", "\015\012", 1},
    {"characters and classes", "^\\h\\H\\v\\V$", " a\012a", 1},
    {"groups and repetition", "a++b", "aab", 1},
    {"groups and repetition", "(?>a+)ab", "aaab", 0},
    {"groups and repetition", "^(?!b)a(?=c)c(?<!a)$", "ac", 1},
    {"groups and repetition", "^(a?b?)*c$", "abababc", 1},
    {"groups and repetition", "(?=a)*b", "b", 1},
    {"groups and repetition", "(?=a)?+ab", "ab", 1},
};

static void check_dialect(const struct dialect_case *k)
{
    char name[256];
    struct wr_fault fault = {0};
    snprintf(name, sizeof name, "%s: %s", k->row, k->pattern);
    CHECK_INT(name, matches_alone(Z(k->subject), Z(k->pattern)), k->want);
    CHECK_INT(name, wr_regex_check(Z(k->pattern), &fault) != WR_OK, k->want < 0);
    CHECK_INT(name, fault.text[0] != 0, k->want < 0);
}

static void dialect(void **state)
{
    for (size_t i = 0; i < WR_COUNT(dialect_cases); i++) {
        check_dialect(&dialect_cases[i]);
    }
}

// Where machine code is refused (-48) the interpreter gives the same answers.
static void without_jit(void **state)
{
    CHECK("machine code works here", wr_regex_jit_works());
    jit_refused = true;
    wr_regex_thread_release();
    CHECK_INT("refused", wr_regex_jit_works(), false);
    for (size_t i = 0; i < WR_COUNT(dialect_cases); i++) {
        check_dialect(&dialect_cases[i]);
    }
    uint64_t before = wr_regex_limit_hits();
    CHECK_INT("limit", matches_alone(S("aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), S("(a+)+$")), -1);
    CHECK_INT("counted", wr_regex_limit_hits() - before, 1);
    jit_refused = false;
    wr_regex_thread_release();
}

// What is refused says where and what; an offset in bytes.
static void faults(void **state)
{
    static const struct {
        const char *pattern;
        size_t at;
        wr_err code;
        const char *text;
    } cases[] = {
        {"ab*(c", 5, WR_ERR_SYNTAX, "a group without its ')'"},
        {"ab)", 2, WR_ERR_SYNTAX, "a ')' without its '('"},
        {"a**", 2, WR_ERR_SYNTAX, "'*' has nothing to repeat"},
        {"\\Ga", 1, WR_ERR_UNSUPPORTED, "\\G is not supported"},
        {"é\\p{InGreek}", 3, WR_ERR_UNSUPPORTED, "the property 'InGreek' is not supported"},
        {"x{0}", 3, WR_ERR_UNSUPPORTED, "a repetition of zero times is not supported"},
        {"[a", 2, WR_ERR_SYNTAX, "a class without its ']'"},
        {"(?<n>a)(?<n>b)", 12, WR_ERR_SYNTAX, "a second group named 'n'"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].pattern, wr_regex_check(Z(cases[i].pattern), &fault), cases[i].code);
        CHECK_STR(cases[i].pattern, Z(fault.text), Z(cases[i].text));
        CHECK_INT(cases[i].pattern, fault.offset, cases[i].at);
    }
}

// ---- matches and replacement texts

static const struct {
    const char *row, *subject, *pattern, *with, *want; // want NULL: Undefined
} replacements[] = {
    {"a group", "abcd", "b(.*)d", "$1", "ac"},
    {"the match", "abc", "b", "<$0>", "a<b>c"},
    {"$11 with one group", "ab", "(a)", "$11", "a1b"},
    {"$11 with eleven", "abcdefghijk", "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "$11", "k"},
    {"$9 without such a group", "ab", "(a)", "$9", NULL},
    {"a lone $", "ab", "(a)", "$", NULL},
    {"$ before text", "ab", "(a)", "$x", NULL},
    {"an unknown ${n}", "ab", "(a)", "${n}", NULL},
    {"${n}", "ab", "(?<n>a)", "<${n}>", "<a>b"},
    {"${ without }", "ab", "(?<n>a)", "${n", NULL},
    {"a trailing \\", "ab", "(a)", "x\\", NULL},
    {"\\$1 is $1", "ab", "(a)", "\\$1", "$1b"},
    {"a\\b is ab", "x", "x", "a\\b", "ab"},
    {"\\\\ is \\", "x", "x", "\\\\", "\\"},
    {"a quoted letter of two bytes", "x", "x", "\\é", "é"},
    {"an unset group is empty", "b", "(a)?b", "[$1]", "[]"},
    {"x* in abc", "abc", "x*", "-", "-a-b-c-"},
    {"x* in xxa", "xxa", "x*", "-", "--a-"},
    {"one code point on after an empty match", "é😀", "", "-", "-é-😀-"},
    {"empty matches between two of a line end", "\r\n", "", "-", "-\r-\n-"},
    {"nothing found, the text is not read", "abc", "x", "$9", "abc"},
    {"an empty text", "", "^$", "x", "x"},
    {"a look-behind sees what was passed", "aab", "(?<=a)a", "-", "a-b"},
    {"^ only once", "aaa", "^a", "-", "-aa"},
    {"an invalid pattern", "abc", "(", "x", NULL},
};

static const struct {
    const char *subject, *pattern, *want;
} substrings[] = {
    {"hihihello", "(hi)*", "hihi"}, {"abc", "z*", ""},   {"abc", "z", NULL}, {"a", "*", NULL},
    {"x12y345", "\\d+", "12"},      {"é😀b", ".b", "😀b"},
};

static void check_text(const char *name, const wr_value *v, const char *want)
{
    if (!want) {
        CHECK_INT(name, v->type, WR_UNDEFINED);
    } else {
        CHECK_INT(name, v->type, WR_STRING);
        CHECK_STR(name, wr_value_text(v), Z(want));
    }
}

static void replacing(void **state)
{
    for (size_t i = 0; i < WR_COUNT(replacements); i++) {
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        wr_arena_reset(&arena);
        wr_str with = Z(replacements[i].with);
        wr_value v = call(&c, "regexp_replace", Z(replacements[i].subject),
                          Z(replacements[i].pattern), &with);
        check_text(replacements[i].row, &v, replacements[i].want);
    }
    for (size_t i = 0; i < WR_COUNT(substrings); i++) {
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        wr_arena_reset(&arena);
        wr_value v =
            call(&c, "regexp_substr", Z(substrings[i].subject), Z(substrings[i].pattern), NULL);
        check_text(substrings[i].pattern, &v, substrings[i].want);
    }
}

// Arguments that are no Strings are converted; Null gives Undefined.
static void arguments(void **state)
{
    struct wr_call c = {.num = {&arena, WR_SQL_2016}};
    wr_value args[3];
    wr_value numbers[] = {{.type = WR_NUMBER, .as.coef = 12321}, {.type = WR_NUMBER, .as.coef = 2}};
    args[0] = numbers[0];
    args[1] = numbers[1];
    args[2] = wr_string(S("x"));
    wr_value v = wr_function_find(S("regexp_replace"))->body(&c, args, 3, 0);
    check_text("numbers", &v, "1x3x1");
    args[0] = wr_string(S("abc"));
    args[1] = wr_string(S("b"));
    args[2] = wr_null();
    v = wr_function_find(S("regexp_replace"))->body(&c, args, 3, 0);
    check_text("null", &v, NULL);
}

// ---- limits

static wr_str repeated(const char *unit, size_t count, const char *end)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, &arena);
    for (size_t i = 0; i < count; i++) {
        wr_buf_add(&b, Z(unit));
    }
    wr_buf_add(&b, Z(end));
    return wr_buf_str(&b);
}

// Through a whole program: the result is Undefined, and the evaluation says how often.
static void in_a_program(void **state)
{
    static const struct {
        const char *end, *want;
        uint32_t limits;
    } cases[] = {{"!", "{\"n\":1}", 2}, {"", "{\"m\":true,\"n\":1}", 0}};
    const struct wr_program_options options = {.sql_version = S("2016-03-23")};
    struct wr_program *p;
    uint32_t id;
    CHECK_INT("program",
              wr_program_new(S("SELECT regexp_matches(x, '(a+)+$') AS m, 1 AS n FROM 'a'"),
                             &options, &p, NULL),
              WR_OK);
    CHECK_INT("template",
              wr_program_add_template(p, S("<${regexp_matches(x, '(a+)+$')}>"), &id, NULL), WR_OK);
    CHECK_INT("seal", wr_program_seal(p, NULL), WR_OK);
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    struct wr_eval e = {0};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf payload = {0};
        wr_arena_reset(&arena);
        e.regs_cap_ = 0; // they were in the arena
        wr_str text = repeated("a", 64 * KIB, cases[i].end);
        wr_buf_addf(&payload, "{\"x\":\"%.*s\"}", WR_STR_ARG(text));
        struct wr_sql_message m = {.topic = S("a"), .payload = wr_buf_str(&payload)};
        wr_str bytes;
        bool json;
        CHECK_INT("read", wr_sql_message_read(&m, plan, &arena), WR_OK);
        wr_eval_start(&e, &m, 0, NULL);
        CHECK_INT("run", wr_eval_run(&e), WR_EVAL_MATCHED);
        CHECK_INT("output", wr_eval_output(&e, &bytes, &json), WR_OK);
        CHECK_STR("result", bytes, Z(cases[i].want));
        CHECK_INT("counted", e.regex_limits, cases[i].limits / 2);
        wr_eval_template(&e, id);
        CHECK_INT("template", wr_eval_run(&e), WR_EVAL_MATCHED);
        CHECK_INT("text", wr_eval_text(&e, &bytes, NULL), WR_OK);
        CHECK_STR("text", bytes, cases[i].limits ? S("<>") : S("<true>"));
        CHECK_INT("counted too", e.regex_limits, cases[i].limits);
        wr_buf_release(&payload);
    }
    wr_plan_free(plan);
    wr_program_free(p);
}

// Patterns that would go on for minutes: each ends in Undefined, within the steps of one
// evaluation. Without the limit on the work of a call this test does not end in its time.
static const struct {
    const char *pattern, *unit;
    size_t count;
    const char *end;
    int want;
} heavy[] = {
    {"(a+)+$", "a", 64 * KIB, "!", -1},
    {"(a+)+$", "a", 64 * KIB, "", 1},
    {"(a+)+$", "aaaaaaaaaaaaaaa!", 4 * KIB, "", -1}, // cheap from each place, but from 65,536
    {"(?=a*[bd])", "a", 1024 * KIB, "", -1},         // quadratic in the look-ahead
    {"(a*[bd]|a)*[ce]", "a", 128 * KIB, "", -1},
    {"(?:(?=a*[bd])|a)+[xy]", "a", 64 * KIB, "", -1},
    {"(?<=a{5000})a[bc]", "a", 256 * KIB, "", -1},
    {"(a*)(?:b|c|\\1)*[xy]", "a", 64 * KIB, "", -1},
    {"(?:(?:a|b)(?:a|b)|a|b)*[xy]", "a", 4 * KIB, "", -1},
    {"a{30000}[bc]", "a", 1024 * KIB, "", -1},
    {"(?:a{0,100}){0,100}[bc]", "a", 64 * KIB, "", -1},
    {".*?.*?.*?[bc]", "a", 64 * KIB, "", -1},
    {"(?:.?){50}[bc]", "a", 64 * KIB, "", -1},
    {"[bc]", "a", 1024 * KIB, "", 0}, // what is simple is not cut short
    {"a*+[bc]", "a", 2 * KIB, "", 0},
    {"^(?:a|b)*$", "a", 40000, "", 1},
    {"^.*$", "a", 1024 * KIB, "", 1},
    {"^[a-z]+(?:,[a-z]+)*$", "abcd,", 20000, "e", 1},
    {"\\d+-\\d+", "a1 b-2 ", 64 * KIB, "12-34", 1},
};

static void bounded(void **state)
{
    for (int jit = 1; jit >= 0; jit--) {
        jit_refused = !jit;
        wr_regex_thread_release();
        for (size_t i = 0; i < WR_COUNT(heavy); i++) {
            struct wr_call c = {.num = {&arena, WR_SQL_2016}};
            wr_arena_reset(&arena);
            wr_str subject = repeated(heavy[i].unit, heavy[i].count, heavy[i].end);
            CHECK_INT(heavy[i].pattern, matches(&c, subject, Z(heavy[i].pattern)), heavy[i].want);
            CHECK(heavy[i].pattern, c.steps < WR_SQL_FUEL_DEFAULT);
        }
    }
    jit_refused = false;
    wr_regex_thread_release();
    // Of all matches of one call together, not of each.
    struct wr_call c = {.num = {&arena, WR_SQL_2016}};
    wr_arena_reset(&arena);
    wr_str with = S("-");
    wr_value v = call(&c, "regexp_replace", repeated("a", 64 * KIB, ""), S("a(?=a*)"), &with);
    CHECK_INT("replace", v.type, WR_UNDEFINED);
    CHECK("replace", c.steps < WR_SQL_FUEL_DEFAULT);
}

// A compiled pattern has at most 64 KiB, whatever is written; what is longer is refused at once.
static void large_patterns(void **state)
{
    static const struct {
        const char *name, *start, *unit, *end;
        size_t bytes;
        bool good;
    } cases[] = {
        {"too long", "", "x", "", WR_REGEX_PATTERN_MAX + 1, false},
        {"letters", "", "x", "", 16 * KIB, true},
        {"more than fit", "", "x", "", WR_REGEX_PATTERN_MAX, false},
        {"questions", "", "a?", "", WR_REGEX_PATTERN_MAX, false},
        {"repeated repetitions", "", "(?:a{1,1000}){1,1000}", "", 1000, false},
        {"a bomb", "", "(?:(?:(?:(?:x{99}){99}){99}){99}){99}", "", 40, false},
        {"open groups", "", "(", "", WR_REGEX_PATTERN_MAX, false},
        {"open classes", "", "[", "", WR_REGEX_PATTERN_MAX, false},
        {"classes in classes", "[", "[a]", "]", 8 * KIB, true},
        {"alternatives", "(?:", "a|", "b)", 8 * KIB, true},
        {"names", "", "(?<a>", "", 4 * KIB, false},
        {"references", "(a)", "\\1", "", 4 * KIB, true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        wr_arena_reset(&arena);
        size_t around = strlen(cases[i].start) + strlen(cases[i].end);
        size_t count = (cases[i].bytes - around) / strlen(cases[i].unit);
        struct wr_buf b = {0};
        wr_buf_add(&b, Z(cases[i].start));
        wr_buf_add(&b, repeated(cases[i].unit, count, cases[i].end));
        CHECK_INT(cases[i].name, wr_regex_check(wr_buf_str(&b), &fault) == WR_OK, cases[i].good);
        CHECK_INT(cases[i].name, fault.text[0] == 0, cases[i].good);
        CHECK_INT(cases[i].name, matches_alone(S("y"), wr_buf_str(&b)) < 0, !cases[i].good);
        wr_buf_release(&b);
    }
}

// A pattern is compiled once; the cache holds the last 256, bad ones too.
static void cache(void **state)
{
    wr_regex_thread_release();
    uint64_t before = wr_regex_compiled();
    char pattern[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 256; i++) {
            snprintf(pattern, sizeof pattern, i % 2 ? "^n%d$" : "(n%d", i);
            matches_alone(S("n7"), Z(pattern));
        }
        CHECK_INT("256 patterns", wr_regex_compiled() - before, 256);
    }
    matches_alone(S("x"), S("one more"));
    CHECK_INT("one more", wr_regex_compiled() - before, 257);
    matches_alone(S("x"), S("^n255$"));
    CHECK_INT("kept", wr_regex_compiled() - before, 257);
    matches_alone(S("x"), S("(n0"));
    CHECK_INT("the oldest went", wr_regex_compiled() - before, 258);
    char *large = malloc(20000);
    memset(large, 'x', 20000);
    for (int i = 0; i < 600; i++) { // more than the cache may hold in bytes
        snprintf(large, 12, "%011d", i);
        large[11] = 'x';
        CHECK_INT("large", matches_alone(S("x"), (wr_str){large, 20000}), 0);
    }
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(dialect),      T(without_jit), T(faults),         T(replacing), T(arguments),
        T(in_a_program), T(bounded),     T(large_patterns), T(cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
