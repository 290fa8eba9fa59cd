// cloudwatchMetric: one value of a metric for a record (actions.md 4.13). Values of a namespace
// share a call.
#include "sinks/service/service.h"

#include <math.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/text.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define VALUES_MAX 1000    // of a call
#define BYTES_MAX  1000000 // of a call: 1 MB, less what stands around the values
#define NAME_MAX_  255     // characters of a namespace, and of a name
#define VALUE_MAX  0x1p360 // CloudWatch takes no larger one, on either side of 0

enum { METRIC_ROLE, METRIC_NAMESPACE, METRIC_NAME, METRIC_VALUE, METRIC_UNIT, METRIC_TIME };

static const struct wr_option metric_options[] = {
    [METRIC_ROLE] = WR_SHAPE_ROLE,
    [METRIC_NAMESPACE] = {"metricNamespace", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                          .help = "Namespace of the metric."},
    [METRIC_NAME] = {"metricName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .help = "Name of the metric."},
    [METRIC_VALUE] = {"metricValue", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "The value, a number as text."},
    [METRIC_UNIT] = {"metricUnit", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .help = "A unit of CloudWatch, as Count, Seconds, Percent or None."},
    [METRIC_TIME] = {"metricTimestamp", WR_OPT_STRING, WR_OPT_TEMPLATE, .unit = "s",
                     .help = "Time of the value, whole seconds since 1970; without it now."},
    {0},
};

static const char *const metric_units[] = {
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
};

static bool is_unit(wr_str unit)
{
    for (size_t i = 0; i < WR_COUNT(metric_units); i++) {
        if (wr_str_eq(unit, wr_str_of(metric_units[i]))) {
            return true;
        }
    }
    return false;
}

static bool name_fits(wr_str name)
{
    return name.len > 0 && wr_utf8_count(name) <= NAME_MAX_;
}

static bool space_fits(wr_str space)
{
    return name_fits(space) && space.at[0] != ':' && !wr_str_starts(space, WR_STR("AWS/"));
}

static wr_err metric_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    wr_str value = params[METRIC_VALUE].text, unit = params[METRIC_UNIT].text;
    double number;
    wr_str space = params[METRIC_NAMESPACE].text;
    if (constant[METRIC_NAMESPACE] && !space_fits(space)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "metricNamespace: \"%.*s\" is no namespace of one's own: 1 to 255 "
                            "characters, not AWS/… and not :…",
                            WR_STR_ARG(space));
    }
    if (constant[METRIC_VALUE] && !wr_text_double(value, &number)) {
        return wr_fault_set(fault, WR_ERR_FAILED, "metricValue: expected a number, found \"%.*s\"",
                            WR_STR_ARG(value));
    }
    if (params[METRIC_TIME].set && constant[METRIC_TIME] &&
        !wr_shape_whole(params[METRIC_TIME].text, INT64_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "metricTimestamp: expected whole seconds since 1970, found \"%.*s\"",
                            WR_STR_ARG(params[METRIC_TIME].text));
    }
    return !constant[METRIC_UNIT] || is_unit(unit)
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_FAILED,
                              "metricUnit: \"%.*s\" is no unit of CloudWatch (Count, Seconds, "
                              "Bytes, Percent, None, Count/Second, …)",
                              WR_STR_ARG(unit));
}

struct state {
    bool query; // the protocol of old
};

static void metric_open(void *at, const struct wr_sink *sink, const struct wr_settings *settings)
{
    struct state *state = at;
    const char *protocol = wr_settings_get(settings, "protocol");
    state->query = protocol && strcmp(protocol, "query") == 0;
}

// ---- entries

static bool metric_name_fits(const char *member, wr_str name, struct wr_service_no *no)
{
    return name_fits(name) ? true
                           : wr_service_refuse_length(no, "InvalidParameterValue", member, name,
                                                      "Member must have 1 to 255 characters");
}

// One value, of the query protocol: a "." stands in front of each member, for the list's place.
static void add_query(struct wr_buf *b, wr_str name, wr_str value, wr_str unit, int64_t seconds)
{
    wr_buf_add(b, WR_STR(".MetricName="));
    wr_aws_encode(b, name, false);
    wr_buf_add(b, WR_STR("&.Value="));
    wr_aws_encode(b, value, false);
    wr_buf_add(b, WR_STR("&.Unit="));
    wr_aws_encode(b, unit, false);
    wr_buf_add(b, WR_STR("&.Timestamp="));
    struct wr_buf time = {0};
    b->over |= !wr_text_add_time(&time, seconds, 0);
    wr_aws_encode(b, wr_buf_str(&time), false);
    wr_buf_release(&time);
}

static void add_json(struct wr_buf *b, wr_str name, wr_str value, wr_str unit, int64_t seconds)
{
    wr_buf_add(b, WR_STR("{\"MetricName\":"));
    wr_json_write_string(b, name);
    wr_buf_add(b, WR_STR(",\"Value\":"));
    wr_buf_add(b, value);
    wr_buf_add(b, WR_STR(",\"Unit\":"));
    wr_json_write_string(b, unit);
    wr_buf_add(b, WR_STR(",\"Timestamp\":"));
    wr_buf_add_i64(b, seconds);
    wr_buf_add_char(b, '}');
}

static bool metric_check_texts(const struct wr_record *rec, double *number, int64_t *seconds,
                               struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    wr_str space = p[METRIC_NAMESPACE].text, value = p[METRIC_VALUE].text;
    if (!metric_name_fits("namespace", space, no) ||
        !metric_name_fits("metricData.member.1.metricName", p[METRIC_NAME].text, no)) {
        return false;
    }
    if (!space_fits(space)) {
        return wr_service_refuse(no, "InvalidParameterValue",
                                 "The value %.*s for parameter Namespace is invalid.",
                                 WR_STR_ARG(space));
    }
    if (!wr_text_double(value, number) || fabs(*number) > VALUE_MAX) {
        return wr_service_refuse(
            no, "InvalidParameterValue",
            "The value %.*s for parameter MetricData.member.1.Value is invalid: expected a number "
            "from -2^360 to 2^360.",
            (int)(value.len < 80 ? value.len : 80), value.at ? value.at : "");
    }
    if (!is_unit(p[METRIC_UNIT].text)) {
        return wr_service_refuse_length(
            no, "InvalidParameterValue", "metricData.member.1.unit", p[METRIC_UNIT].text,
            "Member must satisfy enum value set: [Seconds, Bytes, Percent, Count, Count/Second, "
            "None, ...]");
    }
    *seconds = rec->timestamp_ms / 1000;
    wr_str time = p[METRIC_TIME].text;
    if (p[METRIC_TIME].set && time.len > 0 &&
        (!wr_text_whole(time, seconds) || *seconds < 0 || *seconds > INT64_C(253402300799))) {
        return wr_service_refuse(no, "InvalidParameterValue",
                                 "The value %.*s for parameter MetricData.member.1.Timestamp is "
                                 "invalid: expected whole seconds since 1970.",
                                 (int)(time.len < 80 ? time.len : 80), time.at);
    }
    return true;
}

static bool metric_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct state *state = ask->state;
    const struct wr_param *p = rec->params;
    double number;
    int64_t seconds;
    if (!metric_check_texts(rec, &number, &seconds, no)) {
        return false;
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    struct wr_buf value, b;
    wr_buf_init_arena(&value, rec->arena);
    wr_buf_init_arena(&b, rec->arena);
    wr_text_add_double(&value, number);
    (state->query ? add_query : add_json)(&b, p[METRIC_NAME].text, wr_buf_str(&value),
                                          p[METRIC_UNIT].text, seconds);
    if (!e) {
        return false;
    }
    ask->names[0] = p[METRIC_NAMESPACE].text;
    e->json = wr_service_keep(ask, &b);
    e->number = number;
    e->time_ms = seconds * 1000;
    e->weight = e->json.len + (state->query ? 4 * sizeof "MetricData.member.1000" : 1);
    return true;
}

// ---- requests

static void write_query(const struct wr_service_call *call, struct wr_buf *b)
{
    wr_buf_add(b, WR_STR("Action=PutMetricData&Version=2010-08-01&Namespace="));
    wr_aws_encode(b, call->entries[0]->ask->names[0], false);
    for (size_t i = 0; i < call->count; i++) {
        wr_str e = call->entries[i]->json;
        while (e.len > 0) {
            const char *end = memchr(e.at, '&', e.len);
            size_t len = end ? (size_t)(end - e.at) : e.len;
            wr_buf_add(b, WR_STR("&MetricData.member."));
            wr_buf_add_u64(b, i + 1);
            wr_buf_add(b, (wr_str){e.at, len});
            e = wr_str_cut(e, len + (end != NULL), e.len);
        }
    }
}

static void metric_write(struct wr_service_call *call, struct wr_buf *b)
{
    const struct wr_service_ask *ask = call->entries[0]->ask;
    const struct state *state = ask->state;
    if (state->query) {
        call->aws.content_type = WR_STR("application/x-www-form-urlencoded; charset=utf-8");
        write_query(call, b);
        return;
    }
    wr_service_cloudwatch(call, WR_STR("GraniteServiceVersion20100801.PutMetricData"));
    wr_buf_add(b, WR_STR("{\"Namespace\":"));
    wr_json_write_string(b, ask->names[0]);
    wr_buf_add(b, WR_STR(",\"MetricData\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

// ---- rows

static void metric_bind(struct sqlite3_stmt *stmt, size_t statement,
                        const struct wr_service_entry *e)
{
    const struct wr_param *p = e->ask->rec->params;
    wr_service_bind_text(stmt, 1, p[METRIC_NAMESPACE].text);
    wr_service_bind_text(stmt, 2, p[METRIC_NAME].text);
    wr_service_bind_text(stmt, 3, p[METRIC_UNIT].text);
    wr_service_bind_double(stmt, 4, e->number);
    wr_service_bind_int(stmt, 5, e->time_ms);
}

// `seq` says which were written last, for who looks again.
static const char *const statements[] = {
    "INSERT INTO metrics(namespace, name, unit, count, sum, min, max, last, time_ms, seq) "
    "VALUES(?1, ?2, ?3, 1, ?4, ?4, ?4, ?4, ?5, (SELECT coalesce(max(seq), 0) + 1 FROM metrics)) "
    "ON CONFLICT(namespace, name, unit) DO UPDATE SET count = count + 1, sum = sum + ?4, "
    "min = min(min, ?4), max = max(max, ?4), last = CASE WHEN ?5 >= time_ms THEN ?4 ELSE last END, "
    "time_ms = max(time_ms, ?5), seq = excluded.seq",
    NULL,
};

static const struct wr_service_rows rows = {
    .file = "metrics.db",
    .schema = "CREATE TABLE IF NOT EXISTS metrics(namespace TEXT NOT NULL, name TEXT NOT NULL, "
              "unit TEXT NOT NULL, count INTEGER NOT NULL, sum REAL NOT NULL, min REAL NOT NULL, "
              "max REAL NOT NULL, last REAL NOT NULL, time_ms INTEGER NOT NULL, seq INTEGER NOT "
              "NULL, PRIMARY KEY(namespace, name, unit)) WITHOUT ROWID;"
              "CREATE INDEX IF NOT EXISTS metrics_seq ON metrics(seq)",
    .statements = statements,
    .bind = metric_bind,
};

const struct wr_service wr_service_cloudwatch_metric = {
    .aws = WR_AWS_CLOUDWATCH,
    .what = "Failed to put metric data",
    .role_option = METRIC_ROLE,
    .make = metric_make,
    .entries_max = VALUES_MAX,
    .bytes_max = BYTES_MAX,
    .in_flight_max = 4, // each value has its time
    .write = metric_write,
    .state_size = sizeof(struct state),
    .open = metric_open,
    .rows = &rows,
};

// ---- the sink

static const struct wr_option aws_settings[] = {
    {"protocol", WR_OPT_CHOICE, 0, "json", .choices = "json|query",
     .help = "How requests are written; query for imitations that know only the old form."},
    WR_SERVICE_LINGER,
    {0},
};

#define ACTION                                                                       \
    .name = "cloudwatchMetric", .failed_action = "CloudwatchMetricAction",           \
    .help = "Puts one value of a CloudWatch metric; the result itself is not used.", \
    .options = metric_options, .resource_option = METRIC_NAME, .check = metric_check

const struct wr_sink_impl wr_sink_cloudwatch_metric = {
    ACTION,
    .form = "Count, sum, least, greatest and last value of each metric in local/metrics.db.",
    .settings = wr_service_rows_settings,
    WR_SERVICE_ROWS,
};

const struct wr_sink_impl wr_sink_cloudwatch_metric_aws = {
    ACTION,
    .form = "PutMetricData, up to 1,000 values of a namespace in one.",
    .settings = aws_settings,
    WR_SERVICE_AWS,
};
