// `weir explain --sql-version V --messages FILE`: what a rule would do otherwise in another
// version, on messages that were recorded.
#include "engine/cli/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "sql/base/json.h"
#include "sql/explain/show.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define SIDES 2 // the rule's own version, and the other

// What one version made of a message.
struct made {
    enum wr_eval_state state;
    struct wr_fault fault;
    wr_str output;
    wr_str *texts; // of the templates; at NULL: failed
};

struct side {
    struct wr_explain_subject subject;
    struct wr_plan *plan;
    struct made made;
};

struct comparison {
    struct side sides[SIDES];
    struct wr_arena arena;
    size_t messages, matching, same, outcomes, outputs, templates, shown;
    struct wr_buf differences;
    bool json;
};

// The same chance for both sides, and for every message.
static void fixed_chance(void *user, void *at, size_t len)
{
    memset(at, 0x5a, len);
}

static void run(struct comparison *c, struct side *s, const struct wr_sql_message *message,
                const wr_value *context, bool answers)
{
    struct wr_sql_message m = *message;
    struct wr_case_host host;
    struct made *made = &s->made;
    struct wr_eval e = {0};
    *made = (struct made){.state = WR_EVAL_FAILED};
    wr_case_host_init(&host, context, &c->arena);
    host.host.random = fixed_chance;
    if (!answers) {
        host.host.lookup = NULL;
    }
    if (wr_sql_message_read(&m, s->plan, &c->arena)) {
        wr_fault_set(&made->fault, WR_ERR_LIMIT, "the payload does not fit into memory");
        return;
    }
    bool json;
    wr_eval_start(&e, &m, 0, &host.host);
    made->state = wr_eval_run(&e);
    made->fault = e.fault;
    if (made->state == WR_EVAL_MATCHED && wr_eval_output(&e, &made->output, &json)) {
        made->state = WR_EVAL_FAILED;
        wr_fault_set(&made->fault, WR_ERR_LIMIT, "the result does not fit into memory");
    }
    size_t count = made->state == WR_EVAL_MATCHED ? s->subject.template_count : 0;
    made->texts = count ? wr_arena_alloc(&c->arena, count * sizeof *made->texts) : NULL;
    for (size_t i = 0; made->texts && i < count; i++) {
        wr_eval_template(&e, (uint32_t)i);
        made->texts[i] = (wr_str){NULL, 0};
        if (wr_eval_run(&e) == WR_EVAL_MATCHED && !wr_eval_text(&e, &made->texts[i], NULL)) {
            made->texts[i].at = made->texts[i].at ? made->texts[i].at : "";
        }
    }
}

static bool same_text(wr_str a, wr_str b)
{
    return !a.at == !b.at && wr_str_eq(a, b);
}

// ---- showing

static void add_made(const struct comparison *c, const struct side *s, size_t template_,
                     struct wr_buf *out)
{
    const struct made *m = &s->made;
    if (template_ != SIZE_MAX) {
        if (m->texts && m->texts[template_].at) {
            wr_show_bytes(out, m->texts[template_]);
        } else {
            wr_buf_add(out, WR_STR("(failed)"));
        }
        return;
    }
    switch (m->state) {
    case WR_EVAL_MATCHED:
        wr_buf_add(out, m->output.len ? WR_STR("") : WR_STR("(empty)"));
        wr_show_bytes(out, m->output);
        return;
    case WR_EVAL_NO_MATCH:
        wr_buf_add(out, WR_STR("(no match)"));
        return;
    case WR_EVAL_FAILED:
    case WR_EVAL_SUSPENDED:
    case WR_EVAL_READY:
        wr_buf_addf(out, "(fails: %s)", m->fault.text);
        return;
    }
}

static void add_difference(struct comparison *c, size_t line, wr_str topic, size_t template_)
{
    struct wr_buf *out = &c->differences;
    const char *what =
        template_ == SIZE_MAX ? NULL : c->sides[0].subject.templates[template_].parameter;
    if (c->shown++ >= WR_EXPLAIN_DIFFERENCES_MAX) {
        return;
    }
    if (c->json) {
        wr_buf_addf(out, "%s{\"line\":%zu,\"topic\":", out->len ? "," : "", line);
        wr_json_write_string(out, topic);
        if (what) {
            wr_buf_add(out, WR_STR(",\"parameter\":"));
            wr_json_write_string(out, wr_str_of(what));
        }
    } else {
        wr_buf_addf(out, "  line %zu, topic %.*s%s%s\n", line, WR_STR_ARG(topic), what ? ", " : "",
                    what ? what : "");
    }
    for (size_t i = 0; i < SIDES; i++) {
        struct wr_buf made = {0};
        wr_str version = wr_program_version(c->sides[i].subject.program);
        add_made(c, &c->sides[i], template_, &made);
        if (c->json) {
            wr_buf_addf(out, ",\"%s\":", i ? "other" : "own");
            wr_json_write_string(out, wr_buf_str(&made));
        } else {
            wr_buf_addf(out, "    %-10.*s  %.*s\n", WR_STR_ARG(version),
                        WR_STR_ARG(wr_buf_str(&made)));
        }
        wr_buf_release(&made);
    }
    wr_buf_add(out, c->json ? WR_STR("}") : WR_STR(""));
}

// ---- comparing

static bool topic_fits(const struct wr_explain_subject *s, struct wr_sql_message *m)
{
    wr_str filter = wr_program_filter(s->program), rule, rest;
    if (wr_topic_basic_ingest(m->topic, &rule, &rest)) {
        m->basic_ingest = true;
        return !s->rule || wr_str_eq(rule, s->rule->name);
    }
    return m->basic_ingest || (filter.len && wr_topic_matches(filter, m->topic));
}

static void compare_message(struct comparison *c, size_t line, const struct wr_sql_message *m,
                            const wr_value *context, bool answers)
{
    struct made *a = &c->sides[0].made, *b = &c->sides[1].made;
    for (size_t i = 0; i < SIDES; i++) {
        run(c, &c->sides[i], m, context, answers);
    }
    if (a->state != b->state) {
        c->outcomes++;
        add_difference(c, line, m->topic, SIZE_MAX);
        return;
    }
    if (!wr_str_eq(a->output, b->output) ||
        (a->state == WR_EVAL_FAILED && strcmp(a->fault.text, b->fault.text) != 0)) {
        c->outputs++;
        add_difference(c, line, m->topic, SIZE_MAX);
        return;
    }
    for (size_t i = 0; a->texts && b->texts && i < c->sides[0].subject.template_count; i++) {
        if (!same_text(a->texts[i], b->texts[i])) {
            c->templates++;
            add_difference(c, line, m->topic, i);
            return;
        }
    }
    c->same++;
}

static wr_err compare_line(struct comparison *c, size_t number, wr_str text, struct wr_fault *fault)
{
    struct wr_line line;
    struct wr_sql_message m;
    wr_err err = wr_line_read(text, &c->arena, &line, fault);
    if (err) {
        return err;
    }
    // A case has a context; a recorded message has the members itself.
    wr_value context = wr_line_member(&line.object, "context", &c->arena);
    bool answers = context.type == WR_OBJECT;
    context = answers ? context : line.object;
    err = wr_line_message(&line, &context, &c->arena, &m, fault);
    if (err) {
        return err;
    }
    c->messages++;
    if (topic_fits(&c->sides[0].subject, &m)) {
        c->matching++;
        compare_message(c, number, &m, &context, answers);
    }
    return WR_OK;
}

static wr_err compare_file(struct comparison *c, const char *path, struct wr_fault *fault)
{
    FILE *in = fopen(path, "re");
    if (!in) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    char *bytes = NULL;
    size_t cap = 0, number = 0;
    ssize_t len;
    wr_err err = WR_OK;
    while (!err && (len = getline(&bytes, &cap, in)) >= 0) {
        number++;
        while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
            len--;
        }
        if (len > 0) {
            err = compare_line(c, number, (wr_str){bytes, (size_t)len}, fault);
            wr_arena_reset(&c->arena);
        }
    }
    if (err) {
        wr_fault_prefix(fault, "%s:%zu", path, number);
    } else if (ferror(in)) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    free(bytes);
    fclose(in);
    return err;
}

static int report(struct comparison *c, const char *path, struct wr_buf *out)
{
    const struct wr_explain_subject *s = &c->sides[0].subject;
    wr_str own = wr_program_version(s->program);
    wr_str other = wr_program_version(c->sides[1].subject.program);
    size_t differ = c->outcomes + c->outputs + c->templates;
    if (c->json) {
        wr_buf_addf(out,
                    "{\"own\":\"%.*s\",\"other\":\"%.*s\",\"valid\":true,\"messages\":%zu,"
                    "\"matching\":%zu,\"same\":%zu,\"differ\":%zu,\"outcomes\":%zu,"
                    "\"outputs\":%zu,\"templates\":%zu,\"differences\":[%.*s]}\n",
                    WR_STR_ARG(own), WR_STR_ARG(other), c->messages, c->matching, c->same, differ,
                    c->outcomes, c->outputs, c->templates, WR_STR_ARG(wr_buf_str(&c->differences)));
        return differ ? WR_EXIT_NO : WR_EXIT_OK;
    }
    wr_buf_addf(out,
                "%.*s against %.*s on %s: %zu messages, %zu on the topic, %zu the same, %zu "
                "differ\n",
                WR_STR_ARG(own), WR_STR_ARG(other), path, c->messages, c->matching, c->same,
                differ);
    if (differ) {
        wr_buf_addf(out, "  matching or not: %zu, payload: %zu, templates only: %zu\n", c->outcomes,
                    c->outputs, c->templates);
    }
    wr_buf_add(out, wr_buf_str(&c->differences));
    if (c->shown > WR_EXPLAIN_DIFFERENCES_MAX) {
        wr_buf_addf(out, "  … and %zu more\n", c->shown - WR_EXPLAIN_DIFFERENCES_MAX);
    }
    return differ ? WR_EXIT_NO : WR_EXIT_OK;
}

static int not_valid(const struct comparison *c, const char *version, wr_str why,
                     struct wr_buf *out)
{
    wr_str own = wr_program_version(c->sides[0].subject.program);
    if (c->json) {
        wr_buf_addf(out, "{\"own\":\"%.*s\",\"other\":\"%s\",\"valid\":false,\"error\":",
                    WR_STR_ARG(own), version);
        wr_json_write_string(out, why);
        wr_buf_add(out, WR_STR("}\n"));
    } else {
        wr_buf_addf(out, "valid in %.*s, not in %s:\n%.*s", WR_STR_ARG(own), version,
                    WR_STR_ARG(why));
    }
    return WR_EXIT_NO;
}

static int compare(struct comparison *c, const char *path, struct wr_buf *out)
{
    struct wr_fault fault = {0};
    for (size_t i = 0; i < SIDES; i++) {
        c->sides[i].plan = wr_plan_new(&c->sides[i].subject.program, 1);
    }
    wr_arena_init(&c->arena, WR_EXPLAIN_BYTES_MAX);
    int status = WR_EXIT_USAGE;
    if (compare_file(c, path, &fault)) {
        fprintf(stderr, "weir explain: %s\n", fault.text);
    } else {
        status = report(c, path, out);
    }
    for (size_t i = 0; i < SIDES; i++) {
        wr_plan_free(c->sides[i].plan);
    }
    wr_arena_release(&c->arena);
    return status;
}

int wr_explain_compare(const char *given, const char *version, const char *path, bool json,
                       struct wr_buf *out)
{
    struct comparison c = {.json = json};
    struct wr_buf why = {0};
    struct wr_fault fault = {0};
    enum wr_dialect dialect;
    int status = WR_EXIT_USAGE;
    if (wr_sql_version_parse(wr_str_of(version), &dialect, &fault)) {
        fprintf(stderr, "weir explain: %s\n", fault.text);
    } else if (!wr_explain_subject_init(&c.sides[0].subject, given, NULL, &why)) {
        fprintf(stderr, "%.*s", WR_STR_ARG(wr_buf_str(&why)));
    } else if (!wr_explain_subject_init(&c.sides[1].subject, given, version, &why)) {
        status = not_valid(&c, version, wr_buf_str(&why), out);
    } else {
        status = compare(&c, path, out);
    }
    wr_explain_subject_release(&c.sides[0].subject);
    wr_explain_subject_release(&c.sides[1].subject);
    wr_buf_release(&c.differences);
    wr_buf_release(&why);
    return status;
}
