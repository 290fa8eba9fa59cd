// location: a position of a device for a record (actions.md 4.20). Longitude stands first in the
// service's API, whatever the example of the rule's page shows.
#include "sinks/service/service.h"

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/text.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define UPDATES_MAX 10  // positions of a call
#define NAME_MAX_   100 // characters of a device's id, and of a tracker's name

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

// [-._\p{L}\p{N}]+: beyond ASCII the service knows better.
static bool device_fits(wr_str id)
{
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.at[i];
        if (c < 0x80 && !wr_shape_only((wr_str){id.at + i, 1}, "-._")) {
            return false;
        }
    }
    return id.len > 0 && wr_utf8_count(id) <= NAME_MAX_;
}

static bool read_degrees(const char *name, wr_str text, double max, double *out,
                         struct wr_service_no *no)
{
    if (wr_text_double(text, out) && *out >= -max && *out <= max) {
        return true;
    }
    return wr_service_refuse(no, "ValidationException",
                             "%s: expected a number from -%.0f to %.0f, found '%.*s'", name, max,
                             max, (int)(text.len < 80 ? text.len : 80), text.at ? text.at : "");
}

static bool add_time(const struct wr_record *rec, struct wr_buf *b, struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    wr_str text = p[LOCATION_TIME].text, unit = WR_STR("MILLISECONDS");
    int64_t value = rec->timestamp_ms, seconds;
    uint32_t nanos;
    if (p[LOCATION_TIME].set && text.len > 0) {
        unit = p[LOCATION_UNIT].set && p[LOCATION_UNIT].text.len > 0 ? p[LOCATION_UNIT].text : unit;
        if (!wr_text_whole(text, &value)) {
            return wr_service_refuse(no, "ValidationException",
                                     "timestamp.value: expected a whole number, found '%.*s'",
                                     (int)(text.len < 80 ? text.len : 80), text.at);
        }
    }
    if (!wr_text_time_parts(value, unit, &seconds, &nanos)) {
        return wr_service_refuse(no, "ValidationException",
                                 "timestamp.unit: expected " WR_SHAPE_TIME_UNITS ", found '%.*s'",
                                 (int)(unit.len < 80 ? unit.len : 80), unit.at);
    }
    if (!wr_text_add_time(b, seconds, nanos)) {
        return wr_service_refuse(no, "ValidationException",
                                 "timestamp.value: %lld %.*s is in no year from 0 to 9999",
                                 (long long)value, WR_STR_ARG(unit));
    }
    return true;
}

static bool location_make(struct wr_record *rec, struct wr_service_ask *ask,
                          struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    wr_str tracker = p[LOCATION_TRACKER].text, device = p[LOCATION_DEVICE].text;
    double latitude, longitude;
    if (tracker.len < 1 || tracker.len > NAME_MAX_ || !wr_shape_only(tracker, "-._")) {
        return wr_service_refuse_length(
            no, "ValidationException", "trackerName", tracker,
            "Member must satisfy regular expression pattern: [-._\\w]+, and have 1 to 100 "
            "characters");
    }
    if (!device_fits(device)) {
        return wr_service_refuse_length(
            no, "ValidationException", "updates.1.member.deviceId", device,
            "Member must satisfy regular expression pattern: [-._\\p{L}\\p{N}]+, and have 1 to 100 "
            "characters");
    }
    if (!read_degrees("latitude", p[LOCATION_LATITUDE].text, 90, &latitude, no) ||
        !read_degrees("longitude", p[LOCATION_LONGITUDE].text, 180, &longitude, no)) {
        return false;
    }
    struct wr_buf b, path;
    wr_buf_init_arena(&b, rec->arena);
    wr_buf_init_arena(&path, rec->arena);
    wr_buf_add(&b, WR_STR("{\"DeviceId\":"));
    wr_json_write_string(&b, device);
    wr_buf_add(&b, WR_STR(",\"SampleTime\":\""));
    if (!add_time(rec, &b, no)) {
        return false;
    }
    wr_buf_add(&b, WR_STR("\",\"Position\":["));
    wr_text_add_double(&b, longitude);
    wr_buf_add_char(&b, ',');
    wr_text_add_double(&b, latitude);
    wr_buf_add(&b, WR_STR("]}"));
    wr_buf_add(&path, WR_STR("/tracking/v0/trackers/"));
    wr_aws_encode(&path, tracker, false);
    wr_buf_add(&path, WR_STR("/positions"));
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    if (!e) {
        return false;
    }
    ask->names[0] = tracker;
    ask->path = wr_service_keep(ask, &path);
    e->json = wr_service_keep(ask, &b);
    e->id = device;
    e->weight = e->json.len;
    return true;
}

static wr_err location_check(const struct wr_param *params, const bool *constant,
                             struct wr_fault *fault)
{
    struct wr_service_no no = {0};
    wr_str tracker = params[LOCATION_TRACKER].text, device = params[LOCATION_DEVICE].text;
    double d;
    int64_t n;
    if (constant[LOCATION_TRACKER] && !wr_shape_only(tracker, "-._")) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "trackerName: \"%.*s\" is no tracker: letters, digits and -._",
                            WR_STR_ARG(tracker));
    }
    if (constant[LOCATION_DEVICE] && !device_fits(device)) {
        return wr_fault_set(
            fault, WR_ERR_FAILED,
            "deviceId: \"%.*s\" is no device's id: 1 to 100 letters, digits and -._",
            WR_STR_ARG(device));
    }
    if ((constant[LOCATION_LATITUDE] &&
         !read_degrees("latitude", params[LOCATION_LATITUDE].text, 90, &d, &no)) ||
        (constant[LOCATION_LONGITUDE] &&
         !read_degrees("longitude", params[LOCATION_LONGITUDE].text, 180, &d, &no))) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s", no.text);
    }
    if (params[LOCATION_TIME].set && constant[LOCATION_TIME] &&
        !wr_text_whole(params[LOCATION_TIME].text, &n)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "timestamp.value: expected a whole number, found \"%.*s\"",
                            WR_STR_ARG(params[LOCATION_TIME].text));
    }
    return WR_OK;
}

// An error names a device: one position of each in a call.
static bool location_joins(const struct wr_service_call *call, const struct wr_service_entry *e)
{
    return wr_service_find_entry(call, e->id, 0) == SIZE_MAX;
}

static void location_write(struct wr_service_call *call, struct wr_buf *b)
{
    call->aws.content_type = WR_STR("application/json");
    wr_buf_add(b, WR_STR("{\"Updates\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

// The entries' codes are named otherwise than those of whole answers.
static enum wr_aws_class class_of(wr_str code)
{
    return wr_str_eq(code, WR_STR("ThrottlingError"))       ? WR_AWS_THROTTLED
           : wr_str_eq(code, WR_STR("InternalServerError")) ? WR_AWS_RETRY
                                                            : WR_AWS_PERMANENT;
}

static void location_read(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    wr_value body = wr_service_body(answer, arena);
    wr_value list = wr_service_member(&body, "Errors", arena);
    for (uint32_t i = 0; list.type == WR_ARRAY && i < list.len; i++) {
        wr_value one = list.as.items[i];
        wr_value_force(&one, arena, WR_SQL_2016);
        wr_value error = wr_service_member(&one, "Error", arena);
        wr_str code = wr_service_member_text(&error, "Code", arena);
        size_t at = wr_service_find_entry(call, wr_service_member_text(&one, "DeviceId", arena), 0);
        wr_service_fail_entry(call, answer, at, code,
                              wr_service_member_text(&error, "Message", arena), class_of(code));
    }
}

static void location_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    wr_buf_add(b, e->json);
    wr_buf_add_char(b, '\n');
}

const struct wr_service wr_service_location = {
    .aws = WR_AWS_LOCATION,
    .what = "Failed to update the device position",
    .role_option = LOCATION_ROLE,
    .make = location_make,
    .entries_max = UPDATES_MAX,
    .in_flight_max = 4, // each position has its time
    .write = location_write,
    .joins = location_joins,
    .read = location_read,
    .folder = "location",
    .depth = 1,
    .line = location_line,
};

// ---- the sink

static const struct wr_option aws_settings[] = {WR_SERVICE_LINGER, {0}};

#define ACTION                                                                           \
    .name = "location", .failed_action = "LocationAction",                               \
    .help = "Sends a position to a tracker of Location; the result itself is not used.", \
    .options = location_options, .resource_option = LOCATION_TRACKER, .check = location_check

const struct wr_sink_impl wr_sink_location = {
    ACTION,
    .form = "A line for each position in local/location/TRACKER.ndjson.",
    .settings = wr_service_lines_settings,
    WR_SERVICE_LINES,
};

const struct wr_sink_impl wr_sink_location_aws = {
    ACTION,
    .form = "BatchUpdateDevicePosition, up to 10 devices of a tracker in one.",
    .settings = aws_settings,
    WR_SERVICE_AWS,
};
