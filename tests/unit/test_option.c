// The option tables of all sinks are sound, and null, the tutorial, does what it says.
#include <stdlib.h>

#include "sinks/sink.h"
#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == len && !strncmp(at, text, len)) {
            return true;
        }
    }
    return false;
}

// As weir.yaml would have it: durations and sizes with their units.
static int64_t number_of(const struct wr_option *o)
{
    char *unit;
    int64_t n = strtoll(o->fallback, &unit, 10);
    return strcmp(unit, "s") == 0   ? n * 1000
           : strcmp(unit, "m") == 0 ? n * 60000
           : strcmp(unit, "M") == 0 ? n << 20
                                    : n;
}

static void check_table(const char *sink, const struct wr_option *options)
{
    for (int i = 0; options && options[i].name; i++) {
        const struct wr_option *o = &options[i];
        char name[128];
        snprintf(name, sizeof name, "%s %s", sink, o->name);
        CHECK_INT(name, wr_option_find(options, Z(o->name)), i); // no name twice
        CHECK(name, o->help && o->help[0] && o->help[strlen(o->help) - 1] == '.');
        CHECK(name, (o->type == WR_OPT_CHOICE) == (o->choices != NULL));
        CHECK(name, !o->choices || !o->fallback || is_choice(o->choices, o->fallback));
        CHECK(name, o->min <= o->max || (o->max == 0 && o->type != WR_OPT_INT)); // 0: no limit
        CHECK(name, !(o->flags & WR_OPT_REQUIRED) || !o->fallback);
        int64_t fallback = o->type == WR_OPT_INT && o->fallback ? number_of(o) : o->min;
        CHECK(name, o->type != WR_OPT_INT || (fallback >= o->min && fallback <= o->max));
    }
}

static void test_tables(void **state)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        const struct wr_sink_impl *impl = wr_sink_list[i];
        CHECK(impl->name, wr_sink_find(Z(impl->name)) == impl);
        CHECK(impl->name, impl->failed_action && impl->help && impl->open && impl->submit);
        CHECK(impl->name, impl->close && impl->resource_option >= 0);
        check_table(impl->name, impl->options);
        check_table(impl->name, impl->settings);
        int count = 0;
        while (impl->options[count].name) {
            count++;
        }
        CHECK(impl->name, impl->resource_option < count);
    }
    // Each form says what it does: weir sinks and the pages show it.
    for (const struct wr_sink_kind *k = wr_sink_kinds; k->local || k->aws; k++) {
        const struct wr_sink_impl *forms[] = {k->local, k->aws};
        for (size_t i = 0; i < WR_COUNT(forms); i++) {
            const char *form = forms[i] ? forms[i]->form : "none.";
            CHECK(forms[i] ? forms[i]->name : "", form && form[strlen(form) - 1] == '.');
        }
    }
    CHECK("unknown", !wr_sink_find(S("S3")) && !wr_sink_find(S("")));
    CHECK_INT("no table", wr_option_find(NULL, S("a")), -1);
}

static void test_null(void **state)
{
    static const struct {
        const char *name;
        struct wr_test_setting settings[2];
        enum wr_verdict verdict;
    } cases[] = {
        {"default", {{0}}, WR_DELIVERED},
        {"retry", {{"verdict", "retry"}}, WR_RETRY},
        {"refused", {{"verdict", "refused"}}, WR_REFUSED},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake f;
        fake_init(&f, wr_sink_find(S("null")));
        CHECK_INT(cases[i].name, fake_open(&f, cases[i].settings), WR_OK);
        struct fake_record *r = fake_record(&f, S("{}"));
        fake_submit(&f, r);
        CHECK_INT(cases[i].name, r->settled, 1);
        CHECK_INT(cases[i].name, r->verdict, cases[i].verdict);
        CHECK_STR(cases[i].name, Z(r->resource), cases[i].verdict ? S("null") : S(""));
        free(r);
        fake_close(&f);
        fake_release(&f);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(test_tables), T(test_null)};
    return TEST_MAIN(tests);
}
