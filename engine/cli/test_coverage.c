// Coverage as text and as a page.
#include "engine/cli/test_coverage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/cli/test_report.h"

#include "sql/base/banned.h"

#define SHOWN_MAX 60 // bytes of a place in the list; all of it is marked in the SQL

static bool is_item(const struct wr_coverage_place *p)
{
    return p->kind == WR_COVERAGE_ITEM;
}

static size_t wanted(const struct wr_coverage_place *p)
{
    return is_item(p) ? 1 : 2;
}

static size_t seen(const struct wr_coverage_place *p)
{
    return is_item(p) ? p->value > 0 : (size_t)(p->yes > 0) + (p->no > 0);
}

struct wr_test_coverage wr_test_coverage_of(const struct wr_suite_rule *rule)
{
    struct wr_test_coverage sum = {0};
    for (size_t i = 0; rule->coverage && i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        sum.total += wanted(p);
        sum.covered += seen(p);
    }
    for (size_t i = 0; rule->coverage && i < rule->template_count; i++) {
        sum.total++;
        sum.covered += rule->templates[i].resolved > 0;
    }
    return sum;
}

struct wr_test_coverage wr_test_coverage_all(const struct wr_suite_runner *r)
{
    struct wr_test_coverage sum = {0};
    for (size_t i = 0; i < r->rule_count; i++) {
        struct wr_test_coverage c = wr_test_coverage_of(r->rules[i]);
        sum.covered += c.covered;
        sum.total += c.total;
    }
    return sum;
}

double wr_test_coverage_percent(const struct wr_test_coverage *c)
{
    return c->total ? 100.0 * (double)c->covered / (double)c->total : 100.0;
}

// ---- words

static void describe(const struct wr_coverage_place *p, struct wr_buf *out)
{
    if (is_item(p)) {
        wr_buf_addf(out, "value %" PRIu64 ", Undefined %" PRIu64, p->value, p->undefined);
        wr_buf_add(out, p->value ? WR_STR("") : WR_STR(": never had a value"));
    } else {
        wr_buf_addf(out, "true %" PRIu64 ", false %" PRIu64 ", Undefined %" PRIu64, p->yes, p->no,
                    p->undefined);
        if (!p->yes || !p->no) {
            wr_buf_addf(out, ": never %s", p->yes ? "false" : p->no ? "true" : "true or false");
        }
    }
    if (p->failed) {
        wr_buf_addf(out, ", failed %" PRIu64, p->failed);
    }
}

static void describe_template(const struct wr_suite_template *t, struct wr_buf *out)
{
    wr_buf_addf(out, "resolved %" PRIu64 ", Undefined %" PRIu64, t->resolved, t->undefined);
    if (t->failed) {
        wr_buf_addf(out, ", failed %" PRIu64, t->failed);
    }
    wr_buf_add(out, t->resolved ? WR_STR("") : WR_STR(": never resolved"));
}

static void name_template(const struct wr_suite_template *t, struct wr_buf *out)
{
    wr_buf_addf(out, "%s.%s", t->action->path, t->action->impl->options[t->use->param].name);
}

static wr_str one_line(wr_str s, struct wr_buf *to)
{
    wr_buf_clear(to);
    for (size_t i = 0; i < s.len; i++) {
        bool cut = i >= SHOWN_MAX && ((unsigned char)s.at[i] & 0xc0) != 0x80;
        if (cut) {
            wr_buf_add(to, WR_STR("…"));
            break;
        }
        wr_buf_add_char(to, (unsigned char)s.at[i] < 0x20 ? ' ' : s.at[i]);
    }
    return wr_buf_str(to);
}

// ---- text

// Which bytes of the SQL belong to a place that is not covered whole. Give.
static char *missed(const struct wr_suite_rule *rule, wr_str sql)
{
    char *marks = wr_zalloc(sql.len + 1);
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        if (seen(p) < wanted(p)) {
            memset(marks + p->begin, 1, p->end - p->begin);
        }
    }
    return marks;
}

// The SQL, with a line of ~ below every line that something is missing from.
static void add_marked(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    wr_str sql = rule->rule->document->sql;
    char *marks = missed(rule, sql);
    for (size_t at = 0; at < sql.len;) {
        size_t end = at;
        bool any = false;
        wr_buf_add(out, WR_STR("    "));
        for (; end < sql.len && sql.at[end] != '\n'; end++) {
            bool control = (unsigned char)sql.at[end] < 0x20 && sql.at[end] != '\t';
            wr_buf_add_char(out, control ? ' ' : sql.at[end]);
            any |= marks[end];
        }
        wr_buf_add_char(out, '\n');
        if (any) {
            size_t from = out->len;
            wr_buf_add(out, WR_STR("    "));
            for (size_t i = at; i < end; i++) {
                if (((unsigned char)sql.at[i] & 0xc0) != 0x80) {
                    wr_buf_add_char(out, sql.at[i] == '\t' ? '\t' : marks[i] ? '~' : ' ');
                }
            }
            while (out->len > from && (out->at[out->len - 1] == ' ')) {
                out->len--;
            }
            wr_buf_add_char(out, '\n');
        }
        at = end + 1;
    }
    free(marks);
}

static void add_rule_text(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_test_coverage sum = wr_test_coverage_of(rule);
    struct wr_buf line = {0};
    wr_buf_addf(out, "\n%.*s%s%s%s: %zu of %zu, %" PRIu64 " case%s\n", WR_STR_ARG(rule->rule->name),
                rule->inlined ? "" : " (", rule->inlined ? "" : rule->key, rule->inlined ? "" : ")",
                sum.covered, sum.total, rule->cases, rule->cases == 1 ? "" : "s");
    add_marked(rule, out);
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        wr_str source = wr_str_cut(rule->rule->document->sql, p->begin, p->end);
        wr_buf_addf(out, "  %c %u:%u  %s%.*s: ", seen(p) < wanted(p) ? '~' : ' ', p->line,
                    p->column, p->kind == WR_COVERAGE_WHEN ? "WHEN " : "",
                    WR_STR_ARG(one_line(source, &line)));
        describe(p, out);
        wr_buf_add_char(out, '\n');
    }
    for (size_t i = 0; i < rule->template_count; i++) {
        const struct wr_suite_template *t = &rule->templates[i];
        wr_buf_addf(out, "  %c ", t->resolved ? ' ' : '~');
        name_template(t, out);
        wr_buf_addf(out, "  %.*s: ", WR_STR_ARG(one_line(t->text, &line)));
        describe_template(t, out);
        wr_buf_add_char(out, '\n');
    }
    if (rule->left_out) {
        wr_buf_addf(out, "  %zu places could not be measured\n", rule->left_out);
    }
    wr_buf_release(&line);
}

void wr_test_coverage_text(const struct wr_suite_runner *r, struct wr_buf *out)
{
    for (size_t i = 0; i < r->rule_count; i++) {
        if (r->rules[i]->coverage) {
            add_rule_text(r->rules[i], out);
        }
    }
}

// ---- HTML

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;"
    "color:#222;background:#fff}h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}"
    "pre{background:#f6f6f6;padding:1em;overflow-x:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere}table{border-collapse:collapse}td,th{text-align:left;"
    "padding:.2em .8em .2em 0;vertical-align:top}code{font-size:.95em;overflow-wrap:anywhere}"
    ".all{background:#cfeecf}.part{background:#fbe8a6}.none{background:#f8caca}"
    "span{border-radius:3px;padding:0 1px}";

static const char *grade(size_t got, size_t most)
{
    return got == most ? "all" : got ? "part" : "none";
}

struct span {
    const struct wr_coverage_place *place;
    size_t order;
};

// By begin; the longer one first, so that spans nest.
static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->place->begin != y->place->begin) {
        return x->place->begin < y->place->begin ? -1 : 1;
    }
    if (x->place->end != y->place->end) {
        return x->place->end > y->place->end ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static void open_span(const struct wr_coverage_place *p, struct wr_buf *out)
{
    struct wr_buf title = {0};
    describe(p, &title);
    wr_buf_addf(out, "<span class=\"%s\" title=\"", grade(seen(p), wanted(p)));
    wr_test_add_xml(out, wr_buf_str(&title));
    wr_buf_add(out, WR_STR("\">"));
    wr_buf_release(&title);
}

// Places are nodes of one tree, so they nest or lie apart.
static void add_sql_html(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    wr_str sql = rule->rule->document->sql;
    size_t count = wr_coverage_count(rule->coverage), next = 0, depth = 0, at = 0;
    struct span *spans = wr_alloc((count + 1) * sizeof *spans);
    uint32_t *ends = wr_alloc((count + 1) * sizeof *ends);
    for (size_t i = 0; i < count; i++) {
        spans[i] = (struct span){wr_coverage_at(rule->coverage, i), i};
    }
    qsort(spans, count, sizeof *spans, by_begin);
    wr_buf_add(out, WR_STR("<pre>"));
    for (;;) {
        while (depth && ends[depth - 1] <= at) {
            wr_buf_add(out, WR_STR("</span>"));
            depth--;
        }
        while (next < count && spans[next].place->begin <= at) {
            open_span(spans[next].place, out);
            ends[depth++] = spans[next++].place->end;
        }
        if (at >= sql.len) {
            break;
        }
        size_t stop = next < count ? spans[next].place->begin : sql.len;
        if (depth && ends[depth - 1] < stop) {
            stop = ends[depth - 1];
        }
        wr_test_add_xml(out, wr_str_cut(sql, at, stop));
        at = stop;
    }
    wr_buf_add(out, WR_STR("</pre>\n"));
    free(ends);
    free(spans);
}

static void add_row(struct wr_buf *out, const char *where, wr_str source, const char *class,
                    wr_str text)
{
    wr_buf_add(out, WR_STR("<tr><td>"));
    wr_test_add_xml(out, wr_str_of(where));
    wr_buf_add(out, WR_STR("</td><td><code>"));
    wr_test_add_xml(out, source);
    wr_buf_addf(out, "</code></td><td><span class=\"%s\">", class);
    wr_test_add_xml(out, text);
    wr_buf_add(out, WR_STR("</span></td></tr>\n"));
}

static void add_rule_html(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_test_coverage sum = wr_test_coverage_of(rule);
    struct wr_buf where = {0}, text = {0};
    wr_buf_addf(out, "<h2>%.*s: %zu of %zu</h2>\n<p>", WR_STR_ARG(rule->rule->name), sum.covered,
                sum.total);
    wr_test_add_xml(out, rule->inlined ? WR_STR("a document in the case") : wr_str_of(rule->key));
    wr_buf_addf(out, ", %" PRIu64 " case%s</p>\n", rule->cases, rule->cases == 1 ? "" : "s");
    add_sql_html(rule, out);
    wr_buf_add(out, WR_STR("<table>\n<tr><th>place</th><th>source</th><th>seen</th></tr>\n"));
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        wr_buf_clear(&where);
        wr_buf_clear(&text);
        wr_buf_addf(&where, "%u:%u%s", p->line, p->column,
                    p->kind == WR_COVERAGE_WHEN ? " WHEN" : "");
        describe(p, &text);
        add_row(out, wr_buf_terminated(&where),
                wr_str_cut(rule->rule->document->sql, p->begin, p->end), grade(seen(p), wanted(p)),
                wr_buf_str(&text));
    }
    for (size_t i = 0; i < rule->template_count; i++) {
        const struct wr_suite_template *t = &rule->templates[i];
        wr_buf_clear(&where);
        wr_buf_clear(&text);
        name_template(t, &where);
        describe_template(t, &text);
        add_row(out, wr_buf_terminated(&where), t->text, t->resolved ? "all" : "none",
                wr_buf_str(&text));
    }
    wr_buf_add(out, WR_STR("</table>\n"));
    if (rule->left_out) {
        wr_buf_addf(out, "<p>%zu places could not be measured.</p>\n", rule->left_out);
    }
    wr_buf_release(&where);
    wr_buf_release(&text);
}

void wr_test_coverage_html(const struct wr_suite_runner *r, struct wr_buf *out)
{
    struct wr_test_coverage all = wr_test_coverage_all(r);
    wr_buf_addf(out,
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<title>Rule coverage</title><style>%s</style></head><body>\n"
                "<h1>Rule coverage: %.1f %% (%zu of %zu)</h1>\n"
                "<p><span class=\"all\">covered</span> <span class=\"part\">only true, or only "
                "false</span> <span class=\"none\">never</span></p>\n",
                style, wr_test_coverage_percent(&all), all.covered, all.total);
    for (size_t i = 0; i < r->rule_count; i++) {
        if (r->rules[i]->coverage) {
            add_rule_html(r->rules[i], out);
        }
    }
    wr_buf_add(out, WR_STR("</body></html>\n"));
}
