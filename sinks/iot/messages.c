// iotEvents and iotAnalytics: messages of two services that AWS has ended, which rules may still
// name (actions.md 4.18). A record is a message, or with batchMode each element of its array.
#include "sinks/service/service.h"

#include "sinks/lib/uuid.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define EVENTS_MAX    10  // messages of a call, and of a record
#define ANALYTICS_MAX 100 // messages of a call, and of a record
#define ID_MAX        64  // characters of a messageId
#define INPUT_MAX     128 // characters of an input's name, and of a channel's

// ---- iotEvents

enum { EVENTS_ROLE, EVENTS_INPUT, EVENTS_ID, EVENTS_BATCH };

static const struct wr_option events_options[] = {
    [EVENTS_ROLE] = WR_SHAPE_ROLE,
    [EVENTS_INPUT] = {"inputName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                      .max = 128, .unit = "bytes", .help = "Input of IoT Events."},
    [EVENTS_ID] = {"messageId", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 0, .max = 128,
                   .unit = "bytes", .help = "Id of the message; without it a new UUID."},
    [EVENTS_BATCH] = {"batchMode", WR_OPT_BOOL, 0, "false",
                      .help = "A result that is an array becomes a message an element, up to 10."},
    {0},
};

static wr_err events_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    if (params[EVENTS_BATCH].number && params[EVENTS_ID].set) {
        return wr_fault_set(fault, WR_ERR_RANGE, "messageId: not possible with batchMode");
    }
    return WR_OK;
}

// ---- iotAnalytics

enum { ANALYTICS_ROLE, ANALYTICS_CHANNEL, ANALYTICS_ARN, ANALYTICS_BATCH };

static const struct wr_option analytics_options[] = {
    [ANALYTICS_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_IGNORED, .help = "Checked and kept."},
    [ANALYTICS_CHANNEL] = {"channelName", WR_OPT_STRING, WR_OPT_TEMPLATE,
                           .help = "Channel of IoT Analytics."},
    [ANALYTICS_ARN] = {"channelArn", WR_OPT_STRING, 0, .help = "The old way to name the channel."},
    [ANALYTICS_BATCH] = {"batchMode", WR_OPT_BOOL, 0, "false",
                         .help = "A result that is an array becomes a message an element."},
    {0},
};

static wr_err analytics_check(const struct wr_param *params, const bool *constant,
                              struct wr_fault *fault)
{
    if (!params[ANALYTICS_CHANNEL].set && !params[ANALYTICS_ARN].set) {
        return wr_fault_set(fault, WR_ERR_MISSING, "channelName: missing");
    }
    return WR_OK;
}

// ---- entries

// One message: {"messageId":…, "inputName":…, "payload":…}; `input` empty: without.
static bool add_message(struct wr_service_entry *e, wr_str id, wr_str input, wr_str payload)
{
    struct wr_arena *arena = e->ask->rec->arena;
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    wr_buf_add(&b, WR_STR("{\"messageId\":"));
    wr_json_write_string(&b, id);
    if (input.len > 0) {
        wr_buf_add(&b, WR_STR(",\"inputName\":"));
        wr_json_write_string(&b, input);
    }
    wr_buf_add(&b, WR_STR(",\"payload\":\""));
    wr_buf_add_base64(&b, payload);
    wr_buf_add(&b, WR_STR("\"}"));
    e->json = wr_service_keep(e->ask, &b);
    e->id = wr_str_dup(arena, id);
    e->weight = e->json.len;
    return true;
}

static wr_str uuid_of(const struct wr_record *rec, uint32_t index, char room[WR_UUID_LEN + 1])
{
    wr_uuid_of_record(room, rec, index);
    return wr_str_of(room);
}

// Each element of the array, an id of its own.
static bool make_batch(struct wr_service_ask *ask, wr_str input, const wr_value *list, uint32_t max,
                       struct wr_service_no *no)
{
    const struct wr_record *rec = ask->rec;
    char uuid[WR_UUID_LEN + 1];
    if (list->len < 1 || list->len > max) {
        return wr_service_refuse(no, "InvalidRequestException",
                                 "batchMode: the array has %u elements: expected 1 to %u",
                                 list->len, max);
    }
    struct wr_service_entry *e = wr_service_entries(ask, list->len);
    for (uint32_t i = 0; e && i < list->len; i++) {
        struct wr_buf payload;
        wr_buf_init_arena(&payload, rec->arena);
        wr_json_write(&payload, &list->as.items[i], rec->arena, rec->dialect);
        rec->arena->over |= payload.over;
        add_message(&e[i], uuid_of(rec, i, uuid), input, wr_buf_str(&payload));
    }
    return e != NULL;
}

static bool make_messages(struct wr_service_ask *ask, wr_str input, wr_str id, bool batch,
                          uint32_t max, struct wr_service_no *no)
{
    const struct wr_record *rec = ask->rec;
    char uuid[WR_UUID_LEN + 1];
    if (!wr_service_json_body(rec, no)) {
        return false;
    }
    if (batch) {
        wr_value result = wr_service_result(rec);
        if (result.type == WR_ARRAY) {
            return make_batch(ask, input, &result, max, no);
        }
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    return e && add_message(e, id.len ? id : uuid_of(rec, 0, uuid), input, rec->body);
}

static bool events_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    wr_str input = p[EVENTS_INPUT].text, id = p[EVENTS_ID].set ? p[EVENTS_ID].text : (wr_str){0};
    if (input.len < 1 || input.len > INPUT_MAX || !wr_shape_only(input, "_.-") ||
        strchr("_.-", input.at[0])) {
        return wr_service_refuse_length(no, "InvalidRequestException",
                                        "messages.1.member.inputName", input,
                                        "Member must satisfy regular expression pattern: "
                                        "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$, and have "
                                        "1 to 128 characters");
    }
    if (id.len > 0 && (id.len > ID_MAX || !wr_shape_only(id, "_-"))) {
        return wr_service_refuse_length(
            no, "InvalidRequestException", "messages.1.member.messageId", id,
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9_-]+$, and have 1 to 64 "
            "characters");
    }
    ask->names[0] = input;
    return make_messages(ask, input, id, p[EVENTS_BATCH].number, EVENTS_MAX, no);
}

// "arn:aws:iotanalytics:…:channel/name"
static wr_str channel_of(const struct wr_param *p)
{
    struct wr_aws_arn arn;
    wr_str name = p[ANALYTICS_CHANNEL].set ? p[ANALYTICS_CHANNEL].text : (wr_str){0};
    if (!p[ANALYTICS_CHANNEL].set && wr_aws_arn_read(p[ANALYTICS_ARN].text, &arn) &&
        wr_str_starts(arn.resource, WR_STR("channel/"))) {
        name = wr_str_cut(arn.resource, 8, arn.resource.len);
    }
    return name;
}

static bool analytics_make(struct wr_record *rec, struct wr_service_ask *ask,
                           struct wr_service_no *no)
{
    wr_str channel = channel_of(rec->params);
    if (channel.len < 1 || channel.len > INPUT_MAX || !wr_shape_only(channel, "_")) {
        return wr_service_refuse_length(no, "InvalidRequestException", "channelName", channel,
                                        "Member must satisfy regular expression pattern: "
                                        "(^(?!_{2}))(^[a-zA-Z0-9_]+$), and have "
                                        "1 to 128 characters");
    }
    ask->names[0] = channel;
    return make_messages(ask, (wr_str){0}, (wr_str){0}, rec->params[ANALYTICS_BATCH].number,
                         ANALYTICS_MAX, no);
}

// ---- requests

static bool messages_join(const struct wr_service_call *call, const struct wr_service_entry *e)
{
    return wr_service_find_entry(call, e->id, 0) == SIZE_MAX; // an id names one message
}

static void events_write(struct wr_service_call *call, struct wr_buf *b)
{
    call->aws.path = WR_STR("/inputs/messages");
    call->aws.content_type = WR_STR("application/json");
    wr_buf_add(b, WR_STR("{\"messages\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

static void analytics_write(struct wr_service_call *call, struct wr_buf *b)
{
    call->aws.path = WR_STR("/messages/batch");
    call->aws.content_type = WR_STR("application/json");
    wr_buf_add(b, WR_STR("{\"channelName\":"));
    wr_json_write_string(b, call->entries[0]->ask->names[0]);
    wr_buf_add(b, WR_STR(",\"messages\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

static void read_errors(struct wr_service_call *call, const struct wr_aws_answer *answer,
                        const char *list_name)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    wr_value body = wr_service_body(answer, arena);
    wr_value list = wr_service_member(&body, list_name, arena);
    for (uint32_t i = 0; list.type == WR_ARRAY && i < list.len; i++) {
        wr_value one = list.as.items[i];
        wr_value_force(&one, arena, WR_SQL_2016);
        size_t at =
            wr_service_find_entry(call, wr_service_member_text(&one, "messageId", arena), 0);
        wr_service_fail_entry(call, answer, at, wr_service_member_text(&one, "errorCode", arena),
                              wr_service_member_text(&one, "errorMessage", arena),
                              WR_AWS_PERMANENT);
    }
}

static void events_read(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    read_errors(call, answer, "BatchPutMessageErrorEntries");
}

static void analytics_read(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    read_errors(call, answer, "batchPutMessageErrorEntries");
}

// The message as it would be sent, its payload as it was.
static void messages_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    const struct wr_service_ask *ask = e->ask;
    struct wr_buf payload;
    wr_buf_init_arena(&payload, ask->rec->arena);
    wr_str text = wr_str_cut(e->json, 0, e->json.len - 2); // up to the payload's end
    const char *quote = memrchr(text.at, '"', text.len);
    wr_str encoded = wr_str_cut(text, (size_t)(quote - text.at) + 1, text.len);
    b->over |= !wr_buf_add_unbase64(&payload, encoded);
    wr_buf_add(b, WR_STR("{\"timestamp\":"));
    wr_buf_add_i64(b, ask->rec->timestamp_ms);
    wr_buf_add_char(b, ',');
    wr_buf_add(b, wr_str_cut(text, 1, (size_t)(quote - text.at)));
    wr_service_add_json(b, wr_buf_str(&payload));
    wr_buf_add(b, WR_STR("}\n"));
    b->over |= payload.over;
}

const struct wr_service wr_service_iot_events = {
    .aws = WR_AWS_IOT_EVENTS,
    .what = "Failed to send the message to IoT Events",
    .role_option = EVENTS_ROLE,
    .make = events_make,
    .entries_max = EVENTS_MAX,
    .in_flight_max = 1,
    .write = events_write,
    .joins = messages_join,
    .read = events_read,
    .folder = "iotevents",
    .depth = 1,
    .line = messages_line,
};

const struct wr_service wr_service_iot_analytics = {
    .aws = WR_AWS_IOT_ANALYTICS,
    .what = "Failed to send the message to IoT Analytics",
    .role_option = ANALYTICS_ROLE,
    .make = analytics_make,
    .entries_max = ANALYTICS_MAX,
    .in_flight_max = 1,
    .write = analytics_write,
    .joins = messages_join,
    .read = analytics_read,
    .folder = "iotanalytics",
    .depth = 1,
    .line = messages_line,
};

// ---- the sinks

#define EVENTS                                                                        \
    .name = "iotEvents", .failed_action = "IotEventsAction",                          \
    .help = "Sends the result to an input of IoT Events, a service that is no more.", \
    .options = events_options, .resource_option = EVENTS_INPUT, .check = events_check
#define ANALYTICS                                                                         \
    .name = "iotAnalytics", .failed_action = "IotAnalyticsAction",                        \
    .help = "Sends the result to a channel of IoT Analytics, a service that is no more.", \
    .options = analytics_options, .resource_option = ANALYTICS_CHANNEL, .check = analytics_check
#define LOCAL_FORM(what)                                         \
    .form = "A line for each message in local/" what ".ndjson.", \
    .settings = wr_service_lines_settings, WR_SERVICE_LINES
#define AWS_FORM(most) .form = "BatchPutMessage, up to " most " messages in one.", WR_SERVICE_AWS

const struct wr_sink_impl wr_sink_iot_events = {EVENTS, LOCAL_FORM("iotevents/INPUT")};
const struct wr_sink_impl wr_sink_iot_events_aws = {EVENTS, AWS_FORM("10")};
const struct wr_sink_impl wr_sink_iot_analytics = {ANALYTICS, LOCAL_FORM("iotanalytics/CHANNEL")};
const struct wr_sink_impl wr_sink_iot_analytics_aws = {ANALYTICS, AWS_FORM("100")};
