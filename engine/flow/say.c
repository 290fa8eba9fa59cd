// Lines about messages. All of them are outside of the message path: failures, or asked for.
#include "engine/flow/say.h"

#include "engine/observe/log.h"

#include "sql/base/banned.h"

// The members of every event that is about a message.
#define OF_MESSAGE(m)                                                                      \
    WR_LOG_TEXT("topicName", (m)->sql.topic), WR_LOG_TEXT("clientId", (m)->sql.client_id), \
        WR_LOG_TEXT("traceId", wr_sql_trace_id(&(m)->sql))
#define EVENT(name)   WR_LOG_TEXT("eventType", WR_STR(name))
#define STATUS(name)  WR_LOG_TEXT("status", WR_STR(name))
#define RULE(r)       WR_LOG_TEXT("ruleName", (r)->rule->name)
#define DETAILS(text) WR_LOG_TEXT("details", text)

static wr_str action_name(const struct wr_engine_record *er)
{
    const struct wr_sink_impl *impl = er->action->impl;
    return wr_str_of(impl->failed_action ? impl->failed_action : impl->name);
}

void wr_say_action_failed(const struct wr_engine_record *er)
{
    static struct wr_log_limit limits[2]; // the line of an action does not hide its error action's
    const struct wr_run *r = er->run;
    bool last = er->rec.is_error_action;
    wr_log_event_limited(&limits[last], WR_LOG_ERROR, "flow",
                         WR_LOG_FIELDS(EVENT("RuleExecution"), STATUS("Failure"), RULE(r),
                                       OF_MESSAGE(r->message),
                                       WR_LOG_TEXT("ruleAction", action_name(er)),
                                       WR_LOG_TEXT("resource", er->resource), DETAILS(er->message),
                                       WR_LOG_PAYLOAD(r->message->sql.payload)),
                         "rule %.*s: %s %s failed on topic %.*s: %.*s", WR_STR_ARG(r->rule->name),
                         last ? "error action" : "action", er->action->impl->name,
                         WR_STR_ARG(er->rec.topic), WR_STR_ARG(er->message));
}

void wr_say_evaluation_failed(const struct wr_run *r, const char *why)
{
    static struct wr_log_limit limit;
    wr_log_event_limited(&limit, WR_LOG_WARN, "flow",
                         WR_LOG_FIELDS(EVENT("RuleExecution"), STATUS("Failure"), RULE(r),
                                       OF_MESSAGE(r->message), DETAILS(wr_str_of(why)),
                                       WR_LOG_PAYLOAD(r->message->sql.payload)),
                         "rule %.*s: evaluation failed on topic %.*s: %s",
                         WR_STR_ARG(r->rule->name), WR_STR_ARG(r->message->sql.topic), why);
}

void wr_say_buried(const struct wr_run *r, const char *reason, const char *id)
{
    static struct wr_log_limit limit;
    wr_log_event_limited(&limit, WR_LOG_ERROR, "flow",
                         WR_LOG_FIELDS(EVENT("DeadLetter"), RULE(r), OF_MESSAGE(r->message),
                                       WR_LOG_TEXT("reason", wr_str_of(reason)),
                                       WR_LOG_TEXT("deliveryId", wr_str_of(id)),
                                       WR_LOG_PAYLOAD(r->message->sql.payload)),
                         "rule %.*s: to the dead letters (%s), topic %.*s, id %s",
                         WR_STR_ARG(r->rule->name), reason, WR_STR_ARG(r->message->sql.topic), id);
}

void wr_say_rule_not_found(const struct wr_message *m, wr_str rule)
{
    static struct wr_log_limit limit;
    wr_log_event_limited(&limit, WR_LOG_WARN, "flow",
                         WR_LOG_FIELDS(EVENT("RuleNotFound"), STATUS("Failure"),
                                       WR_LOG_TEXT("ruleName", rule), OF_MESSAGE(m),
                                       WR_LOG_PAYLOAD(m->sql.payload)),
                         "RuleNotFound: %.*s (Basic Ingest)", WR_STR_ARG(rule));
}

void wr_say_matched(const struct wr_run *r)
{
    static struct wr_log_limit limit;
    wr_log_event_limited(&limit, WR_LOG_DEBUG, "flow",
                         WR_LOG_FIELDS(EVENT("RuleMatch"), STATUS("Success"), RULE(r),
                                       OF_MESSAGE(r->message),
                                       WR_LOG_PAYLOAD(r->message->sql.payload)),
                         "rule %.*s: matched on topic %.*s", WR_STR_ARG(r->rule->name),
                         WR_STR_ARG(r->message->sql.topic));
}

void wr_say_delivered(const struct wr_engine_record *er)
{
    static struct wr_log_limit limit;
    const struct wr_run *r = er->run;
    wr_log_event_limited(&limit, WR_LOG_DEBUG, "flow",
                         WR_LOG_FIELDS(EVENT("RuleExecution"), STATUS("Success"), RULE(r),
                                       OF_MESSAGE(r->message),
                                       WR_LOG_TEXT("ruleAction", action_name(er)),
                                       WR_LOG_PAYLOAD(r->message->sql.payload)),
                         "rule %.*s: %s %s delivered, topic %.*s", WR_STR_ARG(r->rule->name),
                         er->rec.is_error_action ? "error action" : "action",
                         er->action->impl->name, WR_STR_ARG(er->rec.topic));
}
