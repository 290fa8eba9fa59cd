// cloudwatchAlarm: sets the state of an alarm (actions.md 4.14). Changes of one alarm keep their
// order.
#include "sinks/service/service.h"

#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define NAME_MAX_  255  // characters of an alarm's name
#define REASON_MAX 1023 // characters of a reason

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

static bool is_state(wr_str s)
{
    return wr_str_eq(s, WR_STR("OK")) || wr_str_eq(s, WR_STR("ALARM")) ||
           wr_str_eq(s, WR_STR("INSUFFICIENT_DATA"));
}

static bool alarm_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    wr_str name = rec->params[ALARM_NAME].text, reason = rec->params[ALARM_REASON].text,
           value = rec->params[ALARM_STATE].text;
    if (name.len == 0 || wr_utf8_count(name) > NAME_MAX_) {
        return wr_service_refuse_length(no, "ValidationError", "alarmName", name,
                                        "Member must have 1 to 255 characters");
    }
    if (!is_state(value)) {
        return wr_service_refuse_length(
            no, "ValidationError", "stateValue", value,
            "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]");
    }
    if (wr_utf8_count(reason) > REASON_MAX) {
        return wr_service_refuse_length(no, "ValidationError", "stateReason", reason,
                                        "Member must have length less than or equal to 1023");
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    struct wr_buf b;
    wr_buf_init_arena(&b, rec->arena);
    wr_buf_add(&b, WR_STR("{\"AlarmName\":"));
    wr_json_write_string(&b, name);
    wr_buf_add(&b, WR_STR(",\"StateValue\":"));
    wr_json_write_string(&b, value);
    wr_buf_add(&b, WR_STR(",\"StateReason\":"));
    wr_json_write_string(&b, reason);
    wr_buf_add_char(&b, '}');
    if (!e) {
        return false;
    }
    ask->names[0] = name;
    e->json = wr_service_keep(ask, &b);
    e->weight = e->json.len;
    e->time_ms = rec->timestamp_ms;
    return true;
}

static void alarm_write(struct wr_service_call *call, struct wr_buf *b)
{
    wr_service_cloudwatch(call, WR_STR("GraniteServiceVersion20100801.SetAlarmState"));
    wr_service_write_entries(call, b);
}

static void alarm_bind(struct sqlite3_stmt *stmt, size_t statement,
                       const struct wr_service_entry *e)
{
    const struct wr_param *p = e->ask->rec->params;
    wr_service_bind_text(stmt, 1, p[ALARM_NAME].text);
    wr_service_bind_text(stmt, 2, p[ALARM_STATE].text);
    wr_service_bind_text(stmt, 3, p[ALARM_REASON].text);
    wr_service_bind_int(stmt, 4, e->time_ms);
}

// A change is an event only where the state is another one: as alarms' actions see it.
static const char *const statements[] = {
    "INSERT INTO changes(name, before, state, reason, time_ms) SELECT ?1, "
    "(SELECT state FROM alarms WHERE name = ?1), ?2, ?3, ?4 "
    "WHERE NOT EXISTS(SELECT 1 FROM alarms WHERE name = ?1 AND state = ?2)",
    "INSERT INTO alarms(name, state, reason, time_ms) VALUES(?1, ?2, ?3, ?4) "
    "ON CONFLICT(name) DO UPDATE SET state = ?2, reason = ?3, time_ms = ?4",
    NULL,
};

static const struct wr_service_rows rows = {
    .file = "alarms.db",
    .schema = "CREATE TABLE IF NOT EXISTS alarms(name TEXT PRIMARY KEY, state TEXT NOT NULL, "
              "reason TEXT NOT NULL, time_ms INTEGER NOT NULL) WITHOUT ROWID;"
              "CREATE TABLE IF NOT EXISTS changes(seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT "
              "NOT NULL, before TEXT, state TEXT NOT NULL, reason TEXT NOT NULL, time_ms INTEGER "
              "NOT NULL);"
              "CREATE INDEX IF NOT EXISTS changes_name ON changes(name)",
    .statements = statements,
    .bind = alarm_bind,
};

const struct wr_service wr_service_cloudwatch_alarm = {
    .aws = WR_AWS_CLOUDWATCH,
    .what = "Failed to set the state of the CloudWatch alarm",
    .role_option = ALARM_ROLE,
    .make = alarm_make,
    .entries_max = 1,
    .in_flight_max = 1,
    .write = alarm_write,
    .rows = &rows,
};

// ---- the sink

#define ACTION                                                                      \
    .name = "cloudwatchAlarm", .failed_action = "CloudwatchAlarmAction",            \
    .help = "Sets the state of a CloudWatch alarm; the result itself is not used.", \
    .options = alarm_options, .resource_option = ALARM_NAME

const struct wr_sink_impl wr_sink_cloudwatch_alarm = {
    ACTION,
    .form = "State, reason and time of each alarm, and each change, in local/alarms.db.",
    .settings = wr_service_rows_settings,
    WR_SERVICE_ROWS,
};

const struct wr_sink_impl wr_sink_cloudwatch_alarm_aws = {
    ACTION,
    .form = "SetAlarmState, one for each record; those of one alarm in their order.",
    WR_SERVICE_AWS,
};
