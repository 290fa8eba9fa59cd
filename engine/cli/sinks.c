// `weir sinks`: what each sink can be told, from the tables that also check rules and weir.yaml.
#include "engine/cli/cli.h"

#include <stdio.h>

#include "engine/config.h"
#include "sinks/sink.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static const char *type_name(const struct wr_option *o)
{
    switch (o->type) {
    case WR_OPT_STRING:
        return "string";
    case WR_OPT_BOOL:
        return "boolean";
    case WR_OPT_INT:
        return "integer";
    case WR_OPT_CHOICE:
        return "choice";
    case WR_OPT_PAIRS:
        return o->flags & WR_OPT_MAP ? "object" : "pairs";
    case WR_OPT_LIST:
        return "list";
    }
    return "";
}

// ---- for people

static void print_range(const struct wr_option *o)
{
    if (o->choices) {
        printf(" %s", o->choices);
    }
    if (o->min || o->max) {
        if (o->max) {
            printf(" %lld..%lld", (long long)o->min, (long long)o->max);
        } else {
            printf(" %lld..", (long long)o->min);
        }
    }
    if (o->unit) {
        printf(" %s", o->unit);
    }
}

// `modes`: of a setting, which forms have it; NULL with a member of the action.
static void print_option(const struct wr_option *o, const char *modes)
{
    printf("    %s  %s", o->name, type_name(o));
    print_range(o);
    if (o->flags & WR_OPT_REQUIRED) {
        printf(", required");
    }
    if (o->flags & WR_OPT_TEMPLATE) {
        printf(o->flags & WR_OPT_KEYS ? ", templates (keys too)" : ", templates");
    }
    if (o->flags & WR_OPT_NOCASE) {
        printf(", any case");
    }
    if (o->flags & WR_OPT_IGNORED) {
        printf(", without effect locally");
    }
    if (o->fallback && *o->fallback) {
        printf(", default %s", o->fallback);
    }
    if (modes && strcmp(modes, "all") != 0) {
        printf(", mode %s", modes);
    }
    printf("\n        %s\n", o->help ? o->help : "");
}

static void print_table(const char *title, const struct wr_option *table)
{
    if (!table || !table->name) {
        return;
    }
    printf("\n  %s\n", title);
    for (const struct wr_option *o = table; o->name; o++) {
        print_option(o, NULL);
    }
}

// ---- forms and settings of a kind

static const struct wr_option *find(const struct wr_option *table, const char *name)
{
    int i = table ? wr_option_find(table, wr_str_of(name)) : -1;
    return i < 0 ? NULL : &table[i];
}

// "local", "aws", "local, aws": the forms that have this setting.
static const char *modes_of(const struct wr_sink_kind *k, const char *name)
{
    bool local = k->local && find(k->local->settings, name);
    bool aws = k->aws && find(k->aws->settings, name);
    return local && aws ? "local, aws" : local ? "local" : aws ? "aws" : "all";
}

// The rows below sinks.<kind>, each once: of the local form, of the AWS form, of every kind.
struct rows {
    const struct wr_sink_kind *kind;
    int table;
    const struct wr_option *at;
};

static const struct wr_option *table_of(const struct wr_sink_kind *k, int table)
{
    switch (table) {
    case 0:
        return k->local ? k->local->settings : NULL;
    case 1:
        return k->aws && k->aws != k->local ? k->aws->settings : NULL;
    default:
        return wr_sink_common_settings;
    }
}

static bool is_earlier(const struct rows *r)
{
    bool found = false;
    for (int t = 0; t < r->table; t++) {
        found = found || find(table_of(r->kind, t), r->at->name);
    }
    return found;
}

static bool next_row(struct rows *r)
{
    r->at = r->at ? r->at + 1 : table_of(r->kind, 0);
    for (;;) {
        while (!r->at || !r->at->name) {
            if (++r->table > 2) {
                return false;
            }
            r->at = table_of(r->kind, r->table);
        }
        if (!is_earlier(r)) {
            return true;
        }
        r->at++;
    }
}

// What a mode of this kind does; NULL: it has no such form.
static const char *form_text(const struct wr_sink_kind *k, enum wr_mode mode)
{
    struct wr_sink_impl room;
    const struct wr_sink_impl *form = wr_sink_form(k, mode, &room);
    if (!form) {
        return NULL;
    }
    return mode == WR_MODE_RECORD ? wr_mode_help(mode) : form->form;
}

static void print_sink(const struct wr_sink_impl *impl, bool whole)
{
    if (!whole) {
        printf("%-16s %s\n", impl->name, impl->help);
        return;
    }
    const struct wr_sink_kind *k = wr_sink_kind_find(wr_str_of(impl->name));
    bool bold = wr_cli_colour(1);
    printf("%s%s%s: %s\n", bold ? "\033[1m" : "", impl->name, bold ? "\033[0m" : "", impl->help);
    print_table("in rules:", impl->options);
    printf("\n  modes (in weir.yaml: mode, or sinks.%s.mode):\n", impl->name);
    for (int m = 0; m < WR_MODE_COUNT; m++) {
        const char *text = form_text(k, (enum wr_mode)m);
        if (text) {
            printf("    %-10s %s\n", wr_mode_name((enum wr_mode)m), text);
        }
    }
    printf("\n  in weir.yaml, below sinks.%s (* is a name of your choice):\n", impl->name);
    for (struct rows r = {.kind = k}; next_row(&r);) {
        print_option(r.at, modes_of(k, r.at->name));
    }
}

// ---- for the manual

// A cell's text: `|` ends cells.
static void cell(const char *text)
{
    for (; text && *text; text++) {
        printf(*text == '|' ? "\\|" : "%c", *text);
    }
}

static void markdown_range(const struct wr_option *o)
{
    printf("%s", type_name(o));
    if (o->choices) {
        printf(" `");
        cell(o->choices);
        printf("`");
    }
    if (o->max) {
        printf(" `%lld..%lld`", (long long)o->min, (long long)o->max);
    } else if (o->min) {
        printf(" `%lld..`", (long long)o->min);
    }
    if (o->unit) {
        printf(" %s", o->unit);
    }
}

static void markdown_option(const struct wr_option *o, const char *modes)
{
    printf("| `%s` | ", o->name);
    markdown_range(o);
    printf(" | ");
    if (modes) {
        printf("%s | ", modes);
    } else {
        printf(o->flags & WR_OPT_REQUIRED ? "required" : "");
        printf(o->flags & WR_OPT_REQUIRED && o->flags & WR_OPT_TEMPLATE ? ", " : "");
        printf(o->flags & WR_OPT_TEMPLATE
                   ? o->flags & WR_OPT_KEYS ? "templates (keys too)" : "templates"
                   : "");
        printf(" | ");
    }
    printf(o->fallback && *o->fallback ? "`%s` | " : "%s | ", o->fallback ? o->fallback : "");
    cell(o->help);
    printf(" |\n");
    for (const struct wr_option *f = o->fields; f && f->name; f++) {
        markdown_option(f, modes);
    }
}

static void print_markdown(const struct wr_sink_impl *impl)
{
    const struct wr_sink_kind *k = wr_sink_kind_find(wr_str_of(impl->name));
    printf("%s\n\n| in rules | type | | default | what it is |\n|---|---|---|---|---|\n",
           impl->help);
    for (const struct wr_option *o = impl->options; o->name; o++) {
        markdown_option(o, NULL);
    }
    printf("\n| mode | what it does |\n|---|---|\n");
    for (int m = 0; m < WR_MODE_COUNT; m++) {
        const char *text = form_text(k, (enum wr_mode)m);
        if (text) {
            printf("| `%s` | ", wr_mode_name((enum wr_mode)m));
            cell(text);
            printf(" |\n");
        }
    }
    if (!table_of(k, 0) && !table_of(k, 1)) {
        return;
    }
    printf("\n| below `sinks.%s` in weir.yaml | type | in modes | default | what it is "
           "|\n|---|---|---|---|---|\n",
           impl->name);
    for (struct rows r = {.kind = k}; next_row(&r) && r.table < 2;) {
        markdown_option(r.at, modes_of(k, r.at->name));
    }
}

// What every kind can be told.
static void print_common_markdown(void)
{
    printf("| below `sinks.KIND` in weir.yaml | type | | default | what it is "
           "|\n|---|---|---|---|---|\n");
    for (const struct wr_option *o = wr_sink_common_settings; o->name; o++) {
        markdown_option(o, "");
    }
}

// ---- for programs

static void json_text(struct wr_buf *b, const char *name, const char *text)
{
    wr_buf_addf(b, ",\"%s\":", name);
    if (text) {
        wr_json_write_string(b, wr_str_of(text));
    } else {
        wr_buf_add(b, WR_STR("null"));
    }
}

static void json_flag(struct wr_buf *b, const char *name, bool on)
{
    wr_buf_addf(b, ",\"%s\":%s", name, on ? "true" : "false");
}

static void json_choices(struct wr_buf *b, const char *choices)
{
    wr_buf_add(b, WR_STR(",\"choices\":["));
    for (const char *at = choices; *at;) {
        size_t len = strcspn(at, "|");
        if (at != choices) {
            wr_buf_add_char(b, ',');
        }
        wr_json_write_string(b, (wr_str){at, len});
        at += len + (at[len] == '|');
    }
    wr_buf_add_char(b, ']');
}

// `modes` as in print_option().
static void json_option(struct wr_buf *b, const struct wr_option *o, const char *modes)
{
    wr_buf_add(b, WR_STR("{\"name\":"));
    wr_json_write_string(b, wr_str_of(o->name));
    json_text(b, "type", type_name(o));
    json_flag(b, "required", o->flags & WR_OPT_REQUIRED);
    json_flag(b, "template", o->flags & WR_OPT_TEMPLATE);
    json_flag(b, "ignored", o->flags & WR_OPT_IGNORED);
    json_text(b, "default", o->fallback);
    if (o->choices) {
        json_choices(b, o->choices);
    }
    if (o->min || o->max) {
        wr_buf_addf(b, ",\"min\":%lld", (long long)o->min);
        if (o->max) {
            wr_buf_addf(b, ",\"max\":%lld", (long long)o->max);
        }
    }
    if (o->unit) {
        json_text(b, "unit", o->unit);
    }
    if (modes) {
        json_text(b, "modes", modes);
    }
    json_text(b, "help", o->help);
    wr_buf_add_char(b, '}');
}

static void json_table(struct wr_buf *b, const char *name, const struct wr_option *table)
{
    wr_buf_addf(b, ",\"%s\":[", name);
    for (const struct wr_option *o = table; o && o->name; o++) {
        if (o != table) {
            wr_buf_add_char(b, ',');
        }
        json_option(b, o, NULL);
    }
    wr_buf_add_char(b, ']');
}

static void json_forms(struct wr_buf *b, const struct wr_sink_kind *k)
{
    const char *between = "";
    wr_buf_add(b, WR_STR(",\"modes\":{"));
    for (int m = 0; m < WR_MODE_COUNT; m++) {
        const char *text = form_text(k, (enum wr_mode)m);
        if (text) {
            wr_buf_addf(b, "%s\"%s\":", between, wr_mode_name((enum wr_mode)m));
            wr_json_write_string(b, wr_str_of(text));
            between = ",";
        }
    }
    wr_buf_add(b, WR_STR("},\"settings\":["));
    between = "";
    for (struct rows r = {.kind = k}; next_row(&r);) {
        wr_buf_add(b, wr_str_of(between));
        json_option(b, r.at, modes_of(k, r.at->name));
        between = ",";
    }
    wr_buf_add_char(b, ']');
}

static void json_sink(struct wr_buf *b, const struct wr_sink_impl *impl)
{
    wr_buf_add(b, WR_STR("{\"name\":"));
    wr_json_write_string(b, wr_str_of(impl->name));
    json_text(b, "failedAction", impl->failed_action);
    json_text(b, "help", impl->help);
    json_table(b, "options", impl->options);
    json_forms(b, wr_sink_kind_find(wr_str_of(impl->name)));
    wr_buf_add_char(b, '}');
}

// ---- the command

static void print_json(const struct wr_sink_impl *only)
{
    struct wr_buf b = {0};
    if (only) {
        json_sink(&b, only);
    } else {
        wr_buf_add_char(&b, '[');
        for (size_t i = 0; wr_sink_list[i]; i++) {
            if (i) {
                wr_buf_add_char(&b, ',');
            }
            json_sink(&b, wr_sink_list[i]);
        }
        wr_buf_add_char(&b, ']');
    }
    puts(wr_buf_terminated(&b));
    wr_buf_release(&b);
}

static int unknown_sink(const char *name)
{
    const char *near = NULL;
    size_t best = 4;
    for (size_t i = 0; wr_sink_list[i]; i++) {
        size_t d = wr_str_distance(wr_str_of(name), wr_str_of(wr_sink_list[i]->name));
        if (d < best) {
            best = d;
            near = wr_sink_list[i]->name;
        }
    }
    fprintf(stderr, "weir sinks: unknown sink '%s'", name);
    fprintf(stderr, near ? ", did you mean '%s'?\n" : ", 'weir sinks' lists them%s\n",
            near ? near : "");
    return WR_EXIT_USAGE;
}

int wr_cli_sinks(int argc, char **argv)
{
    const char *name = NULL;
    bool json = false, markdown = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--markdown") == 0) {
            markdown = true;
        } else if (argv[i][0] == '-') {
            return wr_cli_wrong("sinks", "unknown option ", argv[i]);
        } else if (name) {
            return wr_cli_wrong("sinks", "expected one sink, found also ", argv[i]);
        } else {
            name = argv[i];
        }
    }
    const struct wr_sink_impl *only = name ? wr_sink_find(wr_str_of(name)) : NULL;
    if (name && !only) {
        return unknown_sink(name);
    }
    if (markdown && !only) {
        print_common_markdown();
    } else if (markdown) {
        print_markdown(only);
    } else if (json) {
        print_json(only);
    } else if (only) {
        print_sink(only, true);
    } else {
        for (size_t i = 0; wr_sink_list[i]; i++) {
            print_sink(wr_sink_list[i], false);
        }
        printf("\n'weir sinks NAME' says what it can be told.\n");
    }
    return WR_EXIT_OK;
}
