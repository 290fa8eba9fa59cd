// From a `struct wr_publish` to a packet behind those that wait.
#include "engine/mqtt/native/conn_parts.h"

#include "engine/flow/message.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// Why MQTT has no room for the text, or NULL.
static const char *text_trouble(wr_str text)
{
    if (text.len > UINT16_MAX) {
        return "a text of more than 65535 bytes";
    }
    return wr_utf8_valid(text) && !(text.len && memchr(text.at, 0, text.len))
               ? NULL
               : "a text that is not UTF-8, or holds a NUL";
}

static const char *topic_trouble(wr_str topic)
{
    if (topic.len == 0) {
        return "an empty topic";
    }
    if (memchr(topic.at, '#', topic.len) || memchr(topic.at, '+', topic.len)) {
        return "a topic with a wildcard";
    }
    return text_trouble(topic);
}

static const char *add_text(struct wr_buf *b, enum wr_property which, wr_str text)
{
    if (!text.at) {
        return NULL;
    }
    const char *trouble = text_trouble(text);
    if (!trouble) {
        wr_packet_add_text(b, which, text);
    }
    return trouble;
}

static const char *add_users(struct wr_buf *b, const struct wr_publish *pub)
{
    for (size_t i = 0; i < pub->user_count; i++) {
        const char *trouble = text_trouble(pub->user_keys[i]);
        trouble = trouble ? trouble : text_trouble(pub->user_values[i]);
        if (trouble) {
            return trouble;
        }
        wr_packet_add_user(b, pub->user_keys[i], pub->user_values[i]);
    }
    if (pub->hops > 0) {
        char digits[12];
        size_t at = sizeof digits;
        for (unsigned n = pub->hops; n; n /= 10) {
            digits[--at] = (char)('0' + n % 10);
        }
        wr_packet_add_user(b, WR_STR(WR_HOPS_PROPERTY), (wr_str){digits + at, sizeof digits - at});
    }
    return NULL;
}

static const char *add_properties(struct wr_buf *b, const struct wr_publish *pub)
{
    wr_buf_clear(b);
    if (pub->format_indicator >= 0) {
        wr_packet_add_number(b, WR_PROPERTY_FORMAT, (uint32_t)pub->format_indicator);
    }
    if (pub->message_expiry_s >= 0) {
        wr_packet_add_number(b, WR_PROPERTY_EXPIRY, (uint32_t)pub->message_expiry_s);
    }
    const char *trouble = add_text(b, WR_PROPERTY_CONTENT_TYPE, pub->content_type);
    trouble = trouble ? trouble : add_text(b, WR_PROPERTY_RESPONSE_TOPIC, pub->response_topic);
    if (!trouble && pub->correlation_data.at) {
        if (pub->correlation_data.len > UINT16_MAX) {
            return "correlation data of more than 65535 bytes";
        }
        wr_packet_add_text(b, WR_PROPERTY_CORRELATION_DATA, pub->correlation_data);
    }
    return trouble ? trouble : add_users(b, pub);
}

const char *wr_conn_publish(struct wr_conn *w, const struct wr_publish *pub, int *mid)
{
    const char *trouble = topic_trouble(pub->topic);
    if (!trouble && pub->qos && !w->takes_qos1) {
        trouble = "the broker takes quality of service 0 only";
    }
    if (!trouble && pub->retain && !w->takes_retain) {
        trouble = "the broker does not take retained messages";
    }
    if (!trouble && w->v5) {
        trouble = add_properties(&w->properties, pub);
    }
    struct wr_packet_publish p = {.topic = pub->topic,
                                  .payload = pub->payload,
                                  .properties = wr_buf_str(&w->properties),
                                  .qos = pub->qos ? 1 : 0,
                                  .retain = pub->retain,
                                  .v5 = w->v5};
    size_t size = trouble ? 0 : wr_packet_publish_size(&p);
    if (size > WR_PACKET_BODY_MAX || size > w->maximum_packet) {
        trouble = "the packet is larger than the broker takes";
    }
    if (trouble) {
        return trouble;
    }
    *mid = p.qos ? wr_conn_take_mid(w) : 0;
    p.mid = (uint16_t)*mid;
    wr_packet_write_publish(&p, &w->out);
    wr_conn_flush_soon(w);
    return NULL;
}
