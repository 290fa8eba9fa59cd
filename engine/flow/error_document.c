// The document that an error action gets instead of the result (actions.md 5, 6.1 and 6.2).
#include "engine/flow/error_document.h"

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

static void add_param(struct wr_buf *b, const struct wr_failure *f, const char *option,
                      const char *label, bool quoted, bool none)
{
    int index = wr_option_find(f->action->impl->options, wr_str_of(option));
    const struct wr_param *params = f->params ? f->params : f->action->params;
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

static void add_tail(struct wr_buf *b, wr_str topic, const struct wr_failure *f)
{
    const struct wr_sink_impl *impl = f->action->impl;
    size_t i = 0;
    while (i < WR_COUNT(tails) && strcmp(tails[i].kind, impl->name) != 0) {
        i++;
    }
    bool known = i < WR_COUNT(tails);
    if (topic.at) { // of a batch of several topics there is not one
        wr_buf_add(b, WR_STR(" Message arrived on: "));
        wr_buf_add(b, topic);
        wr_buf_add_char(b, ',');
    }
    wr_buf_add(b, WR_STR(" Action: "));
    wr_buf_add(b, wr_str_of(known ? tails[i].word : impl->name));
    for (size_t k = 0; known && tails[i].fields[k].option; k++) {
        add_param(b, f, tails[i].fields[k].option, tails[i].fields[k].label,
                  tails[i].fields[k].quoted, tails[i].none);
    }
    if (!known && impl->resource_option >= 0 && impl->options) {
        const char *name = impl->options[impl->resource_option].name;
        add_param(b, f, name, name, false, false);
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

// The members of one of "failures", and its end.
static void add_failure(struct wr_buf *doc, wr_str topic, const struct wr_failure *f,
                        struct wr_arena *arena)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, arena);
    wr_buf_add(&text, f->message);
    if (!wr_str_ends(f->message, WR_STR("."))) {
        wr_buf_add_char(&text, '.');
    }
    add_tail(&text, topic, f);
    wr_buf_add(doc, WR_STR("\"failedAction\":"));
    wr_json_write_string(doc, wr_str_of(f->action->impl->failed_action));
    wr_buf_add(doc, WR_STR(",\"failedResource\":"));
    add_string(doc, f->resource, arena);
    wr_buf_add(doc, WR_STR(",\"errorMessage\":"));
    add_string(doc, text.over ? f->message : wr_buf_str(&text), arena);
    wr_buf_add_char(doc, '}');
}

static void add_member(struct wr_buf *doc, const char *name, wr_str value, struct wr_arena *arena)
{
    wr_buf_add(doc, WR_STR(",\""));
    wr_buf_add(doc, wr_str_of(name));
    wr_buf_add(doc, WR_STR("\":"));
    add_string(doc, value, arena);
}

// Who sent what, and its trace; each after a comma.
static void add_message(struct wr_buf *doc, const struct wr_sql_message *m, struct wr_arena *arena)
{
    add_member(doc, "cloudwatchTraceId", wr_sql_trace_id(m), arena);
    add_member(doc, "clientId", m->client_id.at ? m->client_id : WR_STR("N/A"), arena);
    if (m->source_ip.at) {
        add_member(doc, "sourceIp", m->source_ip, arena);
    }
    wr_buf_add(doc, WR_STR(",\"base64OriginalPayload\":\""));
    wr_buf_add_base64(doc, m->payload);
    wr_buf_add_char(doc, '"');
}

enum wr_batching wr_error_document_batching(const struct wr_failure *failures, size_t count)
{
    enum wr_batching found = WR_BATCHING_NONE;
    for (size_t i = 0; i < count; i++) {
        const struct wr_rule_action *action = failures[i].action;
        const struct wr_param *params = failures[i].params ? failures[i].params : action->params;
        enum wr_batching one =
            action->impl->batching && params ? action->impl->batching(params) : WR_BATCHING_NONE;
        found = one > found ? one : found;
    }
    return found;
}

// ---- of a batch

static bool is_same(const struct wr_failure *a, const struct wr_failure *b)
{
    return a->batch != 0 && a->batch == b->batch && a->action == b->action;
}

static const struct wr_failure *find_same(const struct wr_failed_message *message,
                                          const struct wr_failure *f)
{
    for (size_t i = 0; i < message->count; i++) {
        if (&message->failures[i] == f || is_same(&message->failures[i], f)) {
            return &message->failures[i];
        }
    }
    return NULL;
}

// Failure `f` of message `at` with the ids of all that it is one for; nothing when one before it
// has told of it.
static void add_shared(struct wr_buf *doc, const struct wr_failed_message *messages, size_t count,
                       size_t at, const struct wr_failure *f, bool *any, struct wr_arena *arena)
{
    const struct wr_sql_message *first = messages[at].message;
    wr_str topic = first->topic;
    for (size_t i = 0; i < at; i++) {
        if (find_same(&messages[i], f)) {
            return;
        }
    }
    wr_buf_add(doc, *any ? WR_STR(",{\"affectedIds\":[") : WR_STR("{\"affectedIds\":["));
    *any = true;
    for (size_t i = at; i < count; i++) {
        if (find_same(&messages[i], f)) {
            wr_buf_addf(doc, i == at ? "%zu" : ",%zu", i + 1);
            topic = wr_str_eq(topic, messages[i].message->topic) ? topic : (wr_str){0};
        }
    }
    wr_buf_add(doc, WR_STR("],"));
    add_failure(doc, topic, f, arena);
}

void wr_error_document_write_batch(struct wr_buf *doc, const struct wr_failed_message *messages,
                                   size_t count, wr_str rule_name, struct wr_arena *arena)
{
    bool topics = false, any = false;
    for (size_t i = 0; i < count; i++) {
        topics = topics || wr_error_document_batching(messages[i].failures, messages[i].count) ==
                               WR_BATCHING_TOPICS;
    }
    wr_buf_add(doc, WR_STR("{\"ruleName\":"));
    wr_json_write_string(doc, rule_name);
    if (!topics) {
        add_member(doc, "topic", messages[0].message->topic, arena);
    }
    wr_buf_add(doc, WR_STR(",\"payloadsWithMetadata\":["));
    for (size_t i = 0; i < count; i++) {
        wr_buf_addf(doc, i ? ",{\"id\":%zu" : "{\"id\":%zu", i + 1);
        if (topics) {
            add_member(doc, "topic", messages[i].message->topic, arena);
        }
        add_message(doc, messages[i].message, arena);
        wr_buf_add_char(doc, '}');
    }
    wr_buf_add(doc, WR_STR("],\"failures\":["));
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < messages[i].count; k++) {
            add_shared(doc, messages, count, i, &messages[i].failures[k], &any, arena);
        }
    }
    wr_buf_add(doc, WR_STR("]}"));
}

// ---- of a message

void wr_error_document_write(struct wr_buf *doc, const struct wr_sql_message *m, wr_str rule_name,
                             const struct wr_failure *failures, size_t count,
                             struct wr_arena *arena)
{
    if (wr_error_document_batching(failures, count) != WR_BATCHING_NONE) {
        const struct wr_failed_message one = {m, failures, count};
        wr_error_document_write_batch(doc, &one, 1, rule_name, arena);
        return;
    }
    wr_buf_add(doc, WR_STR("{\"ruleName\":"));
    wr_json_write_string(doc, rule_name);
    add_member(doc, "topic", m->topic, arena);
    add_message(doc, m, arena);
    wr_buf_add(doc, WR_STR(",\"failures\":["));
    for (size_t i = 0; i < count; i++) {
        wr_buf_add(doc, i ? WR_STR(",{") : WR_STR("{"));
        add_failure(doc, m->topic, &failures[i], arena);
    }
    wr_buf_add(doc, WR_STR("]}"));
}
