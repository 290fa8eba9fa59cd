// Functions about the message and where it came from: sql.md 11.5.
#include "sql/func/bodies.h"

#include "sql/base/buf.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

static wr_str visible_topic(const struct wr_sql_message *m)
{
    wr_str rule, rest;
    if (m->basic_ingest && wr_topic_basic_ingest(m->topic, &rule, &rest)) {
        return rest;
    }
    return m->topic;
}

wr_value wr_mqtt_topic(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str topic = visible_topic(c->eval->message), level;
    if (count == 0) {
        return wr_string(topic);
    }
    int64_t n;
    c->steps += topic.len;
    if (!wr_call_int(c, &args[0], &n) || n < 1 || !wr_topic_level(topic, (size_t)(n - 1), &level)) {
        return wr_undefined();
    }
    return wr_string(level);
}

wr_value wr_mqtt_clientid(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    const struct wr_sql_message *m = c->eval->message;
    return wr_string(m->over_mqtt && m->client_id.at ? m->client_id : WR_STR("n/a"));
}

wr_value wr_mqtt_principal(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_call_present(c->eval->message->principal);
}

wr_value wr_mqtt_traceid(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    const struct wr_sql_message *m = c->eval->message;
    return m->over_mqtt ? wr_call_present(wr_sql_trace_id(m)) : wr_undefined();
}

wr_value wr_mqtt_sourceip(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_call_present(c->eval->message->source_ip);
}

wr_value wr_mqtt_accountid(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return c->eval->host ? wr_call_present(c->eval->host->account_id) : wr_undefined();
}

wr_value wr_mqtt_sql_version(struct wr_call *c, wr_value *args, uint32_t count,
                             uint32_t payload_args)
{
    return wr_string(wr_program_version(c->eval->program));
}

// RFC 9562 version 4: all random but six bits.
wr_value wr_mqtt_newuuid(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    unsigned char bytes[16];
    wr_math_random(c, bytes, sizeof bytes);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    if (!wr_buf_reserve(&b, 36)) {
        return wr_undefined();
    }
    static const unsigned char groups[] = {0, 4, 6, 8, 10, 16};
    for (size_t i = 0; i + 1 < WR_COUNT(groups); i++) {
        if (i > 0) {
            wr_buf_add_char(&b, '-');
        }
        wr_buf_add_hex(&b, bytes + groups[i], (size_t)(groups[i + 1] - groups[i]));
    }
    return wr_call_built(&b);
}

wr_value wr_mqtt_get_mqtt_property(struct wr_call *c, wr_value *args, uint32_t count,
                                   uint32_t payload_args)
{
    const struct wr_sql_message *m = c->eval->message;
    wr_str name;
    if (!wr_call_text(c, &args[0], &name)) {
        return wr_undefined();
    }
    if (wr_str_eq(name, WR_STR("content_type"))) {
        return wr_call_present(m->content_type);
    }
    if (wr_str_eq(name, WR_STR("response_topic"))) {
        return wr_call_present(m->response_topic);
    }
    if (wr_str_eq(name, WR_STR("format_indicator"))) { // absent means the same as bytes
        return wr_string(m->format_indicator == 1 ? WR_STR("UTF8_DATA")
                                                  : WR_STR("UNSPECIFIED_BYTES"));
    }
    if (wr_str_eq(name, WR_STR("correlation_data")) && m->correlation_data.at) {
        struct wr_buf b;
        wr_buf_init_arena(&b, c->num.arena);
        c->steps += m->correlation_data.len;
        wr_buf_add_base64(&b, m->correlation_data);
        return wr_call_built(&b);
    }
    return wr_undefined();
}

static wr_value property_values(struct wr_call *c, wr_str key)
{
    const struct wr_sql_message *m = c->eval->message;
    struct wr_array_builder b = {0};
    for (size_t i = 0; i < m->user_property_count; i++) {
        if (wr_str_eq(m->user_properties[i].key, key)) {
            wr_array_push(&b, c->num.arena, wr_string(m->user_properties[i].value));
        }
    }
    return b.len == 0 || c->num.arena->over ? wr_undefined() : wr_array_done(&b);
}

wr_value wr_mqtt_get_user_properties(struct wr_call *c, wr_value *args, uint32_t count,
                                     uint32_t payload_args)
{
    const struct wr_sql_message *m = c->eval->message;
    c->steps += 8 * m->user_property_count;
    if (count == 1) {
        wr_str key;
        if (!wr_call_text(c, &args[0], &key)) {
            return wr_undefined();
        }
        c->steps += m->user_property_count * (key.len / 16);
        return property_values(c, key);
    }
    struct wr_array_builder all = {0};
    for (size_t i = 0; i < m->user_property_count && !c->num.arena->over; i++) {
        struct wr_object_builder one = {0};
        wr_object_set(&one, c->num.arena, m->user_properties[i].key,
                      wr_string(m->user_properties[i].value));
        wr_array_push(&all, c->num.arena, wr_object_done(&one));
    }
    return c->num.arena->over ? wr_undefined() : wr_array_done(&all);
}
