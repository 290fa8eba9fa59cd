// timestream: a record of a table for each attribute of the result (actions.md 4.15). The type of a
// value follows from how SQL holds it: under 2016-03-23 a whole number is an integer, 10.0 too, and
// Timestream refuses a measure whose type changes. That is AWS's behaviour and is kept.
#include "sinks/service/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/text.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

#define RECORDS_MAX   100  // of a call, and of a record of ours
#define NAME_MAX_     256  // bytes of a measure's name
#define VALUE_MAX     2048 // bytes of a measure's value
#define ADDRESSES_MAX 16   // of endpoints that are remembered, one for each region and role

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

static bool name_fits(wr_str name)
{
    return name.len >= 1 && name.len <= 256 && wr_shape_only(name, "_.-");
}

static wr_err timestream_check(const struct wr_param *params, const bool *constant,
                               struct wr_fault *fault)
{
    const struct wr_param *d = &params[TS_DIMENSIONS];
    for (int i = TS_DATABASE; i <= TS_TABLE; i++) {
        wr_str name = params[i].text;
        if (constant[i] && !name_fits(name)) {
            return wr_fault_set(fault, WR_ERR_FAILED,
                                "%s: \"%.*s\" is no name: 1 to 256 letters, digits and _.-",
                                timestream_options[i].name, WR_STR_ARG(name));
        }
    }
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

// ---- entries

// What all records of one result share, as JSON: the dimensions before, the time behind.
struct around {
    wr_str before, behind;
    wr_str dimensions, unit;
    int64_t time;
};

// One record, for its row.
struct measure {
    const struct around *around;
    wr_str name, value, type;
};

static bool text_fits(const char *member, wr_str text, size_t max, struct wr_service_no *no)
{
    char constraint[80];
    if (text.len > 0 && text.len <= max) {
        return true;
    }
    snprintf(constraint, sizeof constraint, "Member must have length %s than or equal to %zu",
             text.len ? "less" : "greater", text.len ? max : (size_t)1);
    return wr_service_refuse_length(no, "ValidationException", member, text, constraint);
}

static void add_dimensions(struct wr_buf *b, const struct wr_param *d)
{
    bool first = true;
    wr_buf_add(b, WR_STR("{\"Dimensions\":["));
    for (size_t i = 0; i < d->count; i++) {
        if (!wr_str_ends(d->keys[i], WR_STR(".name"))) {
            continue;
        }
        wr_str entry = wr_str_cut(d->keys[i], 0, d->keys[i].len - 5); // "[0]"
        for (size_t k = 0; k < d->count; k++) {
            if (wr_str_starts(d->keys[k], entry) && wr_str_ends(d->keys[k], WR_STR("].value"))) {
                wr_buf_add(b, first ? WR_STR("{\"Name\":") : WR_STR(",{\"Name\":"));
                wr_json_write_string(b, d->values[i]);
                wr_buf_add(b, WR_STR(",\"Value\":"));
                wr_json_write_string(b, d->values[k]);
                wr_buf_add_char(b, '}');
                first = false;
            }
        }
    }
    wr_buf_add(b, WR_STR("],\"MeasureName\":"));
}

static bool make_around(const struct wr_record *rec, struct around *around,
                        struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    struct wr_buf before, behind;
    int64_t time = rec->timestamp_ms;
    wr_str unit = WR_STR("MILLISECONDS"), text = p[TS_TIME].text;
    if (p[TS_TIME].set && text.len > 0) {
        int64_t seconds;
        uint32_t nanos;
        unit = p[TS_UNIT].set && p[TS_UNIT].text.len > 0 ? p[TS_UNIT].text : unit;
        if (!wr_text_whole(text, &time) || time < 0 ||
            !wr_text_time_parts(time, unit, &seconds, &nanos)) {
            return wr_service_refuse(no, "ValidationException",
                                     "timestamp.value: expected a whole number of %.*s since 1970, "
                                     "found '%.*s'",
                                     WR_STR_ARG(unit), (int)(text.len < 80 ? text.len : 80),
                                     text.at);
        }
    }
    wr_buf_init_arena(&before, rec->arena);
    wr_buf_init_arena(&behind, rec->arena);
    add_dimensions(&before, &p[TS_DIMENSIONS]);
    wr_buf_add(&behind, WR_STR(",\"Time\":\""));
    wr_buf_add_i64(&behind, time);
    wr_buf_add(&behind, WR_STR("\",\"TimeUnit\":\""));
    wr_buf_add(&behind, unit);
    wr_buf_add(&behind, WR_STR("\"}"));
    rec->arena->over |= before.over || behind.over;
    *around = (struct around){
        .before = wr_buf_str(&before),
        .behind = wr_buf_str(&behind),
        .unit = unit,
        .time = time,
    };
    if (!before.over) { // {"Dimensions":[…],"MeasureName":
        around->dimensions = wr_str_cut(around->before, sizeof "{\"Dimensions\":" - 1,
                                        before.len - (sizeof ",\"MeasureName\":" - 1));
    }
    return true;
}

// The text of a value, and its type; NULL: no number that Timestream has.
static const char *value_text(wr_value *v, const struct wr_record *rec, struct wr_buf *text)
{
    wr_value_force(v, rec->arena, rec->dialect);
    switch ((enum wr_type)v->type) {
    case WR_BOOLEAN:
        wr_buf_add(text, v->as.truth ? WR_STR("true") : WR_STR("false"));
        return "BOOLEAN";
    case WR_NUMBER: {
        int64_t whole;
        wr_num_write(text, v, rec->dialect);
        return !wr_num_is_int(v) ? "DOUBLE" : wr_num_to_i64(v, &whole) ? "BIGINT" : NULL;
    }
    case WR_STRING:
        wr_buf_add(text, wr_value_text(v));
        return "VARCHAR";
    case WR_ARRAY:
    case WR_OBJECT:
    case WR_RAW:
        wr_json_write(text, v, rec->arena, rec->dialect);
        return "VARCHAR";
    case WR_NULL:
    case WR_UNDEFINED:
        break;
    }
    return NULL;
}

static bool add_measure(struct wr_service_entry *e, const struct wr_member *member,
                        const struct around *around, struct wr_service_no *no)
{
    const struct wr_record *rec = e->ask->rec;
    wr_value v = member->value;
    struct wr_buf text, b;
    wr_buf_init_arena(&text, rec->arena);
    wr_buf_init_arena(&b, rec->arena);
    const char *type = value_text(&v, rec, &text);
    if (!type) {
        return wr_service_refuse(no, "ValidationException",
                                 "The value %.*s of measure %.*s is no BIGINT: 64 bits are not "
                                 "enough for it",
                                 (int)(text.len < 60 ? text.len : 60), text.at ? text.at : "",
                                 (int)(member->key.len < 60 ? member->key.len : 60),
                                 member->key.at);
    }
    if (!text.over &&
        (!text_fits("records.1.member.measureName", member->key, NAME_MAX_, no) ||
         !text_fits("records.1.member.measureValue", wr_buf_str(&text), VALUE_MAX, no))) {
        return false;
    }
    wr_buf_add(&b, around->before);
    wr_json_write_string(&b, member->key);
    wr_buf_add(&b, WR_STR(",\"MeasureValue\":"));
    wr_json_write_string(&b, wr_buf_str(&text));
    wr_buf_add(&b, WR_STR(",\"MeasureValueType\":\""));
    wr_buf_add(&b, wr_str_of(type));
    wr_buf_add_char(&b, '"');
    wr_buf_add(&b, around->behind);
    b.over |= text.over;
    struct measure *row = wr_arena_alloc(rec->arena, sizeof *row);
    if (!row) {
        return false;
    }
    *row = (struct measure){around, member->key, wr_buf_str(&text), wr_str_of(type)};
    e->json = wr_service_keep(e->ask, &b);
    e->more = row;
    e->weight = e->json.len;
    return true;
}

static bool is_measure(const struct wr_record *rec, const wr_value *v)
{
    return v->type != WR_NULL && !wr_value_is_absent(v, rec->arena, rec->dialect);
}

static bool timestream_make(struct wr_record *rec, struct wr_service_ask *ask,
                            struct wr_service_no *no)
{
    wr_value result = wr_service_result(rec);
    ask->names[0] = rec->params[TS_DATABASE].text;
    ask->names[1] = rec->params[TS_TABLE].text;
    for (int i = 0; i < 2; i++) {
        wr_str name = ask->names[i];
        if (!name_fits(name)) {
            return wr_service_refuse_length(no, "ValidationException",
                                            i ? "tableName" : "databaseName", name,
                                            "Member must satisfy regular expression pattern: "
                                            "[a-zA-Z0-9_.-]+, and have 1 to 256 "
                                            "characters");
        }
    }
    if (result.type != WR_OBJECT) {
        return wr_service_refuse(
            no, "ValidationException",
            "The result is no JSON object, whose attributes would be measures: "
            "found %s",
            wr_value_type_name(&result));
    }
    size_t count = 0;
    for (uint32_t i = 0; i < result.len; i++) {
        count += is_measure(rec, &result.as.members[i].value);
    }
    if (count == 0 || count > RECORDS_MAX) {
        return wr_service_refuse(no, "ValidationException",
                                 "The result has %zu measures: expected 1 to %d (null is none)",
                                 count, RECORDS_MAX);
    }
    struct wr_service_entry *e = wr_service_entries(ask, count);
    struct around *around = wr_arena_alloc(rec->arena, sizeof *around);
    if (!e || !around || !make_around(rec, around, no)) {
        return false;
    }
    for (uint32_t i = 0; i < result.len; i++) {
        if (is_measure(rec, &result.as.members[i].value) &&
            !add_measure(e++, &result.as.members[i], around, no)) {
            return false;
        }
    }
    return true;
}

// ---- where to: an endpoint that the service tells, and for how long

enum { STEP_START, STEP_ASK, STEP_WRITE, STEP_ASK_AGAIN, STEP_WRITE_AGAIN };

struct address {
    struct wr_buf role, url;
    int64_t until_ms; // monotonic
};

struct state {
    enum { DISCOVER_AUTO, DISCOVER_ALWAYS, DISCOVER_NEVER } discover;
    struct address addresses[ADDRESSES_MAX];
    size_t next;
};

static void timestream_open(void *at, const struct wr_sink *sink,
                            const struct wr_settings *settings)
{
    struct state *state = at;
    const char *told = wr_settings_get(settings, "discovery");
    state->discover = told && strcmp(told, "always") == 0  ? DISCOVER_ALWAYS
                      : told && strcmp(told, "never") == 0 ? DISCOVER_NEVER
                                                           : DISCOVER_AUTO;
}

static void timestream_close(void *at)
{
    struct state *state = at;
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        wr_buf_release(&state->addresses[i].role);
        wr_buf_release(&state->addresses[i].url);
    }
}

static int64_t now_ms(void)
{
    return wr_mono_now().us / 1000;
}

static struct address *find_address(struct state *state, wr_str role)
{
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        struct address *a = &state->addresses[i];
        if (a->until_ms > now_ms() && wr_str_eq(wr_buf_str(&a->role), role)) {
            return a;
        }
    }
    return NULL;
}

// "cell2.ingest.timestream.…": https, unless the endpoint that was asked is http.
static void keep_address(struct state *state, wr_str role, wr_str scheme, wr_str host,
                         int64_t minutes)
{
    struct address *a = &state->addresses[state->next];
    state->next = (state->next + 1) % ADDRESSES_MAX;
    wr_buf_clear(&a->role);
    wr_buf_add(&a->role, role);
    wr_buf_clear(&a->url);
    wr_buf_add(&a->url, scheme);
    wr_buf_add(&a->url, WR_STR("://"));
    wr_buf_add(&a->url, host);
    minutes = minutes < 1 ? 1 : minutes > 60 * 24 * 7 ? 60 * 24 * 7 : minutes;
    a->until_ms = now_ms() + minutes * 60000;
}

static void forget_address(struct state *state, wr_str role)
{
    struct address *a = find_address(state, role);
    if (a) {
        a->until_ms = 0;
    }
}

// Is there somewhere else than AWS to go to? Imitations have one address.
static bool has_own_endpoint(const struct wr_service_call *call, wr_str *scheme)
{
    static const wr_str http = WR_STR_INIT("http"), https = WR_STR_INIT("https");
    struct wr_buf url = {0};
    struct wr_aws_url u;
    bool custom = call->aws.endpoint.len > 0;
    wr_buf_add(&url, call->aws.endpoint);
    if (!custom) {
        custom = wr_aws_own_endpoint(wr_service_client(call), WR_AWS_TIMESTREAM, &url);
    }
    bool plain = custom && wr_aws_url_read(wr_buf_str(&url), &u) && wr_str_eq(u.scheme, http);
    wr_buf_release(&url);
    *scheme = plain ? http : https;
    return custom;
}

static bool must_ask(const struct wr_service_call *call, struct state *state)
{
    wr_str scheme;
    if (state->discover == DISCOVER_NEVER ||
        (state->discover == DISCOVER_AUTO && has_own_endpoint(call, &scheme))) {
        return false;
    }
    return !find_address(state, call->entries[0]->ask->role);
}

// ---- requests

static void timestream_write(struct wr_service_call *call, struct wr_buf *b)
{
    struct state *state = wr_service_call_state(call);
    const struct wr_service_ask *ask = call->entries[0]->ask;
    if (call->step == STEP_START) {
        call->step = must_ask(call, state) ? STEP_ASK : STEP_WRITE;
    }
    call->aws.content_type = WR_STR("application/x-amz-json-1.0");
    if (call->step == STEP_ASK || call->step == STEP_ASK_AGAIN) {
        call->aws.target = WR_STR("Timestream_20181101.DescribeEndpoints");
        wr_buf_add(b, WR_STR("{}"));
        return;
    }
    const struct address *a = find_address(state, ask->role);
    if (a) {
        call->aws.endpoint = wr_buf_str(&a->url);
    }
    call->aws.target = WR_STR("Timestream_20181101.WriteRecords");
    wr_buf_add(b, WR_STR("{\"DatabaseName\":"));
    wr_json_write_string(b, ask->names[0]);
    wr_buf_add(b, WR_STR(",\"TableName\":"));
    wr_json_write_string(b, ask->names[1]);
    wr_buf_add(b, WR_STR(",\"Records\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

// Nothing was sent: go on as if the service had named the address that it is known by.
static void take_default(struct wr_service_call *call)
{
    struct wr_buf url = {0};
    struct wr_aws_url u;
    if (wr_aws_default_endpoint(&url, WR_AWS_TIMESTREAM, (wr_str){0},
                                wr_aws_default_region(wr_service_client(call))) &&
        wr_aws_url_read(wr_buf_str(&url), &u)) {
        keep_address(wr_service_call_state(call), call->entries[0]->ask->role, u.scheme, u.host,
                     1440);
    }
    wr_buf_release(&url);
}

static void take_address(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    if (answer->recorded) {
        take_default(call);
        return;
    }
    wr_value body = wr_service_body(answer, arena);
    wr_value list = wr_service_member(&body, "Endpoints", arena);
    if (list.type != WR_ARRAY || list.len == 0) {
        return;
    }
    wr_value first = list.as.items[0];
    wr_value_force(&first, arena, WR_SQL_2016);
    wr_str host = wr_service_member_text(&first, "Address", arena), scheme;
    wr_value minutes = wr_service_member(&first, "CachePeriodInMinutes", arena);
    int64_t n = 1440;
    if (minutes.type != WR_NUMBER || !wr_num_to_i64(&minutes, &n)) {
        n = 1440;
    }
    (void)has_own_endpoint(call, &scheme);
    if (host.len > 0) {
        keep_address(wr_service_call_state(call), call->entries[0]->ask->role, scheme, host, n);
    }
}

static enum wr_service_next timestream_turn(struct wr_service_call *call,
                                            const struct wr_aws_answer *answer)
{
    if (call->step == STEP_ASK || call->step == STEP_ASK_AGAIN) {
        if (answer->class != WR_AWS_OK) {
            return WR_SERVICE_BY_CLASS;
        }
        take_address(call, answer);
        call->step = call->step == STEP_ASK ? STEP_WRITE : STEP_WRITE_AGAIN;
        return WR_SERVICE_AGAIN;
    }
    if (wr_str_eq(answer->code, WR_STR("InvalidEndpointException")) && call->step == STEP_WRITE) {
        struct state *state = wr_service_call_state(call);
        forget_address(state, call->entries[0]->ask->role);
        call->step = must_ask(call, state) ? STEP_ASK_AGAIN : STEP_WRITE_AGAIN;
        return call->step == STEP_ASK_AGAIN ? WR_SERVICE_AGAIN : WR_SERVICE_BY_CLASS;
    }
    return wr_str_eq(answer->code, WR_STR("RejectedRecordsException")) ? WR_SERVICE_READ
                                                                       : WR_SERVICE_BY_CLASS;
}

// Those that were rejected; without a list, all of them.
static void timestream_read(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    if (answer->class == WR_AWS_OK) {
        return;
    }
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    wr_value body = wr_service_body(answer, arena);
    wr_value list = wr_service_member(&body, "RejectedRecords", arena);
    bool any = false;
    for (uint32_t i = 0; list.type == WR_ARRAY && i < list.len; i++) {
        wr_value one = list.as.items[i];
        wr_value_force(&one, arena, WR_SQL_2016);
        wr_value index = wr_service_member(&one, "RecordIndex", arena);
        int64_t at;
        if (index.type == WR_NUMBER && wr_num_to_i64(&index, &at) && at >= 0 &&
            at < (int64_t)call->count) {
            wr_service_fail_entry(call, answer, (size_t)at, answer->code,
                                  wr_service_member_text(&one, "Reason", arena), WR_AWS_PERMANENT);
            any = true;
        }
    }
    for (size_t i = 0; !any && i < call->count; i++) {
        wr_service_fail_entry(call, answer, i, answer->code, answer->message, WR_AWS_PERMANENT);
    }
}

// ---- rows

static void timestream_bind(struct sqlite3_stmt *stmt, size_t statement,
                            const struct wr_service_entry *e)
{
    const struct measure *m = e->more;
    wr_service_bind_text(stmt, 1, e->ask->names[0]);
    wr_service_bind_text(stmt, 2, e->ask->names[1]);
    wr_service_bind_text(stmt, 3, m->name);
    wr_service_bind_text(stmt, 4, m->type);
    wr_service_bind_text(stmt, 5, m->value);
    wr_service_bind_int(stmt, 6, m->around->time);
    wr_service_bind_text(stmt, 7, m->around->unit);
    wr_service_bind_text(stmt, 8, m->around->dimensions);
}

static const char *const statements[] = {
    "INSERT INTO records(database, name, measure, type, value, time, time_unit, dimensions) "
    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    NULL,
};

static const struct wr_service_rows rows = {
    .file = "timestream.db",
    .schema = "CREATE TABLE IF NOT EXISTS records(seq INTEGER PRIMARY KEY AUTOINCREMENT, database "
              "TEXT NOT NULL, name TEXT NOT NULL, measure TEXT NOT NULL, type TEXT NOT NULL, value "
              "TEXT NOT NULL, time INTEGER NOT NULL, time_unit TEXT NOT NULL, dimensions TEXT NOT "
              "NULL);"
              "CREATE INDEX IF NOT EXISTS records_name ON records(database, name, seq)",
    .statements = statements,
    .bind = timestream_bind,
};

const struct wr_service wr_service_timestream = {
    .aws = WR_AWS_TIMESTREAM,
    .what = "Failed to write records to the Timestream table",
    .role_option = TS_ROLE,
    .make = timestream_make,
    .entries_max = RECORDS_MAX,
    .in_flight_max = 1,
    .write = timestream_write,
    .turn = timestream_turn,
    .read = timestream_read,
    .state_size = sizeof(struct state),
    .open = timestream_open,
    .close = timestream_close,
    .rows = &rows,
};

// ---- the sink

static const struct wr_option aws_settings[] = {
    {"discovery", WR_OPT_CHOICE, 0, "auto", .choices = "auto|always|never",
     .help =
         "Whether the service is asked for the endpoint of writes; auto: unless weir is told an "
         "endpoint."},
    WR_SERVICE_LINGER,
    {0},
};

#define ACTION                                                              \
    .name = "timestream", .failed_action = "TimestreamAction",              \
    .help = "Writes a Timestream record for each attribute of the result.", \
    .options = timestream_options, .resource_option = TS_TABLE, .check = timestream_check

const struct wr_sink_impl wr_sink_timestream = {
    ACTION,
    .form = "A row for each attribute in local/timestream.db; databases and tables are made.",
    .settings = wr_service_rows_settings,
    WR_SERVICE_ROWS,
};

const struct wr_sink_impl wr_sink_timestream_aws = {
    ACTION,
    .form = "WriteRecords, up to 100 records of a table in one, at the endpoint that the service "
            "tells.",
    .settings = aws_settings,
    WR_SERVICE_AWS,
};
