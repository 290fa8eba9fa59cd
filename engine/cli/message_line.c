// Messages written as JSON objects, one a line.
#include "engine/cli/message_line.h"

#include "sql/base/json.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

wr_err wr_line_read(wr_str text, struct wr_arena *arena, struct wr_line *out,
                    struct wr_fault *fault)
{
    wr_value v;
    wr_err err = wr_json_parse(text, arena, WR_SQL_2016, &v, fault);
    if (err) {
        return err;
    }
    if (v.type != WR_OBJECT) {
        return wr_fault_at(fault, WR_ERR_TYPE, text, 0, "expected a JSON object on every line");
    }
    *out = (struct wr_line){text, v};
    return WR_OK;
}

wr_value wr_line_member(const wr_value *object, const char *name, struct wr_arena *arena)
{
    const wr_value *found =
        object->type == WR_OBJECT ? wr_object_get(object, wr_str_of(name)) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
}

wr_str wr_line_text(const wr_value *object, const char *name, struct wr_arena *arena)
{
    wr_value v = wr_line_member(object, name, arena);
    if (v.type != WR_STRING) {
        return (wr_str){NULL, 0};
    }
    return v.len ? wr_value_text(&v) : (wr_str){"", 0};
}

wr_str wr_line_minified(wr_str json, struct wr_arena *arena)
{
    char *to = wr_arena_alloc(arena, json.len + 1);
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; to && i < json.len; i++) {
        char c = json.at[i];
        if (quoted && c == '\\') {
            to[n++] = c;
            c = json.at[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
            continue;
        }
        to[n++] = c;
    }
    return (wr_str){to, to ? n : 0};
}

wr_str wr_line_spelt(const struct wr_line *line, const char *name, struct wr_arena *arena)
{
    wr_str key = wr_str_of(name);
    struct wr_path path = {&key, 1};
    uint32_t slot;
    wr_value v = wr_undefined();
    struct wr_paths *paths = wr_paths_new(&path, 1, &slot);
    wr_json_read(paths, line->text, &v, NULL);
    wr_paths_free(paths);
    switch ((enum wr_type)v.type) {
    case WR_NULL:
        return WR_STR("null");
    case WR_BOOLEAN:
        return v.as.truth ? WR_STR("true") : WR_STR("false");
    case WR_STRING:
        return (wr_str){v.as.text - 1, v.len + 2u}; // the quotes stand around it
    case WR_NUMBER:
    case WR_ARRAY:
    case WR_OBJECT:
        return wr_line_minified((wr_str){v.as.text, v.len}, arena);
    case WR_UNDEFINED:
    case WR_RAW:
        break;
    }
    return (wr_str){NULL, 0};
}

static wr_err payload(const struct wr_line *line, struct wr_arena *arena, wr_str *out,
                      struct wr_fault *fault)
{
    wr_str text = wr_line_text(&line->object, "payloadText", arena);
    wr_str base64 = wr_line_text(&line->object, "payloadBase64", arena);
    if (text.at) {
        *out = text;
        return WR_OK;
    }
    if (base64.at) {
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        if (!wr_buf_add_unbase64(&b, base64) || b.over) {
            return wr_fault_set(fault, WR_ERR_SYNTAX, "payloadBase64 is not base64");
        }
        *out = b.at ? wr_buf_str(&b) : (wr_str){"", 0};
        return WR_OK;
    }
    wr_str json = wr_line_spelt(line, "payload", arena);
    if (!json.at) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "expected one of payload, payloadText, payloadBase64");
    }
    *out = json;
    return WR_OK;
}

static bool flag(const wr_value *object, const char *name, bool fallback, struct wr_arena *arena)
{
    wr_value v = wr_line_member(object, name, arena);
    return v.type == WR_BOOLEAN ? v.as.truth : fallback;
}

static int64_t number(const wr_value *object, const char *name, int64_t fallback,
                      struct wr_arena *arena)
{
    wr_value v = wr_line_member(object, name, arena);
    int64_t n;
    return v.type == WR_NUMBER && wr_num_to_i64(&v, &n) ? n : fallback;
}

static wr_err properties(const wr_value *context, struct wr_arena *arena, struct wr_sql_message *m,
                         struct wr_fault *fault)
{
    wr_value list = wr_line_member(context, "userProperties", arena);
    if (list.type == WR_ARRAY && list.len) {
        struct wr_user_property *all = wr_arena_alloc(arena, list.len * sizeof *all);
        for (uint32_t i = 0; all && i < list.len; i++) {
            wr_value pair = list.as.items[i];
            wr_value_force(&pair, arena, WR_SQL_2016);
            wr_value key = wr_undefined(), value = wr_undefined();
            if (pair.type == WR_ARRAY && pair.len == 2) {
                key = pair.as.items[0];
                value = pair.as.items[1];
                wr_value_force(&key, arena, WR_SQL_2016);
                wr_value_force(&value, arena, WR_SQL_2016);
            }
            if (key.type != WR_STRING || value.type != WR_STRING) {
                return wr_fault_set(
                    fault, WR_ERR_TYPE,
                    "userProperties: expected a list of [key, value], both strings");
            }
            all[i] = (struct wr_user_property){wr_value_text(&key), wr_value_text(&value)};
        }
        m->user_properties = all;
        m->user_property_count = all ? list.len : 0;
    }
    wr_value mqtt = wr_line_member(context, "mqttProperties", arena);
    m->content_type = wr_line_text(&mqtt, "contentType", arena);
    m->response_topic = wr_line_text(&mqtt, "responseTopic", arena);
    wr_str correlation = wr_line_text(&mqtt, "correlationData", arena);
    if (correlation.at) {
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        if (!wr_buf_add_unbase64(&b, correlation)) {
            return wr_fault_set(fault, WR_ERR_SYNTAX, "correlationData is not base64");
        }
        m->correlation_data = b.at ? wr_buf_str(&b) : (wr_str){"", 0};
    }
    wr_str format = wr_line_text(&mqtt, "payloadFormatIndicator", arena);
    m->format_indicator = (int8_t)(!format.at ? -1 : wr_str_eq(format, WR_STR("UTF8_DATA")));
    return WR_OK;
}

wr_err wr_line_context(const wr_value *context, struct wr_arena *arena, struct wr_sql_message *m,
                       struct wr_fault *fault)
{
    m->over_mqtt = flag(context, "mqtt", true, arena);
    m->basic_ingest = flag(context, "basicIngest", false, arena);
    m->timestamp_ms = number(context, "timestamp", 0, arena);
    m->client_id = wr_line_text(context, "clientId", arena);
    m->principal = wr_line_text(context, "principal", arena);
    m->source_ip = wr_line_text(context, "sourceIp", arena);
    m->trace_id = wr_line_text(context, "traceId", arena);
    return properties(context, arena, m, fault);
}

wr_err wr_line_message(const struct wr_line *line, const wr_value *context, struct wr_arena *arena,
                       struct wr_sql_message *m, struct wr_fault *fault)
{
    memset(m, 0, sizeof *m);
    m->topic = wr_line_text(&line->object, "topic", arena);
    if (!m->topic.at) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expected a member topic");
    }
    wr_err err = payload(line, arena, &m->payload, fault);
    return err ? err : wr_line_context(context, arena, m, fault);
}
