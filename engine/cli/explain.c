// `weir explain`: what a rule is made of, and why a message did or did not match.
#include "engine/cli/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/given.h"
#include "engine/rules/zones.h"
#include "sql/base/clock.h"
#include "sql/base/json.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

struct asked {
    const char *subject, *topic, *payload, *message, *context, *version, *messages;
    bool json, program;
};

// What a message is made of, kept as long as it is explained.
struct store {
    struct wr_arena arena;
    struct wr_buf topic, payload, file, context_file;
    wr_value context; // an OBJECT, or Undefined
    bool answers;     // it is a case's, so it answers look-ups; else the line of a message file
};

static void store_release(struct store *s)
{
    wr_buf_release(&s->topic);
    wr_buf_release(&s->payload);
    wr_buf_release(&s->file);
    wr_buf_release(&s->context_file);
    wr_arena_release(&s->arena);
}

static bool fail(const char *what, const struct wr_fault *fault)
{
    if (fault->line) {
        fprintf(stderr, "weir explain: %s:%u:%u: %s\n", what, fault->line, fault->column,
                fault->text);
    } else {
        fprintf(stderr, "weir explain: %s%s%s\n", what, *what ? ": " : "", fault->text);
    }
    return false;
}

// ---- reading the message

static bool read_context(struct store *s, const char *path)
{
    struct wr_fault fault = {0};
    if (wr_given_file(path, &s->context_file, &fault)) {
        return fail("", &fault);
    }
    if (wr_json_parse(wr_buf_str(&s->context_file), &s->arena, WR_SQL_2016, &s->context, &fault)) {
        return fail(path, &fault);
    }
    if (s->context.type != WR_OBJECT) {
        wr_fault_set(&fault, WR_ERR_TYPE, "expected a JSON object: the context of a case");
        return fail(path, &fault);
    }
    s->answers = true;
    return true;
}

// FILE or FILE:LINE; a file whose name ends so wins.
static size_t split_line(const char *given, char **path)
{
    const char *colon = strrchr(given, ':');
    *path = wr_strdup(wr_str_of(given));
    if (access(given, F_OK) == 0 || !colon || strspn(colon + 1, "0123456789") == 0 ||
        colon[1 + strspn(colon + 1, "0123456789")] != '\0') {
        return 1;
    }
    (*path)[colon - given] = '\0';
    return strtoul(colon + 1, NULL, 10);
}

static bool find_line(wr_str text, size_t number, wr_str *line)
{
    for (size_t at = 0, n = 1; at < text.len; n++) {
        const char *end = memchr(text.at + at, '\n', text.len - at);
        size_t stop = end ? (size_t)(end - text.at) : text.len;
        if (n == number) {
            *line = wr_str_cut(text, at, stop);
            return true;
        }
        at = stop + 1;
    }
    return false;
}

static bool read_message(struct store *s, const char *given, struct wr_sql_message *m)
{
    char *path;
    size_t number = split_line(given, &path);
    struct wr_fault fault = {0};
    wr_str text = {0};
    struct wr_line line;
    wr_err err = wr_given_file(path, &s->file, &fault);
    bool good = err ? fail("", &fault) : true;
    if (good && !find_line(wr_buf_str(&s->file), number, &text)) {
        wr_fault_set(&fault, WR_ERR_MISSING, "there is no line %zu", number);
        good = fail(path, &fault);
    }
    if (good) {
        err = wr_line_read(text, &s->arena, &line, &fault);
        if (!err && s->context.type != WR_OBJECT) { // of a case, or the members themselves
            s->context = wr_line_member(&line.object, "context", &s->arena);
            s->answers = s->context.type == WR_OBJECT;
            s->context = s->answers ? s->context : line.object;
        }
        if (!err) {
            err = wr_line_message(&line, &s->context, &s->arena, m, &fault);
        }
        if (err) {
            fault.line = fault.line ? (uint32_t)number : 0;
            wr_fault_prefix(&fault, "line %zu", number);
            fault.line = 0;
            good = fail(path, &fault);
        }
    }
    free(path);
    return good;
}

static bool given_message(struct store *s, const struct asked *a, wr_str filter,
                          struct wr_sql_message *m)
{
    static const wr_value none = {.type = WR_UNDEFINED};
    struct wr_fault fault = {0};
    if (a->payload && !wr_given_payload("explain", a->payload, &s->payload)) {
        return false;
    }
    if (a->topic) {
        wr_buf_add(&s->topic, wr_str_of(a->topic));
    } else {
        wr_given_topic(filter, &s->topic);
    }
    *m = (struct wr_sql_message){0};
    const wr_value *context = s->context.type == WR_OBJECT ? &s->context : &none;
    if (wr_line_context(context, &s->arena, m, &fault)) {
        return fail(a->context ? a->context : "", &fault);
    }
    if (wr_line_member(context, "timestamp", &s->arena).type == WR_UNDEFINED) {
        m->timestamp_ms = wr_wall_ms();
    }
    if (!m->trace_id.at) {
        m->trace_id = WR_STR("00000000-0000-4000-8000-000000000000");
    }
    m->topic = wr_buf_str(&s->topic);
    m->payload = s->payload.len ? wr_buf_str(&s->payload) : (wr_str){"", 0};
    return true;
}

static void match_topic(const struct wr_explain_subject *s, struct wr_explain_message *x)
{
    wr_str rule, rest, filter = wr_program_filter(s->program);
    bool named = wr_topic_basic_ingest(x->m.topic, &rule, &rest);
    x->addressed = named || x->m.basic_ingest;
    x->m.basic_ingest = x->addressed;
    x->matches = filter.len && wr_topic_matches(filter, x->m.topic);
    if (x->addressed) {
        x->matches = !named || !s->rule || wr_str_eq(rule, s->rule->name);
    }
}

static bool message(struct store *s, const struct asked *a,
                    const struct wr_explain_subject *subject, struct wr_explain_message *x)
{
    struct wr_fault fault = {0};
    if (a->context && !read_context(s, a->context)) {
        return false;
    }
    x->has_payload = a->payload || a->message;
    bool good = a->message ? read_message(s, a->message, &x->m)
                           : given_message(s, a, wr_program_filter(subject->program), &x->m);
    if (!good) {
        return false;
    }
    if (wr_topic_name_check(x->m.topic, &fault)) {
        fprintf(stderr, "weir explain: topic '%.*s': %s\n", WR_STR_ARG(x->m.topic), fault.text);
        return false;
    }
    match_topic(subject, x);
    wr_case_host_init(&x->host, &s->context, &s->arena);
    x->answers = s->answers;
    if (!x->answers) {
        x->host.host.lookup = NULL;
    }
    return true;
}

// ---- explaining

static int explain(const struct asked *a, const struct wr_explain_subject *subject)
{
    struct store s = {0};
    struct wr_explain_message m = {0};
    bool asked = a->topic || a->payload || a->message;
    int status = WR_EXIT_OK;
    wr_arena_init(&s.arena, WR_EXPLAIN_BYTES_MAX);
    if (asked && !message(&s, a, subject, &m)) {
        store_release(&s);
        return WR_EXIT_USAGE;
    }
    struct wr_explain x = {.subject = subject,
                           .message = asked ? &m : NULL,
                           .arena = &s.arena,
                           .program = a->program || !asked,
                           .colour = wr_cli_colour(STDOUT_FILENO)};
    if (asked && m.has_payload) {
        x.values = wr_values_new(subject->program, &m.m, &m.host.host, false);
        status = x.values->state == WR_EVAL_MATCHED ? WR_EXIT_OK : WR_EXIT_NO;
    }
    bool reached = m.matches && (!subject->rule || subject->rule->enabled);
    status = asked && !reached ? WR_EXIT_NO : status;
    struct wr_buf out = {0};
    if (a->json) {
        wr_explain_write_json(&x, &out);
    } else {
        wr_explain_write_text(&x, &out);
    }
    fwrite(out.at, 1, out.len, stdout);
    wr_buf_release(&out);
    wr_values_free(x.values);
    store_release(&s);
    return status;
}

static int compare(const struct asked *a)
{
    struct wr_buf out = {0};
    int status = wr_explain_compare(a->subject, a->version, a->messages, a->json, &out);
    if (out.len) {
        fwrite(out.at, 1, out.len, stdout);
    }
    wr_buf_release(&out);
    return status;
}

static int run(const struct asked *a)
{
    if (a->messages) {
        return compare(a);
    }
    struct wr_explain_subject subject;
    struct wr_buf why = {0};
    int status = WR_EXIT_USAGE;
    if (wr_explain_subject_init(&subject, a->subject, a->version, &why)) {
        status = explain(a, &subject);
    } else {
        fprintf(stderr, "%.*s", WR_STR_ARG(wr_buf_str(&why)));
    }
    wr_buf_release(&why);
    wr_explain_subject_release(&subject);
    return status;
}

int wr_cli_explain(int argc, char **argv)
{
    struct asked a = {0};
    const struct {
        const char *name;
        const char **value;
        bool *flag;
    } options[] = {
        {"-t", &a.topic, NULL},
        {"--topic", &a.topic, NULL},
        {"-p", &a.payload, NULL},
        {"--payload", &a.payload, NULL},
        {"--message", &a.message, NULL},
        {"--context", &a.context, NULL},
        {"--sql-version", &a.version, NULL},
        {"--messages", &a.messages, NULL},
        {"--program", NULL, &a.program},
        {"--json", NULL, &a.json},
    };
    const char *wrong = NULL, *about = NULL;
    for (int i = 1; i < argc && !wrong; i++) {
        size_t k = 0;
        while (k < WR_COUNT(options) && strcmp(argv[i], options[k].name) != 0) {
            k++;
        }
        if (k == WR_COUNT(options)) {
            wrong = argv[i][0] == '-' ? "unknown option "
                    : a.subject       ? "expected one statement or rule, and found another: "
                                      : NULL;
            about = wrong ? argv[i] : NULL;
            a.subject = a.subject ? a.subject : argv[i];
        } else if (options[k].flag) {
            *options[k].flag = true;
        } else if (++i == argc) {
            wrong = "expected a value after ";
            about = argv[i - 1];
        } else {
            *options[k].value = argv[i];
        }
    }
    if (!wrong && !a.subject) {
        wrong = "expected a statement or the path of a rule document";
    } else if (!wrong && a.message && (a.topic || a.payload)) {
        wrong = "--message has topic and payload: it does not go with -t and -p";
    } else if (!wrong && a.messages && (a.message || a.topic || a.payload || a.program)) {
        wrong = "--messages compares two versions: it does not go with one message or --program";
    } else if (!wrong && a.messages && !a.version) {
        wrong = "--messages needs --sql-version, the version to compare with";
    } else if (!wrong && a.context && !a.payload && !a.message && !a.messages) {
        wrong = "--context goes with a message (-p or --message)";
    }
    int status = wrong ? wr_cli_wrong("explain", wrong, about) : run(&a);
    wr_zones_release();
    return status;
}
