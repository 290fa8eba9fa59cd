// influxDB: lines posted to a destination's /api/v2/write, which versions 2 and 3 both have. A rule
// names its destination by ARN; sinks.influxDB.destinations says where that is and what its token
// is.
#include "sinks/http/influx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sinks/http/http.h"
#include "sinks/http/poster.h"
#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/batch.h"
#include "sinks/lib/later.h"
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define WHAT              "Failed to write to InfluxDB"
#define TOKEN_MAX         4096 // bytes
#define BATCH_SIZE        500  // points: the largest a rule may say, where it says nothing
#define BATCH_OPEN_MS     1000
#define BATCH_BYTES       131072
#define BATCHES_UNDER_WAY 4 // of one destination; points have their own times, order is no matter

const struct wr_option wr_influx_options[] = {
    [WR_INFLUX_DESTINATION] = {"destinationArn", WR_OPT_STRING, WR_OPT_REQUIRED, .unit = "ARN",
                               .help = "The rule destination; its last part is a name below "
                                       "sinks.influxDB.destinations."},
    [WR_INFLUX_ROLE] = WR_SHAPE_ROLE,
    [WR_INFLUX_DATABASE] = {"databaseName", WR_OPT_STRING, WR_OPT_REQUIRED,
                            .help = "Bucket or database."},
    [WR_INFLUX_TABLE] = {"tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                         .help =
                             "Measurement; ${…} from the message or one @{field} of each element."},
    [WR_INFLUX_ORGANIZATION] = {"organization", WR_OPT_STRING, 0, .help = "Version 2 only."},
    [WR_INFLUX_TAGS] = {"tags", WR_OPT_PAIRS, WR_OPT_MAP | WR_OPT_TEMPLATE,
                        .help = "Tags of each point; values as for tableName."},
    [WR_INFLUX_UNIT] = {"timestampUnit", WR_OPT_CHOICE, 0, "ms", .choices = "s|ms|us|ns",
                        .help = "What the member \"timestamp\" of the result counts."},
    [WR_INFLUX_BATCH_SIZE] = {"batchConfig.maxBatchSize", WR_OPT_INT, 0, .min = 1, .max = 500,
                              .unit = "points", .help = "How many points a batch takes."},
    [WR_INFLUX_BATCH_OPEN] = {"batchConfig.maxBatchOpenMs", WR_OPT_INT, 0, .min = 5, .max = 1000,
                              .unit = "ms", .help = "How long a batch stays open."},
    [WR_INFLUX_BATCH_BYTES] = {"batchConfig.maxBatchSizeBytes", WR_OPT_INT, 0, .min = 100,
                               .max = 131072, .unit = "bytes",
                               .help = "How many bytes a batch takes."},
    [WR_INFLUX_BATCH_TOPICS] = {"batchConfig.batchAcrossTopics", WR_OPT_BOOL, 0, "false",
                                .help = "Points of different topics may share a batch."},
    {0},
};

// ---- what must hold of constants

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

wr_err wr_influx_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_err err = check_marker("tableName", (wr_str){0}, params[WR_INFLUX_TABLE].text, fault);
    const struct wr_param *tags = &params[WR_INFLUX_TAGS];
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

// ---- destinations

struct destination {
    const char *name;
    char *endpoint; // without a slash at its end
    bool v3;
    const char *token_file;
    struct wr_buf bearer; // "Token …"; empty: none
    struct destination *next;
};

struct influx;

struct group {
    struct influx *state;
    struct wr_batch *batch;
    size_t count, bytes;
    uint32_t open_ms;
    struct group *next;
};

struct influx {
    struct wr_sink *sink;
    struct wr_poster *poster;
    bool local;
    struct destination *destinations;
    struct group *groups;
    struct wr_buf key;
    size_t held, closing;
    bool ended;
    void (*done)(struct wr_sink *self);
};

// Blocks for a small file: at the start, and when a server does not take the token.
static wr_err read_token(struct destination *d, struct wr_fault *fault)
{
    if (!*d->token_file) {
        return WR_OK;
    }
    char text[TOKEN_MAX + 1];
    FILE *f = fopen(d->token_file, "re");
    if (!f) {
        return wr_fault_set(fault, WR_ERR_IO, "destinations.%s.token_file: cannot read '%s': %s",
                            d->name, d->token_file, strerror(errno));
    }
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    size_t len = 0;
    while (len < n && (unsigned char)text[len] > ' ' && text[len] != 0x7f) {
        len++;
    }
    wr_err err = WR_OK;
    if (len == 0 || len > TOKEN_MAX) {
        err = wr_fault_set(fault, WR_ERR_RANGE,
                           "destinations.%s.token_file: '%s': expected a token of 1 to %d bytes "
                           "in its first line",
                           d->name, d->token_file, TOKEN_MAX);
    } else {
        wr_buf_clear(&d->bearer);
        wr_buf_add(&d->bearer, d->v3 ? WR_STR("Bearer ") : WR_STR("Token "));
        wr_buf_add(&d->bearer, (wr_str){text, len});
    }
    explicit_bzero(text, sizeof text);
    return err;
}

static wr_err open_destinations(struct influx *s, const struct wr_settings *settings,
                                struct wr_fault *fault)
{
    wr_err err = WR_OK;
    size_t count = wr_settings_count(settings, "destinations");
    for (size_t i = 0; !err && i < count; i++) {
        struct destination *d = wr_zalloc(sizeof *d);
        struct wr_buf name = {0};
        d->name = wr_settings_name(settings, "destinations", i);
        d->next = s->destinations;
        s->destinations = d;
        wr_buf_addf(&name, "destinations.%s.endpoint", d->name);
        d->endpoint = wr_strdup(wr_str_of(wr_settings_get(settings, wr_buf_terminated(&name))));
        for (size_t len = strlen(d->endpoint); len && d->endpoint[len - 1] == '/';) {
            d->endpoint[--len] = '\0';
        }
        wr_buf_clear(&name);
        wr_buf_addf(&name, "destinations.%s.version", d->name);
        d->v3 = strcmp(wr_settings_get(settings, wr_buf_terminated(&name)), "3") == 0;
        wr_buf_clear(&name);
        wr_buf_addf(&name, "destinations.%s.token_file", d->name);
        d->token_file = wr_settings_get(settings, wr_buf_terminated(&name));
        wr_buf_release(&name);
        const char *trouble = wr_poster_url_trouble(s->poster, wr_str_of(d->endpoint));
        err = trouble ? wr_fault_set(fault, WR_ERR_RANGE, "destinations.%s.endpoint: found %s",
                                     d->name, trouble)
                      : read_token(d, fault);
    }
    return err;
}

// By the last part of …:ruledestination/influxdb/NAME.
static struct destination *find_destination(const struct influx *s, wr_str arn)
{
    const char *slash = arn.at ? memrchr(arn.at, '/', arn.len) : NULL;
    wr_str name = slash ? wr_str_cut(arn, (size_t)(slash + 1 - arn.at), arn.len) : arn;
    struct destination *d = s->destinations;
    while (d && !wr_str_eq(wr_str_of(d->name), name)) {
        d = d->next;
    }
    return d;
}

static void free_state(struct influx *s)
{
    for (struct destination *d = s->destinations, *next; d; d = next) {
        next = d->next;
        if (d->bearer.len) {
            explicit_bzero(d->bearer.at, d->bearer.len);
        }
        wr_buf_release(&d->bearer);
        free(d->endpoint);
        free(d);
    }
    for (struct group *g = s->groups, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    wr_buf_release(&s->key);
    free(s);
}

// ---- records

// In the record's arena: batch.h's part first.
struct item {
    struct wr_batch_item batch;
    wr_str lines;
};

// A request for a batch, kept with its call.
struct many {
    struct wr_post post;
    struct wr_http_header headers[2];
    struct wr_buf url;
    struct wr_batch_call *call;
    struct destination *destination;
    bool again; // with a token that was read again
};

static void on_poster_closed(void *user)
{
    struct influx *s = user;
    struct wr_sink *sink = s->sink;
    void (*done)(struct wr_sink *) = s->done;
    free_state(s);
    sink->state = NULL;
    wr_later_done(sink, done);
}

static void end_if_idle(struct influx *s)
{
    if (s->done && s->held == 0 && s->closing == 0 && !s->ended) {
        s->ended = true;
        wr_poster_close(s->poster, on_poster_closed, s);
    }
}

static void settle(struct influx *s, struct wr_record *rec, const struct wr_post_answer *a)
{
    wr_post_settle(rec, a, WHAT, rec->params[WR_INFLUX_TABLE].text);
    s->held--;
}

static void refuse(struct influx *s, struct wr_record *rec, const char *why)
{
    settle(s, rec, &(struct wr_post_answer){.verdict = WR_REFUSED, .text = wr_str_of(why)});
    end_if_idle(s);
}

static void add_query(struct wr_buf *b, const char *name, wr_str value)
{
    wr_buf_addf(b, "%s=", name);
    wr_aws_encode(b, value, false);
}

static void post_many(struct group *g, struct many *m)
{
    const struct destination *d = m->destination;
    m->headers[0] =
        (struct wr_http_header){WR_STR("Content-Type"), WR_STR("text/plain; charset=utf-8")};
    m->headers[1] = (struct wr_http_header){WR_STR("Authorization"), wr_buf_str(&d->bearer)};
    m->post = (struct wr_post){
        .url = wr_buf_str(&m->url),
        .headers = m->headers,
        .header_count = d->bearer.len ? 2 : 1,
        .secret_count = d->bearer.len ? 1 : 0,
        .body = wr_buf_str(&m->call->body),
        .done = m->post.done,
        .user = g,
    };
    wr_poster_send(g->state->poster, &m->post);
}

// actions.md 4.22: 503 is tried again, 401 once with the token read anew, others fail at once. 429
// is taken for a 503.
static void on_many(struct wr_post *post, const struct wr_post_answer *given)
{
    struct many *m = WR_CONTAINER(post, struct many, post);
    struct group *g = post->user;
    struct influx *s = g->state;
    struct wr_post_answer answer = *given;
    struct wr_fault fault;
    if (answer.status == 401 && !m->again && *m->destination->token_file && !s->done &&
        read_token(m->destination, &fault) == WR_OK) {
        m->again = true;
        post_many(g, m);
        return;
    }
    if (answer.status >= 500 && answer.status != 503 && answer.verdict == WR_RETRY) {
        answer.verdict = WR_REFUSED;
    }
    bool data = answer.status == 400 || answer.status == 422; // a point of it may be why
    if (data && wr_batch_again(m->call)) {
        wr_batch_done(m->call);
        return;
    }
    for (struct wr_record *rec; (rec = wr_batch_pop(m->call));) {
        settle(s, rec, &answer);
    }
    wr_batch_done(m->call);
    end_if_idle(s);
}

static void send_many(void *user, struct wr_batch_call *call)
{
    struct group *g = user;
    const struct wr_record *rec = call->records;
    const struct wr_param *p = rec->params;
    struct many *m = call->user;
    if (!m) {
        m = call->user = wr_zalloc(sizeof *m);
    }
    m->call = call;
    m->again = false;
    m->post.done = on_many;
    m->destination = find_destination(g->state, p[WR_INFLUX_DESTINATION].text);
    wr_assert(m->destination); // was there when the record came
    wr_buf_clear(&m->url);
    wr_buf_addf(&m->url, "%s/api/v2/write?", m->destination->endpoint);
    if (!m->destination->v3 && p[WR_INFLUX_ORGANIZATION].text.len) {
        add_query(&m->url, "org", p[WR_INFLUX_ORGANIZATION].text);
        wr_buf_add_char(&m->url, '&');
    }
    add_query(&m->url, "bucket", p[WR_INFLUX_DATABASE].text);
    add_query(&m->url, "&precision", p[WR_INFLUX_UNIT].text);
    for (size_t i = 0; i < call->record_count; i++, rec = rec->sink_next) {
        wr_buf_add(&call->body, ((const struct item *)rec->sink_data)->lines);
    }
    post_many(g, m);
}

static void cancel_many(void *user, struct wr_batch_call *call)
{
    struct group *g = user;
    wr_poster_cancel(g->state->poster);
}

static void abandon(void *user, struct wr_record *rec)
{
    struct group *g = user;
    settle(g->state, rec,
           &(struct wr_post_answer){.verdict = WR_RETRY, .text = WR_STR("that weir is stopping")});
}

static void forget(void *user, struct wr_batch_call *call)
{
    struct many *m = call->user;
    if (m) {
        wr_buf_release(&m->url);
        free(m);
    }
}

// Without a batchConfig a record goes alone, as on AWS.
static struct group *group_of(struct influx *s, const struct wr_param *p)
{
    const struct wr_param *size = &p[WR_INFLUX_BATCH_SIZE], *bytes = &p[WR_INFLUX_BATCH_BYTES];
    const struct wr_param *open = &p[WR_INFLUX_BATCH_OPEN];
    bool batches = size->set || bytes->set || open->set ||
                   wr_str_eq(p[WR_INFLUX_BATCH_TOPICS].text, WR_STR("true"));
    size_t count = size->set ? (size_t)size->number : batches ? BATCH_SIZE : 1;
    size_t most = bytes->set ? (size_t)bytes->number : BATCH_BYTES;
    uint32_t open_ms = open->set ? (uint32_t)open->number : BATCH_OPEN_MS;
    struct group *g = s->groups;
    while (g && (g->count != count || g->bytes != most || g->open_ms != open_ms)) {
        g = g->next;
    }
    if (!g) {
        g = wr_zalloc(sizeof *g);
        *g = (struct group){
            .state = s, .count = count, .bytes = most, .open_ms = open_ms, .next = s->groups};
        g->batch = wr_batch_new(&(struct wr_batch_options){
            .loop = s->sink->host->loop,
            .count_max = count,
            .bytes_max = most,
            .age_ms = open_ms,
            .in_flight_max = BATCHES_UNDER_WAY,
            .send = send_many,
            .cancel = cancel_many,
            .abandon = abandon,
            .forget = forget,
            .user = g,
        });
        s->groups = g;
    }
    return g;
}

// Records that may share a request. Parts may hold anything: lengths tell them apart.
static wr_str key_of(struct influx *s, const struct wr_record *rec)
{
    const struct wr_param *p = rec->params;
    bool across = wr_str_eq(p[WR_INFLUX_BATCH_TOPICS].text, WR_STR("true"));
    const wr_str parts[] = {rec->rule_name,
                            p[WR_INFLUX_DESTINATION].text,
                            p[WR_INFLUX_DATABASE].text,
                            p[WR_INFLUX_ORGANIZATION].text,
                            p[WR_INFLUX_UNIT].text,
                            across ? WR_STR("") : rec->topic};
    wr_buf_clear(&s->key);
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        wr_buf_add_u64(&s->key, parts[i].len);
        wr_buf_add_char(&s->key, ' ');
        wr_buf_add(&s->key, parts[i]);
    }
    return wr_buf_str(&s->key);
}

static void submit(struct wr_sink *self, struct wr_record *rec)
{
    struct influx *s = self->state;
    const struct destination *d = find_destination(s, rec->params[WR_INFLUX_DESTINATION].text);
    struct item *item = wr_arena_alloc(rec->arena, sizeof *item);
    struct wr_buf lines;
    size_t points = 0;
    wr_buf_init_arena(&lines, rec->arena);
    s->held++;
    const char *trouble =
        !d ? "that weir.yaml does not have this destination (sinks.influxDB.destinations)"
        : !rec->body_json ? "a result that is no JSON"
        : !item           ? "that the message is over its limit of memory"
                          : wr_influx_lines(rec, d->v3, &lines, &points);
    if (trouble) {
        refuse(s, rec, trouble);
        return;
    }
    *item = (struct item){.batch = {.bytes = lines.len, .entries = (uint32_t)points},
                          .lines = wr_buf_str(&lines)};
    rec->sink_data = item;
    wr_batch_add(group_of(s, rec->params)->batch, key_of(s, rec), 0, rec);
}

// ---- the interface

// Of an open that failed.
static void on_failed_closed(void *user)
{
    free_state(user);
}

static wr_err open_form(struct wr_sink *self, const struct wr_settings *settings, bool local,
                        struct wr_fault *fault)
{
    struct influx *s = wr_zalloc(sizeof *s);
    s->sink = self;
    s->local = local;
    wr_err err = wr_poster_open_settings(self, settings, local, &s->poster, fault);
    if (err) {
        free_state(s);
        return err;
    }
    err = open_destinations(s, settings, fault);
    if (err) {
        wr_poster_close(s->poster, on_failed_closed, s);
        return err;
    }
    self->state = s;
    return WR_OK;
}

static wr_err open_local(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    return open_form(self, settings, true, fault);
}

static wr_err open_real(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    return open_form(self, settings, false, fault);
}

static void on_batch_closed(void *user)
{
    struct influx *s = user;
    s->closing--;
    end_if_idle(s);
}

static void close_sink(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct influx *s = self->state;
    s->done = done;
    wr_poster_cancel(s->poster);
    for (struct group *g = s->groups; g; g = g->next) {
        s->closing++;
    }
    for (struct group *g = s->groups; g; g = g->next) {
        wr_batch_close(g->batch, on_batch_closed, s);
    }
    end_if_idle(s);
}

static const struct wr_option settings_table[] = {
    WR_POSTER_SETTINGS,
    {"destinations.*.endpoint", WR_OPT_STRING, WR_OPT_REQUIRED, .unit = "URL",
     .help = "Where InfluxDB is: https://HOST:8086. The name is the last part of destinationArn."},
    {"destinations.*.version", WR_OPT_CHOICE, 0, "2", .choices = "2|3",
     .help = "Version of InfluxDB: what a token is called, and what a name may be."},
    {"destinations.*.token_file", WR_OPT_STRING, 0, "", .unit = "path",
     .help = "File with the token; read again when the server does not take it."},
    {0},
};

#define INFLUX_ACTION                                                                           \
    .name = "influxDB", .failed_action = "InfluxDBAction",                                      \
    .help = "Writes a point to InfluxDB for each object of the result.",                        \
    .options = wr_influx_options, .resource_option = WR_INFLUX_TABLE, .check = wr_influx_check, \
    .settings = settings_table, .submit = submit, .close = close_sink

const struct wr_sink_impl wr_sink_influx_db = {
    INFLUX_ACTION,
    .form = "To this machine for real; lines for others are kept in local/record/influxDB.ndjson.",
    .open = open_local,
};

const struct wr_sink_impl wr_sink_influx_db_aws = {
    INFLUX_ACTION,
    .form = "Lines posted to the destination's /api/v2/write.",
    .open = open_real,
};
