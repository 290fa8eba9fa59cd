// Traps of actions that keep what they are given: objects, items, rows, documents, metrics.
#include "engine/cli/check/action.h"

#include "sql/template.h"

#include "sql/base/banned.h"

#define WR_READS_FRESH (WR_READS_TIME | WR_READS_UNIQUE | WR_READS_LOOKUP)

// ---- s3

// An attribute whose name says that it differs from message to message.
static void fresh_name(void *user, wr_str root, size_t at)
{
    static const char *const words[] = {"time", "ts",    "date",  "seq",   "uuid",
                                        "msg",  "nonce", "count", "event", "trace"};
    bool *fresh = user;
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        size_t len = strlen(words[i]);
        for (size_t k = 0; k + len <= root.len; k++) {
            if (wr_str_eq_nocase(wr_str_cut(root, k, k + len), wr_str_of(words[i]))) {
                *fresh = true;
            }
        }
    }
    *fresh = *fresh || wr_str_eq_nocase(root, WR_STR("id"));
}

void wr_check_s3(const struct wr_check_action *a)
{
    const struct wr_param *key = wr_action_param(a, "key", NULL);
    if (!key) {
        return;
    }
    unsigned reads = wr_action_reads(a, "key");
    bool fresh = reads & WR_READS_FRESH;
    (void)wr_outline_template(a->r->program, key->text, fresh_name, &fresh);
    if (reads == 0) {
        wr_action_find(a, WR_CODE_S3_OVERWRITES, "key", "the key is the same for every message");
    } else if (!fresh) {
        wr_action_find(a, WR_CODE_S3_NOT_UNIQUE, "key",
                       "no part of the key is new for every message");
    }
    struct wr_template_part part;
    struct wr_fault fault = {0};
    bool slash = wr_str_starts(key->text, WR_STR("/"));
    for (size_t at = 0; !slash && wr_template_next(key->text, &at, &part, &fault);) {
        slash = !part.expression && wr_str_find(part.text, WR_STR("//")) >= 0;
    }
    if (slash) {
        wr_action_find(a, WR_CODE_KEY_SHAPE, "key", "the key has an empty part");
    }
}

// ---- dynamoDB

void wr_check_dynamodb(const struct wr_check_action *a)
{
    bool range = wr_action_param(a, "rangeKeyValue", NULL);
    unsigned reads =
        wr_action_reads(a, "hashKeyValue") | (range ? wr_action_reads(a, "rangeKeyValue") : 0);
    if (reads == 0 && wr_action_param(a, "hashKeyValue", NULL) &&
        !wr_action_is(a, "operation", "DELETE")) {
        wr_action_find(a, WR_CODE_DYNAMODB_CONSTANT_KEY, "hashKeyValue",
                       "the key is the same for every message");
    }
}

// The table's name, or what the reference to it is called.
static wr_str table_name(const struct wr_check_action *a)
{
    const struct wr_param *p = wr_action_param(a, "putItem.tableName", NULL);
    struct wr_buf path = {0};
    bool whole;
    wr_buf_addf(&path, "%s.putItem.tableName", a->a->path);
    const struct wr_tree *t = wr_tree_find(a->r->payload, wr_buf_terminated(&path), &whole);
    wr_buf_release(&path);
    if (whole && t->unknown) {
        return t->piece_count ? (wr_str){0} : wr_str_of(t->unknown);
    }
    return p ? p->text : (wr_str){0};
}

static void check_key(const struct wr_check_action *a, wr_str table, const char *key,
                      const char *what)
{
    if (key && !wr_action_result_has(a, wr_str_of(key))) {
        wr_action_find(a, WR_CODE_DYNAMODB_KEYS, "", "%s has no \"%s\", the %s key of table %.*s",
                       a->is_error ? "the error document" : "the result", key, what,
                       WR_STR_ARG(table));
    }
}

void wr_check_dynamodb_v2(const struct wr_check_action *a)
{
    wr_action_want_object(a, false);
    wr_str table = table_name(a);
    for (size_t i = 0; i < a->c->table_count && table.len; i++) {
        if (wr_str_eq(wr_str_of(a->c->tables[i].name), table)) {
            check_key(a, table, a->c->tables[i].hash, "partition");
            check_key(a, table, a->c->tables[i].range, "sort");
            return;
        }
    }
}

// ---- timestream, influxDB

void wr_check_timestream(const struct wr_check_action *a)
{
    wr_action_want_object(a, false);
    if (wr_action_is_now(a, "timestamp.value") && wr_action_param(a, "timestamp.unit", NULL) &&
        !wr_action_is(a, "timestamp.unit", "MILLISECONDS")) {
        wr_action_find(a, WR_CODE_TIME_UNIT, "timestamp.unit",
                       "timestamp() counts milliseconds, and the unit is another");
    }
    if (a->is_error || wr_program_dialect(a->r->program) == WR_SQL_2015) {
        return;
    }
    for (size_t i = 0; i < a->r->outline.item_count; i++) {
        struct wr_outline_item item;
        wr_outline_item(a->r->program, i, &item);
        if (item.computed && a->shape != WR_OUTLINE_SCALAR && a->shape != WR_OUTLINE_ARRAY) {
            char text[200];
            snprintf(text, sizeof text,
                     "%.*s%sBIGINT when its number is whole, DOUBLE when it is not",
                     WR_STR_ARG(item.name),
                     item.name.at ? " becomes " : "each number of the payload becomes ");
            wr_check_text(a->c, a->r, WR_CODE_TIMESTREAM_TYPE, "sql", item.begin, 0, 0, text);
            return; // once says it
        }
    }
}

void wr_check_influx(const struct wr_check_action *a)
{
    wr_action_want_object(a, true);
    if (!a->is_error && !wr_action_result_has(a, WR_STR("timestamp"))) {
        wr_action_find(a, WR_CODE_INFLUX_TIMESTAMP, "",
                       "the result has no \"timestamp\": every write fails");
    }
}

// ---- openSearch, elasticsearch

void wr_check_search(const struct wr_check_action *a)
{
    bool constant;
    wr_action_want_object(a, false);
    if (wr_action_param(a, "id", NULL) && wr_action_reads(a, "id") == 0) {
        wr_action_find(a, WR_CODE_DOCUMENT_OVERWRITES, "id",
                       "the id is the same for every message");
    }
    const struct wr_param *type = wr_action_param(a, "type", &constant);
    if (strcmp(a->a->impl->name, "openSearch") == 0 && type && constant &&
        !wr_str_eq(type->text, WR_STR("_doc"))) {
        wr_action_find(a, WR_CODE_SEARCH_TYPE, "type",
                       "\"%.*s\": OpenSearch later than 1.0 takes only _doc",
                       WR_STR_ARG(type->text));
    }
}

// ---- what has times of its own

void wr_check_metric(const struct wr_check_action *a)
{
    if (wr_action_is_now(a, "metricTimestamp")) {
        wr_action_find(a, WR_CODE_TIME_UNIT, "metricTimestamp",
                       "timestamp() counts milliseconds, and seconds are wanted");
    }
}

void wr_check_location(const struct wr_check_action *a)
{
    bool constant;
    const struct wr_param *unit = wr_action_param(a, "timestamp.unit", &constant);
    if (wr_action_is_now(a, "timestamp.value") && unit && constant &&
        !wr_str_eq(unit->text, WR_STR("MILLISECONDS"))) {
        wr_action_find(a, WR_CODE_TIME_UNIT, "timestamp.unit",
                       "timestamp() counts milliseconds, and the unit is another");
    }
}

void wr_check_site_wise(const struct wr_check_action *a)
{
    const struct wr_param *p = wr_action_param(a, "putAssetPropertyValueEntries", NULL);
    for (size_t i = 0; p && i < p->count; i++) {
        if (wr_str_ends(p->keys[i], WR_STR(".timestamp.timeInSeconds")) &&
            wr_text_is_now(p->values[i])) {
            char member[300];
            snprintf(member, sizeof member, "putAssetPropertyValueEntries%.*s",
                     WR_STR_ARG(p->keys[i]));
            wr_action_find(a, WR_CODE_TIME_UNIT, member,
                           "timestamp() counts milliseconds, and seconds are wanted");
        }
    }
}
