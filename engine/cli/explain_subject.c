// What is explained: a statement, or a rule document with its templates.
#include "engine/cli/explain.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/given.h"
#include "sql/explain.h"

#include "sql/base/banned.h"

static bool begins_with_word(wr_str text, wr_str word)
{
    size_t at = 0;
    while (at < text.len && strchr(" \t\r\n", text.at[at])) {
        at++;
    }
    return text.len - at > word.len &&
           wr_str_eq_nocase(wr_str_cut(text, at, at + word.len), word) &&
           strchr(" \t\r\n@*'\"([", text.at[at + word.len]);
}

// A statement begins with SELECT or SET. Anything else is a path if there is such a file or it
// looks like one, else a statement that is wrong at its first word.
static bool is_path(const char *given)
{
    wr_str text = wr_str_of(given);
    if (begins_with_word(text, WR_STR("SELECT")) || begins_with_word(text, WR_STR("SET"))) {
        return false;
    }
    bool plain = text.len && !strpbrk(given, " \t\r\n");
    return access(given, F_OK) == 0 || wr_str_ends(text, WR_STR(".json")) ||
           (plain && strchr(given, '/'));
}

static bool compile_statement(struct wr_explain_subject *s, const char *given, const char *version,
                              struct wr_buf *why)
{
    wr_str sql = wr_str_of(given);
    s->given_version = version ? wr_str_of(version) : WR_STR("2016-03-23");
    struct wr_program_options options = {.sql_version = s->given_version};
    struct wr_fault fault = {0};
    wr_err err = wr_program_new(sql, &options, &s->own, &fault);
    if (!err) {
        err = wr_program_seal(s->own, &fault);
    }
    if (err) {
        wr_buf_add(why, WR_STR("invalid SQL: "));
        wr_explain_fault(sql, &fault, why);
        return false;
    }
    s->program = s->own;
    return true;
}

// ---- templates

static void add_template(struct wr_explain_subject *s, const struct wr_rule_action *a,
                         const struct wr_template_use *use)
{
    const struct wr_param *p = &a->params[use->param];
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.%s", a->path, a->impl->options[use->param].name);
    wr_str text = p->text;
    if (use->part != WR_PART_TEXT) {
        bool key = use->part == WR_PART_KEY;
        text = key ? p->keys[use->pair] : p->values[use->pair];
        wr_buf_addf(&name, "[%u].%s", use->pair, key ? "key" : "value");
    }
    if (use->id >= s->template_count) { // constants have no number here
        size_t count = use->id + 1;
        s->templates = wr_realloc(s->templates, count * sizeof *s->templates);
        memset(s->templates + s->template_count, 0,
               (count - s->template_count) * sizeof *s->templates);
        s->template_count = count;
    }
    s->templates[use->id] =
        (struct wr_explain_template){.parameter = wr_strdup(wr_buf_str(&name)), .text = text};
    wr_buf_release(&name);
}

static void list_templates(struct wr_explain_subject *s)
{
    const struct wr_rule *r = s->rule;
    for (size_t i = 0; i <= r->action_count; i++) {
        const struct wr_rule_action *a = i < r->action_count ? &r->actions[i] : r->error_action;
        for (size_t k = 0; a && k < a->template_count; k++) {
            add_template(s, a, &a->templates[k]);
        }
    }
}

static bool load_rule(struct wr_explain_subject *s, const char *path, const char *version,
                      struct wr_buf *why)
{
    struct wr_fault fault = {0};
    s->file = path;
    s->metrics_ = wr_metrics_new();
    wr_buf_init(&s->text_, WR_DOCUMENT_FILE_MAX);
    if (wr_given_file(path, &s->text_, &fault)) {
        wr_buf_addf(why, "weir explain: %s\n", fault.text);
        return false;
    }
    struct wr_rule_options options = {.kinds = wr_sink_list,
                                      .metrics = s->metrics_,
                                      .sql_version = version ? wr_str_of(version) : (wr_str){0}};
    if (wr_rule_new(wr_buf_str(&s->text_), path, &options, &s->rule, &fault)) {
        if (fault.line) {
            wr_buf_addf(why, "weir explain: %s:%u:%u: %s\n", path, fault.line, fault.column,
                        fault.text);
        } else {
            wr_buf_addf(why, "weir explain: %s: %s\n", path, fault.text);
        }
        s->rule = NULL;
        return false;
    }
    s->program = s->rule->program;
    s->given_version = s->rule->document->sql_version;
    list_templates(s);
    return true;
}

bool wr_explain_subject_init(struct wr_explain_subject *s, const char *given, const char *version,
                             struct wr_buf *why)
{
    *s = (struct wr_explain_subject){0};
    return is_path(given) ? load_rule(s, given, version, why)
                          : compile_statement(s, given, version, why);
}

void wr_explain_subject_release(struct wr_explain_subject *s)
{
    for (size_t i = 0; i < s->template_count; i++) {
        free(s->templates[i].parameter);
    }
    free(s->templates);
    wr_rule_unlock(s->rule);
    wr_program_free(s->own);
    wr_metrics_free(s->metrics_);
    wr_buf_release(&s->text_);
}
