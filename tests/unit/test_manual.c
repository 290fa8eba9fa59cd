// The manual's table: it is whole, and says what a reader needs.
#include "sql/func/manual.h"

#include "sql/base/buf.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static size_t example_count(const struct wr_manual *m)
{
    size_t count = 0;
    while (m->examples[count].expression) {
        count++;
    }
    return count;
}

// wr_manual_at() stops at an entry that is missing.
static void every_function_is_in_it(void **state)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        const struct wr_manual *m = wr_manual_at(i);
        CHECK(f->name, strcmp(m->name, f->name) == 0);
        CHECK(f->name, m->family < WR_FAMILY_COUNT && *m->result);
    }
}

// Two at least, each a call of the function.
static void examples_call_it(void **state)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_manual *m = wr_manual_at(i);
        CHECK(m->name, example_count(m) >= 2);
        struct wr_buf call = {0};
        wr_buf_addf(&call, "%s(", m->name);
        for (const struct wr_manual_example *e = m->examples; e->expression; e++) {
            CHECK(e->expression, strstr(e->expression, wr_buf_terminated(&call)));
            CHECK(e->expression, *e->gives);
        }
        wr_buf_release(&call);
    }
}

// "name(" begins every form of a signature.
static void signatures_begin_with_the_name(void **state)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        size_t len = strlen(f->name);
        for (const char *form = f->signature; form; form = strstr(form, " | ")) {
            form += strncmp(form, " | ", 3) == 0 ? 3 : 0;
            CHECK(f->signature, strncmp(form, f->name, len) == 0 && form[len] == '(');
        }
    }
}

static void families_have_names(void **state)
{
    for (enum wr_family at = 0; at < WR_FAMILY_COUNT; at++) {
        CHECK(wr_family_title(at), *wr_family_name(at) && *wr_family_title(at));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(every_function_is_in_it),
        T(examples_call_it),
        T(signatures_begin_with_the_name),
        T(families_have_names),
    };
    return TEST_MAIN(tests);
}
