// The error action (actions.md 5 and 6): its document, and one record of it for each message and
// rule.
#include "engine/flow/run.h"

#include "engine/observe/log.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// "Action: <word>, <label>: <value>": the words of AWS's texts where they are known. An absent
// dynamoDB field is written None, as AWS does; others are left out.
static const struct {
    const char *kind, *word;
    bool none;
    struct {
        const char *option, *label;
        bool quoted;
    } fields[6];
} tails[] = {
    {"s3", "s3", false, {{"bucketName", "Bucket", false}, {"key", "Key", true}}},
    {"dynamoDB",
     "dynamo",
     true,
     {{"tableName", "Table", false},
      {"hashKeyField", "HashKeyField", false},
      {"hashKeyValue", "HashKeyValue", false},
      {"rangeKeyField", "RangeKeyField", false},
      {"rangeKeyValue", "RangeKeyValue", false}}},
    {"dynamoDBv2", "dynamoDBv2", false, {{"putItem.tableName", "Table", false}}},
    {"lambda", "lambda", false, {{"functionArn", "FunctionArn", false}}},
    {"republish", "republish", false, {{"topic", "Topic", false}}},
};

static void add_param(struct wr_buf *b, const struct wr_engine_record *er, const char *option,
                      const char *label, bool quoted, bool none)
{
    int index = wr_option_find(er->action->impl->options, wr_str_of(option));
    const struct wr_param *params = er->rec.params ? er->rec.params : er->action->params;
    bool set = index >= 0 && params[index].set;
    if (!set && !none) {
        return;
    }
    wr_buf_add(b, WR_STR(", "));
    wr_buf_add(b, wr_str_of(label));
    wr_buf_add(b, WR_STR(": "));
    if (quoted) {
        wr_buf_add_char(b, '"');
    }
    wr_buf_add(b, set ? params[index].text : WR_STR("None"));
    if (quoted) {
        wr_buf_add_char(b, '"');
    }
}

static void add_tail(struct wr_buf *b, const struct wr_engine_record *er)
{
    const struct wr_sink_impl *impl = er->action->impl;
    size_t i = 0;
    while (i < WR_COUNT(tails) && strcmp(tails[i].kind, impl->name) != 0) {
        i++;
    }
    bool known = i < WR_COUNT(tails);
    wr_buf_add(b, WR_STR(" Message arrived on: "));
    wr_buf_add(b, er->rec.topic);
    wr_buf_add(b, WR_STR(", Action: "));
    wr_buf_add(b, wr_str_of(known ? tails[i].word : impl->name));
    for (size_t k = 0; known && tails[i].fields[k].option; k++) {
        add_param(b, er, tails[i].fields[k].option, tails[i].fields[k].label,
                  tails[i].fields[k].quoted, tails[i].none);
    }
    if (!known && impl->resource_option >= 0 && impl->options) {
        const char *name = impl->options[impl->resource_option].name;
        add_param(b, er, name, name, false, false);
    }
}

// Texts of services are not always UTF-8, the document is.
static void add_string(struct wr_buf *doc, wr_str s, struct wr_arena *arena)
{
    if (!wr_utf8_valid(s)) {
        char *copy = wr_arena_alloc(arena, s.len);
        for (size_t i = 0; copy && i < s.len; i++) {
            copy[i] = (unsigned char)s.at[i] < 0x80 ? s.at[i] : '?';
        }
        s = copy ? (wr_str){copy, s.len} : (wr_str){0};
    }
    wr_json_write_string(doc, s);
}

static void add_failure(struct wr_buf *doc, const struct wr_engine_record *er)
{
    struct wr_arena *arena = &er->run->message->arena;
    struct wr_buf text;
    wr_buf_init_arena(&text, arena);
    wr_buf_add(&text, er->message);
    if (!wr_str_ends(er->message, WR_STR("."))) {
        wr_buf_add_char(&text, '.');
    }
    add_tail(&text, er);
    wr_buf_add(doc, WR_STR("{\"failedAction\":"));
    wr_json_write_string(doc, wr_str_of(er->action->impl->failed_action));
    wr_buf_add(doc, WR_STR(",\"failedResource\":"));
    add_string(doc, er->resource, arena);
    wr_buf_add(doc, WR_STR(",\"errorMessage\":"));
    add_string(doc, text.over ? er->message : wr_buf_str(&text), arena);
    wr_buf_add_char(doc, '}');
}

static void add_member(struct wr_buf *doc, const char *name, wr_str value, struct wr_arena *arena)
{
    wr_buf_add(doc, WR_STR(",\""));
    wr_buf_add(doc, wr_str_of(name));
    wr_buf_add(doc, WR_STR("\":"));
    add_string(doc, value, arena);
}

// actions.md 6.1
static void write_document(struct wr_run *r, struct wr_buf *doc)
{
    const struct wr_sql_message *m = &r->message->sql;
    struct wr_arena *arena = &r->message->arena;
    wr_buf_add(doc, WR_STR("{\"ruleName\":"));
    wr_json_write_string(doc, r->rule->name);
    add_member(doc, "topic", m->topic, arena);
    add_member(doc, "cloudwatchTraceId", m->trace_id, arena);
    add_member(doc, "clientId", m->client_id.at ? m->client_id : WR_STR("N/A"), arena);
    if (m->source_ip.at) {
        add_member(doc, "sourceIp", m->source_ip, arena);
    }
    wr_buf_add(doc, WR_STR(",\"base64OriginalPayload\":\""));
    wr_buf_add_base64(doc, m->payload);
    wr_buf_add(doc, WR_STR("\",\"failures\":["));
    bool first = true;
    for (size_t i = 0; i < r->rule->action_count; i++) {
        if (!r->records[i].failed) {
            continue;
        }
        if (!first) {
            wr_buf_add_char(doc, ',');
        }
        first = false;
        add_failure(doc, &r->records[i]);
    }
    wr_buf_add(doc, WR_STR("]}"));
}

static void give_up(struct wr_run *r)
{
    static struct wr_log_limit limit;
    r->rule->error_action->counters->error_failure++;
    wr_log_limited(&limit, WR_LOG_ERROR, "flow",
                   "rule %.*s: the error document does not fit into message_memory, topic %.*s",
                   WR_STR_ARG(r->rule->name), WR_STR_ARG(r->message->sql.topic));
    wr_run_end(r);
}

void wr_error_action_begin(struct wr_run *r)
{
    struct wr_arena *arena = &r->message->arena;
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
    r->stage = WR_RUN_ERROR_TEMPLATES;
    r->template_at = 0;
    r->expanding = false;
    wr_error_action_advance(r);
}

void wr_error_action_advance(struct wr_run *r)
{
    if (!wr_expand(r, r->error_record)) {
        r->flow->options.metrics->suspended++;
        return;
    }
    r->stage = WR_RUN_ERROR_SUBMITTED;
    wr_engine_record_start(r->error_record);
}
