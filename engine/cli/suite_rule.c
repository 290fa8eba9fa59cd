// Finds and compiles the rules of cases.
#include "engine/cli/suite_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct wr_suite_name {
    char *text; // NULL: free
    size_t len;
    uint64_t hash;
    struct wr_suite_rule *rule;
};

void wr_suite_rules_init(struct wr_suite_rules *r, bool coverage)
{
    *r = (struct wr_suite_rules){.coverage = coverage, .metrics = wr_metrics_new()};
}

void wr_suite_rules_release(struct wr_suite_rules *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct wr_suite_rule *rule = r->all[i];
        wr_coverage_free(rule->coverage);
        wr_rule_unlock(rule->rule);
        wr_program_free(rule->statement);
        free(rule->templates);
        free(rule->label);
        free(rule->key);
        free(rule);
    }
    for (size_t i = 0; i < r->name_cap_; i++) {
        free(r->names_[i].text);
    }
    free(r->names_);
    free(r->all);
    wr_metrics_free(r->metrics);
    *r = (struct wr_suite_rules){0};
}

// ---- names

// The place of `name` in the table, free or taken by it.
static struct wr_suite_name *place_of(const struct wr_suite_rules *r, wr_str name, uint64_t hash)
{
    size_t at = hash & (r->name_cap_ - 1);
    for (;; at = (at + 1) & (r->name_cap_ - 1)) {
        struct wr_suite_name *n = &r->names_[at];
        if (!n->text || (n->hash == hash && wr_str_eq((wr_str){n->text, n->len}, name))) {
            return n;
        }
    }
}

static struct wr_suite_rule *look_up(const struct wr_suite_rules *r, wr_str name)
{
    return r->name_cap_ ? place_of(r, name, wr_hash_str(name))->rule : NULL;
}

static void name_rule(struct wr_suite_rules *r, wr_str name, struct wr_suite_rule *rule)
{
    if (2 * (r->name_count_ + 1) > r->name_cap_) {
        struct wr_suite_rules bigger = {.name_cap_ = r->name_cap_ ? 2 * r->name_cap_ : 64};
        bigger.names_ = wr_zalloc(bigger.name_cap_ * sizeof *bigger.names_);
        for (size_t i = 0; i < r->name_cap_; i++) {
            const struct wr_suite_name *n = &r->names_[i];
            if (n->text) {
                *place_of(&bigger, (wr_str){n->text, n->len}, n->hash) = *n;
            }
        }
        free(r->names_);
        r->names_ = bigger.names_;
        r->name_cap_ = bigger.name_cap_;
    }
    uint64_t hash = wr_hash_str(name);
    *place_of(r, name, hash) = (struct wr_suite_name){wr_strdup(name), name.len, hash, rule};
    r->name_count_++;
}

// ---- rules

// "sql:LINE:COLUMN: …" is how wr_rule_new() says where.
static void read_place(struct wr_fault *fault)
{
    char *end;
    fault->line = fault->column = 0;
    if (strncmp(fault->text, "sql:", 4) != 0) {
        return;
    }
    unsigned long line = strtoul(fault->text + 4, &end, 10);
    if (line && *end == ':') {
        fault->line = (uint32_t)line;
        fault->column = (uint32_t)strtoul(end + 1, NULL, 10);
    }
}

static wr_str template_text(const struct wr_rule_action *a, const struct wr_template_use *use)
{
    const struct wr_param *p = &a->params[use->param];
    switch (use->part) {
    case WR_PART_KEY:
        return p->keys[use->pair];
    case WR_PART_VALUE:
        return p->values[use->pair];
    case WR_PART_TEXT:
        break;
    }
    return p->text;
}

static void list_templates(struct wr_suite_rule *rule)
{
    const struct wr_rule *r = rule->rule;
    size_t count = r->error_action ? r->error_action->template_count : 0;
    for (size_t i = 0; i < r->action_count; i++) {
        count += r->actions[i].template_count;
    }
    rule->templates = wr_zalloc((count + 1) * sizeof *rule->templates);
    for (size_t i = 0; i <= r->action_count; i++) {
        const struct wr_rule_action *a = i < r->action_count ? &r->actions[i] : r->error_action;
        for (size_t k = 0; a && k < a->template_count; k++) {
            rule->templates[rule->template_count++] = (struct wr_suite_template){
                .action = a, .use = &a->templates[k], .text = template_text(a, &a->templates[k])};
        }
    }
}

struct wr_suite_template *wr_suite_rule_template(struct wr_suite_rule *rule,
                                                 const struct wr_template_use *use)
{
    size_t i = 0;
    while (rule->templates[i].use != use) {
        i++;
    }
    return &rule->templates[i];
}

static void compile_rule(struct wr_suite_rules *r, struct wr_suite_rule *rule, wr_str document)
{
    struct wr_rule_options options = {.kinds = wr_sink_shapes, .metrics = r->metrics};
    const char *file = rule->kind == WR_SUITE_DOCUMENT ? rule->key : "rule.json";
    if (wr_rule_new(document, file, &options, &rule->rule, &rule->fault)) {
        rule->rule = NULL;
        if (rule->fault.line) { // of the document, which is no JSON
            wr_fault_prefix(&rule->fault, "line %u, column %u", rule->fault.line,
                            rule->fault.column);
        }
        read_place(&rule->fault);
        return;
    }
    rule->program = rule->rule->program;
    rule->sql = rule->rule->document->sql;
    list_templates(rule);
}

static void compile_statement(struct wr_suite_rule *rule, wr_str sql, wr_str version)
{
    struct wr_program_options options = {.sql_version = version};
    rule->sql = (wr_str){rule->key, sql.len}; // NULs are possible
    wr_err err = wr_program_new(rule->sql, &options, &rule->statement, &rule->fault);
    if (!err) {
        err = wr_program_seal(rule->statement, &rule->fault);
    }
    if (err) {
        wr_program_free(rule->statement);
        rule->statement = NULL;
    }
    rule->program = rule->statement;
}

static struct wr_suite_rule *add(struct wr_suite_rules *r, enum wr_suite_rule_kind kind,
                                 const char *id, wr_str key, wr_str text)
{
    struct wr_suite_rule *rule = wr_zalloc(sizeof *rule);
    rule->kind = kind;
    rule->key = wr_strdup(key);
    if (kind == WR_SUITE_STATEMENT) {
        compile_statement(rule, key, text);
    } else {
        compile_rule(r, rule, text);
    }
    struct wr_buf label = {0};
    if (rule->rule) {
        wr_buf_add(&label, rule->rule->name);
    } else {
        wr_buf_addf(&label, "the %s of %s", kind == WR_SUITE_STATEMENT ? "statement" : "rule", id);
    }
    if (rule->rule && kind == WR_SUITE_INLINE) {
        wr_buf_addf(&label, " of %s", id);
    }
    rule->label = wr_strdup(wr_buf_str(&label));
    wr_buf_release(&label);
    if (r->coverage && rule->program) {
        rule->coverage = wr_coverage_new(rule->program, &rule->left_out);
    }
    if (r->count == r->cap_) {
        r->cap_ = r->cap_ ? 2 * r->cap_ : 64;
        r->all = wr_realloc(r->all, r->cap_ * sizeof *r->all);
    }
    r->all[r->count++] = rule;
    return rule;
}

// ---- documents

// The document that `path` names in a suite: one file has one name, whoever names it, below the
// working folder without that. Give.
static wr_err real_name(const char *suite, wr_str path, char **out, struct wr_fault *fault)
{
    struct wr_buf name = {0};
    const char *slash = strrchr(suite, '/');
    if (slash && !wr_str_starts(path, WR_STR("/"))) {
        wr_buf_add(&name, (wr_str){suite, (size_t)(slash - suite) + 1});
    }
    wr_buf_add(&name, path);
    bool nul = path.len && memchr(path.at, 0, path.len);
    char *real = nul ? NULL : realpath(wr_buf_terminated(&name), NULL), *here = getcwd(NULL, 0);
    wr_err err = WR_OK;
    if (!real) {
        err = wr_fault_set(fault, WR_ERR_IO,
                           "rule: %s: %s; a path is seen from the folder of the suite",
                           wr_buf_terminated(&name), nul ? "a NUL is in it" : strerror(errno));
    } else {
        size_t len = here ? strlen(here) : 0;
        bool below = len > 1 && strncmp(real, here, len) == 0 && real[len] == '/';
        *out = wr_strdup(wr_str_of(below ? real + len + 1 : real));
    }
    free(real);
    free(here);
    wr_buf_release(&name);
    return err;
}

static wr_err find_document(struct wr_suite_rules *r, const char *suite, const char *id,
                            wr_str path, struct wr_suite_rule **out, struct wr_fault *fault)
{
    char *name = NULL, *text = NULL;
    wr_err err = real_name(suite, path, &name, fault);
    if (err) {
        return err;
    }
    struct wr_buf key = {0};
    wr_buf_addf(&key, "document:%s", name);
    *out = look_up(r, wr_buf_str(&key));
    struct stat is;
    if (!*out && stat(name, &is) == 0 && !S_ISREG(is.st_mode)) {
        err =
            wr_fault_set(fault, WR_ERR_IO, "rule: %s: expected a file with a rule document", name);
    } else if (!*out) {
        size_t len;
        err = wr_suite_read_file(name, WR_DOCUMENT_FILE_MAX, &text, &len, fault);
        if (err) {
            wr_fault_prefix(fault, "rule");
        } else {
            *out = add(r, WR_SUITE_DOCUMENT, id, wr_str_of(name), (wr_str){text, len});
            name_rule(r, wr_buf_str(&key), *out);
            free(text);
        }
    }
    wr_buf_release(&key);
    free(name);
    return err;
}

wr_err wr_suite_rules_find(struct wr_suite_rules *r, const char *suite, const char *id,
                           const struct wr_line *line, struct wr_arena *arena,
                           struct wr_suite_rule **out, struct wr_fault *fault)
{
    wr_str sql = wr_line_text(&line->object, "sql", arena);
    wr_str version = wr_line_text(&line->object, "sqlVersion", arena);
    wr_str path = wr_line_text(&line->object, "rule", arena), text = {0};
    wr_str folder = wr_str_of(suite);
    while (folder.len && folder.at[folder.len - 1] != '/') {
        folder.len--;
    }
    struct wr_buf name = {0};
    if (sql.at) {
        wr_buf_addf(&name, "statement:%.*s:", WR_STR_ARG(version));
        wr_buf_add(&name, sql);
    } else if (path.at) {
        wr_buf_addf(&name, "path:%.*s:", WR_STR_ARG(folder));
        wr_buf_add(&name, path);
    } else {
        text = wr_line_spelt(line, "rule", arena);
        wr_buf_add(&name, WR_STR("inline:"));
        wr_buf_add(&name, text);
    }
    wr_err err = WR_OK;
    *out = look_up(r, wr_buf_str(&name));
    if (!*out && r->count == WR_SUITE_RULES_MAX) {
        err = wr_fault_set(fault, WR_ERR_LIMIT,
                           "more than %d rules and statements in one run: run fewer suites at once",
                           WR_SUITE_RULES_MAX);
    } else if (!*out) {
        if (path.at) {
            err = find_document(r, suite, id, path, out, fault);
        } else {
            *out = sql.at ? add(r, WR_SUITE_STATEMENT, id, sql, version)
                          : add(r, WR_SUITE_INLINE, id, text, text);
        }
        if (!err) {
            name_rule(r, wr_buf_str(&name), *out);
        }
    }
    wr_buf_release(&name);
    return err;
}
