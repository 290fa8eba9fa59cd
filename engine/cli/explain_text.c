// `weir explain` for people: what can be known of a rule without a message.
#include "engine/cli/explain_paper.h"

#include "sql/base/utf8.h"
#include "sql/explain/atoms.h"
#include "sql/explain/listing.h"
#include "sql/explain/show.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define WORDS_AT         48  // where the words of an instruction begin
#define AWS_TOPIC_BYTES  256 // sql.md 14
#define AWS_TOPIC_LEVELS 8
#define LINES_MAX        100 // of one section: paths, terms, look-ups

void wr_paper_pad(struct wr_buf *out, size_t from, size_t width)
{
    size_t n = wr_utf8_count(wr_str_cut(wr_buf_str(out), from, out->len));
    do {
        wr_buf_add_char(out, ' ');
    } while (++n < width);
}

void wr_paper_lines(struct wr_buf *out, wr_str text, int indent)
{
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.at + at, '\n', text.len - at);
        size_t stop = end ? (size_t)(end - text.at) : text.len;
        wr_buf_addf(out, "%*s%.*s\n", indent, "", WR_STR_ARG(wr_str_cut(text, at, stop)));
        at = stop + 1;
    }
}

// "… and 12 more" behind the lines of a section. True: this line is not to be written.
static bool enough(struct wr_buf *out, size_t index, size_t count)
{
    if (index == LINES_MAX) {
        wr_buf_addf(out, "    … and %zu more\n", count - index);
    }
    return index >= LINES_MAX;
}

static void head(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    const struct wr_explain_subject *s = x->subject;
    struct wr_buf title = {0};
    if (s->rule) {
        wr_buf_addf(&title, "rule %.*s (%s)%s", WR_STR_ARG(s->rule->name), s->file,
                    s->rule->enabled ? "" : ": disabled, no message reaches it");
    } else {
        wr_buf_add(&title, WR_STR("statement"));
    }
    wr_paper_heading(x, out, wr_buf_str(&title));
    wr_buf_release(&title);
    struct wr_buf text = {0};
    wr_show_bytes(&text, wr_listing_statement(l));
    wr_paper_lines(out, wr_buf_str(&text), 4);
    wr_buf_release(&text);
    wr_str version = wr_program_version(s->program), given = s->given_version;
    wr_buf_addf(out, "    SQL version %.*s", WR_STR_ARG(version));
    if (given.len == 0) {
        wr_buf_add(out, wr_str_eq(version, WR_STR("2015-10-08"))
                            ? WR_STR(": the rule says none, and that is the default")
                            : WR_STR(": asked for, the rule says none"));
    } else if (!wr_str_eq(given, version)) {
        wr_buf_addf(out, ": asked for, the rule says %.*s", WR_STR_ARG(given));
    } else if (wr_str_eq(version, WR_STR("beta"))) {
        wr_buf_add(out, WR_STR(": the same as 2016-03-23"));
    }
    wr_buf_add_char(out, '\n');
    for (size_t i = 0; i < wr_program_warning_count(s->program); i++) {
        const struct wr_fault *w = wr_program_warning(s->program, i);
        wr_buf_add(out, WR_STR("    "));
        wr_paper_ink(x, out, WR_INK_BAD, WR_STR("warning"));
        wr_buf_addf(out, ": line %u, column %u: %s\n", w->line, w->column, w->text);
    }
}

static void filter(const struct wr_explain *x, struct wr_buf *out)
{
    wr_str f = wr_program_filter(x->subject->program), level;
    struct wr_buf title = {0};
    wr_buf_addf(&title, "topics: FROM '%.*s'", WR_STR_ARG(f));
    wr_paper_heading(x, out, f.len ? wr_buf_str(&title) : WR_STR("topics"));
    wr_buf_release(&title);
    if (f.len == 0) {
        wr_buf_add(out, WR_STR("    no FROM: reached by Basic Ingest only, $aws/rules/NAME/…\n"));
        return;
    }
    size_t count = 0;
    for (; wr_topic_level(f, count, &level); count++) {
        if (enough(out, count, count + 1)) {
            break;
        }
        size_t from = out->len;
        wr_buf_addf(out, "    %zu  %.*s", count + 1, WR_STR_ARG(level));
        wr_paper_pad(out, from, 24);
        bool plus = wr_str_eq(level, WR_STR("+")), hash = wr_str_eq(level, WR_STR("#"));
        wr_buf_addf(out, "%s\n",
                    plus        ? "any one level, an empty one too"
                    : hash      ? "one level or more, whatever they are"
                    : level.len ? "this text, in this case"
                                : "an empty level");
    }
    if (count > AWS_TOPIC_LEVELS || f.len > AWS_TOPIC_BYTES) {
        wr_buf_addf(out, "    AWS allows %d levels and %d bytes: such topics are not delivered\n",
                    AWS_TOPIC_LEVELS, AWS_TOPIC_BYTES);
    }
}

static void reads(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    const struct wr_listing_path *paths;
    size_t count = wr_listing_paths(l, &paths);
    bool whole = false;
    wr_paper_heading(x, out, WR_STR("reads from the payload"));
    for (size_t i = 0; i < count; i++) {
        whole |= paths[i].whole;
        if (enough(out, i, count)) {
            continue;
        }
        size_t from = out->len;
        wr_buf_add(out, WR_STR("    "));
        wr_show_source(out, paths[i].text);
        wr_paper_pad(out, from, 24);
        wr_buf_addf(out, "%.*s\n", WR_STR_ARG(paths[i].clauses));
    }
    wr_buf_add(out, count == 0 ? WR_STR("    nothing\n")
                    : whole    ? WR_STR("    the whole payload is needed: *\n")
                            : WR_STR("    the rest of the payload is only checked to be JSON\n"));
}

static void add_atoms(struct wr_buf *out, struct wr_atoms atoms)
{
    if (atoms.count == 0) {
        wr_buf_add(out, WR_STR("never true, whatever the message"));
    }
    for (size_t i = 0; i < atoms.count && i <= WR_SHOW_ITEMS_MAX; i++) {
        if (i == WR_SHOW_ITEMS_MAX) {
            wr_buf_addf(out, " or … %zu more", atoms.count - i);
            break;
        }
        wr_buf_add(out, i ? WR_STR(" or ") : WR_STR(""));
        wr_atom_write(&atoms.at[i], out);
    }
}

static const char *dearest(struct wr_atoms atoms)
{
    enum wr_atom_kind kind = WR_ATOM_EQ;
    for (size_t i = 0; i < atoms.count; i++) {
        kind = atoms.at[i].kind > kind ? atoms.at[i].kind : kind;
    }
    return atoms.count ? wr_atom_kind_name(kind) : "none";
}

static void index_use(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    const struct wr_atoms_term *terms = NULL;
    size_t count = wr_atoms_terms(x->subject->program, x->arena, &terms);
    wr_paper_heading(x, out, WR_STR("what an index could use"));
    if (count == 0) {
        wr_buf_add(out, WR_STR("    ALL     every message on the topic: there is no WHERE\n"));
        return;
    }
    wr_str text = wr_listing_statement(l);
    for (size_t i = 0; i < count && !enough(out, i, count); i++) {
        wr_buf_addf(out, "  %s %-7s ", terms[i].chosen ? "*" : " ", dearest(terms[i].atoms));
        add_atoms(out, terms[i].atoms);
        wr_buf_add(out, WR_STR("   <- "));
        wr_show_source(out, wr_str_cut(text, terms[i].begin, terms[i].end));
        wr_buf_add_char(out, '\n');
    }
    wr_buf_add(out, WR_STR("    * is the cheapest; it nominates the rule, the program decides\n"));
}

static void add_place(const struct wr_listing *l, const struct wr_listing_place *p,
                      struct wr_buf *out)
{
    wr_buf_addf(out, "%.*s, line %u, column %u: ", WR_STR_ARG(wr_listing_clause(l, p->clause)),
                p->line, p->column);
    wr_show_source(out, p->source);
}

static void constants(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    const struct wr_listing_constant *found;
    size_t count = wr_listing_constants(l, &found);
    if (count) {
        wr_paper_heading(x, out, WR_STR("constants, evaluated once"));
    }
    for (size_t i = 0; i < count; i++) {
        wr_buf_add(out, WR_STR("    "));
        add_place(l, &found[i].place, out);
        wr_buf_addf(out, " → %.*s\n", WR_STR_ARG(found[i].value));
    }
}

static void lookups(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    const struct wr_listing_lookup *found;
    size_t count = wr_listing_lookups(l, &found);
    if (count) {
        wr_paper_heading(x, out, WR_STR("look-ups, answered from outside"));
    }
    for (size_t i = 0; i < count && !enough(out, i, count); i++) {
        wr_buf_add(out, WR_STR("    "));
        add_place(l, &found[i].place, out);
        wr_buf_add_char(out, '\n');
    }
}

static void templates(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_explain_subject *s = x->subject;
    if (s->template_count) {
        wr_paper_heading(x, out, WR_STR("templates"));
    }
    for (size_t i = 0; i < s->template_count; i++) {
        wr_buf_addf(out, "    %zu  %s: ", i, s->templates[i].parameter);
        wr_show_source(out, s->templates[i].text);
        wr_buf_add_char(out, '\n');
    }
}

static void instructions(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    size_t count = wr_listing_count(l);
    uint32_t clause = UINT32_MAX;
    for (size_t at = 0; at < count; at++) {
        if (at == WR_EXPLAIN_INSTRUCTIONS_MAX) {
            wr_buf_addf(out, "    … and %zu more\n", count - at);
            return;
        }
        struct wr_listing_line line;
        uint32_t id;
        wr_listing_line(l, at, &line);
        if (line.place.clause != clause) {
            clause = line.place.clause;
            wr_buf_addf(out, "  %.*s", WR_STR_ARG(wr_listing_clause(l, clause)));
            if (wr_listing_template(l, clause, &id) && id < x->subject->template_count) {
                wr_buf_addf(out, ": %s", x->subject->templates[id].parameter);
            }
            wr_buf_add_char(out, '\n');
        }
        size_t from = out->len;
        wr_buf_addf(out, "  %5zu  %-15s %.*s", at, line.opcode, WR_STR_ARG(line.operands));
        wr_paper_pad(out, from, WORDS_AT);
        struct wr_buf words = {0};
        wr_buf_addf(&words, "; %.*s", WR_STR_ARG(line.words));
        if (line.place.source.len) {
            wr_buf_add(&words, WR_STR(" <- "));
            wr_show_source(&words, line.place.source);
        }
        wr_paper_ink(x, out, WR_INK_DIM, wr_buf_str(&words));
        wr_buf_add_char(out, '\n');
        wr_buf_release(&words);
    }
}

static void program(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *out)
{
    struct wr_listing_sizes s = wr_listing_sizes(l);
    struct wr_buf title = {0};
    wr_buf_addf(&title, "program: %zu of %d instructions, %zu registers, %zu constants",
                s.instructions, WR_SQL_CODE_MAX, s.registers, s.constants);
    wr_paper_heading(x, out, wr_buf_str(&title));
    wr_buf_release(&title);
    instructions(x, l, out);
    for (size_t i = 0; i < wr_listing_guard_count(l) && !enough(out, i, SIZE_MAX); i++) {
        struct wr_listing_guard g = wr_listing_guard_at(l, i);
        wr_buf_addf(out, "    a failure in %u..%u goes on at %u\n", g.begin, g.end - 1, g.handler);
    }
    wr_paper_heading(x, out, WR_STR("limits"));
    wr_buf_addf(out,
                "    statement %zu of %d bytes; %zu of %d variables, together %d KiB as JSON\n"
                "    one evaluation takes at most %llu steps (option fuel)\n",
                s.statement_len, WR_SQL_LEN_MAX, s.variables, WR_SQL_VARS_MAX,
                WR_SQL_VAR_BYTES / 1024, (unsigned long long)s.fuel);
}

void wr_explain_write_text(const struct wr_explain *x, struct wr_buf *out)
{
    struct wr_listing l;
    if (x->program && !wr_listing_init(&l, x->subject->program, x->arena)) {
        head(x, &l, out);
        filter(x, out);
        reads(x, &l, out);
        index_use(x, &l, out);
        constants(x, &l, out);
        lookups(x, &l, out);
        templates(x, out);
        program(x, &l, out);
    }
    if (x->message) {
        wr_paper_message(x, out);
    }
}
