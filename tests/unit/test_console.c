// engine/admin/console.c: what is put into the page cannot leave its element.
#include "engine/admin/console.h"

#include <string.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void test_inert(void **state)
{
    static const struct {
        const char *name, *json, *want;
    } cases[] = {
        {"nothing to do", "{\"tenant\":\"acme\"}", "{\"tenant\":\"acme\"}"},
        {"the element's end", "{\"tenant\":\"</script><script>alert(1)</script>\"}",
         "{\"tenant\":\"\\u003c/script>\\u003cscript>alert(1)\\u003c/script>\"}"},
        {"a comment", "[\"<!--<SCRIPT\"]", "[\"\\u003c!--\\u003cSCRIPT\"]"},
        {"at both ends", "<<x<", "\\u003c\\u003cx\\u003c"},
        {"behind an escaped backslash", "[\"\\\\<\"]", "[\"\\\\\\u003c\"]"},
        {"nothing", "", ""},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf got = {0};
        wr_console_add_inert(&got, cases[i].json);
        CHECK_STR(cases[i].name, wr_buf_str(&got), Z(cases[i].want));
        wr_buf_release(&got);
    }
}

// The same is read as was written.
static void test_inert_is_the_same(void **state)
{
    json_t *o = json_pack("{s:s, s:[s, s]}", "<a>", "</script>\n\"<\\", "<!--", "é<");
    char *text = json_dumps(o, JSON_COMPACT);
    struct wr_buf got = {0};
    wr_console_add_inert(&got, text);
    CHECK("no <", !memchr(got.at, '<', got.len));
    json_t *back = json_loadb(got.at, got.len, 0, NULL);
    CHECK("equal", json_equal(o, back));
    json_decref(back);
    json_decref(o);
    free(text);
    wr_buf_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_inert), T(test_inert_is_the_same)};
    return TEST_MAIN(tests);
}
