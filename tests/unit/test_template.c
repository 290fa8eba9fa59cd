// Cutting templates into text and expressions.
#include "sql/template.h"

#include "sql/base/buf.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

// Parts as text: an expression in <>, with its offset behind a colon.
static void steps(void **state)
{
    static const struct {
        const char *name, *text, *parts;
    } cases[] = {
        {"empty", "", ""},
        {"text", "abc", "[abc:0]"},
        {"expression", "${a}", "<a:2>"},
        {"between", "x${a}y", "[x:0]<a:3>[y:5]"},
        {"adjacent", "${a}${b}", "<a:2><b:6>"},
        {"dollar", "a$b$", "[a$b$:0]"},
        {"double dollar", "$${a}", "[$:0]<a:3>"},
        {"braces outside", "{a}}", "[{a}}:0]"},
        {"brace in single quotes", "${'}'}", "<'}':2>"},
        {"brace in double quotes", "${\"}\"}", "<\"}\":2>"},
        {"doubled quote", "${'a''}'}x", "<'a''}':2>[x:9]"},
        {"escaped quote", "${'a\\'}'}x", "<'a\\'}':2>[x:9]"},
        {"object literal", "${get({'a': {'b': 1}}, 'a')}!", "<get({'a': {'b': 1}}, 'a'):2>[!:28]"},
        {"written dollar brace", "${'${'}", "<'${':2>"},
        {"opening inside", "${a ${b}}", "<a ${b}:2>"},
        {"blanks", "${ a }", "< a :2>"},
        {"nothing", "a${}b", "[a:0]<:3>[b:4]"},
        {"bad characters", "${a ? b # c}", "<a ? b # c:2>"},
        {"malformed number", "${5abc}", "<5abc:2>"},
        {"UTF-8", "é${é}é", "[é:0]<é:4>[é:7]"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        struct wr_fault fault = {0};
        struct wr_template_part part;
        wr_str text = Z(cases[i].text);
        for (size_t at = 0; wr_template_next(text, &at, &part, &fault);) {
            wr_buf_addf(&b, part.expression ? "<%.*s:%zu>" : "[%.*s:%zu]", WR_STR_ARG(part.text),
                        part.offset);
        }
        CHECK_INT(cases[i].name, fault.code, WR_OK);
        CHECK_STR(cases[i].name, wr_buf_str(&b), Z(cases[i].parts));
        CHECK_INT(cases[i].name, wr_template_has_expression(text),
                  strstr(cases[i].text, "${") != NULL);
        wr_buf_release(&b);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *name, *text;
        size_t offset;
        const char *fault;
    } cases[] = {
        {"not closed", "a${topic(", 9,
         "found the end of the template, expected the } that closes ${"},
        {"nothing behind", "${", 2, NULL},
        {"second one not closed", "${a}${b", 7, NULL},
        {"object not closed", "${{'a': 1}", 10, NULL},
        {"string not closed", "${upper('a)}", 8,
         "found no end of the string that begins here, and so no } that closes the expression"},
        {"string in an object not closed", "${{\"a}}", 3, NULL},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        struct wr_template_part part;
        for (size_t at = 0; wr_template_next(Z(cases[i].text), &at, &part, &fault);) {
        }
        CHECK_INT(cases[i].name, fault.code, WR_ERR_SYNTAX);
        CHECK_INT(cases[i].name, fault.offset, cases[i].offset);
        CHECK_STR(cases[i].name, Z(fault.text), Z(cases[i].fault ? cases[i].fault : fault.text));
    }
}

// Whatever the bytes are, stepping ends and the parts stay inside the text.
static void survives_any_bytes(void **state)
{
    static const char alphabet[] = "${}'\"\\a1.@\xc3\x00#-";
    uint32_t seed = 5;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        wr_str text = {bytes, sizeof bytes};
        struct wr_fault fault = {0};
        struct wr_template_part part;
        size_t seen = 0;
        for (size_t at = 0; wr_template_next(text, &at, &part, &fault);) {
            CHECK("random", at > seen && at <= text.len);
            CHECK("random", part.offset >= seen && part.offset + part.text.len <= at);
            seen = at;
        }
        CHECK("random", fault.code || seen == text.len);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(steps), T(refuses), T(survives_any_bytes)};
    return TEST_MAIN(tests);
}
