// Answers conformance cases: each on its own rule, nothing carried over.
#include "engine/cli/cases.h"

#include "engine/cli/case_host.h"
#include "engine/cli/message_line.h"
#include "sql/base/json.h"
#include "sql/topic.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define CASE_BYTES_MAX (256u << 20) // a case with the largest payload and all that is made from it

struct answer {
    const char *outcome;
    wr_str payload; // statement cases
    wr_str text;    // template cases
    bool has_payload, has_text;
    struct wr_fault fault; // invalid, error
};

static void write_answer(const struct answer *a, wr_str id, FILE *out)
{
    struct wr_buf b = {0};
    wr_buf_add(&b, WR_STR("{\"id\":"));
    wr_json_write_string(&b, id);
    wr_buf_addf(&b, ",\"outcome\":\"%s\"", a->outcome);
    if (a->has_payload) {
        wr_buf_add(&b, WR_STR(",\"payloadBase64\":\""));
        wr_buf_add_base64(&b, a->payload);
        wr_buf_add_char(&b, '"');
    }
    if (a->has_text) {
        wr_buf_add(&b, WR_STR(",\"text\":"));
        wr_json_write_string(&b, a->text);
    }
    if (a->fault.code) {
        if (a->fault.line) {
            wr_buf_addf(&b, ",\"at\":\"%u:%u\"", a->fault.line, a->fault.column);
        }
        wr_buf_add(&b, WR_STR(",\"message\":"));
        wr_json_write_string(&b, wr_str_of(a->fault.text));
    }
    wr_buf_add(&b, WR_STR("}\n"));
    fwrite(b.at, 1, b.len, out);
    wr_buf_release(&b);
}

static bool topic_fits(const struct wr_program *p, const struct wr_sql_message *m)
{
    wr_str filter = wr_program_filter(p);
    return m->basic_ingest || (filter.len && wr_topic_matches(filter, m->topic));
}

static void failed(struct answer *a, const char *outcome, const struct wr_fault *fault)
{
    a->outcome = outcome;
    if (fault) {
        a->fault = *fault;
    }
}

static void run_template(struct wr_eval *e, uint32_t id, struct answer *a)
{
    wr_eval_run(e); // for the variables; whether WHERE holds does not matter here
    wr_eval_template(e, id);
    if (wr_eval_run(e) != WR_EVAL_MATCHED || wr_eval_text(e, &a->text, NULL)) {
        failed(a, "error", &e->fault);
        return;
    }
    a->outcome = "output";
    a->has_text = true;
}

static void run_statement(struct wr_eval *e, struct answer *a)
{
    bool json;
    switch (wr_eval_run(e)) {
    case WR_EVAL_MATCHED:
        if (wr_eval_output(e, &a->payload, &json)) {
            break;
        }
        a->outcome = "output";
        a->has_payload = true;
        return;
    case WR_EVAL_NO_MATCH:
        a->outcome = "nomatch";
        return;
    case WR_EVAL_FAILED:
    case WR_EVAL_READY:
    case WR_EVAL_SUSPENDED: // this host answers at once
        break;
    }
    failed(a, "error", &e->fault);
}

static wr_err evaluate(struct wr_program *p, const struct wr_line *line, bool is_template,
                       uint32_t template_id, struct wr_arena *arena, struct answer *a,
                       struct wr_fault *fault)
{
    static const wr_value none = {.type = WR_UNDEFINED};
    wr_value context = wr_line_member(&line->object, "context", arena);
    struct wr_sql_message m;
    wr_err err =
        wr_line_message(line, context.type == WR_OBJECT ? &context : &none, arena, &m, fault);
    if (err) {
        return err;
    }
    if (!is_template && !topic_fits(p, &m)) {
        a->outcome = "nomatch";
        return WR_OK;
    }
    struct wr_case_host host;
    wr_case_host_init(&host, &context, arena);
    const struct wr_program *programs[] = {p};
    struct wr_plan *plan = wr_plan_new(programs, 1);
    struct wr_eval e = {0};
    if (wr_sql_message_read(&m, plan, arena)) {
        failed(a, "error", NULL);
    } else {
        wr_eval_start(&e, &m, 0, &host.host);
        if (is_template) {
            run_template(&e, template_id, a);
        } else {
            run_statement(&e, a);
        }
    }
    wr_plan_free(plan);
    return WR_OK;
}

static wr_err answer_line(wr_str text, struct wr_arena *arena, FILE *out, struct wr_fault *fault)
{
    struct wr_line line;
    wr_err err = wr_line_read(text, arena, &line, fault);
    if (err) {
        return err;
    }
    wr_str id = wr_line_text(&line.object, "id", arena);
    wr_str template = wr_line_text(&line.object, "template", arena);
    wr_str sql = wr_line_text(&line.object, "sql", arena);
    if (!sql.at && !template.at) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expected a member sql or template");
    }
    struct answer a = {.outcome = "invalid"};
    struct wr_program_options options = {.sql_version =
                                             wr_line_text(&line.object, "sqlVersion", arena)};
    struct wr_program *p = NULL;
    uint32_t template_id = 0;
    err = wr_program_new(sql.at ? sql : WR_STR("SELECT *"), &options, &p, &a.fault);
    if (!err && template.at) {
        err = wr_program_add_template(p, template, &template_id, &a.fault);
    }
    if (!err) {
        err = wr_program_seal(p, &a.fault);
    }
    if (!err) {
        a.fault.code = WR_OK;
        err = evaluate(p, &line, template.at, template_id, arena, &a, fault);
        if (err) {
            wr_program_free(p);
            return err;
        }
    }
    write_answer(&a, id, out);
    wr_program_free(p);
    return WR_OK;
}

wr_err wr_cases_answer(FILE *in, FILE *out, struct wr_fault *fault)
{
    struct wr_arena arena;
    wr_arena_init(&arena, CASE_BYTES_MAX);
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
            err = answer_line((wr_str){bytes, (size_t)len}, &arena, out, fault);
            wr_arena_reset(&arena);
        }
    }
    if (err) {
        wr_fault_prefix(fault, "line %zu", number);
    }
    free(bytes);
    wr_arena_release(&arena);
    return err;
}
