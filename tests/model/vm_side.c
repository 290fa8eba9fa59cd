// The VM's half of the comparison.
#include "tests/model/vm_side.h"

#include <string.h>

#include "sql/topic.h"

#include "sql/base/banned.h"

#define ARENA_MAX (256u << 20)

static struct wr_arena arena;
static bool arena_there;

static wr_str str_of(struct model_text t)
{
    return (wr_str){t.at, t.len};
}

static struct model_text text_of(wr_str s)
{
    wr_str copy = wr_str_dup(&arena, s);
    return (struct model_text){copy.at, copy.len};
}

static void fault_result(struct vm_result *r, enum model_outcome outcome, const struct wr_fault *f)
{
    r->outcome = outcome;
    r->limit = f->code == WR_ERR_LIMIT;
    r->line = f->line;
    r->column = f->column;
    r->offset = f->offset;
    memcpy(r->message, f->text, sizeof r->message);
}

static void fill_message(const struct model_message *from, struct wr_sql_message *to)
{
    struct wr_user_property *properties =
        wr_arena_alloc(&arena, (from->property_count + 1) * sizeof *properties);
    for (size_t i = 0; properties && i < from->property_count; i++) {
        properties[i] = (struct wr_user_property){str_of(from->properties[i].key),
                                                  str_of(from->properties[i].value)};
    }
    *to = (struct wr_sql_message){
        .topic = str_of(from->topic),
        .payload = str_of(from->payload),
        .timestamp_ms = from->timestamp_ms,
        .basic_ingest = from->basic_ingest,
        .over_mqtt = !from->not_over_mqtt,
        .client_id = str_of(from->client_id),
        .principal = str_of(from->principal),
        .source_ip = str_of(from->source_ip),
        .trace_id = str_of(from->trace_id),
        .content_type = str_of(from->content_type),
        .response_topic = str_of(from->response_topic),
        .correlation_data = str_of(from->correlation_data),
        .format_indicator = (int8_t)from->format_indicator,
        .user_properties = properties,
        .user_property_count = from->property_count,
    };
}

// A program, or NULL with the statement's result. Templates that are invalid are answered here.
static struct wr_program *compile(const struct gen_rule *rule, struct vm_rule *result,
                                  uint32_t ids[GEN_TEMPLATES])
{
    struct wr_program *p = NULL;
    struct wr_fault fault = {0};
    struct wr_program_options options = {.sql_version = str_of(rule->version)};
    if (wr_program_new(str_of(rule->sql), &options, &p, &fault)) {
        fault_result(&result->statement, MODEL_INVALID, &fault);
        return NULL;
    }
    for (size_t i = 0; i < rule->template_count; i++) {
        result->templates[i].outcome = MODEL_OUTPUT;
        if (wr_program_add_template(p, str_of(rule->templates[i]), &ids[i], &fault)) {
            fault_result(&result->templates[i], MODEL_INVALID, &fault);
        }
    }
    if (wr_program_seal(p, &fault)) {
        fault_result(&result->statement, MODEL_ERROR, &fault);
        wr_program_free(p);
        return NULL;
    }
    return p;
}

static void run_statement(struct wr_eval *e, struct vm_result *r)
{
    wr_str bytes, filter = wr_program_filter(e->program);
    bool json, fits = e->message->basic_ingest ||
                      (filter.len && wr_topic_matches(filter, e->message->topic));
    // Run also when the topic does not fit: templates need the variables.
    enum wr_eval_state state = wr_eval_run(e);
    if (state == WR_EVAL_MATCHED && wr_eval_output(e, &bytes, &json) == WR_OK) {
        r->outcome = MODEL_OUTPUT;
        r->bytes = text_of(bytes);
    } else if (state == WR_EVAL_NO_MATCH) {
        r->outcome = MODEL_NOMATCH;
    } else {
        fault_result(r, MODEL_ERROR, &e->fault);
        r->limit = r->limit || state == WR_EVAL_MATCHED;
    }
    if (!fits) {
        *r = (struct vm_result){.outcome = MODEL_NOMATCH};
    }
}

static void run_template(struct wr_eval *e, uint32_t id, struct vm_result *r)
{
    wr_str text;
    wr_eval_template(e, id);
    enum wr_eval_state state = wr_eval_run(e);
    if (state == WR_EVAL_MATCHED && wr_eval_text(e, &text, NULL) == WR_OK) {
        r->outcome = MODEL_OUTPUT;
        r->bytes = text_of(text);
    } else {
        fault_result(r, MODEL_ERROR, &e->fault);
        r->limit = r->limit || state == WR_EVAL_MATCHED;
    }
}

void vm_run(const struct gen_case *c, struct vm_rule results[GEN_RULES])
{
    struct wr_program *programs[GEN_RULES];
    size_t rule_of[GEN_RULES], count = 0;
    uint32_t ids[GEN_RULES][GEN_TEMPLATES];
    if (!arena_there) {
        wr_arena_init(&arena, ARENA_MAX);
        arena_there = true;
    }
    wr_arena_reset(&arena);
    memset(results, 0, GEN_RULES * sizeof *results);
    for (size_t i = 0; i < c->rule_count; i++) {
        programs[count] = compile(&c->rules[i], &results[i], ids[i]);
        rule_of[count] = i;
        count += programs[count] != NULL;
    }
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)programs, count);
    struct wr_sql_message message;
    struct wr_sql_host host = {.account_id = str_of(c->message.account_id)};
    struct wr_eval eval = {0};
    fill_message(&c->message, &message);
    // Twice: the second time the payload fits the shape that the first has taught.
    wr_err read = wr_sql_message_read(&message, plan, &arena);
    if (!read && (c->message.payload.len % 2)) {
        read = wr_sql_message_read(&message, plan, &arena);
    }
    for (size_t n = 0; n < count; n++) {
        const struct gen_rule *rule = &c->rules[rule_of[n]];
        struct vm_rule *result = &results[rule_of[n]];
        if (read) {
            result->statement = (struct vm_result){.outcome = MODEL_ERROR, .limit = true};
            continue;
        }
        wr_eval_start(&eval, &message, n, &host);
        run_statement(&eval, &result->statement);
        for (size_t i = 0; i < rule->template_count; i++) {
            if (result->templates[i].outcome != MODEL_INVALID) {
                run_template(&eval, ids[rule_of[n]][i], &result->templates[i]);
            }
        }
    }
    wr_plan_free(plan);
    for (size_t n = 0; n < count; n++) {
        wr_program_free(programs[n]);
    }
}

void vm_clear(void)
{
    if (arena_there) {
        wr_arena_release(&arena);
        arena_there = false;
    }
}
