// The run: files found, rules kept, findings placed.
#include "engine/cli/check/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sql/base/banned.h"

void wr_check_init(struct wr_check *c, const struct wr_check_options *options)
{
    *c = (struct wr_check){.options = options};
    wr_findings_init(&c->findings);
    c->findings.lenient = options->lenient;
    wr_arena_init(&c->arena, WR_TREE_MEMORY_MAX);
}

void wr_check_release(struct wr_check *c)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        wr_program_free(c->rules[i]->program);
        wr_document_free(c->rules[i]->d);
    }
    for (size_t i = 0; i < c->source_count; i++) {
        wr_source_release(c->sources[i]);
        free(c->sources[i]);
    }
    free(c->rules);
    free(c->sources);
    free(c->hcl);
    free(c->tables);
    wr_findings_release(&c->findings);
    wr_arena_release(&c->arena);
    *c = (struct wr_check){0};
}

const char *wr_check_param(const struct wr_check *c, const char *name)
{
    for (size_t i = c->options->param_count; i-- > 0;) { // the last one given decides
        if (strcmp(c->options->params[i].name, name) == 0) {
            return c->options->params[i].value;
        }
    }
    return NULL;
}

void wr_check_add_table(struct wr_check *c, wr_str name, wr_str hash, wr_str range)
{
    if (c->table_count == WR_CHECK_RULES_MAX) {
        return;
    }
    c->tables = wr_realloc(c->tables, (c->table_count + 1) * sizeof *c->tables);
    c->tables[c->table_count].name = wr_str_dup(&c->arena, name).at;
    c->tables[c->table_count].hash = wr_str_dup(&c->arena, hash).at;
    c->tables[c->table_count++].range = range.len ? wr_str_dup(&c->arena, range).at : NULL;
}

struct wr_check_rule *wr_check_add_rule(struct wr_check *c, struct wr_source *s,
                                        enum wr_check_form form, const char *id,
                                        const struct wr_tree *document)
{
    struct wr_check_rule *r =
        c->rule_count < WR_CHECK_RULES_MAX ? wr_arena_alloc(&c->arena, sizeof *r) : NULL;
    if (!r) {
        wr_check_at(c, WR_CODE_OVER_LIMIT, s, document->at, id,
                    "more than %d rules are not read at once", WR_CHECK_RULES_MAX);
        return NULL;
    }
    const struct wr_tree *payload = wr_tree_get(document, "topicRulePayload");
    *r = (struct wr_check_rule){
        .source = s,
        .file_index = c->file_index,
        .form = form,
        .id = id,
        .document = document,
        .payload = payload ? payload : document,
    };
    c->rules = wr_realloc(c->rules, (c->rule_count + 1) * sizeof(struct wr_check_rule *));
    c->rules[c->rule_count++] = r;
    return r;
}

// ---- findings

void wr_check_at(struct wr_check *c, int number, const struct wr_source *s, struct wr_place at,
                 const char *rule, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct wr_finding finding = {.file = s->name,
                                       .file_index = c->file_index,
                                       .line = at.line,
                                       .column = at.column,
                                       .rule = rule,
                                       .message = text};
    wr_findings_add(&c->findings, number, s->text, at.line ? at.offset : SIZE_MAX, &finding);
}

static bool is_ignored(const struct wr_check_rule *r, int number)
{
    return r->ignored[number / 64 % WR_COUNT(r->ignored)] >> (number % 64) & 1;
}

static void add(struct wr_check *c, const struct wr_check_rule *r, int number,
                struct wr_finding *finding, struct wr_place at)
{
    if (is_ignored(r, number)) {
        return;
    }
    finding->file = r->source->name;
    finding->file_index = r->file_index;
    finding->line = at.line;
    finding->column = at.column;
    finding->rule = r->id;
    wr_findings_add(&c->findings, number, r->source->text, at.line ? at.offset : SIZE_MAX, finding);
}

// The place of a member's value, or of what should hold it. The key is where people look for an
// object or a list, and for a member that should have another name.
static struct wr_place place_of(const struct wr_check_rule *r, int number, const char *path,
                                const struct wr_tree **node)
{
    bool whole;
    const struct wr_tree *t = wr_tree_find(r->payload, path, &whole);
    if (!whole && r->payload != r->document) { // ruleName, tags
        bool outer;
        const struct wr_tree *o = wr_tree_find(r->document, path, &outer);
        t = outer ? o : t;
        whole = outer;
    }
    *node = whole ? t : NULL;
    bool scalar = t->kind != WR_TREE_MAP && t->kind != WR_TREE_LIST &&
                  number != WR_CODE_UNKNOWN_MEMBER && number != WR_CODE_MISPRINT;
    return !scalar && t->key_at.line ? t->key_at : t->at;
}

void wr_check_member(struct wr_check *c, const struct wr_check_rule *r, int number,
                     const char *path, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct wr_tree *node;
    struct wr_finding finding = {.path = path, .message = text};
    add(c, r, number, &finding, place_of(r, number, path, &node));
}

void wr_check_text(struct wr_check *c, const struct wr_check_rule *r, int number, const char *path,
                   size_t at, uint32_t line, uint32_t column, const char *message)
{
    const struct wr_tree *node;
    struct wr_place place = place_of(r, number, path, &node);
    struct wr_finding finding = {
        .path = path, .message = message, .sql_line = line, .sql_column = column};
    if (node) {
        (void)wr_tree_place(r->source, node, at, &place);
    }
    add(c, r, number, &finding, place);
}

bool wr_check_unknown(const struct wr_check_rule *r, const char *path)
{
    bool whole;
    const struct wr_tree *t = wr_tree_find(r->payload, path, &whole);
    return whole && t->unknown;
}

// ---- files

// Takes `s`, which was read.
static void add_source(struct wr_check *c, struct wr_source *s, bool asked)
{
    c->file_index++;
    if (!wr_form_read(c, s, asked)) {
        c->passed_over += !asked;
        wr_source_release(s);
        free(s);
        return;
    }
    c->file_count++;
    c->sources = wr_realloc(c->sources, (c->source_count + 1) * sizeof(struct wr_source *));
    c->sources[c->source_count++] = s;
}

static void add_file(struct wr_check *c, const char *path, bool asked)
{
    struct wr_source *s = wr_zalloc(sizeof *s);
    struct wr_fault fault = {0};
    if (wr_source_read(s, wr_str_dup(&c->arena, wr_str_of(path)).at, &fault)) {
        fprintf(stderr, "weir check: %s: %s\n", path, fault.text);
        c->unreadable = true;
        wr_source_release(s);
        free(s);
        return;
    }
    add_source(c, s, asked);
}

void wr_check_add_text(struct wr_check *c, const char *name, wr_str text)
{
    struct wr_source *s = wr_zalloc(sizeof *s);
    wr_source_of(s, wr_str_dup(&c->arena, wr_str_of(name)).at, text);
    add_source(c, s, true);
}

static bool is_ours(const char *name)
{
    static const char *const suffixes[] = {".json", ".yaml", ".yml", ".template", ".tf"};
    for (size_t i = 0; i < WR_COUNT(suffixes); i++) {
        if (wr_str_ends(wr_str_of(name), wr_str_of(suffixes[i]))) {
            return true;
        }
    }
    return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); // not by locale: the order is the same everywhere
}

static int is_wanted(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "node_modules") != 0;
}

// Sorted, without hidden files and without following links to folders.
static void add_folder(struct wr_check *c, const char *path, unsigned depth)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_wanted, by_name);
    if (count < 0) {
        fprintf(stderr, "weir check: %s: %s\n", path, strerror(errno));
        c->unreadable = true;
        return;
    }
    for (int i = 0; i < count; i++) {
        struct wr_buf name = {0};
        struct stat st;
        size_t len = strlen(path);
        wr_buf_addf(&name, "%s%s%s", path, len && path[len - 1] == '/' ? "" : "/",
                    entries[i]->d_name);
        const char *file = wr_buf_terminated(&name);
        if (lstat(file, &st) == 0 && S_ISLNK(st.st_mode) && stat(file, &st) == 0 &&
            S_ISDIR(st.st_mode)) {
            st.st_mode = 0;
        }
        if (S_ISDIR(st.st_mode) && depth == WR_CHECK_DEPTH_MAX) {
            fprintf(stderr, "weir check: %s: more than %d folders deep\n", file,
                    WR_CHECK_DEPTH_MAX);
            c->unreadable = true;
        } else if (S_ISDIR(st.st_mode)) {
            add_folder(c, file, depth + 1);
        } else if (S_ISREG(st.st_mode) && is_ours(file)) {
            if (c->file_index == WR_CHECK_FILES_MAX) {
                fprintf(stderr, "weir check: %s: more than %d files are not read at once\n", file,
                        WR_CHECK_FILES_MAX);
                c->unreadable = true;
            } else if (c->file_index < WR_CHECK_FILES_MAX) {
                add_file(c, file, false);
            }
        }
        wr_buf_release(&name);
        free(entries[i]);
    }
    free(entries);
}

void wr_check_add_path(struct wr_check *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        size_t before = c->rule_count + c->hcl_count + c->findings.count;
        add_folder(c, path, 0);
        if (!c->unreadable && before == c->rule_count + c->hcl_count + c->findings.count) {
            fprintf(stderr, "weir check: %s: no file in it holds a rule\n", path);
            c->unreadable = true;
        }
        return;
    }
    add_file(c, path, true);
}

// Blocks of .tf files that no plan among the files covers.
static void check_hcl(struct wr_check *c)
{
    for (size_t i = 0; i < c->hcl_count; i++) {
        wr_str label = wr_str_of(c->hcl[i].label);
        bool covered = false;
        for (size_t k = 0; !covered && k < c->rule_count; k++) {
            wr_str id = wr_str_of(c->rules[k]->id);
            if (c->rules[k]->form != WR_FORM_TERRAFORM) {
                continue;
            }
            const char *bracket = strrchr(id.at, '[');
            if (bracket && id.at[id.len - 1] == ']') { // count and for_each
                id.len = (size_t)(bracket - id.at);
            }
            covered = wr_str_ends(id, label);
        }
        if (!covered) {
            c->file_index = c->hcl[i].file_index;
            wr_check_at(c, WR_CODE_HCL, c->hcl[i].source, c->hcl[i].at, c->hcl[i].label,
                        "a rule in Terraform's own language, which is not read; check the plan: "
                        "terraform show -json");
        }
    }
}

void wr_check_run(struct wr_check *c)
{
    check_hcl(c);
    for (size_t i = 0; i < c->rule_count; i++) {
        c->file_index = c->rules[i]->file_index;
        wr_check_rule_alone(c, c->rules[i]);
    }
    wr_check_infer_tables(c);
    for (size_t i = 0; i < c->rule_count; i++) {
        wr_check_lint(c, c->rules[i]);
        wr_check_actions(c, c->rules[i]);
    }
    wr_check_together(c);
    wr_findings_sort(&c->findings);
}
