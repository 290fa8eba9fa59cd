// Families and samples as text.
#include "engine/observe/prometheus.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

// HELP escapes backslash and line feed; the value of a label the quotation mark too.
static void add_escaped(struct wr_buf *out, wr_str text, bool quoted)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '\n') {
            wr_buf_add(out, WR_STR("\\n"));
        } else {
            if (c == '\\' || (c == '"' && quoted)) {
                wr_buf_add_char(out, '\\');
            }
            wr_buf_add_char(out, c);
        }
    }
}

void wr_prom_family(struct wr_buf *out, const char *name, const char *type, const char *help)
{
    wr_buf_addf(out, "# HELP %s ", name);
    add_escaped(out, wr_str_of(help), false);
    wr_buf_addf(out, "\n# TYPE %s %s\n", name, type);
}

static void add_name(struct wr_buf *out, const char *name, const struct wr_prom_label *labels,
                     size_t count)
{
    wr_buf_add(out, wr_str_of(name));
    for (size_t i = 0; i < count; i++) {
        wr_buf_add_char(out, i ? ',' : '{');
        wr_buf_add(out, wr_str_of(labels[i].name));
        wr_buf_add(out, WR_STR("=\""));
        add_escaped(out, labels[i].value, true);
        wr_buf_add_char(out, '"');
    }
    wr_buf_add(out, count ? WR_STR("} ") : WR_STR(" "));
}

void wr_prom_u64(struct wr_buf *out, const char *name, const struct wr_prom_label *labels,
                 size_t count, uint64_t value)
{
    add_name(out, name, labels, count);
    wr_buf_add_u64(out, value);
    wr_buf_add_char(out, '\n');
}

void wr_prom_double(struct wr_buf *out, const char *name, const struct wr_prom_label *labels,
                    size_t count, double value)
{
    add_name(out, name, labels, count);
    if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value) {
        wr_buf_add_u64(out, (uint64_t)value);
    } else {
        char text[40];
        snprintf(text, sizeof text, "%.15g", value);
        if (strtod(text, NULL) != value) {
            snprintf(text, sizeof text, "%.17g", value);
        }
        wr_buf_add(out, wr_str_of(text));
    }
    wr_buf_add_char(out, '\n');
}
