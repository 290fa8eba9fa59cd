// Entries as bytes: numbers little-endian, texts with their length before them.
#include "engine/flow/entry.h"

#include "sql/base/banned.h"

#define ABSENT    UINT32_MAX // the length of a text that is not there
#define COUNT_MAX 65536      // parameters, pairs, user properties: more is damage

enum {
    FLAG_BASIC_INGEST = 1,
    FLAG_OVER_MQTT = 2,
    FLAG_BODY_JSON = 4,
    FLAG_BODY_IS_PAYLOAD = 8, // kept once
    FLAG_RETAIN = 16,
    FLAG_ERROR_ACTION = 32,
};

enum {
    PARAM_UNDEFINED = 1,
    PARAM_SECRET = 2, // since version 2
};

// ---- writing

static void put(struct wr_buf *b, const void *at, size_t len)
{
    wr_buf_add(b, (wr_str){at, len});
}

static void put_u8(struct wr_buf *b, uint8_t n)
{
    put(b, &n, sizeof n);
}

static void put_u16(struct wr_buf *b, uint16_t n)
{
    put(b, &n, sizeof n);
}

static void put_u32(struct wr_buf *b, uint32_t n)
{
    put(b, &n, sizeof n);
}

static void put_u64(struct wr_buf *b, uint64_t n)
{
    put(b, &n, sizeof n);
}

static void put_str(struct wr_buf *b, wr_str s)
{
    put_u32(b, s.at ? (uint32_t)s.len : ABSENT);
    if (s.at) {
        wr_buf_add(b, s);
    }
}

static void put_param(struct wr_buf *b, wr_str name, const struct wr_param *p, bool secret)
{
    put_str(b, name);
    put_u8(b, (uint8_t)((p->undefined ? PARAM_UNDEFINED : 0) | (secret ? PARAM_SECRET : 0)));
    put_u64(b, secret ? 0 : (uint64_t)p->number);
    put_str(b, secret ? (wr_str){0} : p->text);
    put_u32(b, (uint32_t)p->count);
    for (size_t k = 0; k < p->count; k++) {
        put_str(b, p->keys[k]);
        put_str(b, secret ? (wr_str){0} : p->values[k]);
    }
}

static void put_action(struct wr_buf *b, const struct wr_entry_action *a)
{
    size_t count = 0;
    for (size_t i = 0; i < a->param_count; i++) {
        count += !a->options || a->params[i].set;
    }
    put_str(b, a->kind);
    put_u8(b, (uint8_t)a->state);
    put_u16(b, (uint16_t)count);
    for (size_t i = 0; i < a->param_count; i++) {
        bool secret = i < 64 && (a->secret >> i & 1);
        if (!a->options) {
            put_param(b, a->names[i], &a->params[i], secret);
        } else if (a->params[i].set) {
            put_param(b, wr_str_of(a->options[i].name), &a->params[i], secret);
        }
    }
    if (a->state == WR_ENTRY_FAILED) {
        put_str(b, a->resource);
        put_str(b, a->message);
    }
}

void wr_entry_write(struct wr_buf *b, const struct wr_entry *e)
{
    const struct wr_sql_message *m = &e->message;
    bool same = e->body.at == m->payload.at && e->body.len == m->payload.len;
    put_u8(b, WR_ENTRY_VERSION);
    put_u8(b, (uint8_t)((m->basic_ingest ? FLAG_BASIC_INGEST : 0) |
                        (m->over_mqtt ? FLAG_OVER_MQTT : 0) | (e->body_json ? FLAG_BODY_JSON : 0) |
                        (same ? FLAG_BODY_IS_PAYLOAD : 0) | (e->retain ? FLAG_RETAIN : 0) |
                        (e->has_error_action ? FLAG_ERROR_ACTION : 0)));
    put_u8(b, e->qos);
    put_u8(b, (uint8_t)m->format_indicator);
    put_u8(b, (uint8_t)e->dialect);
    put_u16(b, (uint16_t)e->hops);
    put_u16(b, e->mid);
    put(b, e->id.at, sizeof e->id.at);
    put_u64(b, (uint64_t)m->timestamp_ms);
    put_u64(b, e->received_ms);
    put_u64(b, (uint64_t)e->dead_ms);
    put_str(b, e->reason);
    put_str(b, e->rule);
    put_str(b, m->topic);
    put_str(b, m->payload);
    put_str(b, m->client_id);
    put_str(b, m->principal);
    put_str(b, m->source_ip);
    put_str(b, wr_sql_trace_id(m));
    put_str(b, m->content_type);
    put_str(b, m->response_topic);
    put_str(b, m->correlation_data);
    put_u32(b, (uint32_t)m->user_property_count);
    for (size_t i = 0; i < m->user_property_count; i++) {
        put_str(b, m->user_properties[i].key);
        put_str(b, m->user_properties[i].value);
    }
    if (!same) {
        put_str(b, e->body);
    }
    put_u16(b, (uint16_t)e->action_count);
    for (size_t i = 0; i < e->action_count; i++) {
        put_action(b, &e->actions[i]);
    }
    if (e->has_error_action) {
        put_action(b, &e->error_action);
    }
}

void wr_entry_redrive(const struct wr_entry *dead, struct wr_entry *out,
                      struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX])
{
    wr_assert(dead->action_count <= WR_ENTRY_ACTIONS_MAX);
    for (size_t i = 0; i < dead->action_count; i++) {
        actions[i] = dead->actions[i];
        if (actions[i].state == WR_ENTRY_FAILED && actions[i].param_count > 0) {
            actions[i].state = WR_ENTRY_OPEN;
        }
    }
    *out = *dead;
    out->actions = actions;
    out->has_error_action = false;
    out->mid = 0; // acknowledged long ago
    out->dead_ms = 0;
    out->reason = (wr_str){0};
}

// ---- reading

struct reader {
    wr_str left;
    struct wr_arena *arena;
    wr_err err; // the first one; everything after it is zero
};

static const char *take(struct reader *r, size_t len)
{
    if (r->err || r->left.len < len) {
        r->err = r->err ? r->err : WR_ERR_CORRUPT;
        return NULL;
    }
    const char *at = r->left.at;
    r->left = wr_str_cut(r->left, len, r->left.len);
    return at;
}

static void get(struct reader *r, void *to, size_t len)
{
    const char *at = take(r, len);
    if (at) {
        memcpy(to, at, len);
    } else {
        memset(to, 0, len);
    }
}

static uint8_t get_u8(struct reader *r)
{
    uint8_t n;
    get(r, &n, sizeof n);
    return n;
}

static uint16_t get_u16(struct reader *r)
{
    uint16_t n;
    get(r, &n, sizeof n);
    return n;
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t n;
    get(r, &n, sizeof n);
    return n;
}

static uint64_t get_u64(struct reader *r)
{
    uint64_t n;
    get(r, &n, sizeof n);
    return n;
}

static wr_str get_str(struct reader *r)
{
    uint32_t len = get_u32(r);
    if (len == ABSENT) {
        return (wr_str){0};
    }
    const char *at = take(r, len);
    return at ? (wr_str){at, len} : (wr_str){0};
}

// A number of things that each take at least `size` bytes.
static size_t get_count(struct reader *r, size_t count, size_t size)
{
    if (r->err || count > COUNT_MAX || count * size > r->left.len) {
        r->err = r->err ? r->err : WR_ERR_CORRUPT;
        return 0;
    }
    return count;
}

static void *room(struct reader *r, size_t size)
{
    void *at = r->err ? NULL : wr_arena_alloc(r->arena, size);
    if (!at) {
        r->err = r->err ? r->err : WR_ERR_LIMIT;
        return NULL;
    }
    memset(at, 0, size);
    return at;
}

static void get_pairs(struct reader *r, struct wr_param *p)
{
    size_t count = get_count(r, get_u32(r), 8);
    if (count == 0) {
        return;
    }
    wr_str *at = room(r, 2 * count * sizeof *at);
    if (!at) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        at[i] = get_str(r);
        at[count + i] = get_str(r);
    }
    p->count = count;
    p->keys = at;
    p->values = at + count;
}

static void get_action(struct reader *r, struct wr_entry_action *a)
{
    a->kind = get_str(r);
    uint8_t state = get_u8(r);
    if (state > WR_ENTRY_FAILED) {
        r->err = r->err ? r->err : WR_ERR_CORRUPT;
        return;
    }
    a->state = (enum wr_entry_state)state;
    size_t count = get_count(r, get_u16(r), 17);
    wr_str *names = room(r, (count + 1) * sizeof *names);
    struct wr_param *params = room(r, (count + 1) * sizeof *params);
    if (r->err) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = get_str(r);
        params[i].set = true;
        uint8_t flags = get_u8(r);
        params[i].undefined = flags & PARAM_UNDEFINED;
        if (flags & PARAM_SECRET) {
            r->err = r->err || i < WR_OPTIONS_MAX ? r->err : WR_ERR_CORRUPT;
            a->secret |= UINT64_C(1) << (i % WR_OPTIONS_MAX);
        }
        params[i].number = (int64_t)get_u64(r);
        params[i].text = get_str(r);
        get_pairs(r, &params[i]);
    }
    a->param_count = count;
    a->names = names;
    a->params = params;
    if (a->state == WR_ENTRY_FAILED) {
        a->resource = get_str(r);
        a->message = get_str(r);
    }
}

static void get_message(struct reader *r, struct wr_sql_message *m)
{
    m->topic = get_str(r);
    m->payload = get_str(r);
    m->client_id = get_str(r);
    m->principal = get_str(r);
    m->source_ip = get_str(r);
    m->trace_id = get_str(r);
    m->content_type = get_str(r);
    m->response_topic = get_str(r);
    m->correlation_data = get_str(r);
    size_t count = get_count(r, get_u32(r), 8);
    struct wr_user_property *at = count ? room(r, count * sizeof *at) : NULL;
    for (size_t i = 0; at && i < count; i++) {
        at[i].key = get_str(r);
        at[i].value = get_str(r);
    }
    m->user_properties = at;
    m->user_property_count = at ? count : 0;
}

static void get_entry(struct reader *r, struct wr_entry *e)
{
    uint8_t flags = get_u8(r);
    e->message.basic_ingest = flags & FLAG_BASIC_INGEST;
    e->message.over_mqtt = flags & FLAG_OVER_MQTT;
    e->body_json = flags & FLAG_BODY_JSON;
    e->retain = flags & FLAG_RETAIN;
    e->qos = get_u8(r);
    e->message.format_indicator = (int8_t)get_u8(r);
    uint8_t dialect = get_u8(r);
    e->dialect = dialect == WR_SQL_2015 ? WR_SQL_2015 : WR_SQL_2016;
    e->hops = get_u16(r);
    e->mid = get_u16(r);
    get(r, e->id.at, sizeof e->id.at);
    e->message.timestamp_ms = (int64_t)get_u64(r);
    e->received_ms = get_u64(r);
    e->dead_ms = (int64_t)get_u64(r);
    e->reason = get_str(r);
    e->rule = get_str(r);
    get_message(r, &e->message);
    e->body = flags & FLAG_BODY_IS_PAYLOAD ? e->message.payload : get_str(r);
    size_t count = get_u16(r);
    if (count > WR_ENTRY_ACTIONS_MAX) {
        r->err = r->err ? r->err : WR_ERR_CORRUPT;
        return;
    }
    struct wr_entry_action *actions = room(r, (count + 1) * sizeof *actions);
    for (size_t i = 0; actions && i < count; i++) {
        get_action(r, &actions[i]);
    }
    e->actions = actions;
    e->action_count = count;
    e->has_error_action = flags & FLAG_ERROR_ACTION;
    if (e->has_error_action) {
        get_action(r, &e->error_action);
    }
}

wr_err wr_entry_read(wr_str bytes, struct wr_arena *arena, struct wr_entry *out,
                     struct wr_fault *fault)
{
    struct reader r = {.left = bytes, .arena = arena};
    struct wr_entry e = {0};
    uint8_t version = get_u8(&r);
    if (!r.err && version > WR_ENTRY_VERSION) {
        return wr_fault_set(
            fault, WR_ERR_UNSUPPORTED,
            "an entry of version %u, this weir reads up to %d: start the newer weir", version,
            WR_ENTRY_VERSION);
    }
    get_entry(&r, &e);
    if (!r.err && (r.left.len > 0 || version == 0)) {
        r.err = WR_ERR_CORRUPT;
    }
    if (r.err) {
        return wr_fault_set(fault, r.err,
                            r.err == WR_ERR_LIMIT ? "an entry that does not fit into message_memory"
                                                  : "not an entry of a spool");
    }
    *out = e;
    return WR_OK;
}
