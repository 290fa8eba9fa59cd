// The error action (actions.md 6): one record for each message and rule of which an action failed.
#include "engine/flow/durable.h"
#include "engine/flow/error_document.h"

#include "engine/observe/log.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

// The failed actions of a run. NULL: no memory.
static struct wr_failure *failures_of(const struct wr_run *r, struct wr_arena *arena, size_t *count)
{
    struct wr_failure *failures =
        wr_arena_alloc(arena, (r->rule->action_count + 1) * sizeof *failures);
    *count = 0;
    for (size_t i = 0; failures && i < r->rule->action_count; i++) {
        const struct wr_engine_record *er = &r->records[i];
        if (er->failed) {
            failures[(*count)++] = (struct wr_failure){er->action, er->rec.params, er->resource,
                                                       er->message, er->batch};
        }
    }
    return failures;
}

// Of the run, and of those that it leads. doc->over when it does not fit.
static void write_document(struct wr_run *r, struct wr_buf *doc)
{
    struct wr_arena *arena = &r->message->arena;
    size_t count = 0;
    for (const struct wr_run *one = r; one; one = one->together_next) {
        count++;
    }
    struct wr_failed_message *messages = wr_arena_alloc(arena, count * sizeof *messages);
    const struct wr_run *one = r;
    bool room = messages != NULL;
    for (size_t i = 0; room && i < count; i++, one = one->together_next) {
        messages[i].message = &one->message->sql;
        messages[i].failures = failures_of(one, arena, &messages[i].count);
        room = messages[i].failures != NULL;
    }
    if (!room) {
        doc->over = true;
    } else if (count > 1) {
        wr_error_document_write_batch(doc, messages, count, r->rule->plain, arena);
    } else {
        wr_error_document_write(doc, messages[0].message, r->rule->plain, messages[0].failures,
                                messages[0].count, arena);
    }
}

static void give_up(struct wr_run *r)
{
    static struct wr_log_limit limit;
    wr_together_split(r);
    r->rule->error_action->counters->error_failure++;
    wr_log_limited(&limit, WR_LOG_ERROR, "flow",
                   "rule %.*s: the error document does not fit into message_memory, topic %.*s",
                   WR_STR_ARG(r->rule->name), WR_STR_ARG(r->message->sql.topic));
    r->document_failed = true;
    wr_run_bury(r);
}

bool wr_run_statement_again(struct wr_run *r)
{
    struct wr_message *m = r->message;
    if (!r->expanding) {
        r->expanding = true;
        if (wr_sql_message_read(&m->sql, r->group->plan, &m->arena)) {
            return true; // then the templates have no room either, and say so
        }
        wr_eval_start(&r->eval, &m->sql, 0, r->rule->host ? r->rule->host : &r->flow->sql);
    }
    return wr_eval_run(&r->eval) != WR_EVAL_SUSPENDED;
}

void wr_error_action_begin(struct wr_run *r)
{
    struct wr_arena *arena = &r->message->arena;
    r->rule->error_action->counters->error_records++;
    struct wr_engine_record *er = wr_arena_alloc(arena, sizeof *er);
    wr_value *value = wr_arena_alloc(arena, sizeof *value);
    struct wr_buf doc;
    struct wr_arena_mark mark = wr_arena_mark(arena);
    wr_buf_init_arena(&doc, arena);
    if (!er || !value) {
        give_up(r);
        return;
    }
    wr_engine_record_init(er, r, r->rule->error_action);
    write_document(r, &doc);
    if (doc.over || wr_json_parse(wr_buf_str(&doc), arena, er->rec.dialect, value, NULL)) {
        if (r->together_next) { // too much for one: a document each
            wr_arena_rewind(arena, mark);
            r->rule->error_action->counters->error_records--;
            wr_together_split(r);
            wr_error_action_begin(r);
        } else {
            give_up(r);
        }
        return;
    }
    er->rec.body = wr_buf_str(&doc);
    er->rec.body_json = true;
    er->rec.result = value;
    er->rec.is_error_action = true;
    r->error_record = er;
    bool statement = r->restored && r->rule->error_action_dynamic;
    r->stage = statement ? WR_RUN_ERROR_STATEMENT : WR_RUN_ERROR_TEMPLATES;
    r->template_at = 0;
    r->expanding = false;
    wr_error_action_advance(r);
}

void wr_error_action_advance(struct wr_run *r)
{
    if (r->stage == WR_RUN_ERROR_STATEMENT) {
        if (!wr_run_statement_again(r)) {
            r->flow->options.metrics->suspended++;
            return;
        }
        r->stage = WR_RUN_ERROR_TEMPLATES;
        r->expanding = false;
    }
    if (!wr_expand(r, r->error_record)) {
        r->flow->options.metrics->suspended++;
        return;
    }
    r->stage = WR_RUN_ERROR_SUBMITTED;
    wr_engine_record_start(r->error_record);
}
