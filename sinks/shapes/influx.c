// Members of influxDB (actions.md 4.22).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

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
