// cloudwatchLogs: a log event for a record, or for each element of its array (actions.md 4.12).
// The role's permissions say that the action makes log streams itself: one for each rule and
// machine, made when the service says that there is none. The group is the user's.
#include <stdio.h>
#include <stdlib.h>

#include "sinks/service/service.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/num.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define EVENTS_MAX     10000    // of a call
#define BYTES_MAX      1048576  // of a call, and of an event: messages and EVENT_OVERHEAD each
#define EVENT_OVERHEAD 26       // as the service counts
#define SPAN_MS        86400000 // between the first and the last event of a call
#define STREAM_MAX     512      // characters of a stream's name

enum { STEP_PUT, STEP_MAKE_STREAM, STEP_PUT_MADE, STEP_PUT_TOKEN };

enum { LOGS_ROLE, LOGS_GROUP, LOGS_BATCH };

static const struct wr_option logs_options[] = {
    [LOGS_ROLE] = WR_SHAPE_ROLE,
    [LOGS_GROUP] = {"logGroupName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                    .help = "Log group; it must exist."},
    [LOGS_BATCH] = {"batchMode", WR_OPT_BOOL, 0, "false",
                    .help = "The result is an array of {\"timestamp\", \"message\"}, an event "
                            "each."},
    {0},
};

static wr_err logs_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    wr_str group = params[LOGS_GROUP].text;
    if (constant[LOGS_GROUP] && (group.len > 512 || !wr_shape_only(group, "._-/#"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "logGroupName: \"%.*s\" is no log group: 1 to 512 letters, digits and "
                            "._-/#",
                            WR_STR_ARG(group));
    }
    return WR_OK;
}

struct state {
    char instance[256]; // the second part of a stream's name
};

static void logs_open(void *at, const struct wr_sink *sink, const struct wr_settings *settings)
{
    struct state *state = at;
    const char *told = wr_settings_get(settings, "instance");
    size_t len = sizeof state->instance;
    if (told[0]) {
        snprintf(state->instance, sizeof state->instance, "%s", told);
    } else if (uv_os_gethostname(state->instance, &len) != 0) {
        snprintf(state->instance, sizeof state->instance, "weir");
    }
    for (char *c = state->instance; *c; c++) {
        *c = *c == ':' || *c == '*' ? '-' : *c;
    }
}

// ---- entries

static bool add_event(struct wr_service_entry *e, int64_t time_ms, wr_str message,
                      struct wr_service_no *no)
{
    e->time_ms = time_ms;
    e->weight = message.len + EVENT_OVERHEAD;
    if (message.len == 0) {
        return wr_service_refuse_length(no, "InvalidParameterException",
                                        "logEvents.1.member.message", message,
                                        "Member must have length greater than or equal to 1");
    }
    if (e->weight > BYTES_MAX) {
        return wr_service_refuse(no, "InvalidParameterException",
                                 "Log event too large: %zu bytes exceeds limit of %d", e->weight,
                                 BYTES_MAX);
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, e->ask->rec->arena);
    wr_buf_add(&b, WR_STR("{\"timestamp\":"));
    wr_buf_add_i64(&b, time_ms);
    wr_buf_add(&b, WR_STR(",\"message\":"));
    wr_json_write_string(&b, message);
    wr_buf_add_char(&b, '}');
    e->json = wr_service_keep(e->ask, &b);
    return true;
}

static bool wrong_element(struct wr_service_no *no, uint32_t index, const char *member,
                          const char *expected, const wr_value *found)
{
    return wr_service_refuse(no, "InvalidParameterException",
                             "batchMode: element %u of the result%s%s: expected %s, found %s",
                             index, member[0] ? ", " : "", member, expected,
                             wr_value_type_name(found));
}

static bool add_element(struct wr_service_entry *e, uint32_t index, const wr_value *element,
                        struct wr_service_no *no)
{
    const struct wr_record *rec = e->ask->rec;
    wr_value object = *element;
    wr_value_force(&object, rec->arena, rec->dialect);
    if (object.type != WR_OBJECT) {
        return wrong_element(no, index, "", "an Object with timestamp and message", &object);
    }
    wr_value time = wr_service_member(&object, "timestamp", rec->arena);
    wr_value message = wr_service_member(&object, "message", rec->arena);
    int64_t ms;
    if (time.type != WR_NUMBER || !wr_num_to_i64(&time, &ms) || ms < 0) {
        return wrong_element(no, index, "timestamp", "whole milliseconds since 1970", &time);
    }
    if (message.type != WR_STRING) {
        return wrong_element(no, index, "message", "a String", &message);
    }
    return add_event(e, ms, wr_value_text(&message), no);
}

static bool make_batch(struct wr_service_ask *ask, struct wr_service_no *no)
{
    wr_value list = wr_service_result(ask->rec);
    if (list.type != WR_ARRAY || list.len == 0) {
        return wr_service_refuse(
            no, "InvalidParameterException",
            "batchMode: expected an array of {\"timestamp\": milliseconds, \"message\": \"text\"}, "
            "found %s",
            list.type == WR_ARRAY ? "an empty one" : wr_value_type_name(&list));
    }
    struct wr_service_entry *e = wr_service_entries(ask, list.len);
    for (uint32_t i = 0; e && i < list.len; i++) {
        if (!add_element(&e[i], i, &list.as.items[i], no)) {
            return false;
        }
    }
    return e != NULL;
}

static bool logs_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct state *state = ask->state;
    wr_str group = rec->params[LOGS_GROUP].text;
    if (group.len < 1 || group.len > 512 || !wr_shape_only(group, "._-/#")) {
        return wr_service_refuse_length(
            no, "InvalidParameterException", "logGroupName", group,
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+, and have 1 to "
            "512 characters");
    }
    struct wr_buf stream;
    wr_buf_init_arena(&stream, rec->arena);
    wr_buf_add(&stream, rec->rule_name);
    wr_buf_add_char(&stream, '/');
    wr_buf_add(&stream, wr_str_of(state->instance));
    ask->names[0] = group;
    ask->names[1] = wr_service_keep(ask, &stream);
    if (ask->names[1].len > STREAM_MAX) {
        ask->names[1].len = STREAM_MAX;
    }
    if (rec->params[LOGS_BATCH].number) {
        return make_batch(ask, no);
    }
    if (!wr_service_text_body(rec, "logEvents.1.member.message", no)) {
        return false;
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    return e && add_event(e, rec->timestamp_ms, rec->body, no);
}

// ---- requests

static bool logs_joins(const struct wr_service_call *call, const struct wr_service_entry *e)
{
    int64_t low = e->time_ms < call->low_ms ? e->time_ms : call->low_ms;
    int64_t high = e->time_ms > call->high_ms ? e->time_ms : call->high_ms;
    return high - low <= SPAN_MS;
}

static int by_time(const void *a, const void *b)
{
    const struct wr_service_entry *x = *(struct wr_service_entry *const *)a,
                                  *y = *(struct wr_service_entry *const *)b;
    return x->time_ms != y->time_ms ? (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms)
                                    : (x->order > y->order) - (x->order < y->order);
}

static void logs_sort(struct wr_service_call *call)
{
    qsort(call->entries, call->count, sizeof *call->entries, by_time);
}

static void logs_write(struct wr_service_call *call, struct wr_buf *b)
{
    const struct wr_service_ask *ask = call->entries[0]->ask;
    bool make = call->step == STEP_MAKE_STREAM;
    call->aws.content_type = WR_STR("application/x-amz-json-1.1");
    call->aws.target =
        make ? WR_STR("Logs_20140328.CreateLogStream") : WR_STR("Logs_20140328.PutLogEvents");
    wr_buf_add(b, WR_STR("{\"logGroupName\":"));
    wr_json_write_string(b, ask->names[0]);
    wr_buf_add(b, WR_STR(",\"logStreamName\":"));
    wr_json_write_string(b, ask->names[1]);
    if (!make) {
        wr_buf_add(b, WR_STR(",\"logEvents\":["));
        wr_service_write_entries(call, b);
        wr_buf_add_char(b, ']');
    }
    if (call->note.len > 0) {
        wr_buf_add(b, WR_STR(",\"sequenceToken\":"));
        wr_json_write_string(b, wr_buf_str(&call->note));
    }
    wr_buf_add_char(b, '}');
}

static enum wr_service_next logs_turn(struct wr_service_call *call, const struct wr_aws_answer *a)
{
    if (call->step == STEP_MAKE_STREAM) {
        bool there =
            a->class == WR_AWS_OK || wr_str_eq(a->code, WR_STR("ResourceAlreadyExistsException"));
        call->step = there ? STEP_PUT_MADE : call->step;
        return there ? WR_SERVICE_AGAIN : WR_SERVICE_BY_CLASS; // the group is missing
    }
    if (call->step == STEP_PUT && wr_str_eq(a->code, WR_STR("ResourceNotFoundException"))) {
        call->step = STEP_MAKE_STREAM;
        return WR_SERVICE_AGAIN;
    }
    if (wr_str_eq(a->code, WR_STR("DataAlreadyAcceptedException"))) {
        return WR_SERVICE_DONE;
    }
    if (call->step != STEP_PUT_TOKEN && // imitations that want what AWS no longer asks for
        wr_str_eq(a->code, WR_STR("InvalidSequenceTokenException"))) {
        struct wr_arena *arena = call->entries[0]->ask->rec->arena;
        wr_value body = wr_service_body(a, arena);
        wr_buf_clear(&call->note);
        wr_buf_add(&call->note, wr_service_member_text(&body, "expectedSequenceToken", arena));
        call->step = STEP_PUT_TOKEN;
        return WR_SERVICE_AGAIN;
    }
    return WR_SERVICE_BY_CLASS;
}

static void reject(struct wr_service_call *call, const struct wr_aws_answer *a, int64_t from,
                   int64_t to, const char *text)
{
    for (int64_t i = from < 0 ? 0 : from; i < to && i < (int64_t)call->count; i++) {
        wr_service_fail_entry(call, a, (size_t)i, WR_STR("InvalidParameterException"),
                              wr_str_of(text), WR_AWS_PERMANENT);
    }
}

static void logs_read(struct wr_service_call *call, const struct wr_aws_answer *a)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    wr_value body = wr_service_body(a, arena);
    wr_value info = wr_service_member(&body, "rejectedLogEventsInfo", arena);
    static const struct {
        const char *member, *text;
        bool from_start;
    } rows[] = {
        {"tooOldLogEventEndIndex",
         "Log event rejected: its timestamp is older than 14 days, or than the group", true},
        {"expiredLogEventEndIndex", "Log event rejected: the group's retention has passed it",
         true},
        {"tooNewLogEventStartIndex",
         "Log event rejected: its timestamp is more than 2 hours in the future", false},
    };
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        wr_value v = wr_service_member(&info, rows[i].member, arena);
        int64_t at;
        if (v.type == WR_NUMBER && wr_num_to_i64(&v, &at)) {
            reject(call, a, rows[i].from_start ? 0 : at, rows[i].from_start ? at : INT64_MAX,
                   rows[i].text);
        }
    }
}

static void logs_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    wr_buf_add(b, e->json);
    wr_buf_add_char(b, '\n');
}

const struct wr_service wr_service_cloudwatch_logs = {
    .aws = WR_AWS_LOGS,
    .what = "Failed to put log events",
    .role_option = LOGS_ROLE,
    .make = logs_make,
    .entries_max = EVENTS_MAX,
    .bytes_max = BYTES_MAX,
    .in_flight_max = 1, // events of a stream in their order
    .write = logs_write,
    .joins = logs_joins,
    .sort = logs_sort,
    .turn = logs_turn,
    .read = logs_read,
    .state_size = sizeof(struct state),
    .open = logs_open,
    .folder = "logs",
    .depth = 2,
    .line = logs_line,
};

// ---- the sink

#define INSTANCE                                                                                \
    {                                                                                           \
        "instance", WR_OPT_STRING, 0, "",                                                       \
            .max = 200, .unit = "bytes",                                                        \
            .help =                                                                             \
                "Second part of a log stream's name, behind the rule's; empty: this machine's " \
                "name."                                                                         \
    }

static const struct wr_option aws_settings[] = {INSTANCE, {0}};
static const struct wr_option local_settings[] = {INSTANCE, WR_SERVICE_FILES, {0}};

#define ACTION                                                                                   \
    .name = "cloudwatchLogs", .failed_action = "CloudwatchLogsAction",                           \
    .help = "Writes the result as an event of a CloudWatch log group.", .options = logs_options, \
    .resource_option = LOGS_GROUP, .check = logs_check

const struct wr_sink_impl wr_sink_cloudwatch_logs = {
    ACTION,
    .form = "A line for each event in local/logs/GROUP/STREAM.ndjson; groups are made.",
    .settings = local_settings,
    WR_SERVICE_LINES,
};

const struct wr_sink_impl wr_sink_cloudwatch_logs_aws = {
    ACTION,
    .form = "PutLogEvents, up to 10,000 events in one; CreateLogStream where there is none.",
    .settings = aws_settings,
    WR_SERVICE_AWS,
};
