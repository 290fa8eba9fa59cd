// What the commands of the control plane print: tables and lines for people, JSON for programs.
#include "engine/cli/control_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

#define CELL_MAX 400 // bytes of a value in a table; a line of wr_control_show() is not cut

// ---- values

const json_t *wr_control_member(const json_t *of, const char *path)
{
    while (*path && of) {
        size_t len = strcspn(path, ".");
        of = json_object_getn(of, path, len);
        path += len + (path[len] == '.');
    }
    return of;
}

const char *wr_control_text(const json_t *of, const char *path)
{
    const char *text = json_string_value(wr_control_member(of, path));
    return text ? text : "";
}

// Nothing in a value may move a terminal's cursor.
static void add_safe(struct wr_buf *out, wr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f) {
            wr_buf_addf(out, "\\x%02x", c);
        } else {
            wr_buf_add_char(out, (char)c);
        }
    }
}

static void add_time(struct wr_buf *out, double seconds)
{
    time_t at = (time_t)seconds;
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&at, &tm)) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    wr_buf_add(out, wr_str_of(text));
}

static void add_value(struct wr_buf *out, const json_t *value, enum wr_control_form form)
{
    if (!value || json_is_null(value)) {
        return;
    }
    if (form == WR_CONTROL_TIME && json_is_number(value)) {
        add_time(out, json_number_value(value));
    } else if (form == WR_CONTROL_FLAG) {
        wr_buf_add(out, json_is_true(value) ? WR_STR("yes") : WR_STR("no"));
    } else if (json_is_string(value)) {
        add_safe(out, (wr_str){json_string_value(value), json_string_length(value)});
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(13));
        add_safe(out, wr_str_of(text ? text : ""));
        free(text);
    }
}

// Columns on a terminal: code points, which for names and the like is near enough.
static size_t width_of(wr_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        width += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    }
    return width;
}

static int print_json(const struct wr_control *c)
{
    json_dumpf(c->answer, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(13));
    putchar('\n');
    return WR_EXIT_OK;
}

// ---- tables

static void print_cells(const struct wr_buf *cells, const size_t *widths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wr_str text = wr_buf_str(&cells[i]);
        fwrite(text.at ? text.at : "", 1, text.len, stdout);
        for (size_t w = width_of(text); i + 1 < count && w < widths[i] + 2; w++) {
            putchar(' ');
        }
    }
    putchar('\n');
}

static void fill_cells(struct wr_buf *cells, const struct wr_control_column *columns, size_t count,
                       const json_t *item)
{
    for (size_t i = 0; i < count; i++) {
        struct wr_buf *b = &cells[i];
        wr_buf_clear(b);
        if (!item) {
            wr_buf_add(b, wr_str_of(columns[i].title));
            continue;
        }
        add_value(b, wr_control_member(item, columns[i].member), columns[i].form);
        if (b->len > CELL_MAX) {
            size_t at = CELL_MAX;
            while (at > 0 && ((unsigned char)b->at[at] & 0xc0) == 0x80) {
                at--;
            }
            b->len = at;
            wr_buf_add(b, WR_STR("…"));
        }
    }
}

int wr_control_table(struct wr_control *c, const char *key, const struct wr_control_column *columns,
                     const char *noun)
{
    if (c->json) {
        return print_json(c);
    }
    const json_t *items = json_object_get(c->answer, key);
    size_t count = 0, rows = json_array_size(items);
    while (columns[count].title) {
        count++;
    }
    struct wr_buf *cells = wr_zalloc(count * sizeof *cells);
    size_t *widths = wr_zalloc(count * sizeof *widths);
    for (size_t row = 0; row <= rows; row++) { // the titles first
        fill_cells(cells, columns, count, row ? json_array_get(items, row - 1) : NULL);
        for (size_t i = 0; i < count; i++) {
            size_t width = width_of(wr_buf_str(&cells[i]));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t row = 0; row <= rows && rows; row++) {
        fill_cells(cells, columns, count, row ? json_array_get(items, row - 1) : NULL);
        print_cells(cells, widths, count);
    }
    for (size_t i = 0; i < count; i++) {
        wr_buf_release(&cells[i]);
    }
    free(cells);
    free(widths);
    fflush(stdout);
    const char *ending = "s";
    size_t len = strlen(noun);
    if (len && noun[len - 1] == 'y') {
        ending = "ies";
        len--;
    }
    fprintf(stderr, "%zu %.*s%s\n", rows, (int)(rows == 1 ? strlen(noun) : len), noun,
            rows == 1 ? "" : ending);
    return WR_EXIT_OK;
}

int wr_control_show(struct wr_control *c, const json_t *object,
                    const struct wr_control_column *columns)
{
    if (c->json) {
        return print_json(c);
    }
    size_t widest = 0;
    for (const struct wr_control_column *k = columns; k->title; k++) {
        size_t width = wr_control_member(object, k->member) ? width_of(wr_str_of(k->title)) : 0;
        widest = width > widest ? width : widest;
    }
    for (const struct wr_control_column *k = columns; k->title; k++) {
        const json_t *value = wr_control_member(object, k->member);
        struct wr_buf text = {0};
        if (value && !json_is_null(value)) {
            add_value(&text, value, k->form);
            printf("%s%*s  ", k->title, (int)(widest - width_of(wr_str_of(k->title))), "");
            fwrite(text.at ? text.at : "", 1, text.len, stdout);
            putchar('\n');
        }
        wr_buf_release(&text);
    }
    return WR_EXIT_OK;
}

void wr_control_print_line(const json_t *object, const struct wr_control_column *columns)
{
    struct wr_buf line = {0};
    for (const struct wr_control_column *k = columns; k->title; k++) {
        wr_buf_add(&line, line.len ? WR_STR("  ") : WR_STR(""));
        const json_t *value = wr_control_member(object, k->member);
        add_value(&line, value, k->form);
        if (!value) {
            wr_buf_add_char(&line, '-');
        }
    }
    wr_buf_add_char(&line, '\n');
    fwrite(line.at, 1, line.len, stdout);
    wr_buf_release(&line);
}

int wr_control_say(struct wr_control *c, const char *format, ...)
{
    if (c->json) {
        return print_json(c);
    }
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    return WR_EXIT_OK;
}

// ---- asking

int wr_control_agree(struct wr_control *c, const char *format, ...)
{
    if (c->yes) {
        return WR_EXIT_OK;
    }
    va_list args;
    va_start(args, format);
    fflush(stdout);
    bool terminal = isatty(STDIN_FILENO);
    if (!terminal) {
        fprintf(stderr, "weir %s: ", c->command);
    }
    vfprintf(stderr, format, args);
    va_end(args);
    if (!terminal) {
        fputs(": say --yes, or use a terminal\n", stderr);
        return WR_EXIT_USAGE;
    }
    char answer[16];
    fputs("? [y/N] ", stderr);
    if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
        fputs("nothing was done\n", stderr);
        return WR_EXIT_NO;
    }
    return WR_EXIT_OK;
}
