// Coverage as a page: complete in itself, without scripts and without anything from elsewhere.
#include "engine/cli/test_coverage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/cli/test_file.h"

#include "sql/base/banned.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1f2328;--paper:#fff;--box:#f5f6f8;--line:#d8dce1;"
    "--soft:#646c76;--all:#d3f0d5;--part:#fdeaa8;--none:#fbd0cd}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ed;--paper:#14171a;--box:#1d2126;"
    "--line:#353b42;--soft:#98a1ac;--all:#1e4d2b;--part:#5f4b07;--none:#6e2420}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:72em;margin:2em auto;padding:0 1em}\n"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin:2.5em 0 0}p{margin:.3em 0}"
    ".soft,th{color:var(--soft);font-weight:normal}\n"
    "pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:1em;"
    "line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}td,th{text-align:left;vertical-"
    "align:top;"
    "padding:.3em .8em .3em 0;border-bottom:1px solid var(--line)}\n"
    "td{overflow-wrap:anywhere}.places th:first-child{width:22%}.places th:last-child{width:30%}"
    "a{color:inherit}\n"
    ".all,.part,.none{border-radius:3px;padding:.1em .2em}.all{background:var(--all)}"
    ".part{background:var(--part)}.none{background:var(--none)}\n"
    "pre .part{text-decoration:underline dotted}pre .none{text-decoration:underline wavy}\n";

static const char *grade(const struct wr_test_coverage *c)
{
    return c->covered == c->total ? "all" : c->covered ? "part" : "none";
}

// ---- the SQL

// By begin; the longer one first, so that spans nest.
static int by_begin(const void *a, const void *b)
{
    const struct wr_coverage_place *x = *(const struct wr_coverage_place *const *)a;
    const struct wr_coverage_place *y = *(const struct wr_coverage_place *const *)b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    return (x->end < y->end) - (x->end > y->end);
}

static void open_span(const struct wr_coverage_place *p, struct wr_buf *out)
{
    struct wr_test_coverage c = wr_test_coverage_place(p);
    struct wr_buf title = {0};
    wr_test_coverage_describe(p, &title);
    wr_buf_addf(out, "<span class=\"%s\" title=\"", grade(&c));
    wr_test_add_xml(out, wr_buf_str(&title));
    wr_buf_add(out, WR_STR("\">"));
    wr_buf_release(&title);
}

// Places are nodes of one tree, so they nest or lie apart.
static void add_sql(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    wr_str sql = rule->sql;
    size_t count = wr_coverage_count(rule->coverage), next = 0, depth = 0, at = 0;
    const struct wr_coverage_place **places = wr_alloc((count + 1) * sizeof *places);
    uint32_t *ends = wr_alloc((count + 1) * sizeof *ends);
    for (size_t i = 0; i < count; i++) {
        places[i] = wr_coverage_at(rule->coverage, i);
    }
    qsort(places, count, sizeof *places, by_begin);
    wr_buf_add(out, WR_STR("<pre>"));
    for (;;) {
        for (; depth && ends[depth - 1] <= at; depth--) {
            wr_buf_add(out, WR_STR("</span>"));
        }
        for (; next < count && places[next]->begin <= at; next++) {
            open_span(places[next], out);
            ends[depth++] = places[next]->end;
        }
        if (at >= sql.len) {
            break;
        }
        size_t stop = next < count ? places[next]->begin : sql.len;
        if (depth && ends[depth - 1] < stop) {
            stop = ends[depth - 1];
        }
        wr_test_add_xml(out, wr_str_cut(sql, at, stop));
        at = stop;
    }
    wr_buf_add(out, WR_STR("</pre>\n"));
    free(ends);
    free(places);
}

// ---- the table

static void add_row(struct wr_buf *out, struct wr_buf *where, wr_str source, const char *class,
                    struct wr_buf *text)
{
    wr_buf_add(out, WR_STR("<tr><td>"));
    wr_test_add_xml(out, wr_buf_str(where));
    wr_buf_add(out, WR_STR("</td><td><code>"));
    wr_test_add_xml(out, source);
    wr_buf_addf(out, "</code></td><td><span class=\"%s\">", class);
    wr_test_add_xml(out, wr_buf_str(text));
    wr_buf_add(out, WR_STR("</span></td></tr>\n"));
    wr_buf_clear(where);
    wr_buf_clear(text);
}

static void add_table(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_buf where = {0}, text = {0};
    wr_buf_add(
        out,
        WR_STR("<table class=\"places\">\n<tr><th>place</th><th>source</th><th>seen</th></tr>\n"));
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        struct wr_test_coverage c = wr_test_coverage_place(p);
        wr_buf_addf(&where, "%" PRIu32 ":%" PRIu32 "%s", p->line, p->column,
                    p->kind == WR_COVERAGE_WHEN ? " WHEN" : "");
        wr_test_coverage_describe(p, &text);
        add_row(out, &where, wr_str_cut(rule->sql, p->begin, p->end), grade(&c), &text);
    }
    for (size_t i = 0; i < rule->template_count; i++) {
        const struct wr_suite_template *t = &rule->templates[i];
        wr_test_coverage_name_template(t, &where);
        wr_test_coverage_describe_template(t, &text);
        add_row(out, &where, t->text, t->resolved ? "all" : "none", &text);
    }
    wr_buf_add(out, WR_STR("</table>\n"));
    wr_buf_release(&where);
    wr_buf_release(&text);
}

static void add_sum(struct wr_buf *out, const struct wr_test_coverage *c)
{
    wr_buf_addf(out, "<span class=\"%s\">", grade(c));
    wr_test_coverage_add_percent(out, c);
    wr_buf_addf(out, " %% (%zu of %zu)</span>", c->covered, c->total);
}

static void add_rule(const struct wr_suite_rule *rule, size_t number, struct wr_buf *out)
{
    struct wr_test_coverage sum = wr_test_coverage_of(rule);
    wr_buf_addf(out, "<h2 id=\"r%zu\">", number);
    wr_test_add_xml(out, wr_str_of(rule->label));
    wr_buf_add(out, WR_STR(" "));
    add_sum(out, &sum);
    wr_buf_add(out, WR_STR("</h2>\n<p class=\"soft\">"));
    if (rule->kind == WR_SUITE_DOCUMENT) {
        wr_test_add_xml(out, wr_str_of(rule->key));
        wr_buf_add(out, WR_STR(", "));
    }
    wr_buf_addf(out, "%" PRIu64 " case%s</p>\n", rule->cases, rule->cases == 1 ? "" : "s");
    add_sql(rule, out);
    add_table(rule, out);
    if (rule->left_out) {
        wr_buf_addf(out, "<p>%zu places could not be measured.</p>\n", rule->left_out);
    }
    if (rule->messages_left_out) {
        wr_buf_addf(out, "<p>%zu messages took too much memory and were not counted.</p>\n",
                    rule->messages_left_out);
    }
}

static void add_contents(const struct wr_suite_rules *r, struct wr_buf *out)
{
    wr_buf_add(out, WR_STR("<table>\n<tr><th>rule</th><th>cases</th><th>covered</th></tr>\n"));
    for (size_t i = 0; i < r->count; i++) {
        const struct wr_suite_rule *rule = r->all[i];
        struct wr_test_coverage c = wr_test_coverage_of(rule);
        if (rule->coverage) {
            wr_buf_addf(out, "<tr><td><a href=\"#r%zu\">", i);
            wr_test_add_xml(out, wr_str_of(rule->label));
            wr_buf_addf(out, "</a></td><td>%" PRIu64 "</td><td>", rule->cases);
            add_sum(out, &c);
            wr_buf_add(out, WR_STR("</td></tr>\n"));
        }
    }
    wr_buf_add(out, WR_STR("</table>\n"));
}

void wr_test_coverage_html(const struct wr_suite_rules *r, struct wr_buf *out)
{
    struct wr_test_coverage all = wr_test_coverage_all(r);
    wr_buf_addf(out,
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width\">"
                "<meta http-equiv=\"Content-Security-Policy\" "
                "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
                "<title>Rule coverage</title>\n<style>\n%s</style></head>\n<body>\n"
                "<h1>Rule coverage ",
                style);
    add_sum(out, &all);
    wr_buf_add(out, WR_STR("</h1>\n<p>In the SQL: <span class=\"all\">covered</span> "
                           "<span class=\"part\">only true, or only false</span> "
                           "<span class=\"none\">never</span></p>\n"));
    add_contents(r, out);
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i]->coverage) {
            add_rule(r->all[i], i, out);
        }
    }
    wr_buf_add(out, WR_STR("</body></html>\n"));
}
