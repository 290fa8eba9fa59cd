// republish: publishes the result to another topic through the engine's own client
// (actions.md 4.5). Knows no MQTT: the host publishes; here are the rules about what may be
// published.
#include "sinks/sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/aws_publish.h"
#include "sinks/lib/later.h"
#include "sql/base/hash.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define TOPIC_MAX        65535 // a length field of two bytes in MQTT, for every string of a packet
#define HEADER_CHARS_MAX 1024  // the API model, on what a rule says
#define PROPERTIES_MAX   100   // the API model
#define EXPIRY_MAX_S     4294967295 // four bytes in MQTT 5
#define FUSES            256 // rules by their names' hash; two that share one share its limit
#define WHY_MAX          512 // bytes of an error's text, topics are cut to fit

enum {
    OPT_ROLE,
    OPT_TOPIC,
    OPT_QOS,
    OPT_FORMAT,
    OPT_CONTENT_TYPE,
    OPT_RESPONSE_TOPIC,
    OPT_CORRELATION,
    OPT_EXPIRY,
    OPT_PROPERTIES,
};

static const struct wr_option options[] = {
    [OPT_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                  .help = "Checked and kept; weir publishes with its own credentials."},
    [OPT_TOPIC] = {"topic", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                   .max = TOPIC_MAX, .unit = "bytes",
                   .help = "Topic to publish to; a reserved one is written with two dollar signs."},
    [OPT_QOS] = {"qos", WR_OPT_INT, 0, "0", .min = 0, .max = 1,
                 .help = "Quality of service of the publication."},
    [OPT_FORMAT] = {"headers.payloadFormatIndicator", WR_OPT_CHOICE, WR_OPT_TEMPLATE,
                    .choices = "UNSPECIFIED_BYTES|UTF8_DATA",
                    .help = "MQTT 5: whether the payload is text."},
    [OPT_CONTENT_TYPE] = {"headers.contentType", WR_OPT_STRING, WR_OPT_TEMPLATE,
                          .help = "MQTT 5: what the payload is."},
    [OPT_RESPONSE_TOPIC] = {"headers.responseTopic", WR_OPT_STRING, WR_OPT_TEMPLATE,
                            .help = "MQTT 5: topic for an answer, without wildcards."},
    [OPT_CORRELATION] = {"headers.correlationData", WR_OPT_STRING, WR_OPT_TEMPLATE,
                         .help = "MQTT 5: base64 of the bytes that tell an answer's request."},
    [OPT_EXPIRY] = {"headers.messageExpiry", WR_OPT_STRING, WR_OPT_TEMPLATE, .unit = "s",
                    .help = "MQTT 5: lifetime in whole seconds, 0 to 4294967295."},
    [OPT_PROPERTIES] = {"headers.userProperties", WR_OPT_PAIRS, WR_OPT_TEMPLATE | WR_OPT_KEYS,
                        .help = "MQTT 5: up to 100 user properties."},
    {0},
};

static const struct wr_option settings_table[] = {
    {"max_hops", WR_OPT_INT, 0, "8", .min = 1, .max = 1000,
     .help = "How often one message may be republished before it is taken for a loop."},
    {"fuse", WR_OPT_INT, 0, "100", .min = 0, .max = 1000000,
     .help =
         "With MQTT 3.1.1, which cannot count that: results a second that a rule which may feed "
         "itself publishes; more are refused. 0: no limit."},
    // Read by the engine, which has the connections (engine/config_brokers.c).
    {"broker", WR_OPT_STRING, 0, "source",
     .help = "Where rules publish to: a name under brokers, or source for the broker of mqtt.url."},
    {"error_broker", WR_OPT_STRING, 0, NULL,
     .help = "The same for error actions; without it as the rule's actions."},
    {"rules.*", WR_OPT_STRING, 0, NULL, .help = "The broker of the rule with this name."},
    {"error_rules.*", WR_OPT_STRING, 0, NULL, .help = "The broker of this rule's error action."},
    {0},
};

// A token bucket, in thousandths of a result.
struct fuse {
    int64_t left, at_ms;
    bool used;
};

struct republish {
    unsigned max_hops;
    int64_t fuse;
    struct fuse fuses[FUSES];
    size_t pending;                     // handed to the host, not yet answered
    void (*done)(struct wr_sink *self); // set while closing
};

// ---- answers

static void refuse(struct wr_record *rec, wr_str topic, const char *cause)
{
    char text[WHY_MAX];
    int len = snprintf(text, sizeof text,
                       "Failed to republish to topic. The error received was %s.", cause);
    struct wr_why why = {
        .resource = topic,
        .message = {text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1},
    };
    wr_record_settle(rec, WR_REFUSED, &why);
}

static void end_if_idle(struct wr_sink *self)
{
    struct republish *state = self->state;
    if (state->done && state->pending == 0) {
        void (*done)(struct wr_sink *) = state->done;
        free(state);
        self->state = NULL;
        wr_later_done(self, done);
    }
}

// The topic as it is published: "$$aws/..." stands for "$aws/...".
static wr_str resolved_topic(const struct wr_record *rec)
{
    wr_str topic = rec->params[OPT_TOPIC].text;
    return wr_str_starts(topic, WR_STR("$$")) ? wr_str_cut(topic, 1, topic.len) : topic;
}

static void on_published(void *user, wr_err err, const char *cause)
{
    struct wr_record *rec = user;
    struct wr_sink *self = rec->sink;
    struct republish *state = self->state;
    if (err == WR_OK) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
    } else if (err == WR_ERR_BUSY || err == WR_ERR_IO) {
        char text[WHY_MAX];
        int len =
            snprintf(text, sizeof text, "Failed to republish to topic. The error received was %s.",
                     cause ? cause : wr_err_text(err));
        struct wr_why why = {
            .resource = resolved_topic(rec),
            .message = {text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1},
        };
        wr_record_settle(rec, WR_RETRY, &why);
    } else {
        refuse(rec, resolved_topic(rec), cause ? cause : wr_err_text(err));
    }
    state->pending--; // not before: settling may call close()
    end_if_idle(self);
}

// ---- checks

static bool is_text(wr_str s)
{
    return s.len <= TOPIC_MAX && wr_utf8_valid(s) && (s.len == 0 || !memchr(s.at, 0, s.len));
}

static bool has_wildcard(wr_str topic)
{
    return topic.len > 0 && (memchr(topic.at, '+', topic.len) || memchr(topic.at, '#', topic.len));
}

// Whether `topic` is $aws/things/<any>/<service> or below it.
static bool is_thing_service(wr_str topic, wr_str service)
{
    const wr_str things = WR_STR("$aws/things/");
    if (!wr_str_starts(topic, things)) {
        return false;
    }
    const char *slash = memchr(topic.at + things.len, '/', topic.len - things.len);
    if (!slash) {
        return false;
    }
    wr_str rest = wr_str_cut(topic, (size_t)(slash + 1 - topic.at), topic.len);
    return wr_str_starts(rest, service) && (rest.len == service.len || rest.at[service.len] == '/');
}

// Why `topic` (after `$$` became `$`) cannot be published to, or NULL.
static const char *topic_trouble(wr_str topic, bool was_reserved)
{
    if (topic.len == 0) {
        return "an empty topic";
    }
    if (topic.len > TOPIC_MAX) {
        return "a topic of more than 65535 bytes";
    }
    if (!is_text(topic)) {
        return "a topic that is not UTF-8 or holds a NUL";
    }
    if (has_wildcard(topic)) {
        return "a topic with a wildcard (+ or #)";
    }
    if (topic.at[0] == '$' && !was_reserved) {
        return "a topic that begins with a single $: a reserved topic is written with $$";
    }
    if (is_thing_service(topic, WR_STR("jobs"))) {
        return "a topic of AWS IoT Jobs, which cannot be republished to";
    }
    if (is_thing_service(topic, WR_STR("defender"))) {
        return "a topic of AWS IoT Device Defender, which cannot be republished to";
    }
    if (wr_str_starts(topic, WR_STR("$share/"))) {
        return "a shared subscription, which is no topic";
    }
    return NULL;
}

static wr_err check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str topic = params[OPT_TOPIC].text;
    bool reserved = wr_str_starts(topic, WR_STR("$$"));
    if (constant[OPT_TOPIC]) {
        const char *trouble = topic_trouble(wr_str_cut(topic, reserved, topic.len), reserved);
        if (trouble) {
            return wr_fault_set(fault, WR_ERR_RANGE, "topic: %s", trouble);
        }
    } else if (topic.at[0] == '$' && !reserved && !wr_str_starts(topic, WR_STR("${"))) {
        return wr_fault_set(fault, WR_ERR_RANGE, "topic: %s", topic_trouble(topic, false));
    }
    for (int i = OPT_FORMAT; i < OPT_PROPERTIES; i++) {
        if (params[i].set && wr_utf8_count(params[i].text) > HEADER_CHARS_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "%s: found %zu characters, at most %d",
                                options[i].name, wr_utf8_count(params[i].text), HEADER_CHARS_MAX);
        }
    }
    if (constant[OPT_RESPONSE_TOPIC] && has_wildcard(params[OPT_RESPONSE_TOPIC].text)) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "headers.responseTopic: a wildcard (+ or #) is not possible here");
    }
    const struct wr_param *properties = &params[OPT_PROPERTIES];
    if (properties->set && (properties->count < 1 || properties->count > PROPERTIES_MAX)) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "headers.userProperties: found %zu, 1 to %d",
                            properties->count, PROPERTIES_MAX);
    }
    for (size_t i = 0; i < properties->count; i++) {
        if (wr_utf8_count(properties->keys[i]) > HEADER_CHARS_MAX ||
            wr_utf8_count(properties->values[i]) > HEADER_CHARS_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT,
                                "headers.userProperties[%zu]: more than %d characters", i,
                                HEADER_CHARS_MAX);
        }
        if (wr_str_eq(properties->keys[i], WR_STR("weir-hops"))) {
            return wr_fault_set(fault, WR_ERR_DENIED,
                                "headers.userProperties[%zu]: \"weir-hops\" is weir's own", i);
        }
    }
    return WR_OK;
}

// ---- headers; an optional header whose text is empty is left out

// Whole decimal seconds up to EXPIRY_MAX_S.
static bool parse_expiry(wr_str text, int64_t *seconds)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        n = n * 10 + (text.at[i] - '0');
        if (n > EXPIRY_MAX_S) {
            return false;
        }
    }
    *seconds = n;
    return text.len > 0;
}

static const char *fill_properties(struct wr_publish *p, const struct wr_param *param)
{
    if (param->count > PROPERTIES_MAX) {
        return "more than 100 user properties";
    }
    for (size_t i = 0; i < param->count; i++) {
        if (!is_text(param->keys[i]) || !is_text(param->values[i])) {
            return "a user property that is no MQTT string (valid UTF-8 without NUL, at most 65535 "
                   "bytes)";
        }
        if (wr_str_eq(param->keys[i], WR_STR("weir-hops"))) {
            return "the user property \"weir-hops\", which is weir's own";
        }
    }
    p->user_keys = param->keys;
    p->user_values = param->values;
    p->user_count = param->count;
    return NULL;
}

// Why the headers cannot be sent, or NULL.
static const char *fill_headers(struct wr_publish *p, struct wr_record *rec)
{
    wr_str format = rec->params[OPT_FORMAT].text;
    if (format.len > 0) {
        if (!wr_str_eq(format, WR_STR("UTF8_DATA")) &&
            !wr_str_eq(format, WR_STR("UNSPECIFIED_BYTES"))) {
            return "a payloadFormatIndicator other than UNSPECIFIED_BYTES and UTF8_DATA";
        }
        p->format_indicator = wr_str_eq(format, WR_STR("UTF8_DATA"));
    }
    wr_str content_type = rec->params[OPT_CONTENT_TYPE].text;
    if (content_type.len > 0) {
        if (!is_text(content_type)) {
            return "a contentType that is no MQTT string";
        }
        p->content_type = content_type;
    }
    wr_str response = rec->params[OPT_RESPONSE_TOPIC].text;
    if (response.len > 0) {
        if (!is_text(response) || has_wildcard(response)) {
            return "a responseTopic that is no topic name";
        }
        p->response_topic = response;
    }
    wr_str correlation = rec->params[OPT_CORRELATION].text;
    if (correlation.len > 0) {
        struct wr_buf bytes;
        wr_buf_init_arena(&bytes, rec->arena);
        if (!wr_buf_add_unbase64(&bytes, correlation) || bytes.over || bytes.len > TOPIC_MAX) {
            return "a correlationData that is not base64 of at most 65535 bytes";
        }
        p->correlation_data = wr_buf_str(&bytes);
    }
    wr_str expiry = rec->params[OPT_EXPIRY].text;
    if (expiry.len > 0 && !parse_expiry(expiry, &p->message_expiry_s)) {
        return "a messageExpiry other than whole seconds from 0 to 4294967295";
    }
    return fill_properties(p, &rec->params[OPT_PROPERTIES]);
}

// Whether the rule, which may feed itself, has published too much lately.
static bool fuse_blows(struct wr_sink *self, const struct wr_record *rec)
{
    struct republish *state = self->state;
    if (!self->host->hops_lost || !rec->may_loop || state->fuse == 0) {
        return false;
    }
    struct fuse *fuse = &state->fuses[wr_hash_str(rec->rule_name) % FUSES];
    int64_t now = (int64_t)uv_now(self->host->loop), full = state->fuse * 1000;
    int64_t more = fuse->used ? (now - fuse->at_ms) * state->fuse : full;
    fuse->left = more >= full - fuse->left ? full : fuse->left + more;
    fuse->at_ms = now;
    fuse->used = true;
    if (fuse->left < 1000) {
        return true;
    }
    fuse->left -= 1000;
    return false;
}

// ---- the interface

static wr_err republish_open(struct wr_sink *self, const struct wr_settings *settings,
                             struct wr_fault *fault)
{
    struct republish *state = wr_zalloc(sizeof *state);
    state->max_hops = (unsigned)wr_settings_int(settings, "max_hops");
    state->fuse = wr_settings_int(settings, "fuse");
    self->state = state;
    return WR_OK;
}

static void republish_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct republish *state = self->state;
    wr_str topic = resolved_topic(rec);
    const char *trouble = topic_trouble(topic, topic.at != rec->params[OPT_TOPIC].text.at);
    if (trouble) {
        refuse(rec, topic, trouble);
        return;
    }
    if (!self->host->publish) {
        refuse(rec, topic, "no broker here: this weir is not connected to one");
        return;
    }
    if (rec->hops >= state->max_hops) {
        char loop[160];
        snprintf(loop, sizeof loop,
                 "a loop: weir republished this message %u times already (max_hops is %u)",
                 rec->hops, state->max_hops);
        refuse(rec, topic, loop);
        return;
    }
    if (fuse_blows(self, rec)) {
        char loop[160];
        snprintf(loop, sizeof loop,
                 "a loop, perhaps: the rule may feed itself and published %lld results in a second "
                 "(sinks.republish.fuse; MQTT 3.1.1 cannot count hops)",
                 (long long)state->fuse);
        refuse(rec, topic, loop);
        return;
    }
    struct wr_publish publish = {
        .rule = rec->rule_name,
        .error_action = rec->is_error_action,
        .topic = topic,
        .payload = rec->body,
        .qos = (int)rec->params[OPT_QOS].number,
        .format_indicator = -1,
        .message_expiry_s = -1,
        .hops = rec->hops + 1,
        .done = on_published,
        .user = rec,
    };
    trouble = fill_headers(&publish, rec);
    if (!trouble && self->host->aws_limits) {
        trouble = wr_aws_publish_trouble(&publish);
    }
    if (trouble) {
        refuse(rec, topic, trouble);
        return;
    }
    state->pending++;
    self->host->publish(self->host, &publish);
}

static void republish_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct republish *state = self->state;
    state->done = done;
    end_if_idle(self);
}

const struct wr_sink_impl wr_sink_republish = {
    .name = "republish",
    .failed_action = "RepublishAction",
    .help = "Publishes the result to another MQTT topic, on the same broker or another.",
    .options = options,
    .form = "The broker that messages come from, or one of brokers.*, in every mode but record and "
            "blackhole.",
    .settings = settings_table,
    .resource_option = OPT_TOPIC,
    .publishes = true,
    .check = check,
    .open = republish_open,
    .submit = republish_submit,
    .close = republish_close,
};
