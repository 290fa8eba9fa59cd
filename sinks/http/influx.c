// influxDB: lines posted to a destination's /api/v2/write, which versions 2 and 3 both have. A rule
// names its destination by ARN; sinks.influxDB.destinations says where that is and what its token
// is.
#include "sinks/http/influx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sinks/http/http.h"
#include "sinks/http/influx_destination.h"
#include "sinks/lib/append.h"
#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/batch.h"
#include "sinks/lib/later.h"
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define WHAT              "Failed to write to InfluxDB"
#define BATCH_SIZE        500 // points: the largest a rule may say, where it says nothing
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

// ---- state

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
    struct wr_influx_destination *destinations;
    struct group *groups;
    struct wr_append *files; // mode local: what is not for this machine; NULL
    struct wr_buf key;
    size_t held, closing;
    uint64_t batches; // requests that were answered
    bool ended;
    void (*done)(struct wr_sink *self);
};

static void free_state(struct influx *s)
{
    wr_influx_destinations_free(s->destinations);
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
    struct wr_append_line file;
};

// A request for a batch, kept with its call.
struct many {
    struct wr_post post;
    struct wr_http_header headers[2];
    struct wr_buf url;
    struct wr_batch_call *call;
    struct wr_influx_destination *destination;
    struct wr_secret_ask ask;
    struct wr_buf bearer; // of a secret
    bool again;           // with a token that was read again
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
    const struct wr_influx_destination *d = m->destination;
    const struct wr_buf *bearer = *d->secret ? &m->bearer : &d->bearer;
    m->headers[0] =
        (struct wr_http_header){WR_STR("Content-Type"), WR_STR("text/plain; charset=utf-8")};
    m->headers[1] = (struct wr_http_header){WR_STR("Authorization"), wr_buf_str(bearer)};
    m->post = (struct wr_post){
        .url = wr_buf_str(&m->url),
        .headers = m->headers,
        .header_count = bearer->len ? 2 : 1,
        .secret_count = bearer->len ? 1 : 0,
        .body = wr_buf_str(&m->call->body),
        .done = m->post.done,
        .user = g,
    };
    wr_poster_send(g->state->poster, &m->post);
}

static enum wr_batching batching(const struct wr_param *p)
{
    bool topics = wr_str_eq(p[WR_INFLUX_BATCH_TOPICS].text, WR_STR("true"));
    bool any =
        p[WR_INFLUX_BATCH_SIZE].set || p[WR_INFLUX_BATCH_BYTES].set || p[WR_INFLUX_BATCH_OPEN].set;
    return topics ? WR_BATCHING_TOPICS : any ? WR_BATCHING_ONE_TOPIC : WR_BATCHING_NONE;
}

static void settle_many(struct group *g, struct many *m, const struct wr_post_answer *answer)
{
    struct influx *s = g->state;
    struct wr_post_answer mine = *answer;
    size_t left = m->call->record_count;
    mine.batch = batching(m->call->records->params) ? ++s->batches : 0;
    for (struct wr_record *rec; (rec = wr_batch_pop(m->call));) {
        mine.batch_last = --left == 0;
        settle(s, rec, &mine);
    }
    wr_batch_done(m->call);
    end_if_idle(s);
}

static void on_secret(struct wr_secret_ask *ask, wr_str secret, const char *why)
{
    struct many *m = WR_CONTAINER(ask, struct many, ask);
    struct group *g = m->post.user;
    if (g->state->done && secret.at) { // the sink is closing: nothing is sent any more
        secret = (wr_str){0};
        why = "weir is stopping";
    }
    if (secret.at && wr_influx_bearer(m->destination, secret, &m->bearer)) {
        post_many(g, m);
        return;
    }
    struct wr_buf text = {0};
    wr_buf_addf(&text, "that the destination's token is not known: %s",
                why ? why : "the secret is no token");
    settle_many(g, m, &(struct wr_post_answer){.verdict = WR_RETRY, .text = wr_buf_str(&text)});
    wr_buf_release(&text);
}

// With the token, as soon as it is known. What is only recorded goes without.
static void post_authorized(struct group *g, struct many *m, bool anew)
{
    const struct wr_sink_host *host = g->state->sink->host;
    const struct wr_influx_destination *d = m->destination;
    m->post.user = g;
    if (!*d->secret || host->recorder) {
        post_many(g, m);
        return;
    }
    m->ask = (struct wr_secret_ask){
        .id = wr_str_of(d->secret),
        .key = wr_str_of(d->secret_key),
        .role_arn = m->call->records->params[WR_INFLUX_ROLE].text,
        .anew = anew,
        .done = on_secret,
    };
    host->secret(host, &m->ask);
}

// The token may have changed: read it again, once. False: there is none, or it cannot be read.
static bool reads_token_again(struct group *g, struct many *m)
{
    struct wr_fault fault;
    bool secret = *m->destination->secret;
    if (m->again || g->state->done || (!secret && !*m->destination->token_file) ||
        (!secret && wr_influx_token_read(m->destination, &fault))) {
        return false;
    }
    m->again = true;
    post_authorized(g, m, true);
    return true;
}

// actions.md 4.22: 503 is tried again, 401 once with the token read anew, others fail at once. 429
// is taken for a 503.
static void on_many(struct wr_post *post, const struct wr_post_answer *given)
{
    struct many *m = WR_CONTAINER(post, struct many, post);
    struct group *g = post->user;
    struct wr_post_answer answer = *given;
    if (answer.status == 401 && reads_token_again(g, m)) {
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
    settle_many(g, m, &answer);
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
    m->destination =
        wr_influx_destination_find(g->state->destinations, p[WR_INFLUX_DESTINATION].text);
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
    post_authorized(g, m, false);
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
        if (m->bearer.len) {
            explicit_bzero(m->bearer.at, m->bearer.len);
        }
        wr_buf_release(&m->bearer);
        free(m);
    }
}

// Without a batchConfig a record goes alone, as on AWS.
static struct group *group_of(struct influx *s, const struct wr_param *p)
{
    const struct wr_param *size = &p[WR_INFLUX_BATCH_SIZE], *bytes = &p[WR_INFLUX_BATCH_BYTES];
    const struct wr_param *open = &p[WR_INFLUX_BATCH_OPEN];
    bool batches = batching(p) != WR_BATCHING_NONE;
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
                            p[WR_INFLUX_ROLE].text,
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

// ---- files (mode local)

static void on_written(void *user, struct wr_append_line *lines)
{
    struct influx *s = user;
    while (lines) {
        struct wr_append_line *next = lines->next;
        struct wr_record *rec = lines->user;
        char text[512];
        bool never = lines->error == ENAMETOOLONG;
        snprintf(text, sizeof text, "%.400s/local/influx: %s", s->sink->host->state_dir,
                 strerror(lines->error));
        settle(s, rec,
               &(struct wr_post_answer){.verdict = !lines->error ? WR_DELIVERED
                                                   : never       ? WR_REFUSED
                                                                 : WR_RETRY,
                                        .text = wr_str_of(text)});
        lines = next;
    }
    end_if_idle(s);
}

static void on_files_closed(void *user)
{
    struct influx *s = user;
    s->closing--;
    end_if_idle(s);
}

static wr_err open_files(struct influx *s, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    struct wr_buf folder = {0};
    wr_buf_addf(&folder, "%s/local/influx", s->sink->host->state_dir);
    const struct wr_append_options options = {
        .folder = wr_buf_terminated(&folder),
        .ending = ".lp",
        .size_max = wr_settings_int(settings, "file_size"),
        .keep = (unsigned)wr_settings_int(settings, "files_kept"),
        .sync = wr_settings_bool(settings, "fsync"),
        .done = on_written,
        .user = s,
    };
    wr_err err = wr_append_open(s->sink->host->loop, &options, &s->files, fault);
    wr_buf_release(&folder);
    return err;
}

// Of weir.yaml, or made over the API: then whether the rule may have it is asked each time. NULL.
static const struct wr_influx_destination *destination_of(struct influx *s,
                                                          const struct wr_record *rec)
{
    const struct wr_sink_host *host = s->sink->host;
    wr_str arn = rec->params[WR_INFLUX_DESTINATION].text;
    struct wr_influx_destination *d = wr_influx_destination_find(s->destinations, arn);
    struct wr_sink_destination made;
    if (d && !d->made) {
        return d;
    }
    if (!host->destination || !host->destination(host, rec->rule_name, arn, &made)) {
        return NULL;
    }
    return d ? d : wr_influx_destination_add(&s->destinations, arn, &made);
}

static void submit(struct wr_sink *self, struct wr_record *rec)
{
    struct influx *s = self->state;
    const struct wr_influx_destination *d = destination_of(s, rec);
    bool to_file = s->files && !(d && wr_url_is_loopback(wr_str_of(d->endpoint)));
    struct item *item = wr_arena_alloc(rec->arena, sizeof *item);
    struct wr_buf lines;
    size_t points = 0;
    wr_buf_init_arena(&lines, rec->arena);
    s->held++;
    const char *trouble =
        !d && !to_file
            ? "that weir.yaml does not have this destination (sinks.influxDB.destinations), and "
              "there is no topic rule destination that is ENABLED"
        : !rec->body_json ? "a result that is no JSON"
        : !item           ? "that the message is over its limit of memory"
        : d && *d->secret && !to_file && !self->host->secret
            ? "that there are no secrets here"
            : wr_influx_lines(rec, d && d->v3, &lines, &points);
    if (trouble) {
        refuse(s, rec, trouble);
        return;
    }
    *item = (struct item){.batch = {.bytes = lines.len, .entries = (uint32_t)points},
                          .lines = wr_buf_str(&lines)};
    if (to_file) {
        item->file = (struct wr_append_line){
            .names = {rec->params[WR_INFLUX_DATABASE].text}, .text = item->lines, .user = rec};
        wr_append_add(s->files, &item->file);
        return;
    }
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
    wr_err err = wr_poster_open_settings(self, settings, false, &s->poster, fault);
    if (err) {
        free_state(s);
        return err;
    }
    err = wr_influx_destinations_read(settings, s->poster, &s->destinations, fault);
    if (!err && local) {
        err = open_files(s, settings, fault);
    }
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
    if (s->files) {
        s->closing++;
        wr_append_close(s->files, on_files_closed, s);
    }
    for (struct group *g = s->groups; g; g = g->next) {
        wr_batch_close(g->batch, on_batch_closed, s);
    }
    end_if_idle(s);
}

static const struct wr_option settings_table[] = {
    WR_POSTER_SETTINGS,
    WR_INFLUX_DESTINATION_SETTINGS,
    {0},
};

static const struct wr_option local_settings_table[] = {
    WR_POSTER_SETTINGS,
    WR_INFLUX_DESTINATION_SETTINGS,
    {"file_size", WR_OPT_INT, 0, "67108864", .min = 0, .max = INT64_C(1) << 40, .unit = "bytes",
     .help = "A file this large is put aside, as DATABASE.lp.1; 0: never."},
    {"files_kept", WR_OPT_INT, 0, "4", .min = 0, .max = 99, .unit = "files",
     .help = "How many are kept of those that were put aside; the oldest goes first."},
    {"fsync", WR_OPT_BOOL, 0, "true",
     .help = "Flush lines to the disk before they count as delivered, against power loss."},
    {0},
};

#define INFLUX_ACTION                                                                           \
    .name = "influxDB", .failed_action = "InfluxDBAction",                                      \
    .help = "Writes a point to InfluxDB for each object of the result.",                        \
    .options = wr_influx_options, .resource_option = WR_INFLUX_TABLE, .check = wr_influx_check, \
    .batching = batching, .submit = submit, .close = close_sink

const struct wr_sink_impl wr_sink_influx_db = {
    INFLUX_ACTION,
    .settings = local_settings_table,
    .form = "To this machine for real; lines for others are appended to local/influx/DATABASE.lp.",
    .open = open_local,
};

const struct wr_sink_impl wr_sink_influx_db_aws = {
    INFLUX_ACTION,
    .settings = settings_table,
    .form = "Lines posted to the destination's /api/v2/write.",
    .open = open_real,
};
