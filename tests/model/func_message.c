// Functions about the message (sql.md 11.5), and the look-ups (11.6), which the model does not do.
#include <stdlib.h>

#include "tests/model/model.h"

static mval text_or_undefined(struct model_run *r, struct model_text t)
{
    return t.at ? model_string(r->m, t) : &model_undefined;
}

static MODEL_BODY(topic)
{
    struct model_text t = r->message->topic;
    int64_t level = 1;
    for (int skip = 0; r->message->basic_ingest && skip < 3; skip++) {
        size_t at = 0;
        while (at < t.len && t.at[at] != '/') {
            at++;
        }
        t = model_text_part(t, at < t.len ? at + 1 : at, t.len);
    }
    if (count == 0) {
        return model_string(r->m, t);
    }
    mval n = model_to_int(r->m, args[0]);
    int64_t wanted = n->type == MODEL_INT ? model_clamped(n) : 0;
    for (size_t at = 0, start = 0; at <= t.len; at++) {
        if (at == t.len || t.at[at] == '/') {
            if (level++ == wanted) {
                return model_string(r->m, model_text_part(t, start, at));
            }
            start = at + 1;
        }
    }
    return &model_undefined;
}

static MODEL_BODY(clientid)
{
    bool known = !r->message->not_over_mqtt && r->message->client_id.at;
    return model_string(r->m, known ? r->message->client_id : TEXT("n/a"));
}

static MODEL_BODY(principal)
{
    return text_or_undefined(r, r->message->principal);
}

static MODEL_BODY(traceid)
{
    return r->message->not_over_mqtt ? &model_undefined
                                     : text_or_undefined(r, r->message->trace_id);
}

static MODEL_BODY(sourceip)
{
    return text_or_undefined(r, r->message->source_ip);
}

static MODEL_BODY(accountid)
{
    return text_or_undefined(r, r->message->account_id);
}

static MODEL_BODY(sql_version)
{
    return model_string(r->m, r->version);
}

static MODEL_BODY(timestamp)
{
    return model_int(r->m, r->message->timestamp_ms);
}

static MODEL_BODY(newuuid)
{
    r->m->chance = true;
    struct model_buf b = {.m = r->m};
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        model_add_char(&b, dash ? '-' : "0123456789abcdef"[random() & 15]);
    }
    return model_string(r->m, model_buf_text(&b));
}

static MODEL_BODY(get_mqtt_property)
{
    const struct model_message *m = r->message;
    struct model_buf b = {.m = r->m};
    if (args[0]->type != MODEL_STRING) {
        return &model_undefined;
    }
    if (model_text_is(args[0]->text, "content_type")) {
        return text_or_undefined(r, m->content_type);
    }
    if (model_text_is(args[0]->text, "response_topic")) {
        return text_or_undefined(r, m->response_topic);
    }
    if (model_text_is(args[0]->text, "format_indicator")) {
        return model_string(r->m, m->format_indicator == 1 ? TEXT("UTF8_DATA")
                                                           : TEXT("UNSPECIFIED_BYTES"));
    }
    if (model_text_is(args[0]->text, "correlation_data") && m->correlation_data.at) {
        model_base64_write(&b, m->correlation_data);
        return model_string(r->m, model_buf_text(&b));
    }
    return &model_undefined;
}

static MODEL_BODY(get_user_properties)
{
    struct model_value *out = model_new(r->m, MODEL_ARRAY);
    mval key = count ? model_to_string(r->m, args[0]) : &model_undefined;
    if (count && key->type != MODEL_STRING) {
        return &model_undefined;
    }
    for (size_t i = 0; i < r->message->property_count; i++) {
        const struct model_property *p = &r->message->properties[i];
        if (count == 0) {
            struct model_value *pair = model_new(r->m, MODEL_OBJECT);
            model_put(r->m, pair, p->key, model_string(r->m, p->value));
            model_append(r->m, out, pair);
        } else if (model_text_same(p->key, key->text)) {
            model_append(r->m, out, model_string(r->m, p->value));
        }
    }
    return count && out->list.count == 0 ? &model_undefined : out;
}

static MODEL_BODY(look_up)
{
    r->m->unsupported = "look-ups";
    return &model_undefined;
}

const struct model_function model_messages[] = {
    {"topic", 0, 1, false, model_fn_topic},
    {"clientid", 0, 0, false, model_fn_clientid},
    {"principal", 0, 0, false, model_fn_principal},
    {"traceid", 0, 0, false, model_fn_traceid},
    {"sourceip", 0, 0, true, model_fn_sourceip},
    {"accountid", 0, 0, false, model_fn_accountid},
    {"sql_version", 0, 0, false, model_fn_sql_version},
    {"timestamp", 0, 0, false, model_fn_timestamp},
    {"newuuid", 0, 0, false, model_fn_newuuid},
    {"get_mqtt_property", 1, 1, true, model_fn_get_mqtt_property},
    {"get_user_properties", 0, 1, true, model_fn_get_user_properties},
    {"aws_lambda", 2, 2, false, model_fn_look_up},
    {"get_dynamodb", 4, 6, true, model_fn_look_up},
    {"get_thing_shadow", 2, 3, true, model_fn_look_up},
    {"get_secret", 3, 4, false, model_fn_look_up},
    {"get_registry_data", 3, 3, true, model_fn_look_up},
    {"machinelearning_predict", 3, 3, false, model_fn_look_up},
    {0},
};
