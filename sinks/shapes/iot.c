// Members of iotEvents, iotAnalytics, iotSiteWise, location and salesforce (actions.md 4.18 to
// 4.21).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

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

const struct wr_sink_impl wr_shape_iot_events = {
    .name = "iotEvents",
    .failed_action = "IotEventsAction",
    .help = "Sends the result to an input of IoT Events, a service that is no more.",
    .options = events_options,
    .resource_option = EVENTS_INPUT,
    .check = events_check,
};

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

const struct wr_sink_impl wr_shape_iot_analytics = {
    .name = "iotAnalytics",
    .failed_action = "IotAnalyticsAction",
    .help = "Sends the result to a channel of IoT Analytics, a service that is no more.",
    .options = analytics_options,
    .resource_option = ANALYTICS_CHANNEL,
    .check = analytics_check,
};

// ---- iotSiteWise

enum { SITE_ROLE, SITE_ENTRIES };

static const struct wr_option site_value_fields[] = {
    {"value.stringValue", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 1, .max = 1024, .unit = "bytes",
     .help = "The value, when the property is a string."},
    {"value.integerValue", WR_OPT_STRING, WR_OPT_TEMPLATE,
     .help = "The value, when the property is an integer."},
    {"value.doubleValue", WR_OPT_STRING, WR_OPT_TEMPLATE,
     .help = "The value, when the property is a double."},
    {"value.booleanValue", WR_OPT_STRING, WR_OPT_TEMPLATE,
     .help = "The value, when the property is a boolean."},
    {"timestamp.timeInSeconds", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
     .help = "Whole seconds since 1970."},
    {"timestamp.offsetInNanos", WR_OPT_STRING, WR_OPT_TEMPLATE,
     .help = "Nanoseconds beyond them, 0 to 999999999."},
    {"quality", WR_OPT_CHOICE, WR_OPT_TEMPLATE, .choices = "GOOD|BAD|UNCERTAIN",
     .help = "How good the value is."},
    {0},
};

static const struct wr_option site_entry_fields[] = {
    {"entryId", WR_OPT_STRING, WR_OPT_TEMPLATE, .help = "Id of the entry; without it a new UUID."},
    {"assetId", WR_OPT_STRING, WR_OPT_TEMPLATE, .help = "The asset, with propertyId."},
    {"propertyId", WR_OPT_STRING, WR_OPT_TEMPLATE, .help = "The property, with assetId."},
    {"propertyAlias", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 1,
     .help = "The property by its alias, instead of the two."},
    {"propertyValues", WR_OPT_LIST, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
     .help = "Values of the property.", .fields = site_value_fields},
    {0},
};

static const struct wr_option site_options[] = {
    [SITE_ROLE] = WR_SHAPE_ROLE,
    [SITE_ENTRIES] = {"putAssetPropertyValueEntries", WR_OPT_LIST,
                      WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                      .help = "Properties and their values.", .fields = site_entry_fields},
    {0},
};

// The part of a flat list's key up to and with its `depth`-th index, as in
// "[0].propertyValues[1]" for 2.
static wr_str entry_of(wr_str key, unsigned depth)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.at[i] == ']' && --depth == 0) {
            return wr_str_cut(key, 0, i + 1);
        }
    }
    return (wr_str){0};
}

// Leaves of entry `entry` whose key ends with `name`, in the run of leaves that begins at `from`.
static size_t leaves(const struct wr_param *p, size_t from, wr_str entry, wr_str name)
{
    size_t count = 0;
    for (size_t i = from; i < p->count && wr_str_starts(p->keys[i], entry); i++) {
        count += wr_str_find(wr_str_cut(p->keys[i], entry.len, p->keys[i].len), name) == 0;
    }
    return count;
}

// Looks at each entry once: leaves of one entry stand together.
static wr_err site_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    const struct wr_param *p = &params[SITE_ENTRIES];
    wr_str entry = {0}, value = {0};
    for (size_t i = 0; i < p->count; i++) {
        wr_str e = entry_of(p->keys[i], 1), v = entry_of(p->keys[i], 2);
        if (!wr_str_eq(e, entry)) {
            entry = e;
            bool alias = leaves(p, i, e, WR_STR(".propertyAlias"));
            size_t ids =
                leaves(p, i, e, WR_STR(".assetId")) + leaves(p, i, e, WR_STR(".propertyId"));
            if (alias ? ids > 0 : ids != 2) {
                return wr_fault_set(fault, WR_ERR_RANGE,
                                    "putAssetPropertyValueEntries%.*s: expected either "
                                    "propertyAlias, or assetId and propertyId",
                                    WR_STR_ARG(e));
            }
        }
        if (v.len && !wr_str_eq(v, value)) {
            value = v;
            size_t kinds = leaves(p, i, v, WR_STR(".value."));
            if (kinds != 1) {
                return wr_fault_set(fault, WR_ERR_RANGE,
                                    "putAssetPropertyValueEntries%.*s.value: expected exactly one "
                                    "of stringValue, integerValue, doubleValue and booleanValue, "
                                    "found %zu",
                                    WR_STR_ARG(v), kinds);
            }
        }
    }
    return WR_OK;
}

const struct wr_sink_impl wr_shape_iot_site_wise = {
    .name = "iotSiteWise",
    .failed_action = "IotSiteWiseAction",
    .help = "Puts values of properties of SiteWise assets; the result itself is not used.",
    .options = site_options,
    .resource_option = SITE_ENTRIES,
    .check = site_check,
};

// ---- location

enum {
    LOCATION_ROLE,
    LOCATION_TRACKER,
    LOCATION_DEVICE,
    LOCATION_LATITUDE,
    LOCATION_LONGITUDE,
    LOCATION_TIME,
    LOCATION_UNIT,
};

static const struct wr_option location_options[] = {
    [LOCATION_ROLE] = WR_SHAPE_ROLE,
    [LOCATION_TRACKER] = {"trackerName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                          .max = 100, .unit = "bytes", .help = "The tracker."},
    [LOCATION_DEVICE] = {"deviceId", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                         .help = "What is tracked."},
    [LOCATION_LATITUDE] = {"latitude", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                           .help = "Degrees north, a number as text."},
    [LOCATION_LONGITUDE] = {"longitude", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                            .help = "Degrees east, a number as text."},
    [LOCATION_TIME] = {"timestamp.value", WR_OPT_STRING, WR_OPT_NESTED | WR_OPT_TEMPLATE,
                       .help = "When it was there, a whole number; without it now."},
    [LOCATION_UNIT] = {"timestamp.unit", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "MILLISECONDS",
                       .choices = WR_SHAPE_TIME_UNITS, .help = "What the time counts."},
    {0},
};

const struct wr_sink_impl wr_shape_location = {
    .name = "location",
    .failed_action = "LocationAction",
    .help = "Sends a position to a tracker of Location; the result itself is not used.",
    .options = location_options,
    .resource_option = LOCATION_TRACKER,
};

// ---- salesforce

enum { SALES_TOKEN, SALES_URL };

static const struct wr_option sales_options[] = {
    [SALES_TOKEN] = {"token", WR_OPT_STRING, WR_OPT_REQUIRED, .min = 40, .unit = "bytes",
                     .help = "Bearer token of the stream."},
    [SALES_URL] = {"url", WR_OPT_STRING, WR_OPT_REQUIRED, .min = 1, .max = 2000, .unit = "bytes",
                   .help = "URL of the stream's input."},
    {0},
};

// https://ingestion-NAME.NAME.sfdc-matrix.net/streams/NAME/NAME/event
static wr_err sales_check(const struct wr_param *params, const bool *constant,
                          struct wr_fault *fault)
{
    wr_str url = params[SALES_URL].text;
    bool fits = wr_str_starts(url, WR_STR("https://ingestion-")) &&
                (wr_str_find(url, WR_STR(".sfdc-matrix.net/streams/")) >= 0 ||
                 wr_str_find(url, WR_STR(".sfdcnow.com/streams/")) >= 0) &&
                wr_str_ends(url, WR_STR("/event"));
    return fits ? WR_OK
                : wr_fault_set(fault, WR_ERR_RANGE,
                               "url: \"%.*s\": expected "
                               "https://ingestion-….sfdcnow.com/streams/…/…/event",
                               WR_STR_ARG(url));
}

const struct wr_sink_impl wr_shape_salesforce = {
    .name = "salesforce",
    .failed_action = "SalesforceAction",
    .help = "Sends the result to a Salesforce input stream, a product that is no more.",
    .options = sales_options,
    .resource_option = SALES_URL,
    .check = sales_check,
};
