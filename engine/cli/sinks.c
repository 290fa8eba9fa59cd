// `weir sinks`: what each sink can be told, from the tables that also check rules and weir.yaml.
#include "engine/cli/cli.h"

#include <stdio.h>

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

static void print_option(const struct wr_option *o)
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
        printf(", without effect here");
    }
    if (o->fallback && *o->fallback) {
        printf(", default %s", o->fallback);
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
        print_option(o);
    }
}

static void print_sink(const struct wr_sink_impl *impl, bool whole)
{
    if (!whole) {
        printf("%-14s %s\n", impl->name, impl->help);
        return;
    }
    bool bold = wr_cli_colour(1);
    printf("%s%s%s: %s\n", bold ? "\033[1m" : "", impl->name, bold ? "\033[0m" : "", impl->help);
    print_table("in rules:", impl->options);
    if (impl->settings && impl->settings->name) {
        printf("\n  in weir.yaml, below sinks.%s (* is a name of your choice):\n", impl->name);
        for (const struct wr_option *o = impl->settings; o->name; o++) {
            print_option(o);
        }
    }
    print_table("in weir.yaml, the same for every sink:", wr_sink_common_settings);
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

static void json_option(struct wr_buf *b, const struct wr_option *o)
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
        json_option(b, o);
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
    json_table(b, "settings", impl->settings);
    json_table(b, "commonSettings", wr_sink_common_settings);
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
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
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
    if (json) {
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
