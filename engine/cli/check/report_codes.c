// What the codes mean: --explain, --codes, and the page of the manual.
#include "engine/cli/check/check.h"

#include "sql/base/banned.h"

// Words up to `width` columns, each line after `indent`.
static void wrap(const char *text, const char *indent, int width, FILE *out)
{
    int column = 0;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, " ");
        if (column && column + 1 + (int)len > width) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%s%.*s", column ? " " : indent, (int)len, at);
        at += len + (at[len] == ' ');
    }
    fputc('\n', out);
}

void wr_report_explain(const struct wr_check_code *code, FILE *out)
{
    char text[8];
    wr_check_code_text(code->number, code->severity, text);
    fprintf(out, "%s %s: %s (%s)\n\n", text, code->slug, code->title,
            wr_severity_name(code->severity));
    wrap(code->why, "", 78, out);
    fprintf(out, "\nWhat to do:\n");
    wrap(code->remedy, "    ", 78, out);
    fprintf(out, "\nExample:\n    %s\n", code->example);
}

static const char *const sections[] = {
    "Refused: files and rules that AWS or weir does not take",
    "Taken, and likely not meant: rules and actions",
    "Taken, and likely not meant: statements and templates",
};

// A bar would end the cell of a table.
static void cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '|') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

// A table for each section; the page around them is written by hand.
static void markdown(FILE *out)
{
    int section = 0;
    for (size_t i = 0; i < wr_check_code_count(); i++) {
        const struct wr_check_code *code = wr_check_code_at(i);
        char text[8];
        if (code->number / 100 != section) {
            section = code->number / 100;
            wr_assert(section >= 1 && (size_t)section <= WR_COUNT(sections));
            fprintf(out, "%s### %s\n\n", i ? "\n" : "", sections[section - 1]);
            fprintf(out, "| code | name | found | why it bites | what to do |\n"
                         "|---|---|---|---|---|\n");
        }
        wr_check_code_text(code->number, code->severity, text);
        fprintf(out, "| %s | %s | ", text, code->slug);
        cell(code->title, out);
        fprintf(out, " | ");
        cell(code->why, out);
        fprintf(out, " | ");
        cell(code->remedy, out);
        fprintf(out, " |\n");
    }
}

void wr_report_codes(bool as_markdown, FILE *out)
{
    if (as_markdown) {
        markdown(out);
        return;
    }
    for (size_t i = 0; i < wr_check_code_count(); i++) {
        const struct wr_check_code *code = wr_check_code_at(i);
        char text[8];
        wr_check_code_text(code->number, code->severity, text);
        fprintf(out, "%s  %-22s %s\n", text, code->slug, code->title);
    }
}
