// What was found: for people, as JSON, and as SARIF 2.1.0 for code hosts.
#include "engine/cli/check/check.h"

#include <stdlib.h>
#include <unistd.h>

#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// ---- for people

static const char *colour_of(enum wr_severity severity)
{
    switch (severity) {
    case WR_SEVERITY_ERROR:
        return "\033[31m";
    case WR_SEVERITY_WARNING:
        return "\033[33m";
    case WR_SEVERITY_NOTE:
        return "\033[36m";
    }
    return "";
}

static void print_finding(const struct wr_finding *f, bool colour, FILE *out)
{
    char code[8];
    wr_check_code_text(f->code->number, f->severity, code);
    fprintf(out, "%s:", f->file);
    if (f->line) {
        fprintf(out, "%u:%u:", (unsigned)f->line, (unsigned)f->column);
    }
    fprintf(out, " %s%s %s%s: ", colour ? colour_of(f->severity) : "",
            wr_severity_name(f->severity), code, colour ? "\033[0m" : "");
    if (f->rule) {
        fprintf(out, "%s%s%s: ", f->rule, *f->path ? " " : "", f->path);
    }
    fprintf(out, "%s", f->message);
    if (f->sql_line) {
        fprintf(out, " (line %u, column %u of it)", (unsigned)f->sql_line, (unsigned)f->sql_column);
    }
    fputc('\n', out);
    if (f->severity == WR_SEVERITY_NOTE) {
        return;
    }
    if (f->excerpt) {
        fprintf(out, "  %s\n  %*s%s^%s\n", f->excerpt, (int)f->excerpt_column, "",
                colour ? "\033[1m" : "", colour ? "\033[0m" : "");
    }
    fprintf(out, "  = %s\n", f->remedy ? f->remedy : f->code->remedy);
}

static void print_count(size_t count, const char *one, const char *more, FILE *out)
{
    fprintf(out, "%zu %s", count, count == 1 ? one : more);
}

void wr_report_text(const struct wr_check *c, bool colour, FILE *out)
{
    const struct wr_findings *f = &c->findings;
    for (size_t i = 0; i < f->count; i++) {
        print_finding(&f->items[i], colour, out);
    }
    if (f->left_out) {
        fprintf(out, "%zu more findings are left out\n", f->left_out);
    }
    print_count(c->rule_count, "rule", "rules", out);
    fprintf(out, " in ");
    print_count(c->file_count, "file", "files", out);
    if (c->passed_over) {
        fprintf(out, " (%zu more without rules)", c->passed_over);
    }
    fprintf(out, ": ");
    print_count(wr_findings_of(f, WR_SEVERITY_ERROR), "error", "errors", out);
    fprintf(out, ", ");
    print_count(wr_findings_of(f, WR_SEVERITY_WARNING), "warning", "warnings", out);
    fprintf(out, ", ");
    print_count(wr_findings_of(f, WR_SEVERITY_NOTE), "note", "notes", out);
    fputc('\n', out);
}

// ---- JSON

struct json {
    struct wr_buf out;
    bool comma; // before the next member
};

static void open_value(struct json *j, char bracket)
{
    wr_buf_add_char(&j->out, bracket);
    j->comma = false;
}

static void close_value(struct json *j, char bracket)
{
    wr_buf_add_char(&j->out, bracket);
    j->comma = true;
}

static void comma(struct json *j)
{
    if (j->comma) {
        wr_buf_add_char(&j->out, ',');
    }
    j->comma = true;
}

static void key(struct json *j, const char *name)
{
    comma(j);
    wr_json_write_string(&j->out, wr_str_of(name));
    wr_buf_add_char(&j->out, ':');
}

static void text(struct json *j, const char *name, const char *value)
{
    key(j, name);
    wr_str s = wr_str_of(value);
    if (wr_utf8_valid(s)) {
        wr_json_write_string(&j->out, s);
        return;
    }
    struct wr_buf shown = {0}; // the name of a file, which may be any bytes
    for (size_t i = 0; i < s.len; i++) {
        wr_buf_add_char(&shown, (unsigned char)s.at[i] < 0x80 ? s.at[i] : '?');
    }
    wr_json_write_string(&j->out, wr_buf_str(&shown));
    wr_buf_release(&shown);
}

static void number(struct json *j, const char *name, uint64_t value)
{
    key(j, name);
    wr_buf_add_u64(&j->out, value);
}

static void print(struct json *j, FILE *out)
{
    wr_buf_add_char(&j->out, '\n');
    fwrite(j->out.at, 1, j->out.len, out);
    wr_buf_release(&j->out);
}

void wr_report_json(const struct wr_check *c, FILE *out)
{
    struct json j = {0};
    open_value(&j, '[');
    for (size_t i = 0; i < c->findings.count; i++) {
        const struct wr_finding *f = &c->findings.items[i];
        char code[8];
        wr_check_code_text(f->code->number, f->severity, code);
        comma(&j);
        wr_buf_add_char(&j.out, '\n');
        open_value(&j, '{');
        text(&j, "code", code);
        text(&j, "name", f->code->slug);
        text(&j, "severity", wr_severity_name(f->severity));
        text(&j, "file", f->file);
        if (f->line) {
            number(&j, "line", f->line);
            number(&j, "column", f->column);
        }
        if (f->rule) {
            text(&j, "rule", f->rule);
            text(&j, "path", f->path);
        }
        if (f->sql_line) {
            key(&j, "within");
            open_value(&j, '{');
            number(&j, "line", f->sql_line);
            number(&j, "column", f->sql_column);
            close_value(&j, '}');
        }
        text(&j, "message", f->message);
        text(&j, "why", f->code->why);
        text(&j, "remedy", f->remedy ? f->remedy : f->code->remedy);
        close_value(&j, '}');
    }
    close_value(&j, ']');
    print(&j, out);
}

// ---- SARIF

static const char *level_of(enum wr_severity severity)
{
    return wr_severity_name(severity); // error, warning, note: SARIF has the same words
}

// A URI reference: relative where the file is below the working folder, as code hosts want it.
static void add_uri(struct json *j, const char *name, const char *file)
{
    struct wr_buf uri = {0};
    char *here = getcwd(NULL, 0);
    size_t len = here ? strlen(here) : 0;
    if (len > 1 && strncmp(file, here, len) == 0 && file[len] == '/') {
        file += len + 1;
    }
    free(here);
    while (strncmp(file, "./", 2) == 0) {
        file += 2 + strspn(file + 2, "/");
    }
    wr_buf_add(&uri, *file == '/' ? WR_STR("file://") : WR_STR(""));
    for (const char *at = file; *at; at++) {
        unsigned char ch = (unsigned char)*at;
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || strchr("-._~/", ch);
        wr_buf_addf(&uri, plain ? "%c" : "%%%02X", ch);
    }
    text(j, name, wr_buf_terminated(&uri));
    wr_buf_release(&uri);
}

static void add_message(struct json *j, const char *name, const char *value)
{
    key(j, name);
    open_value(j, '{');
    text(j, "text", value);
    close_value(j, '}');
}

// The codes that were found, each once. index[k]: where the code of finding k stands.
static void add_rules(struct json *j, const struct wr_findings *f, size_t *index)
{
    size_t count = 0;
    key(j, "rules");
    open_value(j, '[');
    for (size_t i = 0; i < wr_check_code_count(); i++) {
        const struct wr_check_code *code = wr_check_code_at(i);
        bool found = false;
        for (size_t k = 0; k < f->count; k++) {
            if (f->items[k].code == code) {
                index[k] = count;
                found = true;
            }
        }
        if (!found) {
            continue;
        }
        char id[8];
        wr_check_code_text(code->number, code->severity, id);
        comma(j);
        open_value(j, '{');
        text(j, "id", id);
        text(j, "name", code->slug);
        add_message(j, "shortDescription", code->title);
        add_message(j, "fullDescription", code->why);
        add_message(j, "help", code->remedy);
        key(j, "defaultConfiguration");
        open_value(j, '{');
        text(j, "level", level_of(code->severity));
        close_value(j, '}');
        close_value(j, '}');
        count++;
    }
    close_value(j, ']');
}

static void add_location(struct json *j, const struct wr_finding *f)
{
    key(j, "locations");
    open_value(j, '[');
    open_value(j, '{');
    key(j, "physicalLocation");
    open_value(j, '{');
    key(j, "artifactLocation");
    open_value(j, '{');
    add_uri(j, "uri", f->file);
    close_value(j, '}');
    if (f->line) {
        key(j, "region");
        open_value(j, '{');
        number(j, "startLine", f->line);
        number(j, "startColumn", f->column);
        close_value(j, '}');
    }
    close_value(j, '}');
    if (f->rule) {
        key(j, "logicalLocations");
        open_value(j, '[');
        open_value(j, '{');
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%s%s%s", f->rule, *f->path ? "." : "", f->path);
        text(j, "fullyQualifiedName", wr_buf_terminated(&name));
        wr_buf_release(&name);
        close_value(j, '}');
        close_value(j, ']');
    }
    close_value(j, '}');
    close_value(j, ']');
}

static void add_result(struct json *j, const struct wr_finding *f, size_t rule)
{
    char id[8];
    wr_check_code_text(f->code->number, f->code->severity, id);
    comma(j);
    wr_buf_add_char(&j->out, '\n');
    open_value(j, '{');
    text(j, "ruleId", id);
    number(j, "ruleIndex", rule);
    text(j, "level", level_of(f->severity));
    struct wr_buf message = {0};
    wr_buf_addf(&message, "%s. %s", f->message, f->remedy ? f->remedy : f->code->remedy);
    add_message(j, "message", wr_buf_terminated(&message));
    wr_buf_release(&message);
    add_location(j, f);
    close_value(j, '}');
}

void wr_report_sarif(const struct wr_check *c, FILE *out)
{
    const struct wr_findings *f = &c->findings;
    size_t *index = wr_alloc((f->count + 1) * sizeof *index);
    struct json j = {0};
    open_value(&j, '{');
    text(&j, "version", "2.1.0");
    text(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    key(&j, "runs");
    open_value(&j, '[');
    open_value(&j, '{');
    key(&j, "tool");
    open_value(&j, '{');
    key(&j, "driver");
    open_value(&j, '{');
    text(&j, "name", "weir check");
    text(&j, "version", WR_VERSION);
    add_rules(&j, f, index);
    close_value(&j, '}');
    close_value(&j, '}');
    text(&j, "columnKind", "unicodeCodePoints");
    key(&j, "results");
    open_value(&j, '[');
    for (size_t i = 0; i < f->count; i++) {
        add_result(&j, &f->items[i], index[i]);
    }
    close_value(&j, ']');
    close_value(&j, '}');
    close_value(&j, ']');
    close_value(&j, '}');
    print(&j, out);
    free(index);
}
