// `weir help functions`: the functions of SQL, for people, for programs, and as tables for the
// pages.
#include "engine/cli/help.h"

#include <stdio.h>

#include "engine/cli/cli.h"
#include "engine/rules/document.h"
#include "sql/base/json.h"
#include "sql/func/manual.h"

#include "sql/base/banned.h"

#define NAMES_MAX   256 // functions and families, for the nearest name
#define SINCE16     "2016-03-23"
#define NAME_COLUMN 34 // of the list, to which short signatures are padded

static const struct {
    const char *type, *takes;
} parameters[] = {
    {"Decimal", "takes Int, Decimal, and Strings that are numbers; else the result is Undefined"},
    {"Int", "takes what a Decimal parameter takes, rounded down"},
    {"String", "takes String; Int, Decimal and Boolean as their text, Array and Object as compact "
               "JSON; for Null and Undefined the result is Undefined"},
    {"Any", "takes every value"},
};

// Whether the signature has a parameter of that type: "(x Decimal, …".
static bool has_parameter(const char *signature, const char *type)
{
    for (const char *at = strstr(signature, type); at; at = strstr(at + 1, type)) {
        if (at[-1] == ' ' && strchr(",)] ", at[strlen(type)])) {
            return true;
        }
    }
    return false;
}

// ---- for people

static void list_family(enum wr_family family)
{
    printf("%s\n", wr_family_title(family));
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        if (wr_manual_at(i)->family == family) {
            printf("  %-*s%s%s\n", NAME_COLUMN, f->signature,
                   strlen(f->signature) < NAME_COLUMN ? "" : "\n      ", f->help);
        }
    }
}

static void print_examples(const struct wr_manual *m)
{
    printf("\nexamples:\n");
    for (const struct wr_manual_example *e = m->examples; e->expression; e++) {
        printf("  %s\n      gives %s", e->expression, e->gives);
        printf(*e->payload ? " for %s" : "%s", e->payload);
        printf(*e->context ? ", with %s\n" : "%s\n", e->context);
    }
}

static void describe(size_t index)
{
    const struct wr_function *f = wr_function_at(index);
    const struct wr_manual *m = wr_manual_at(index);
    printf("%s\n  %s\n\n  gives %s\n", f->signature, f->help, m->result);
    if (*m->notes) {
        printf("  %s\n", m->notes);
    }
    for (size_t i = 0; i < WR_COUNT(parameters); i++) {
        if (has_parameter(f->signature, parameters[i].type)) {
            printf("  A parameter of type %s %s.\n", parameters[i].type, parameters[i].takes);
        }
    }
    printf("  A wrong number of arguments gives Undefined.\n");
    if (f->flags & WR_FN_SINCE16) {
        printf("  Needs awsIotSqlVersion " SINCE16 " or beta.\n");
    }
    print_examples(m);
}

// ---- for pages

// Text in a cell of a table; a code span when `code`.
static void cell(const char *text, bool code)
{
    fputs(code ? "`" : "", stdout);
    for (; *text; text++) {
        if (*text == '|') {
            putchar('\\');
        }
        putchar(*text);
    }
    fputs(code ? "`" : "", stdout);
}

static void examples_rows(enum wr_family family, bool contexts)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_manual *m = wr_manual_at(i);
        for (const struct wr_manual_example *e = m->examples; m->family == family && e->expression;
             e++) {
            printf("| ");
            cell(e->expression, true);
            printf(" | ");
            cell(e->payload, *e->payload);
            if (contexts) {
                printf(" | ");
                cell(e->context, *e->context);
            }
            printf(" | ");
            bool word = strcmp(e->gives, "Undefined") == 0 || strcmp(e->gives, "error") == 0;
            bool pattern = strncmp(e->gives, "matches ", 8) == 0;
            printf("%s", pattern ? "matches " : "");
            cell(e->gives + (pattern ? 8 : 0), !word);
            printf(" |\n");
        }
    }
}

static void markdown(enum wr_family family)
{
    bool contexts = false, types[WR_COUNT(parameters)] = {false};
    printf("| function | what it is | gives | since |\n|---|---|---|---|\n");
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        const struct wr_manual *m = wr_manual_at(i);
        if (m->family != family) {
            continue;
        }
        printf("| ");
        cell(f->signature, true);
        printf(" | ");
        cell(f->help, false);
        printf("%s", *m->notes ? " " : "");
        cell(m->notes, false);
        printf(" | ");
        cell(m->result, false);
        printf(" | %s |\n", f->flags & WR_FN_SINCE16 ? SINCE16 : "any");
        for (const struct wr_manual_example *e = m->examples; e->expression; e++) {
            contexts = contexts || *e->context;
        }
        for (size_t k = 0; k < WR_COUNT(parameters); k++) {
            types[k] = types[k] || has_parameter(f->signature, parameters[k].type);
        }
    }
    printf("\n");
    for (size_t k = 0; k < WR_COUNT(parameters); k++) {
        if (types[k]) {
            printf("- A parameter of type %s %s.\n", parameters[k].type, parameters[k].takes);
        }
    }
    printf("- A wrong number of arguments gives Undefined.\n");
    printf(contexts ? "\n| expression | payload | context | gives |\n|---|---|---|---|\n"
                    : "\n| expression | payload | gives |\n|---|---|---|\n");
    examples_rows(family, contexts);
}

// ---- for programs

static void member(struct wr_buf *b, const char *name, const char *text)
{
    wr_buf_addf(b, ",\"%s\":", name);
    wr_json_write_string(b, wr_str_of(text));
}

static void json(void)
{
    struct wr_buf b = {0};
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        const struct wr_manual *m = wr_manual_at(i);
        wr_buf_addf(&b, "%s{\"name\":\"%s\"", i ? "," : "[", f->name);
        member(&b, "family", wr_family_name(m->family));
        member(&b, "signature", f->signature);
        member(&b, "summary", f->help);
        member(&b, "gives", m->result);
        member(&b, "notes", m->notes);
        member(&b, "since", f->flags & WR_FN_SINCE16 ? SINCE16 : "2015-10-08");
        wr_buf_addf(&b, ",\"lookup\":%s,\"examples\":[",
                    f->flags & WR_FN_LOOKUP ? "true" : "false");
        for (const struct wr_manual_example *e = m->examples; e->expression; e++) {
            wr_buf_add(&b,
                       e == m->examples ? WR_STR("{\"expression\":") : WR_STR(",{\"expression\":"));
            wr_json_write_string(&b, wr_str_of(e->expression));
            member(&b, "payload", e->payload);
            member(&b, "context", e->context);
            member(&b, "gives", e->gives);
            wr_buf_add_char(&b, '}');
        }
        wr_buf_add(&b, WR_STR("]}"));
    }
    wr_buf_add_char(&b, ']');
    puts(wr_buf_terminated(&b));
    wr_buf_release(&b);
}

// ---- the topic

static int unknown(const char *name, const char *const *names, const char *what)
{
    const char *near = wr_name_nearest(wr_str_of(name), names);
    fprintf(stderr, "weir help functions: unknown %s '%s'", what, name);
    if (near) {
        fprintf(stderr, ", did you mean '%s'?\n", near);
    } else {
        fprintf(stderr, ", 'weir help functions' lists them\n");
    }
    return WR_EXIT_USAGE;
}

// WR_FAMILY_COUNT: none.
static enum wr_family find_family(const char *name)
{
    enum wr_family at = 0;
    while (at < WR_FAMILY_COUNT && strcmp(wr_family_name(at), name) != 0) {
        at++;
    }
    return at;
}

static int show(const char *name)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        if (wr_str_eq_nocase(wr_str_of(wr_function_at(i)->name), wr_str_of(name))) {
            describe(i);
            return WR_EXIT_OK;
        }
    }
    enum wr_family family = find_family(name);
    if (family < WR_FAMILY_COUNT) {
        list_family(family);
        return WR_EXIT_OK;
    }
    const char *names[NAMES_MAX];
    size_t count = 0;
    wr_assert(wr_function_count() + WR_FAMILY_COUNT < NAMES_MAX);
    while (count < wr_function_count()) {
        names[count] = wr_function_at(count)->name;
        count++;
    }
    for (enum wr_family at = 0; at < WR_FAMILY_COUNT; at++) {
        names[count++] = wr_family_name(at);
    }
    names[count] = NULL;
    return unknown(name, names, "function");
}

static int page(const char *name)
{
    enum wr_family family = name ? find_family(name) : WR_FAMILY_COUNT;
    if (family < WR_FAMILY_COUNT) {
        markdown(family);
        return WR_EXIT_OK;
    }
    const char *names[WR_FAMILY_COUNT + 1] = {NULL};
    for (enum wr_family at = 0; at < WR_FAMILY_COUNT; at++) {
        names[at] = wr_family_name(at);
    }
    return name ? unknown(name, names, "family")
                : wr_cli_wrong("help", "expected a family of functions after ", "--markdown");
}

int wr_help_functions(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : NULL;
    bool pages = first && strcmp(first, "--markdown") == 0;
    if (argc > 2 + pages) {
        return wr_cli_wrong("help", "unexpected argument ", argv[2 + pages]);
    }
    if (pages) {
        return page(argv[2]);
    }
    if (first && strcmp(first, "--json") == 0) {
        json();
        return WR_EXIT_OK;
    }
    if (first) {
        return first[0] == '-' ? wr_cli_wrong("help", "unknown option ", first) : show(first);
    }
    for (enum wr_family at = 0; at < WR_FAMILY_COUNT; at++) {
        list_family(at);
        printf("\n");
    }
    printf("'weir help functions NAME' says more, of a function or a family:");
    for (enum wr_family at = 0; at < WR_FAMILY_COUNT; at++) {
        printf(" %s", wr_family_name(at));
    }
    printf("\n");
    return WR_EXIT_OK;
}
