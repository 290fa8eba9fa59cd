// Answers conformance cases: each on its own rule, nothing carried over.
#include "engine/cli/cases.h"

#include "sql/base/json.h"
#include "sql/topic.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define CASE_BYTES_MAX (80u << 20) // message_memory as weir run has it, and the case itself

static void write_answer(const struct wr_case_answer *a, wr_str id, FILE *out)
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

static void failed(struct wr_case_answer *a, const char *outcome, const struct wr_fault *fault)
{
    a->outcome = outcome;
    if (fault) {
        a->fault = *fault;
    }
}

wr_err wr_case_init(struct wr_case *c, const struct wr_program *program, const struct wr_line *line,
                    struct wr_arena *arena, struct wr_fault *fault)
{
    static const wr_value none = {.type = WR_UNDEFINED};
    *c = (struct wr_case){.context = wr_line_member(&line->object, "context", arena)};
    wr_err err = wr_line_message(line, c->context.type == WR_OBJECT ? &c->context : &none, arena,
                                 &c->message, fault);
    if (err) {
        return err;
    }
    wr_case_host_init(&c->host, &c->context, arena);
    c->plan = wr_plan_new(&program, 1);
    c->read = !wr_sql_message_read(&c->message, c->plan, arena);
    if (c->read) {
        wr_eval_start(&c->eval, &c->message, 0, &c->host.host);
    } else {
        c->eval.program = program;
    }
    return WR_OK;
}

void wr_case_release(struct wr_case *c)
{
    wr_plan_free(c->plan);
    c->plan = NULL;
}

bool wr_case_topic_fits(const struct wr_case *c)
{
    wr_str filter = wr_program_filter(c->eval.program);
    return c->message.basic_ingest || (filter.len && wr_topic_matches(filter, c->message.topic));
}

bool wr_case_template(struct wr_case *c, uint32_t id, wr_str *text, bool *undefined)
{
    if (!c->read) {
        wr_fault_set(&c->eval.fault, WR_ERR_LIMIT, "no memory for the message");
        return false;
    }
    wr_eval_template(&c->eval, id);
    if (wr_eval_run(&c->eval) != WR_EVAL_MATCHED) {
        return false;
    }
    if (wr_eval_text(&c->eval, text, undefined)) {
        wr_fault_set(&c->eval.fault, WR_ERR_LIMIT, "no memory left for the text");
        return false;
    }
    return true;
}

void wr_case_statement(struct wr_case *c, struct wr_case_answer *a)
{
    if (!wr_case_topic_fits(c)) {
        a->outcome = "nomatch";
        return;
    }
    if (!c->read) {
        failed(a, "error", NULL);
        return;
    }
    switch (wr_eval_run(&c->eval)) {
    case WR_EVAL_MATCHED:
        if (wr_eval_output(&c->eval, &a->payload, &a->json)) {
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
    failed(a, "error", &c->eval.fault);
}

// The template of a template case; whether topic and WHERE hold does not matter here.
static void run_template(struct wr_case *c, uint32_t id, struct wr_case_answer *a)
{
    if (c->read) {
        wr_eval_run(&c->eval); // for the variables
    }
    if (!wr_case_template(c, id, &a->text, NULL)) {
        failed(a, "error", &c->eval.fault);
        return;
    }
    a->outcome = "output";
    a->has_text = true;
}

wr_err wr_case_evaluate(wr_str sql, wr_str template, const struct wr_line *line,
                        struct wr_arena *arena, struct wr_case_answer *a, struct wr_fault *fault)
{
    *a = (struct wr_case_answer){.outcome = "invalid"};
    struct wr_program_options options = {.sql_version =
                                             wr_line_text(&line->object, "sqlVersion", arena)};
    struct wr_program *p = NULL;
    uint32_t template_id = 0;
    wr_err err = wr_program_new(sql.at ? sql : WR_STR("SELECT *"), &options, &p, &a->fault);
    if (!err && template.at) {
        err = wr_program_add_template(p, template, &template_id, &a->fault);
    }
    if (!err) {
        err = wr_program_seal(p, &a->fault);
    }
    if (err) {
        wr_program_free(p);
        return WR_OK;
    }
    a->fault.code = WR_OK;
    struct wr_case c;
    err = wr_case_init(&c, p, line, arena, fault);
    if (!err && template.at) {
        run_template(&c, template_id, a);
        a->text = wr_str_dup(arena, a->text); // may be the program's
    } else if (!err) {
        wr_case_statement(&c, a);
        a->payload = wr_str_dup(arena, a->payload);
    }
    wr_case_release(&c);
    wr_program_free(p);
    return err;
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
    struct wr_case_answer a;
    err = wr_case_evaluate(sql, template, &line, arena, &a, fault);
    if (!err) {
        write_answer(&a, id, out);
    }
    return err;
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
