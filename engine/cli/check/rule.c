// One rule: its document against the tables, its statement and templates through the compiler, and
// what is said about them.
#include "engine/cli/check/cfn.h"

#include <stdlib.h>

#include "engine/rules/params.h"
#include "engine/rules/zones.h"
#include "sql/lint.h"
#include "sql/template.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define FILTER_LEVELS_MAX 8   // sql.md 14: seven slashes
#define FILTER_BYTES_MAX  256 // sql.md 14

struct look {
    struct wr_check *c;
    struct wr_check_rule *r;
};

// ---- suppression

// "weir-check: ignore W205, E110" in the description.
static void read_ignored(struct wr_check_rule *r)
{
    static const char mark[] = "weir-check: ignore ";
    const struct wr_tree *d = wr_tree_get(r->payload, "description");
    wr_str text = d && d->kind == WR_TREE_TEXT ? d->text : (wr_str){0};
    ptrdiff_t found = wr_str_find(text, wr_str_of(mark));
    if (found < 0) {
        return;
    }
    const char *at = text.at + found + strlen(mark);
    for (;;) {
        char word[32];
        size_t len = strcspn(at, " ,;.\t\r\n");
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : 0), at);
        const struct wr_check_code *code = wr_check_code_parse(word);
        if (!code) {
            return;
        }
        r->ignored[code->number / 64 % WR_COUNT(r->ignored)] |= (uint64_t)1 << (code->number % 64);
        at += len;
        at += strspn(at, " ,");
    }
}

// ---- the document

static int number_of(wr_err err)
{
    switch (err) {
    case WR_ERR_UNKNOWN:
        return WR_CODE_UNKNOWN_MEMBER;
    case WR_ERR_MISSING:
        return WR_CODE_MISSING_MEMBER;
    case WR_ERR_TYPE:
        return WR_CODE_WRONG_TYPE;
    case WR_ERR_LIMIT:
        return WR_CODE_OVER_LIMIT;
    case WR_ERR_UNSUPPORTED:
        return WR_CODE_NO_TEMPLATE_HERE;
    case WR_ERR_FAILED:
        return WR_CODE_ALWAYS_FAILS;
    case WR_ERR_DENIED:
        return WR_CODE_WEIR_NAME;
    case WR_ERR_SYNTAX:
        return WR_CODE_TEMPLATE;
    case WR_OK:
    case WR_ERR_RANGE:
    case WR_ERR_EXISTS:
    case WR_ERR_IO:
    case WR_ERR_BUSY:
    case WR_ERR_CORRUPT:
    case WR_ERR_STATE:
        break;
    }
    return WR_CODE_BAD_VALUE;
}

// The code of a fault at a place that has one of its own.
static int number_at(const char *path, wr_err err, const char *text)
{
    bool action = strncmp(path, "actions[", 8) == 0 || strcmp(path, "errorAction") == 0;
    if (strcmp(path, "ruleName") == 0 && err != WR_ERR_TYPE) {
        return WR_CODE_RULE_NAME;
    }
    if (strcmp(path, "actions") == 0 && err == WR_ERR_LIMIT) {
        return WR_CODE_TOO_MANY_ACTIONS;
    }
    if (*path == '\0' && err == WR_ERR_LIMIT) {
        return WR_CODE_RULE_SIZE;
    }
    if (action && err == WR_ERR_RANGE && !strchr(path, '.') && strstr(text, "exactly one member")) {
        return WR_CODE_ACTION_SHAPE;
    }
    if (strstr(path, "republish.topic") && strstr(text, "cannot be republished to")) {
        return WR_CODE_RESERVED_TARGET;
    }
    return number_of(err);
}

static bool has_unknown(const struct wr_tree *t)
{
    if (t->unknown && !wr_str_eq(t->key, WR_STR("roleArn"))) {
        return true;
    }
    for (const struct wr_tree *m = t->first; m; m = m->next) {
        if (has_unknown(m)) {
            return true;
        }
    }
    return false;
}

// What a stand-in is found guilty of says nothing.
static bool is_about_unknown(const struct wr_check_rule *r, const char *path, wr_err err)
{
    bool whole;
    const struct wr_tree *t = wr_tree_find(r->payload, path, &whole);
    if (err == WR_ERR_FAILED || err == WR_ERR_RANGE) { // may be about several members
        const char *kind = strchr(path, '.');
        char action[64];
        size_t len = kind ? (size_t)(kind - path) : strlen(path);
        snprintf(action, sizeof action, "%.*s", (int)len, path);
        bool found;
        const struct wr_tree *all = wr_tree_find(r->payload, action, &found);
        if (found && strncmp(path, "actions[", 8) == 0 && err == WR_ERR_FAILED) {
            return has_unknown(all);
        }
    }
    bool about_value =
        err == WR_ERR_TYPE || err == WR_ERR_RANGE || err == WR_ERR_LIMIT || err == WR_ERR_FAILED;
    return about_value && (whole ? has_unknown(t) : t->unknown != NULL);
}

static bool is_bare(const struct wr_check_rule *r)
{
    return r->payload == r->document;
}

static void told(void *user, const char *path, const struct wr_fault *fault)
{
    const struct look *l = user;
    int number = number_at(path, fault->code, fault->text);
    if (number == WR_CODE_RULE_NAME &&
        (is_bare(l->r) || !wr_tree_get(l->r->document, "ruleName"))) {
        wr_check_member(l->c, l->r, WR_CODE_FILE_NAME, "", "%s", fault->text);
        return;
    }
    if (number == WR_CODE_RULE_NAME) {
        const struct wr_tree *name = wr_tree_get(l->r->document, "ruleName");
        if (name->unknown && (name->piece_count < 2 || fault->code != WR_ERR_RANGE)) {
            return;
        }
    }
    if (!is_about_unknown(l->r, path, fault->code)) {
        wr_check_member(l->c, l->r, number, path, "%s", fault->text);
    }
}

// How the document is called when it does not say: the file's name, YAML's ending taken off too.
static void file_name(const struct wr_check_rule *r, char *out, size_t size)
{
    snprintf(out, size, "%s", r->source->name);
    char *dot = strrchr(out, '.');
    if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)) {
        *dot = '\0';
    }
}

static void read_document(struct look *l)
{
    char name[4096];
    struct wr_fault fault = {0};
    const struct wr_document_options options = {.kinds = wr_sink_shapes, .report = told, .user = l};
    json_t *root = wr_tree_json(l->r->document);
    file_name(l->r, name, sizeof name);
    if (wr_document_read(root, name, &options, &l->r->d, &fault)) {
        wr_check_member(l->c, l->r, WR_CODE_OVER_LIMIT, "", "%s", fault.text);
        l->r->d = NULL;
    }
    json_decref(root);
}

// ---- texts of actions

void wr_check_texts(const struct wr_document_action *a,
                    void (*visit)(void *user, const char *path, wr_str text), void *user)
{
    struct wr_buf path = {0};
    for (size_t i = 0; i < a->param_count; i++) {
        const struct wr_option *o = &a->impl->options[i];
        const struct wr_param *p = &a->params[i];
        wr_buf_clear(&path);
        wr_buf_addf(&path, "%s.%s", a->path, o->name);
        if (p->set && p->count == 0 && p->text.at && o->type != WR_OPT_PAIRS &&
            o->type != WR_OPT_LIST) {
            visit(user, wr_buf_terminated(&path), p->text);
        }
        size_t len = path.len;
        for (size_t k = 0; k < p->count; k++) {
            bool list = o->type == WR_OPT_LIST, map = o->flags & WR_OPT_MAP;
            path.len = len;
            if (list || map) {
                wr_buf_addf(&path, "%s%.*s", map ? "." : "", WR_STR_ARG(p->keys[k]));
                visit(user, wr_buf_terminated(&path), p->values[k]);
                continue;
            }
            wr_buf_addf(&path, "[%zu].key", k);
            visit(user, wr_buf_terminated(&path), p->keys[k]);
            path.len = len;
            wr_buf_addf(&path, "[%zu].value", k);
            visit(user, wr_buf_terminated(&path), p->values[k]);
        }
    }
    wr_buf_release(&path);
}

static void each_text(struct wr_check_rule *r,
                      void (*visit)(void *user, const char *path, wr_str text), void *user)
{
    for (size_t i = 0; r->d && i < r->d->action_count; i++) {
        wr_check_texts(&r->d->actions[i], visit, user);
    }
    if (r->d && r->d->has_error_action) {
        wr_check_texts(&r->d->error_action, visit, user);
    }
}

static void compile_text(void *user, const char *path, wr_str text)
{
    struct look *l = user;
    struct wr_fault fault = {0};
    uint32_t id;
    if (!wr_template_has_expression(text) ||
        !wr_program_add_template(l->r->program, text, &id, &fault)) {
        return;
    }
    l->r->sealed = false; // a template is missing: it is never run
    char found[WR_FAULT_TEXT_MAX + 100];
    bool bang = wr_str_find(text, WR_STR("${!")) >= 0;
    snprintf(found, sizeof found, "%s%s", fault.text,
             bang ? " (${!…} has a meaning only inside of CloudFormation's Fn::Sub)" : "");
    wr_check_text(l->c, l->r, WR_CODE_TEMPLATE, path, fault.offset, fault.line, fault.column,
                  found);
}

// Where `@{` may stand: tableName and tags of influxDB, in actions.
static void look_for_marker(void *user, const char *path, wr_str text)
{
    const struct look *l = user;
    ptrdiff_t at = wr_str_find(text, WR_STR("@{"));
    const char *influx = strstr(path, "].influxDB.");
    bool fits = influx && strncmp(path, "actions[", 8) == 0 &&
                (strcmp(influx, "].influxDB.tableName") == 0 ||
                 strncmp(influx, "].influxDB.tags.", 16) == 0);
    if (at >= 0 && !fits) {
        wr_check_text(l->c, l->r, WR_CODE_ELEMENT_TEMPLATE, path, (size_t)at, 0, 0,
                      strncmp(path, "errorAction.influxDB", 20) == 0
                          ? "@{…} is not possible in an error action, only ${…}"
                          : "@{…} is for tableName and tags of influxDB only; here it is text");
    }
}

// ---- the statement

static const char *unknown_of(const struct wr_check_rule *r, const char *member, bool *partly)
{
    const struct wr_tree *t = wr_tree_get(r->payload, member);
    *partly = t && t->piece_count > 1;
    return t ? t->unknown : NULL;
}

static void check_filter(struct look *l)
{
    struct wr_outline *o = &l->r->outline;
    if (!o->filter.len) {
        return;
    }
    size_t levels = 1;
    for (size_t i = 0; i < o->filter.len; i++) {
        levels += o->filter.at[i] == '/';
    }
    char text[200];
    wr_str rule, rest;
    bool ingest = wr_topic_basic_ingest(o->filter, &rule, &rest) ||
                  wr_str_starts(o->filter, WR_STR("$aws/rules/"));
    if (ingest) {
        wr_check_text(l->c, l->r, WR_CODE_FILTER_BASIC_INGEST, "sql", o->filter_at, 0, 0,
                      "no message that a rule can select has a topic below $aws/rules/");
        return;
    }
    if (levels > FILTER_LEVELS_MAX) {
        snprintf(text, sizeof text, "the filter has %zu levels, topics on AWS at most %d", levels,
                 FILTER_LEVELS_MAX);
        wr_check_text(l->c, l->r, WR_CODE_FILTER_LIMIT, "sql", o->filter_at, 0, 0, text);
    }
    if (o->filter.len > FILTER_BYTES_MAX) {
        snprintf(text, sizeof text, "the filter has %zu bytes, topics on AWS at most %d",
                 o->filter.len, FILTER_BYTES_MAX);
        wr_check_text(l->c, l->r, WR_CODE_FILTER_LIMIT, "sql", o->filter_at, 0, 0, text);
    }
}

// False: there is no program.
static bool compile(struct look *l)
{
    struct wr_document *d = l->r->d;
    struct wr_fault fault = {0};
    bool partly;
    const char *unknown = unknown_of(l->r, "awsIotSqlVersion", &partly);
    if (unknown) {
        wr_check_member(l->c, l->r, WR_CODE_UNRESOLVED, "awsIotSqlVersion",
                        "the SQL version hangs on %s, which is not known", unknown);
        return false;
    }
    if (wr_sql_version_parse(d->sql_version, &(enum wr_dialect){0}, &fault)) {
        wr_check_member(l->c, l->r, WR_CODE_SQL_VERSION, "awsIotSqlVersion", "%s", fault.text);
        return false;
    }
    if (!d->sql.at) {
        return false;
    }
    unknown = unknown_of(l->r, "sql", &partly);
    if (unknown == wr_cfn_refused) {
        return false; // that is said already
    }
    if (unknown && !partly) {
        wr_check_member(l->c, l->r, WR_CODE_UNRESOLVED, "sql",
                        "the statement hangs on %s, which is not known", unknown);
        return false;
    }
    const struct wr_program_options options = {.sql_version = d->sql_version};
    if (wr_program_new(d->sql, &options, &l->r->program, &fault)) {
        l->r->program = NULL;
        if (unknown) {
            wr_check_member(l->c, l->r, WR_CODE_UNRESOLVED, "sql",
                            "a part of the statement hangs on %s, which is not known, and with "
                            "\"%.*s\" in its place: %s",
                            unknown, WR_STR_ARG(d->sql), fault.text);
        } else {
            wr_check_text(l->c, l->r, WR_CODE_SQL, "sql", fault.offset, fault.line, fault.column,
                          fault.text);
        }
        return false;
    }
    return true;
}

// ---- values that are not known

struct unknowns {
    struct wr_buf text;
    const struct wr_tree *first;
    size_t count;
};

// Without it there is an error anyway.
static bool is_needed(wr_str path, const struct wr_tree *t)
{
    return t->piece_count < 2 &&
           (wr_str_eq(path, WR_STR("sql")) || wr_str_eq(path, WR_STR("awsIotSqlVersion")));
}

static void find_unknowns(const struct wr_tree *t, struct unknowns *u, struct wr_buf *path)
{
    size_t len = path->len, i = 0;
    if (t->unknown && !is_needed(wr_buf_str(path), t) && t->unknown != wr_cfn_refused &&
        strncmp(t->unknown, "AWS::", 5) != 0 && !wr_str_eq(t->key, WR_STR("roleArn")) &&
        !wr_str_eq(t->key, WR_STR("ruleName"))) {
        u->first = u->first ? u->first : t;
        if (u->count++ < 5) {
            wr_buf_addf(&u->text, "%s%.*s (%s)", u->text.len ? ", " : "",
                        WR_STR_ARG(wr_buf_str(path)), t->unknown);
        }
    }
    for (const struct wr_tree *m = t->first; m; m = m->next, i++) {
        if (t->kind == WR_TREE_LIST) {
            wr_buf_addf(path, "[%zu]", i);
        } else {
            wr_buf_addf(path, "%s%.*s", len ? "." : "", WR_STR_ARG(m->key));
        }
        find_unknowns(m, u, path);
        path->len = len;
    }
}

static void tell_unknowns(struct look *l)
{
    struct unknowns u = {0};
    struct wr_buf path = {0};
    find_unknowns(l->r->payload, &u, &path);
    if (u.count) {
        wr_check_member(l->c, l->r, WR_CODE_UNKNOWN_VALUE, "", "not checked: %s%s",
                        wr_buf_terminated(&u.text), u.count > 5 ? ", …" : "");
    }
    wr_buf_release(&u.text);
    wr_buf_release(&path);
}

void wr_check_rule_alone(struct wr_check *c, struct wr_check_rule *r)
{
    struct look l = {c, r};
    read_ignored(r);
    read_document(&l);
    if (!r->d) {
        return;
    }
    tell_unknowns(&l);
    each_text(r, look_for_marker, &l);
    if (!compile(&l)) {
        return;
    }
    wr_outline_statement(r->program, &r->outline);
    check_filter(&l);
    r->sealed = true;
    each_text(r, compile_text, &l);
    struct wr_fault fault = {0};
    if (wr_program_seal(r->program, &fault)) {
        wr_check_text(c, r, WR_CODE_SQL, "sql", 0, 0, 0, fault.text);
        r->sealed = false;
    }
}

// ---- the linter

// `a/#` misses `a`; a rule that selects `a` is what the finding asks for.
static bool is_covered_parent(const struct wr_check *c, const struct wr_check_rule *r,
                              const struct wr_lint_finding *f)
{
    wr_str filter = r->outline.filter;
    return f->rule->code == WR_LINT_FILTER_PARENT && filter.len > 2 &&
           wr_check_selected(c, wr_str_cut(filter, 0, filter.len - 2));
}

static void tell_lint(struct wr_check *c, struct wr_check_rule *r, struct wr_lint *lint,
                      const char *path)
{
    for (size_t i = 0; i < wr_lint_count(lint); i++) {
        const struct wr_lint_finding *f = wr_lint_at(lint, i);
        char text[WR_FAULT_TEXT_MAX];
        if (is_covered_parent(c, r, f) || f->rule->code == WR_LINT_FILTER_BASIC_INGEST) {
            continue; // the latter is an error here
        }
        snprintf(text, sizeof text, "%.*s", WR_STR_ARG(f->message));
        wr_check_text(c, r, (int)f->rule->code, path, f->begin, f->line, f->column, text);
    }
    wr_lint_free(lint);
}

static void lint_text(void *user, const char *path, wr_str text)
{
    struct look *l = user;
    const struct wr_sql_host host = {.zone = wr_zones_find};
    const struct wr_lint_options options = {.host = &host};
    if (wr_template_has_expression(text)) {
        tell_lint(l->c, l->r, wr_lint_template(l->r->program, text, &options), path);
    }
}

void wr_check_lint(struct wr_check *c, struct wr_check_rule *r)
{
    struct look l = {c, r};
    const struct wr_sql_host host = {.zone = wr_zones_find};
    const struct wr_lint_options options = {.host = &host};
    if (!r->sealed) {
        return;
    }
    tell_lint(c, r, wr_lint_statement(r->program, &options), "sql");
    each_text(r, lint_text, &l);
}
