// The error action (actions.md 6): one record for each message and rule of which an action failed.
#include "engine/flow/durable.h"
#include "engine/flow/error_document.h"

#include "engine/observe/log.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void write_document(struct wr_run *r, struct wr_buf *doc)
{
    struct wr_failure failures[WR_RULE_ACTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < r->rule->action_count; i++) {
        const struct wr_engine_record *er = &r->records[i];
        if (er->failed) {
            failures[count++] =
                (struct wr_failure){er->action, er->rec.params, er->resource, er->message};
        }
    }
    wr_error_document_write(doc, &r->message->sql, r->rule->name, failures, count,
                            &r->message->arena);
}

static void give_up(struct wr_run *r)
{
    static struct wr_log_limit limit;
    r->rule->error_action->counters->error_failure++;
    wr_log_limited(&limit, WR_LOG_ERROR, "flow",
                   "rule %.*s: the error document does not fit into message_memory, topic %.*s",
                   WR_STR_ARG(r->rule->name), WR_STR_ARG(r->message->sql.topic));
    r->document_failed = true;
    wr_run_bury(r);
}

// A restored run has not been evaluated here. Its statement is, since the error action's templates
// may read its variables; whatever it comes to, the result is the one that was kept.
static bool statement_is_run(struct wr_run *r)
{
    struct wr_message *m = r->message;
    if (!r->expanding) {
        r->expanding = true;
        if (wr_sql_message_read(&m->sql, r->group->plan, &m->arena)) {
            return true; // then the templates have no room either, and say so
        }
        wr_eval_start(&r->eval, &m->sql, 0, &r->flow->sql);
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
    wr_buf_init_arena(&doc, arena);
    if (!er || !value) {
        give_up(r);
        return;
    }
    wr_engine_record_init(er, r, r->rule->error_action);
    write_document(r, &doc);
    if (doc.over || wr_json_parse(wr_buf_str(&doc), arena, er->rec.dialect, value, NULL)) {
        give_up(r);
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
        if (!statement_is_run(r)) {
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
