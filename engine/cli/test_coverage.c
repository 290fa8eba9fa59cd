// Coverage counted, as text and as JSON.
#include "engine/cli/test_coverage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/cli/suite_diff.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define SHOWN_MAX 60 // characters of a place in the list; all of it is marked in the SQL

// ---- counting

struct wr_test_coverage wr_test_coverage_place(const struct wr_coverage_place *p)
{
    if (p->kind == WR_COVERAGE_ITEM) {
        return (struct wr_test_coverage){p->value > 0, 1};
    }
    return (struct wr_test_coverage){(size_t)(p->yes > 0) + (p->no > 0), 2};
}

struct wr_test_coverage wr_test_coverage_of(const struct wr_suite_rule *rule)
{
    struct wr_test_coverage sum = {0};
    for (size_t i = 0; rule->coverage && i < wr_coverage_count(rule->coverage); i++) {
        struct wr_test_coverage one = wr_test_coverage_place(wr_coverage_at(rule->coverage, i));
        sum.covered += one.covered;
        sum.total += one.total;
    }
    for (size_t i = 0; rule->coverage && i < rule->template_count; i++) {
        sum.total++;
        sum.covered += rule->templates[i].resolved > 0;
    }
    return sum;
}

struct wr_test_coverage wr_test_coverage_all(const struct wr_suite_rules *r)
{
    struct wr_test_coverage sum = {0};
    for (size_t i = 0; i < r->count; i++) {
        struct wr_test_coverage c = wr_test_coverage_of(r->all[i]);
        sum.covered += c.covered;
        sum.total += c.total;
    }
    return sum;
}

double wr_test_coverage_percent(const struct wr_test_coverage *c)
{
    return c->total ? 100.0 * (double)c->covered / (double)c->total : 100.0;
}

void wr_test_coverage_add_percent(struct wr_buf *out, const struct wr_test_coverage *c)
{
    uint64_t tenths = c->total ? 1000 * (uint64_t)c->covered / c->total : 1000;
    wr_buf_addf(out, "%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

// ---- words

void wr_test_coverage_describe(const struct wr_coverage_place *p, struct wr_buf *out)
{
    if (p->kind == WR_COVERAGE_ITEM) {
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

void wr_test_coverage_describe_template(const struct wr_suite_template *t, struct wr_buf *out)
{
    wr_buf_addf(out, "resolved %" PRIu64 ", Undefined %" PRIu64, t->resolved, t->undefined);
    if (t->failed) {
        wr_buf_addf(out, ", failed %" PRIu64, t->failed);
    }
    wr_buf_add(out, t->resolved ? WR_STR("") : WR_STR(": never resolved"));
}

void wr_test_coverage_name_template(const struct wr_suite_template *t, struct wr_buf *out)
{
    const struct wr_rule_action *a = t->action;
    const struct wr_param *p = &a->params[t->use->param];
    wr_buf_addf(out, "%s.%s", a->path, a->impl->options[t->use->param].name);
    if (a->impl->options[t->use->param].type == WR_OPT_LIST) {
        wr_buf_add(out, p->keys[t->use->pair]);
    } else if (a->impl->options[t->use->param].flags & WR_OPT_MAP) {
        wr_buf_add_char(out, '[');
        wr_json_write_string(out, p->keys[t->use->pair]);
        wr_buf_add_char(out, ']');
    } else if (t->use->part != WR_PART_TEXT) {
        wr_buf_addf(out, "[%" PRIu32 "].%s", t->use->pair,
                    t->use->part == WR_PART_KEY ? "key" : "value");
    }
}

static wr_str one_line(wr_str s, struct wr_buf *to)
{
    size_t characters = 0;
    wr_buf_clear(to);
    for (size_t i = 0; i < s.len; i++) {
        bool first = ((unsigned char)s.at[i] & 0xc0) != 0x80;
        characters += first;
        if (first && characters > SHOWN_MAX) {
            wr_buf_add(to, WR_STR("…"));
            break;
        }
        wr_buf_add_char(to, (unsigned char)s.at[i] < 0x20 ? ' ' : s.at[i]);
    }
    return wr_buf_str(to);
}

// ---- text

// Which bytes of the SQL belong to a place that is not covered whole. Give.
static char *missed(const struct wr_suite_rule *rule)
{
    char *marks = wr_zalloc(rule->sql.len + 1);
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        struct wr_test_coverage c = wr_test_coverage_place(p);
        if (c.covered < c.total) {
            memset(marks + p->begin, 1, p->end - p->begin);
        }
    }
    return marks;
}

// A line of ~ below the line [at, end) of the SQL where something is missing.
static void add_marks(const char *marks, wr_str sql, size_t at, size_t end, struct wr_buf *out)
{
    size_t last = at;
    for (size_t i = at; i < end; i++) {
        last = marks[i] ? i + 1 : last;
    }
    if (last == at) {
        return;
    }
    wr_buf_add(out, WR_STR("    " WR_DIFF_GOT));
    for (size_t i = at; i < last; i++) {
        if (((unsigned char)sql.at[i] & 0xc0) != 0x80) {
            wr_buf_add_char(out, marks[i] ? '~' : sql.at[i] == '\t' ? '\t' : ' ');
        }
    }
    wr_buf_add(out, WR_STR(WR_DIFF_END "\n"));
}

static void add_sql(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    wr_str sql = rule->sql;
    char *marks = missed(rule);
    for (size_t at = 0; at < sql.len;) {
        size_t end = at;
        wr_buf_add(out, WR_STR("    "));
        for (; end < sql.len && sql.at[end] != '\n'; end++) {
            bool control = (unsigned char)sql.at[end] < 0x20 && sql.at[end] != '\t';
            wr_buf_add_char(out, control ? ' ' : sql.at[end]);
        }
        wr_buf_add_char(out, '\n');
        add_marks(marks, sql, at, end, out);
        at = end + 1;
    }
    free(marks);
}

static void add_head(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_test_coverage sum = wr_test_coverage_of(rule);
    bool file = rule->kind == WR_SUITE_DOCUMENT;
    wr_buf_addf(out, "\n%s%s%s%s: ", rule->label, file ? " (" : "", file ? rule->key : "",
                file ? ")" : "");
    wr_test_coverage_add_percent(out, &sum);
    wr_buf_addf(out, "%% (%zu of %zu), %" PRIu64 " case%s\n", sum.covered, sum.total, rule->cases,
                rule->cases == 1 ? "" : "s");
}

static void add_rule(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_buf line = {0};
    add_head(rule, out);
    add_sql(rule, out);
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, i);
        struct wr_test_coverage c = wr_test_coverage_place(p);
        wr_str source = wr_str_cut(rule->sql, p->begin, p->end);
        wr_buf_addf(out, "  %s " WR_DIFF_END "%" PRIu32 ":%" PRIu32 "  %s%.*s: ",
                    c.covered < c.total ? WR_DIFF_GOT "~" : " ", p->line, p->column,
                    p->kind == WR_COVERAGE_WHEN ? "WHEN " : "",
                    WR_STR_ARG(one_line(source, &line)));
        wr_test_coverage_describe(p, out);
        wr_buf_add_char(out, '\n');
    }
    for (size_t i = 0; i < rule->template_count; i++) {
        const struct wr_suite_template *t = &rule->templates[i];
        wr_buf_addf(out, "  %s " WR_DIFF_END, t->resolved ? " " : WR_DIFF_GOT "~");
        wr_test_coverage_name_template(t, out);
        wr_buf_addf(out, "  %.*s: ", WR_STR_ARG(one_line(t->text, &line)));
        wr_test_coverage_describe_template(t, out);
        wr_buf_add_char(out, '\n');
    }
    if (rule->left_out) {
        wr_buf_addf(out, "  %zu places could not be measured\n", rule->left_out);
    }
    if (rule->messages_left_out) {
        wr_buf_addf(out, "  %zu messages took too much memory and were not counted\n",
                    rule->messages_left_out);
    }
    wr_buf_release(&line);
}

void wr_test_coverage_text(const struct wr_suite_rules *r, struct wr_buf *out)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i]->coverage) {
            add_rule(r->all[i], out);
        }
    }
}

// ---- JSON

static void add_sum(const struct wr_test_coverage *c, struct wr_buf *out)
{
    wr_buf_addf(out, "\"covered\":%zu,\"total\":%zu,\"percent\":", c->covered, c->total);
    wr_test_coverage_add_percent(out, c);
}

static void add_place_json(const struct wr_suite_rule *rule, const struct wr_coverage_place *p,
                           struct wr_buf *out)
{
    static const char *const kinds[] = {
        [WR_COVERAGE_WHERE] = "where", [WR_COVERAGE_WHEN] = "when", [WR_COVERAGE_ITEM] = "item"};
    struct wr_test_coverage c = wr_test_coverage_place(p);
    wr_buf_addf(out, "{\"kind\":\"%s\",\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"source\":",
                kinds[p->kind], p->line, p->column);
    wr_json_write_string(out, wr_str_cut(rule->sql, p->begin, p->end));
    if (p->kind == WR_COVERAGE_ITEM) {
        wr_buf_addf(out, ",\"value\":%" PRIu64, p->value);
    } else {
        wr_buf_addf(out, ",\"true\":%" PRIu64 ",\"false\":%" PRIu64, p->yes, p->no);
    }
    wr_buf_addf(out, ",\"undefined\":%" PRIu64 ",\"failed\":%" PRIu64 ",", p->undefined, p->failed);
    wr_buf_addf(out, "\"covered\":%zu,\"total\":%zu}", c.covered, c.total);
}

static void add_template_json(const struct wr_suite_template *t, struct wr_buf *out)
{
    struct wr_buf name = {0};
    wr_test_coverage_name_template(t, &name);
    wr_buf_add(out, WR_STR("{\"member\":"));
    wr_json_write_string(out, wr_buf_str(&name));
    wr_buf_add(out, WR_STR(",\"source\":"));
    wr_json_write_string(out, t->text);
    wr_buf_addf(out, ",\"resolved\":%" PRIu64 ",\"undefined\":%" PRIu64 ",\"failed\":%" PRIu64 "}",
                t->resolved, t->undefined, t->failed);
    wr_buf_release(&name);
}

static void add_rule_json(const struct wr_suite_rule *rule, struct wr_buf *out)
{
    struct wr_test_coverage sum = wr_test_coverage_of(rule);
    wr_buf_add(out, WR_STR("{\"name\":"));
    wr_json_write_string(out, wr_str_of(rule->label));
    wr_buf_add(out, WR_STR(",\"file\":"));
    if (rule->kind == WR_SUITE_DOCUMENT) {
        wr_json_write_string(out, wr_str_of(rule->key));
    } else {
        wr_buf_add(out, WR_STR("null"));
    }
    wr_buf_add(out, WR_STR(",\"sql\":"));
    wr_json_write_string(out, rule->sql);
    wr_buf_addf(out, ",\"cases\":%" PRIu64 ",", rule->cases);
    add_sum(&sum, out);
    wr_buf_add(out, WR_STR(",\"places\":["));
    for (size_t i = 0; i < wr_coverage_count(rule->coverage); i++) {
        wr_buf_add(out, i ? WR_STR(",\n") : WR_STR("\n"));
        add_place_json(rule, wr_coverage_at(rule->coverage, i), out);
    }
    wr_buf_add(out, WR_STR("],\"templates\":["));
    for (size_t i = 0; i < rule->template_count; i++) {
        wr_buf_add(out, i ? WR_STR(",\n") : WR_STR("\n"));
        add_template_json(&rule->templates[i], out);
    }
    wr_buf_addf(out, "],\"unmeasured\":%zu}", rule->left_out);
}

void wr_test_coverage_json(const struct wr_suite_rules *r, struct wr_buf *out)
{
    struct wr_test_coverage all = wr_test_coverage_all(r);
    bool first = true;
    wr_buf_add_char(out, '{');
    add_sum(&all, out);
    wr_buf_add(out, WR_STR(",\"rules\":["));
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i]->coverage) {
            wr_buf_add(out, first ? WR_STR("\n") : WR_STR(",\n"));
            add_rule_json(r->all[i], out);
            first = false;
        }
    }
    wr_buf_add(out, WR_STR("]}\n"));
}
