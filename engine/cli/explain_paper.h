// Text with headings and colour, for the writers of `weir explain`. Thread: start.
#ifndef WR_ENGINE_CLI_EXPLAIN_PAPER_H
#define WR_ENGINE_CLI_EXPLAIN_PAPER_H

#include "engine/cli/explain.h"

enum wr_ink { WR_INK_HEADING, WR_INK_BAD, WR_INK_GOOD, WR_INK_DIM };

// The words in `ink` where colour is asked for.
static inline void wr_paper_ink(const struct wr_explain *x, struct wr_buf *out, enum wr_ink ink,
                                wr_str words)
{
    static const char *const codes[] = {"1", "31", "32", "2"};
    if (x->colour && words.len) {
        wr_buf_addf(out, "\x1b[%sm", codes[ink]);
    }
    wr_buf_add(out, words);
    if (x->colour && words.len) {
        wr_buf_add(out, WR_STR("\x1b[0m"));
    }
}

// A line in bold, with an empty line before it.
static inline void wr_paper_heading(const struct wr_explain *x, struct wr_buf *out, wr_str words)
{
    wr_buf_add(out, out->len ? WR_STR("\n") : WR_STR(""));
    wr_paper_ink(x, out, WR_INK_HEADING, words);
    wr_buf_add_char(out, '\n');
}

// Blanks up to column `width` (in characters) of what stands since byte `from`, one at least.
void wr_paper_pad(struct wr_buf *out, size_t from, size_t width);

// Lines of `text`, each behind `indent` blanks.
void wr_paper_lines(struct wr_buf *out, wr_str text, int indent);

// explain_text_message.c
void wr_paper_message(const struct wr_explain *x, struct wr_buf *out);

#endif
