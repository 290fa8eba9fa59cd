// One line of a message file, read and written.
#include "engine/cli/message_text.h"

#include <inttypes.h>

#include "engine/cli/message_line.h"
#include "engine/rules/document.h"
#include "sql/base/json.h"
#include "sql/base/json_text.h"
#include "sql/base/num.h"
#include "sql/base/utf8.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

// KIND(name, what is expected, the bytes that such a value begins with; "": any)
#define KIND_MAP(KIND)                            \
    KIND(TEXT, "a string", "\"")                  \
    KIND(NUMBER, "a whole number", "-0123456789") \
    KIND(FLAG, "true or false", "tf")             \
    KIND(LIST, "a list of [key, value]", "[")     \
    KIND(OBJECT, "an object", "{")                \
    KIND(ANY, "a value", "")                      \
    KIND(IGNORED, "a value", "") // only cases have it

enum kind {
#define KIND(name, text, first) KIND_##name,
    KIND_MAP(KIND)
#undef KIND
};

static const struct {
    const char *text, *first;
} kinds[] = {
#define KIND(name, text, first) {text, first},
    KIND_MAP(KIND)
#undef KIND
};

// MEMBER(name, kind)
#define MEMBER_MAP(MEMBER)         \
    MEMBER(topic, TEXT)            \
    MEMBER(payload, ANY)           \
    MEMBER(payloadText, TEXT)      \
    MEMBER(payloadBase64, TEXT)    \
    MEMBER(timestamp, NUMBER)      \
    MEMBER(qos, NUMBER)            \
    MEMBER(retain, FLAG)           \
    MEMBER(stored, FLAG)           \
    MEMBER(userProperties, LIST)   \
    MEMBER(mqttProperties, OBJECT) \
    MEMBER(clientId, TEXT)         \
    MEMBER(principal, TEXT)        \
    MEMBER(sourceIp, TEXT)         \
    MEMBER(traceId, TEXT)          \
    MEMBER(context, OBJECT)        \
    MEMBER(id, IGNORED)            \
    MEMBER(note, IGNORED)          \
    MEMBER(area, IGNORED)          \
    MEMBER(source, IGNORED)        \
    MEMBER(basis, IGNORED)         \
    MEMBER(sql, IGNORED)           \
    MEMBER(sqlVersion, IGNORED)    \
    MEMBER(rule, IGNORED)          \
    MEMBER(template, IGNORED)      \
    MEMBER(expect, IGNORED)

enum member {
#define MEMBER(name, kind) AT_##name,
    MEMBER_MAP(MEMBER)
#undef MEMBER
        MEMBER_COUNT
};

static const char *const names[] = {
#define MEMBER(name, kind) #name,
    MEMBER_MAP(MEMBER)
#undef MEMBER
        NULL};

static const enum kind kind_of[] = {
#define MEMBER(name, kind) KIND_##kind,
    MEMBER_MAP(MEMBER)
#undef MEMBER
};

// ---- the members of a line

struct found {
    wr_str line;
    wr_str value[MEMBER_COUNT]; // as spelt; at NULL: absent
    bool blanks[MEMBER_COUNT];  // between tokens of it
};

// Behind the value that starts at `p`, in accepted text.
static const char *behind(const char *p, const char *end, bool *blanks)
{
    size_t depth = 0;
    *blanks = false;
    do {
        bool escaped;
        switch (*p) {
        case '"': {
            wr_str s = wr_json_string_at(p + 1, end, &escaped);
            p = s.at + s.len;
            break;
        }
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            depth--;
            break;
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            *blanks = true;
            break;
        default: // of a number, true, false, null, or , and : inside
            if (depth == 0) {
                while (p < end && !strchr(" \t\r\n,}", *p)) {
                    p++;
                }
                return p;
            }
        }
        p++;
    } while (depth);
    return p;
}

// The content of the string that is spelt so.
static wr_str unquoted(wr_str spelt, struct wr_arena *arena)
{
    wr_str raw = wr_str_cut(spelt, 1, spelt.len - 1);
    if (!raw.len || !memchr(raw.at, '\\', raw.len)) {
        return raw;
    }
    char *to = wr_arena_alloc(arena, raw.len);
    return (wr_str){to, to ? wr_json_unescape(to, raw) : 0};
}

static size_t offset_of(const struct found *f, wr_str part)
{
    return (size_t)(part.at - f->line.at);
}

static wr_err take(struct found *f, wr_str key, wr_str spelt_key, wr_str value, bool blanks,
                   struct wr_fault *fault)
{
    size_t k = 0;
    while (names[k] && !wr_str_eq(wr_str_of(names[k]), key)) {
        k++;
    }
    if (!names[k]) {
        const char *near = wr_name_nearest(key, names);
        return wr_fault_at(fault, WR_ERR_UNKNOWN, f->line, offset_of(f, spelt_key),
                           "a message has no member '%.*s'%s%s%s", WR_STR_ARG(key),
                           near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (f->value[k].at) {
        return wr_fault_at(fault, WR_ERR_EXISTS, f->line, offset_of(f, spelt_key),
                           "found '%s' a second time", names[k]);
    }
    const char *first = kinds[kind_of[k]].first;
    if (*first && !strchr(first, value.at[0])) {
        return wr_fault_at(
            fault, WR_ERR_TYPE, f->line, offset_of(f, value), "%s: found %.*s, expected %s",
            names[k], (int)(value.len < 40 ? value.len : 40), value.at, kinds[kind_of[k]].text);
    }
    f->value[k] = value;
    f->blanks[k] = blanks;
    return WR_OK;
}

static wr_err split(struct found *f, struct wr_arena *arena, struct wr_fault *fault)
{
    size_t at = 0;
    const char *p = f->line.at, *end = p + f->line.len;
    switch (wr_json_read(NULL, f->line, NULL, &at)) {
    case WR_JSON_VALID:
    case WR_JSON_SCALAR:
        break;
    case WR_JSON_MALFORMED:
        return wr_fault_at(fault, WR_ERR_SYNTAX, f->line, at,
                           at < f->line.len
                               ? "malformed JSON, expected one message a line, as JSON Object"
                               : "the line ends within a JSON text");
    case WR_JSON_TOO_DEEP:
        return wr_fault_at(fault, WR_ERR_LIMIT, f->line, at,
                           "JSON is nested more than %d deep (payloadText takes any payload)",
                           WR_JSON_DEPTH_MAX);
    }
    p = wr_json_skip_space(p, end);
    if (*p != '{') {
        return wr_fault_at(fault, WR_ERR_TYPE, f->line, (size_t)(p - f->line.at),
                           "found JSON that is no Object, expected a message");
    }
    p = wr_json_skip_space(p + 1, end);
    while (*p != '}') {
        bool blanks, ignored;
        wr_str key = {p, (size_t)(behind(p, end, &ignored) - p)};
        p = wr_json_skip_space(key.at + key.len, end); // the colon
        p = wr_json_skip_space(p + 1, end);
        wr_str value = {p, (size_t)(behind(p, end, &blanks) - p)};
        wr_err err = take(f, unquoted(key, arena), key, value, blanks, fault);
        if (err) {
            return err;
        }
        p = wr_json_skip_space(value.at + value.len, end);
        p = *p == ',' ? wr_json_skip_space(p + 1, end) : p;
    }
    return WR_OK;
}

// ---- what they say

static wr_err read_payload(const struct found *f, struct wr_arena *arena, wr_str *out,
                           struct wr_fault *fault)
{
    static const enum member forms[] = {AT_payload, AT_payloadText, AT_payloadBase64};
    const enum member *form = NULL;
    for (size_t i = 0; i < WR_COUNT(forms); i++) {
        wr_str value = f->value[forms[i]];
        if (value.at && form) {
            return wr_fault_at(fault, WR_ERR_EXISTS, f->line, offset_of(f, value),
                               "found %s besides %s, expected one of them", names[forms[i]],
                               names[*form]);
        }
        form = value.at ? &forms[i] : form;
    }
    if (!form) {
        return wr_fault_at(fault, WR_ERR_MISSING, f->line, f->line.len,
                           "found no payload, expected payload, payloadText or payloadBase64");
    }
    wr_str value = f->value[*form];
    if (*form == AT_payload) {
        *out = f->blanks[*form] ? wr_line_minified(value, arena) : value;
        return WR_OK;
    }
    *out = unquoted(value, arena);
    if (*form == AT_payloadBase64) {
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        bool right = wr_buf_add_unbase64(&b, *out);
        if (!right && !b.over) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, f->line, offset_of(f, value),
                               "payloadBase64: found no base64 (A-Z a-z 0-9 + /, padded with =)");
        }
        *out = wr_buf_str(&b);
    }
    if (!out->at) {
        out->at = "";
    }
    return WR_OK;
}

static wr_err whole_number(const wr_value *v, const char *name, int64_t max, int64_t *out,
                           struct wr_fault *fault)
{
    int64_t n;
    if (v->type == WR_UNDEFINED) {
        return WR_OK;
    }
    if (v->type != WR_NUMBER || !wr_num_to_i64(v, &n) || n < 0 || n > max) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s: expected a whole number from 0 to %" PRId64,
                            name, max);
    }
    *out = n;
    return WR_OK;
}

static wr_err known_members(const wr_value *mqtt, const char *const *known, struct wr_fault *fault)
{
    for (uint32_t i = 0; i < mqtt->len; i++) {
        wr_str key = mqtt->as.members[i].key;
        size_t k = 0;
        while (known[k] && !wr_str_eq(wr_str_of(known[k]), key)) {
            k++;
        }
        if (!known[k]) {
            const char *near = wr_name_nearest(key, known);
            return wr_fault_set(fault, WR_ERR_UNKNOWN, "mqttProperties has no member '%.*s'%s%s%s",
                                WR_STR_ARG(key), near ? ", did you mean '" : "", near ? near : "",
                                near ? "'?" : "");
        }
    }
    return WR_OK;
}

static wr_err read_mqtt(const wr_value *context, struct wr_arena *arena, int64_t *expiry_s,
                        struct wr_fault *fault)
{
    enum { STRINGS = 4 }; // the first of them
    static const char *const known[] = {"contentType",           "payloadFormatIndicator",
                                        "responseTopic",         "correlationData",
                                        "messageExpiryInterval", NULL};
    wr_value mqtt = wr_line_member(context, "mqttProperties", arena);
    if (mqtt.type != WR_OBJECT) {
        return WR_OK;
    }
    wr_err err = known_members(&mqtt, known, fault);
    for (size_t i = 0; !err && i < STRINGS; i++) {
        wr_value v = wr_line_member(&mqtt, known[i], arena);
        if (v.type != WR_UNDEFINED && v.type != WR_STRING) {
            err =
                wr_fault_set(fault, WR_ERR_TYPE, "mqttProperties.%s: expected a string", known[i]);
        }
    }
    wr_str format = wr_line_text(&mqtt, "payloadFormatIndicator", arena);
    if (!err && format.at && !wr_str_eq(format, WR_STR("UTF8_DATA")) &&
        !wr_str_eq(format, WR_STR("UNSPECIFIED_BYTES"))) {
        err = wr_fault_set(fault, WR_ERR_UNKNOWN,
                           "mqttProperties.payloadFormatIndicator: found \"%.*s\", expected "
                           "UTF8_DATA or UNSPECIFIED_BYTES",
                           WR_STR_ARG(format));
    }
    wr_value expiry = wr_line_member(&mqtt, "messageExpiryInterval", arena);
    return err ? err
               : whole_number(&expiry, "mqttProperties.messageExpiryInterval", UINT32_MAX, expiry_s,
                              fault);
}

static wr_err read_context(struct wr_file_message *m, const wr_value *context,
                           struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value timestamp = wr_line_member(context, "timestamp", arena);
    wr_value qos = wr_line_member(context, "qos", arena);
    wr_value retain = wr_line_member(context, "retain", arena);
    wr_value stored = wr_line_member(context, "stored", arena);
    int64_t ignored, level = 0;
    m->timed = timestamp.type != WR_UNDEFINED;
    m->retain = retain.type == WR_BOOLEAN && retain.as.truth;
    m->stored = stored.type == WR_BOOLEAN && stored.as.truth;
    wr_err err = whole_number(&timestamp, "timestamp", INT64_MAX, &ignored, fault);
    if (!err) {
        err = whole_number(&qos, "qos", 2, &level, fault);
    }
    if (!err) {
        err = read_mqtt(context, arena, &m->expiry_s, fault);
    }
    m->qos = (uint8_t)level;
    return err ? err : wr_line_context(context, arena, &m->sql, fault);
}

// The small members as an Object; the payload stays text.
static wr_err gather(const struct found *f, struct wr_arena *arena, wr_value *out,
                     struct wr_fault *fault)
{
    struct wr_object_builder b = {0};
    for (size_t i = AT_timestamp; i <= AT_context; i++) {
        wr_value v;
        if (!f->value[i].at) {
            continue;
        }
        wr_err err = wr_json_parse(f->value[i], arena, WR_SQL_2016, &v, fault);
        if (err) {
            return err;
        }
        wr_object_set(&b, arena, wr_str_of(names[i]), v);
    }
    *out = wr_object_done(&b);
    return WR_OK;
}

// A fault of a member that has no place yet: the line's begin, or that of `at`.
static wr_err placed(const struct found *f, wr_str at, wr_err err, struct wr_fault *fault)
{
    if (err && !fault->line) {
        struct wr_fault copy = *fault;
        wr_fault_at(fault, err, f->line, at.at ? offset_of(f, at) : 0, "%s", copy.text);
    }
    return err;
}

wr_err wr_message_text_read(wr_str line, struct wr_arena *arena, struct wr_file_message *out,
                            struct wr_fault *fault)
{
    struct found f = {.line = line};
    struct wr_file_message m = {.expiry_s = -1, .context = {.type = WR_UNDEFINED}};
    struct wr_fault inner = {0};
    wr_err err = split(&f, arena, &inner);
    wr_value members;
    if (!err && !f.value[AT_topic].at) {
        err = wr_fault_at(&inner, WR_ERR_MISSING, line, line.len,
                          "found no topic, expected a member topic");
    }
    if (!err) {
        m.sql.topic = unquoted(f.value[AT_topic], arena);
        err = wr_topic_name_check(m.sql.topic, &inner);
        inner.line = 0; // its place is one within the topic
        placed(&f, f.value[AT_topic], err, &inner);
    }
    if (!err) {
        err = read_payload(&f, arena, &m.sql.payload, &inner);
    }
    if (!err) {
        err = placed(&f, (wr_str){0}, gather(&f, arena, &members, &inner), &inner);
    }
    if (!err) {
        m.context = wr_line_member(&members, "context", arena);
        const wr_value *from = m.context.type == WR_OBJECT ? &m.context : &members;
        err = placed(&f, (wr_str){0}, read_context(&m, from, arena, &inner), &inner);
    }
    if (!err && arena->over) {
        err = wr_fault_at(&inner, WR_ERR_LIMIT, line, 0, "the message does not fit into memory");
    }
    if (err) {
        if (fault) {
            *fault = inner;
        }
        return err;
    }
    *out = m;
    return WR_OK;
}

// ---- writing

// Nested less deep than a line may be, so that there is a level for the line's own Object; no blank
// between tokens.
static bool compact_json(wr_str s)
{
    enum wr_json_kind kind = s.len ? wr_json_read(NULL, s, NULL, NULL) : WR_JSON_MALFORMED;
    if (kind != WR_JSON_VALID && kind != WR_JSON_SCALAR) {
        return false;
    }
    size_t depth = 0;
    const char *end = s.at + s.len;
    for (const char *p = s.at; p < end; p++) {
        bool escaped;
        if (*p == '"') {
            wr_str text = wr_json_string_at(p + 1, end, &escaped);
            p = text.at + text.len;
        } else if (*p == '[' || *p == '{') {
            if (++depth >= WR_JSON_DEPTH_MAX) {
                return false;
            }
        } else if (*p == ']' || *p == '}') {
            depth--;
        } else if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') {
            return false;
        }
    }
    return true;
}

// Text that people can read in the file, and not longer there than as base64.
static bool plain_text(wr_str s)
{
    size_t len = s.len;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return false;
        }
        len += c == '"' || c == '\\' || c < 0x20;
    }
    return len <= (s.len + 2) / 3 * 4 && wr_utf8_valid(s);
}

void wr_message_text_payload(wr_str payload, bool raw, struct wr_buf *out)
{
    wr_message_text_member("payload", payload, raw, out);
}

void wr_message_text_member(const char *name, wr_str payload, bool raw, struct wr_buf *out)
{
    if (!raw && compact_json(payload)) {
        wr_buf_addf(out, "\"%s\":", name);
        wr_buf_add(out, payload);
    } else if (!raw && plain_text(payload)) {
        wr_buf_addf(out, "\"%sText\":", name);
        wr_json_write_string(out, payload);
    } else {
        wr_buf_addf(out, "\"%sBase64\":\"", name);
        wr_buf_add_base64(out, payload);
        wr_buf_add_char(out, '"');
    }
}

static void add_text(struct wr_buf *out, const char *name, wr_str text)
{
    if (text.at) {
        wr_buf_addf(out, ",\"%s\":", name);
        wr_json_write_string(out, text);
    }
}

static void add_mqtt(const struct wr_file_message *m, struct wr_buf *out)
{
    const struct wr_sql_message *s = &m->sql;
    size_t start = out->len;
    add_text(out, "contentType", s->content_type);
    if (s->format_indicator >= 0) {
        add_text(out, "payloadFormatIndicator",
                 s->format_indicator ? WR_STR("UTF8_DATA") : WR_STR("UNSPECIFIED_BYTES"));
    }
    add_text(out, "responseTopic", s->response_topic);
    if (s->correlation_data.at) {
        wr_buf_add(out, WR_STR(",\"correlationData\":\""));
        wr_buf_add_base64(out, s->correlation_data);
        wr_buf_add_char(out, '"');
    }
    if (m->expiry_s >= 0) {
        wr_buf_addf(out, ",\"messageExpiryInterval\":%" PRId64, m->expiry_s);
    }
    if (out->len > start && !out->over) { // the members begin with a comma: make it a brace
        struct wr_buf members = {0};
        wr_buf_add(&members, (wr_str){out->at + start + 1, out->len - start - 1});
        out->len = start;
        wr_buf_add(out, WR_STR(",\"mqttProperties\":{"));
        wr_buf_add(out, wr_buf_str(&members));
        wr_buf_add_char(out, '}');
        wr_buf_release(&members);
    }
}

static bool texts_valid(const struct wr_sql_message *s)
{
    const wr_str all[] = {s->topic,     s->content_type, s->response_topic, s->client_id,
                          s->principal, s->source_ip,    s->trace_id};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        if (!wr_utf8_valid(all[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < s->user_property_count; i++) {
        if (!wr_utf8_valid(s->user_properties[i].key) ||
            !wr_utf8_valid(s->user_properties[i].value)) {
            return false;
        }
    }
    return true;
}

wr_err wr_message_text_write(const struct wr_file_message *m, bool raw, struct wr_buf *out,
                             struct wr_fault *fault)
{
    const struct wr_sql_message *s = &m->sql;
    size_t start = out->len;
    if (!texts_valid(s)) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "its topic or a property is no UTF-8");
    }
    wr_buf_add_char(out, '{');
    if (m->timed) {
        wr_buf_addf(out, "\"timestamp\":%" PRId64 ",", s->timestamp_ms);
    }
    wr_buf_add(out, WR_STR("\"topic\":"));
    wr_json_write_string(out, s->topic);
    wr_buf_addf(out, ",\"qos\":%u", m->qos);
    wr_buf_add(out, m->retain ? WR_STR(",\"retain\":true") : WR_STR(""));
    wr_buf_add(out, m->stored ? WR_STR(",\"stored\":true") : WR_STR(""));
    add_text(out, "clientId", s->client_id);
    add_text(out, "principal", s->principal);
    add_text(out, "sourceIp", s->source_ip);
    add_text(out, "traceId", s->trace_id);
    for (size_t i = 0; i < s->user_property_count; i++) {
        wr_buf_add(out, i ? WR_STR(",[") : WR_STR(",\"userProperties\":[["));
        wr_json_write_string(out, s->user_properties[i].key);
        wr_buf_add_char(out, ',');
        wr_json_write_string(out, s->user_properties[i].value);
        wr_buf_add(out, i + 1 < s->user_property_count ? WR_STR("]") : WR_STR("]]"));
    }
    add_mqtt(m, out);
    wr_buf_add_char(out, ',');
    wr_message_text_payload(s->payload, raw, out);
    wr_buf_add(out, WR_STR("}\n"));
    if (out->over || out->len - start > WR_MESSAGE_LINE_MAX) {
        out->len = start;
        return wr_fault_set(fault, WR_ERR_LIMIT, "as a line it would be longer than %u bytes",
                            WR_MESSAGE_LINE_MAX);
    }
    return WR_OK;
}
