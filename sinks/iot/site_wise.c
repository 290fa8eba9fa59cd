// iotSiteWise: values of asset properties for a record (actions.md 4.19). All of it comes from the
// rule's templates; the result is not sent. Every leaf is text there and what SiteWise wants here.
#include "sinks/service/service.h"

#include "sinks/lib/text.h"
#include "sinks/lib/uuid.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define ENTRIES_MAX 10 // of a call
#define VALUES_MAX  10 // of an entry
#define ID_MAX      64 // characters of an entryId
#define ASSET_MAX   139 // characters of an asset's or a property's id: "externalId:…" is the longest
#define ALIAS_MAX   2048 // characters
#define STRING_MAX  1024 // bytes of a stringValue
#define SECONDS_MAX INT64_C(9223372036854774)

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

// ---- one entry's leaves

// Leaves of one entry, or of one of its values: a run of the flat list with a common beginning.
struct run {
    const struct wr_param *p;
    size_t from, to;
    wr_str prefix;
};

static struct run run_of(const struct wr_param *p, size_t from, unsigned depth)
{
    struct run r = {p, from, from, entry_of(p->keys[from], depth)};
    while (r.to < p->count && wr_str_starts(p->keys[r.to], r.prefix)) {
        r.to++;
    }
    return r;
}

// The leaf's text; empty where the rule does not give it, or its template was Undefined.
static wr_str leaf(const struct run *r, const char *name)
{
    for (size_t i = r->from; i < r->to; i++) {
        wr_str key = r->p->keys[i];
        if (wr_str_eq(wr_str_cut(key, r->prefix.len, key.len), wr_str_of(name))) {
            return r->p->values[i];
        }
    }
    return (wr_str){0};
}

static bool has_leaf(const struct run *r, const char *name)
{
    for (size_t i = r->from; i < r->to; i++) {
        wr_str key = r->p->keys[i];
        if (wr_str_eq(wr_str_cut(key, r->prefix.len, key.len), wr_str_of(name))) {
            return true;
        }
    }
    return false;
}

static bool refuse_leaf(wr_str key, wr_str found, const char *expected, struct wr_service_no *no)
{
    return wr_service_refuse(no, "InvalidRequestException",
                             "putAssetPropertyValueEntries%.*s: expected %s, found '%.*s'",
                             WR_STR_ARG(key), expected, (int)(found.len < 80 ? found.len : 80),
                             found.at ? found.at : "");
}

static bool is_string(wr_str text)
{
    return text.len > 0 && text.len <= STRING_MAX;
}

static bool is_integer(wr_str text)
{
    int64_t n;
    return wr_text_whole(text, &n) && n >= INT32_MIN && n <= INT32_MAX;
}

static bool is_double(wr_str text)
{
    double d;
    return wr_text_double(text, &d);
}

static bool is_boolean(wr_str text)
{
    return wr_str_eq_nocase(text, WR_STR("true")) || wr_str_eq_nocase(text, WR_STR("false"));
}

static bool is_seconds(wr_str text)
{
    int64_t n;
    return wr_text_whole(text, &n) && n >= 1 && n <= SECONDS_MAX;
}

// What need not be given may be Undefined too: then it is not there.
static bool is_nanos(wr_str text)
{
    int64_t n;
    return text.len == 0 || (wr_text_whole(text, &n) && n >= 0 && n <= 999999999);
}

static bool is_quality(wr_str text)
{
    return text.len == 0 || wr_str_eq(text, WR_STR("GOOD")) || wr_str_eq(text, WR_STR("BAD")) ||
           wr_str_eq(text, WR_STR("UNCERTAIN"));
}

static bool is_entry_id(wr_str text)
{
    return text.len <= ID_MAX && wr_shape_only(text, "_-");
}

static bool is_text(wr_str text, size_t max)
{
    return text.len > 0 && wr_utf8_count(text) <= max && !wr_text_has_control(text);
}

static bool is_asset(wr_str text)
{
    return is_text(text, ASSET_MAX);
}

static bool is_alias(wr_str text)
{
    return is_text(text, ALIAS_MAX);
}

static const struct {
    const char *name; // how a key of the flat list ends
    bool (*fits)(wr_str text);
    const char *expected;
} leaves_[] = {
    {".entryId", is_entry_id, "1 to 64 letters, digits and _-"},
    {".assetId", is_asset, "a UUID, or externalId: and an id"},
    {".propertyId", is_asset, "a UUID, or externalId: and an id"},
    {".propertyAlias", is_alias, "1 to 2048 characters, none of them a control character"},
    {".value.stringValue", is_string, "1 to 1024 bytes"},
    {".value.integerValue", is_integer, "a whole number of 32 bits"},
    {".value.doubleValue", is_double, "a number"},
    {".value.booleanValue", is_boolean, "true or false"},
    {".timestamp.timeInSeconds", is_seconds, "whole seconds since 1970"},
    {".timestamp.offsetInNanos", is_nanos, "a whole number from 0 to 999999999"},
    {".quality", is_quality, "GOOD, BAD or UNCERTAIN"},
};

static bool check_leaf(wr_str key, wr_str text, struct wr_service_no *no)
{
    for (size_t i = 0; i < WR_COUNT(leaves_); i++) {
        if (wr_str_ends(key, wr_str_of(leaves_[i].name))) {
            return leaves_[i].fits(text) || refuse_leaf(key, text, leaves_[i].expected, no);
        }
    }
    return true;
}

// The leaves fit (check_leaf).
static void add_value(struct wr_buf *b, const struct run *r)
{
    double d = 0;
    int64_t n = 0;
    bool good = true;
    wr_buf_add(b, WR_STR("{\"value\":{"));
    if (has_leaf(r, ".value.stringValue")) {
        wr_buf_add(b, WR_STR("\"stringValue\":"));
        wr_json_write_string(b, leaf(r, ".value.stringValue"));
    } else if (has_leaf(r, ".value.integerValue")) {
        good = wr_text_whole(leaf(r, ".value.integerValue"), &n);
        wr_buf_add(b, WR_STR("\"integerValue\":"));
        wr_buf_add_i64(b, n);
    } else if (has_leaf(r, ".value.doubleValue")) {
        good = wr_text_double(leaf(r, ".value.doubleValue"), &d);
        wr_buf_add(b, WR_STR("\"doubleValue\":"));
        wr_text_add_double(b, d);
    } else {
        bool yes = wr_str_eq_nocase(leaf(r, ".value.booleanValue"), WR_STR("true"));
        wr_buf_add(b, yes ? WR_STR("\"booleanValue\":true") : WR_STR("\"booleanValue\":false"));
    }
    wr_assert(good);
    wr_buf_add_char(b, '}');
}

static void add_time(struct wr_buf *b, const struct run *r)
{
    wr_str nanos = leaf(r, ".timestamp.offsetInNanos"), quality = leaf(r, ".quality");
    int64_t n;
    wr_assert(wr_text_whole(leaf(r, ".timestamp.timeInSeconds"), &n));
    wr_buf_add(b, WR_STR(",\"timestamp\":{\"timeInSeconds\":"));
    wr_buf_add_i64(b, n);
    if (nanos.len > 0) {
        wr_assert(wr_text_whole(nanos, &n));
        wr_buf_add(b, WR_STR(",\"offsetInNanos\":"));
        wr_buf_add_i64(b, n);
    }
    wr_buf_add_char(b, '}');
    if (quality.len > 0) {
        wr_buf_add(b, WR_STR(",\"quality\":\""));
        wr_buf_add(b, quality);
        wr_buf_add_char(b, '"');
    }
}

static bool add_values(struct wr_buf *b, const struct run *r, struct wr_service_no *no)
{
    size_t count = 0;
    wr_buf_add(b, WR_STR(",\"propertyValues\":["));
    for (size_t i = r->from; i < r->to;) {
        if (entry_of(r->p->keys[i], 2).len == 0) {
            i++;
            continue;
        }
        struct run value = run_of(r->p, i, 2);
        if (count++ > 0) {
            wr_buf_add_char(b, ',');
        }
        if (!has_leaf(&value, ".timestamp.timeInSeconds") ||
            leaves(r->p, value.from, value.prefix, WR_STR(".value.")) != 1) {
            return refuse_leaf(value.prefix, (wr_str){0}, "one value, and timestamp.timeInSeconds",
                               no); // of a spool that is damaged: rules are checked
        }
        add_value(b, &value);
        add_time(b, &value);
        wr_buf_add_char(b, '}');
        i = value.to;
    }
    wr_buf_add_char(b, ']');
    return count >= 1 && count <= VALUES_MAX
               ? true
               : wr_service_refuse(no, "InvalidRequestException",
                                   "putAssetPropertyValueEntries%.*s.propertyValues: expected 1 to "
                                   "%d values, found %zu",
                                   WR_STR_ARG(r->prefix), VALUES_MAX, count);
}

static void add_member(struct wr_buf *b, const char *name, wr_str text)
{
    wr_buf_add_char(b, ',');
    wr_json_write_string(b, wr_str_of(name));
    wr_buf_add_char(b, ':');
    wr_json_write_string(b, text);
}

static void add_property(struct wr_buf *b, const struct run *r)
{
    if (has_leaf(r, ".propertyAlias")) {
        add_member(b, "propertyAlias", leaf(r, ".propertyAlias"));
        return;
    }
    add_member(b, "assetId", leaf(r, ".assetId"));
    add_member(b, "propertyId", leaf(r, ".propertyId"));
}

static bool make_entry(struct wr_service_entry *e, const struct run *r, uint32_t index,
                       struct wr_service_no *no)
{
    struct wr_arena *arena = e->ask->rec->arena;
    char uuid[WR_UUID_LEN + 1];
    wr_uuid_of_record(uuid, e->ask->rec, index);
    wr_str id = leaf(r, ".entryId");
    e->id = wr_str_dup(arena, id.len ? id : wr_str_of(uuid));
    for (size_t i = r->from; i < r->to; i++) {
        if (!check_leaf(r->p->keys[i], r->p->values[i], no)) {
            return false;
        }
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    wr_buf_add(&b, WR_STR("{\"entryId\":"));
    wr_json_write_string(&b, e->id);
    add_property(&b, r);
    if (!add_values(&b, r, no)) {
        return false;
    }
    wr_buf_add_char(&b, '}');
    e->json = wr_service_keep(e->ask, &b);
    e->weight = e->json.len;
    return true;
}

static bool site_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct wr_param *p = &rec->params[SITE_ENTRIES];
    size_t count = 0;
    for (size_t i = 0; i < p->count; i = run_of(p, i, 1).to) {
        count++;
    }
    if (count == 0) {
        return wr_service_refuse(no, "InvalidRequestException",
                                 "putAssetPropertyValueEntries: expected at least one");
    }
    struct wr_service_entry *e = wr_service_entries(ask, count);
    uint32_t index = 0;
    for (size_t i = 0; e && i < p->count; index++) {
        struct run r = run_of(p, i, 1);
        if (!make_entry(&e[index], &r, index, no)) {
            return false;
        }
        for (uint32_t before = 0; before < index; before++) {
            if (wr_str_eq(e[before].id, e[index].id)) {
                return refuse_leaf(r.prefix, e[index].id, "an entryId that no other entry has", no);
            }
        }
        i = r.to;
    }
    ask->names[0] = WR_STR("values");
    return e != NULL;
}

// ---- a rule

// Looks at each entry once: leaves of one entry stand together.
static wr_err check_shape(const struct wr_param *p, struct wr_fault *fault)
{
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

static wr_err site_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    const struct wr_param *p = &params[SITE_ENTRIES];
    struct wr_service_no no;
    wr_err err = check_shape(p, fault);
    for (size_t i = 0; !err && i < p->count; i++) {
        if (!wr_shape_has_template(p->values[i]) && !check_leaf(p->keys[i], p->values[i], &no)) {
            err = wr_fault_set(fault, WR_ERR_FAILED, "%s", no.text);
        }
    }
    return err;
}

// ---- requests

static bool site_joins(const struct wr_service_call *call, const struct wr_service_entry *e)
{
    return wr_service_find_entry(call, e->id, 0) == SIZE_MAX; // the answer names entries by it
}

static void site_write(struct wr_service_call *call, struct wr_buf *b)
{
    call->aws.path = WR_STR("/properties");
    call->aws.content_type = WR_STR("application/json");
    wr_buf_add(b, WR_STR("{\"entries\":["));
    wr_service_write_entries(call, b);
    wr_buf_add(b, WR_STR("]}"));
}

static void site_read(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    wr_value body = wr_service_body(answer, arena);
    wr_value list = wr_service_member(&body, "errorEntries", arena);
    for (uint32_t i = 0; list.type == WR_ARRAY && i < list.len; i++) {
        wr_value one = list.as.items[i];
        wr_value_force(&one, arena, WR_SQL_2016);
        size_t at = wr_service_find_entry(call, wr_service_member_text(&one, "entryId", arena), 0);
        wr_value errors = wr_service_member(&one, "errors", arena), first = wr_undefined();
        if (errors.type == WR_ARRAY && errors.len > 0) {
            first = errors.as.items[0];
            wr_value_force(&first, arena, WR_SQL_2016);
        }
        wr_service_fail_entry(call, answer, at, wr_service_member_text(&first, "errorCode", arena),
                              wr_service_member_text(&first, "errorMessage", arena),
                              WR_AWS_PERMANENT);
    }
}

static void site_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    wr_buf_add(b, e->json);
    wr_buf_add_char(b, '\n');
}

const struct wr_service wr_service_iot_site_wise = {
    .aws = WR_AWS_SITEWISE,
    .what = "Failed to put asset property values",
    .role_option = SITE_ROLE,
    .make = site_make,
    .entries_max = ENTRIES_MAX,
    .in_flight_max = 4, // each value has its time
    .write = site_write,
    .joins = site_joins,
    .read = site_read,
    .folder = "iotsitewise",
    .depth = 1,
    .line = site_line,
};

// ---- the sink

static const struct wr_option aws_settings[] = {WR_SERVICE_LINGER, {0}};

#define ACTION                                                                              \
    .name = "iotSiteWise", .failed_action = "IotSiteWiseAction",                            \
    .help = "Puts values of properties of SiteWise assets; the result itself is not used.", \
    .options = site_options, .resource_option = SITE_ENTRIES, .check = site_check

const struct wr_sink_impl wr_sink_iot_site_wise = {
    ACTION,
    .form = "A line for each entry in local/iotsitewise/values.ndjson.",
    .settings = wr_service_lines_settings,
    WR_SERVICE_LINES,
};

const struct wr_sink_impl wr_sink_iot_site_wise_aws = {
    ACTION,
    .form = "BatchPutAssetPropertyValue, up to 10 entries in one.",
    .settings = aws_settings,
    WR_SERVICE_AWS,
};
