// Members of cloudwatchLogs, cloudwatchMetric and cloudwatchAlarm (actions.md 4.12 to 4.14).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define REASON_MAX 1023 // SetAlarmState's model

// ---- logs

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

const struct wr_sink_impl wr_shape_cloudwatch_logs = {
    .name = "cloudwatchLogs",
    .failed_action = "CloudwatchLogsAction",
    .help = "Writes the result as an event of a CloudWatch log group.",
    .options = logs_options,
    .resource_option = LOGS_GROUP,
    .check = logs_check,
};

// ---- metric

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
                     .help = "A unit of CloudWatch: Count, Seconds, Percent, None, …"},
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

static bool is_number(wr_str s)
{
    size_t i = 0, digits = 0;
    i += i < s.len && (s.at[i] == '-' || s.at[i] == '+');
    for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        digits++;
    }
    if (i < s.len && s.at[i] == '.') {
        for (i++; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
            digits++;
        }
    }
    if (digits && i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        i += i < s.len && (s.at[i] == '-' || s.at[i] == '+');
        size_t first = i;
        while (i < s.len && s.at[i] >= '0' && s.at[i] <= '9') {
            i++;
        }
        digits = i > first ? digits : 0;
    }
    return digits && i == s.len;
}

static wr_err metric_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    wr_str value = params[METRIC_VALUE].text, unit = params[METRIC_UNIT].text;
    if (constant[METRIC_VALUE] && !is_number(value)) {
        return wr_fault_set(fault, WR_ERR_FAILED, "metricValue: expected a number, found \"%.*s\"",
                            WR_STR_ARG(value));
    }
    if (params[METRIC_TIME].set && constant[METRIC_TIME] &&
        !wr_shape_whole(params[METRIC_TIME].text, INT64_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "metricTimestamp: expected whole seconds since 1970, found \"%.*s\"",
                            WR_STR_ARG(params[METRIC_TIME].text));
    }
    bool known = !constant[METRIC_UNIT];
    for (size_t i = 0; !known && i < WR_COUNT(metric_units); i++) {
        known = wr_str_eq(unit, wr_str_of(metric_units[i]));
    }
    return known ? WR_OK
                 : wr_fault_set(fault, WR_ERR_FAILED,
                                "metricUnit: \"%.*s\" is no unit of CloudWatch (Count, Seconds, "
                                "Bytes, Percent, None, Count/Second, …)",
                                WR_STR_ARG(unit));
}

const struct wr_sink_impl wr_shape_cloudwatch_metric = {
    .name = "cloudwatchMetric",
    .failed_action = "CloudwatchMetricAction",
    .help = "Puts one value of a CloudWatch metric; the result itself is not used.",
    .options = metric_options,
    .resource_option = METRIC_NAME,
    .check = metric_check,
};

// ---- alarm

enum { ALARM_ROLE, ALARM_NAME, ALARM_REASON, ALARM_STATE };

static const struct wr_option alarm_options[] = {
    [ALARM_ROLE] = WR_SHAPE_ROLE,
    [ALARM_NAME] = {"alarmName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                    .help = "The alarm; it must exist."},
    [ALARM_REASON] = {"stateReason", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 0,
                      .max = REASON_MAX, .unit = "bytes", .help = "Why, for people."},
    [ALARM_STATE] = {"stateValue", WR_OPT_CHOICE, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .choices = "OK|ALARM|INSUFFICIENT_DATA", .help = "The alarm's new state."},
    {0},
};

const struct wr_sink_impl wr_shape_cloudwatch_alarm = {
    .name = "cloudwatchAlarm",
    .failed_action = "CloudwatchAlarmAction",
    .help = "Sets the state of a CloudWatch alarm; the result itself is not used.",
    .options = alarm_options,
    .resource_option = ALARM_NAME,
};
