// Members of timestream, influxDB, stepFunctions, openSearch and elasticsearch (actions.md 4.15 to
// 4.17, 4.22).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

// ---- timestream

enum { TS_ROLE, TS_DATABASE, TS_TABLE, TS_DIMENSIONS, TS_TIME, TS_UNIT };

static const struct wr_option dimension_fields[] = {
    {"name", WR_OPT_STRING, WR_OPT_REQUIRED, .help = "Name of the dimension."},
    {"value", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .help = "Its value."},
    {0},
};

static const struct wr_option timestream_options[] = {
    [TS_ROLE] = WR_SHAPE_ROLE,
    [TS_DATABASE] = {"databaseName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .help = "Timestream database."},
    [TS_TABLE] = {"tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                  .help = "Table of the database."},
    [TS_DIMENSIONS] = {"dimensions", WR_OPT_LIST, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                       .max = 128, .help = "Dimensions of each record.",
                       .fields = dimension_fields},
    [TS_TIME] = {"timestamp.value", WR_OPT_STRING, WR_OPT_NESTED | WR_OPT_TEMPLATE,
                 .help = "Time of the records, a whole number; without it now."},
    [TS_UNIT] = {"timestamp.unit", WR_OPT_CHOICE, WR_OPT_NESTED, .choices = WR_SHAPE_TIME_UNITS,
                 .help = "What the time counts."},
    {0},
};

// actions.md 4.15: names that Timestream keeps for itself.
static bool is_reserved_dimension(wr_str name)
{
    return wr_str_eq(name, WR_STR("measure_name")) || wr_str_eq(name, WR_STR("time")) ||
           wr_str_starts(name, WR_STR("measure_value")) || wr_str_starts(name, WR_STR("ts_")) ||
           wr_str_find(name, WR_STR(":")) >= 0;
}

static wr_err timestream_check(const struct wr_param *params, const bool *constant,
                               struct wr_fault *fault)
{
    const struct wr_param *d = &params[TS_DIMENSIONS];
    for (size_t i = 0; i < d->count; i++) {
        if (wr_str_ends(d->keys[i], WR_STR(".name")) && is_reserved_dimension(d->values[i])) {
            return wr_fault_set(
                fault, WR_ERR_FAILED,
                "dimensions%.*s: \"%.*s\" is reserved (measure_name, measure_value, "
                "time, ts_…, and names with a colon)",
                WR_STR_ARG(d->keys[i]), WR_STR_ARG(d->values[i]));
        }
    }
    if (params[TS_TIME].set && constant[TS_TIME] &&
        !wr_shape_whole(params[TS_TIME].text, INT64_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "timestamp.value: expected a whole number, found \"%.*s\"",
                            WR_STR_ARG(params[TS_TIME].text));
    }
    return WR_OK;
}

const struct wr_sink_impl wr_shape_timestream = {
    .name = "timestream",
    .failed_action = "TimestreamAction",
    .help = "Writes a Timestream record for each attribute of the result.",
    .options = timestream_options,
    .resource_option = TS_TABLE,
    .check = timestream_check,
};

// ---- influxDB

enum {
    INFLUX_DESTINATION,
    INFLUX_ROLE,
    INFLUX_DATABASE,
    INFLUX_TABLE,
    INFLUX_ORGANIZATION,
    INFLUX_TAGS,
    INFLUX_UNIT,
};

static const struct wr_option influx_options[] = {
    [INFLUX_DESTINATION] = {"destinationArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                            .unit = "ARN", .help = "The rule destination; checked and kept."},
    [INFLUX_ROLE] = WR_SHAPE_ROLE,
    [INFLUX_DATABASE] = {"databaseName", WR_OPT_STRING, WR_OPT_REQUIRED,
                         .help = "Bucket or database."},
    [INFLUX_TABLE] = {"tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help =
                          "Measurement; ${…} from the message or one @{field} of each element."},
    [INFLUX_ORGANIZATION] = {"organization", WR_OPT_STRING, 0, .help = "Version 2 only."},
    [INFLUX_TAGS] = {"tags", WR_OPT_PAIRS, WR_OPT_MAP | WR_OPT_TEMPLATE,
                     .help = "Tags of each point; values as for tableName."},
    [INFLUX_UNIT] = {"timestampUnit", WR_OPT_CHOICE, 0, "ms", .choices = "s|ms|us|ns",
                     .help = "What the member \"timestamp\" of the result counts."},
    {"batchConfig.maxBatchSize", WR_OPT_INT, 0, .min = 1, .max = 500, .unit = "points",
     .help = "How many points a batch takes."},
    {"batchConfig.maxBatchOpenMs", WR_OPT_INT, 0, .min = 5, .max = 1000, .unit = "ms",
     .help = "How long a batch stays open."},
    {"batchConfig.maxBatchSizeBytes", WR_OPT_INT, 0, .min = 100, .max = 131072, .unit = "bytes",
     .help = "How many bytes a batch takes."},
    {"batchConfig.batchAcrossTopics", WR_OPT_BOOL, 0, "false",
     .help = "Points of different topics may share a batch."},
    {0},
};

// actions.md 4.22: one @{field} a value, and not beside ${…}.
static wr_err check_marker(const char *name, wr_str key, wr_str text, struct wr_fault *fault)
{
    const char *dot = key.len ? "." : "";
    ptrdiff_t at = wr_str_find(text, WR_STR("@{"));
    if (at < 0) {
        return WR_OK;
    }
    wr_str rest = wr_str_cut(text, (size_t)at + 2, text.len);
    if (wr_shape_has_template(text)) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s%s%.*s: @{…} and ${…} cannot stand in one value", name, dot,
                            WR_STR_ARG(key));
    }
    if (wr_str_find(rest, WR_STR("@{")) >= 0) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s%s%.*s: more than one @{…}", name, dot,
                            WR_STR_ARG(key));
    }
    if (wr_str_find(rest, WR_STR("}")) <= 0) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "%s%s%.*s: expected a field and } after @{", name,
                            dot, WR_STR_ARG(key));
    }
    return WR_OK;
}

static wr_err influx_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    wr_err err = check_marker("tableName", (wr_str){0}, params[INFLUX_TABLE].text, fault);
    const struct wr_param *tags = &params[INFLUX_TAGS];
    for (size_t i = 0; !err && i < tags->count; i++) {
        if (tags->keys[i].len == 0 || tags->keys[i].at[0] == '_') {
            err = wr_fault_set(fault, WR_ERR_FAILED,
                               "tags: \"%.*s\": a tag's name may not be empty or begin with _",
                               WR_STR_ARG(tags->keys[i]));
        } else {
            err = check_marker("tags", tags->keys[i], tags->values[i], fault);
        }
    }
    return err;
}

const struct wr_sink_impl wr_shape_influx_db = {
    .name = "influxDB",
    .failed_action = "InfluxDBAction",
    .help = "Writes a point to InfluxDB for each object of the result.",
    .options = influx_options,
    .resource_option = INFLUX_TABLE,
    .check = influx_check,
};

// ---- stepFunctions

enum { STEP_ROLE, STEP_MACHINE, STEP_PREFIX };

static const struct wr_option step_options[] = {
    [STEP_ROLE] = WR_SHAPE_ROLE,
    [STEP_MACHINE] = {"stateMachineName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "Name of the state machine, not its ARN."},
    [STEP_PREFIX] = {"executionNamePrefix", WR_OPT_STRING, WR_OPT_TEMPLATE,
                     .help = "What the name of an execution begins with; a UUID follows."},
    {0},
};

static wr_err step_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    wr_str name = params[STEP_MACHINE].text, prefix = params[STEP_PREFIX].text;
    if (constant[STEP_MACHINE] && (name.len > 80 || !wr_shape_only(name, "_-"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "stateMachineName: \"%.*s\" is no name of a state machine: 1 to 80 "
                            "letters, digits and _-%s",
                            WR_STR_ARG(name),
                            wr_str_starts(name, WR_STR("arn:")) ? "; the name, not the ARN" : "");
    }
    if (params[STEP_PREFIX].set && constant[STEP_PREFIX] && prefix.len > 80 - 36) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "executionNamePrefix: with the UUID behind it the name has more than "
                            "80 characters; at most %d are left for the prefix",
                            80 - 36);
    }
    return WR_OK;
}

const struct wr_sink_impl wr_shape_step_functions = {
    .name = "stepFunctions",
    .failed_action = "StepFunctionsAction",
    .help = "Starts an execution of a state machine with the result as its input.",
    .options = step_options,
    .resource_option = STEP_MACHINE,
    .check = step_check,
};

// ---- openSearch, and elasticsearch, which is the same

enum { SEARCH_ROLE, SEARCH_ENDPOINT, SEARCH_INDEX, SEARCH_TYPE, SEARCH_ID };

static const struct wr_option search_options[] = {
    [SEARCH_ROLE] = WR_SHAPE_ROLE,
    [SEARCH_ENDPOINT] = {"endpoint", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                         .unit = "URL", .help = "Endpoint of the domain."},
    [SEARCH_INDEX] = {"index", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "Index that takes the document."},
    [SEARCH_TYPE] = {"type", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .help = "Type of the document; _doc for OpenSearch later than 1.0."},
    [SEARCH_ID] = {"id", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                   .help = "Id of the document; a document with this id is replaced."},
    {0},
};

static wr_err search_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    wr_str endpoint = params[SEARCH_ENDPOINT].text;
    if (constant[SEARCH_ENDPOINT] && !wr_str_starts(endpoint, WR_STR("https://")) &&
        !wr_str_starts(endpoint, WR_STR("http://"))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "endpoint: \"%.*s\" does not begin with https:// or http://",
                            WR_STR_ARG(endpoint));
    }
    return WR_OK;
}

const struct wr_sink_impl wr_shape_open_search = {
    .name = "openSearch",
    .failed_action = "OpenSearchAction",
    .help = "Puts the result as a document of an OpenSearch index.",
    .options = search_options,
    .resource_option = SEARCH_ENDPOINT,
    .check = search_check,
};

const struct wr_sink_impl wr_shape_elasticsearch = {
    .name = "elasticsearch",
    .failed_action = "ElasticsearchAction",
    .help = "As openSearch; AWS takes no new rule with it.",
    .options = search_options,
    .resource_option = SEARCH_ENDPOINT,
    .check = search_check,
};
