// Opens, hosts and closes sinks.
#include "engine/flow/sinks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/observe/log.h"
#include "sinks/lib/aws_settings.h"
#include "sinks/lib/recorder.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// What weir.yaml says of a kind; -1: nothing.
struct limits {
    int64_t attempts, budget_ms, base_ms, throttled_base_ms, cap_ms, circuit, in_flight, memory;
    bool fails_when_full;
};

struct clients {
    struct wr_aws *aws;
    struct wr_http *http;
    struct wr_recorder *recorder; // NULL: they send
};

struct slot {
    struct wr_sink sink;
    struct wr_sink_host host;
    struct clients own; // of mode record
    enum wr_mode mode;
    struct limits limits;
    bool open;
    // Could not be opened, because of the world: `away` stands in until it can.
    struct wr_sink_impl away;
    const struct wr_sink_impl *real;          // NULL: it is open
    struct wr_record *waiting, *waiting_last; // for it, by sink_next
    uv_timer_t away_timer;
    void (*away_done)(struct wr_sink *sink); // closing
};

struct wr_sinks {
    struct wr_sinks_options options;
    struct slot *slots; // by kind
    size_t count;
    size_t publisher; // the kind that publishes; `count` without one
    struct clients shared;
    void (*read_secret)(void *user, struct wr_secret_ask *ask);
    void *secrets;
    size_t left; // sinks, then clients, that are being closed
    void (*done)(void *user);
    void *done_user;
};

static void host_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...) WR_PRINTF(3, 4);

static void host_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    wr_log(level, "sinks", "%s", line);
}

static struct wr_sinks *sinks_of(const struct wr_sink_host *host)
{
    return host->user;
}

static struct slot *slot_of(const struct wr_sink_host *host)
{
    struct wr_sinks *s = sinks_of(host);
    for (size_t i = 0; i < s->count; i++) {
        if (&s->slots[i].host == host) {
            return &s->slots[i];
        }
    }
    return NULL;
}

static void publish_recorded(struct slot *slot, const struct wr_publish *p)
{
    struct wr_buf b = {0};
    wr_buf_add(&b, WR_STR("\"method\":\"PUBLISH\",\"topic\":"));
    wr_json_write_string(&b, p->topic);
    wr_buf_addf(&b, ",\"qos\":%d", p->qos);
    if (wr_utf8_valid(p->payload)) {
        wr_buf_add(&b, WR_STR(",\"body\":"));
        wr_json_write_string(&b, p->payload);
    } else {
        wr_buf_add(&b, WR_STR(",\"bodyBase64\":\""));
        wr_buf_add_base64(&b, p->payload);
        wr_buf_add_char(&b, '"');
    }
    const char *why = wr_recorder_keep_members(slot->own.recorder, wr_buf_str(&b));
    wr_buf_release(&b);
    p->done(p->user, why ? WR_ERR_IO : WR_OK, why);
}

static const char *host_record(const struct wr_sink_host *host, wr_str json)
{
    return wr_recorder_keep_members(slot_of(host)->own.recorder, json);
}

static void host_publish(const struct wr_sink_host *host, const struct wr_publish *publish)
{
    struct wr_sinks *s = sinks_of(host);
    struct slot *slot = slot_of(host);
    if (slot->own.recorder) {
        publish_recorded(slot, publish);
    } else {
        s->options.publish(s->options.publish_user, publish);
    }
}

static bool host_confirmed(const struct wr_sink_host *host, wr_str rule, wr_str url)
{
    struct wr_sinks *s = sinks_of(host);
    return s->options.confirmed(s->options.publish_user, rule, url);
}

static bool host_destination(const struct wr_sink_host *host, wr_str rule, wr_str arn,
                             struct wr_sink_destination *out)
{
    struct wr_sinks *s = sinks_of(host);
    return s->options.destination(s->options.publish_user, rule, arn, out);
}

// ---- clients

static void aws_log(void *user, enum wr_aws_level level, const char *line)
{
    wr_log(level == WR_AWS_LOG_WARN ? WR_LOG_WARN : WR_LOG_INFO, "aws", "%s", line);
}

static struct wr_aws *open_aws(struct wr_sinks *s, struct clients *c, struct wr_fault *fault)
{
    if (!c->aws && !s->options.config) {
        wr_fault_set(fault, WR_ERR_UNSUPPORTED, "there is no configuration of AWS here");
    } else if (!c->aws && wr_aws_open_settings(s->options.loop, wr_config_aws(s->options.config),
                                               c->recorder, aws_log, NULL, &c->aws, fault)) {
        c->aws = NULL;
    }
    return c->aws;
}

static struct clients *clients_of(const struct wr_sink_host *host)
{
    struct slot *slot = slot_of(host);
    return slot->mode == WR_MODE_RECORD ? &slot->own : &sinks_of(host)->shared;
}

static struct wr_aws *host_aws(const struct wr_sink_host *host, struct wr_fault *fault)
{
    return open_aws(sinks_of(host), clients_of(host), fault);
}

static struct wr_http *host_http(const struct wr_sink_host *host, struct wr_fault *fault)
{
    struct clients *c = clients_of(host);
    if (!c->http) {
        c->http = wr_http_new(host->loop, &(struct wr_http_options){.recorder = c->recorder});
    }
    return c->http;
}

static void host_secret(const struct wr_sink_host *host, struct wr_secret_ask *ask)
{
    struct wr_sinks *s = sinks_of(host);
    s->read_secret(s->secrets, ask);
}

void wr_sinks_set_secrets(struct wr_sinks *s, void (*read)(void *user, struct wr_secret_ask *ask),
                          void *user)
{
    s->read_secret = read;
    s->secrets = user;
    for (size_t i = 0; i < s->count; i++) {
        s->slots[i].host.secret = read ? host_secret : NULL;
    }
}

struct wr_aws *wr_sinks_aws(struct wr_sinks *s, struct wr_fault *fault)
{
    return open_aws(s, &s->shared, fault);
}

wr_err wr_sinks_check_aws(const struct wr_config *c, struct wr_fault *fault)
{
    struct wr_aws *aws = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    wr_err err = wr_aws_open_settings(&loop, wr_config_aws(c), NULL, aws_log, NULL, &aws, fault);
    if (!err) {
        wr_aws_close(aws, NULL, NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return err;
}

static void write_state(const struct wr_aws_state *state, struct wr_buf *out)
{
    static const char *const healths[] = {"unasked", "good", "failed", "refused"};
    wr_buf_add(out, WR_STR("{\"name\":"));
    wr_json_write_string(out, wr_str_of(state->name));
    wr_buf_addf(out, ",\"health\":\"%s\",\"provider\":", healths[state->health]);
    wr_json_write_string(out, wr_str_of(wr_aws_provider_name(state->provider)));
    wr_buf_add(out, WR_STR(",\"why\":"));
    wr_json_write_string(out, wr_str_of(state->why));
    wr_buf_addf(out,
                ",\"sinceMs\":%lld,\"expiresMs\":%lld,\"fetched\":%llu,\"failed\":%llu,"
                "\"refused\":%llu}",
                (long long)state->since_ms, (long long)state->expires_ms,
                (unsigned long long)state->fetched, (unsigned long long)state->failed,
                (unsigned long long)state->refused);
}

const struct wr_aws *wr_sinks_aws_opened(const struct wr_sinks *s)
{
    return s->shared.aws;
}

void wr_sinks_write_aws(const struct wr_sinks *s, struct wr_buf *out)
{
    if (!s->shared.aws) {
        return;
    }
    wr_buf_add(out, WR_STR(",\"aws\":["));
    for (size_t i = 0; i < wr_aws_state_count(s->shared.aws); i++) {
        struct wr_aws_state state;
        wr_aws_state(s->shared.aws, i, &state);
        wr_buf_add(out, i ? WR_STR(",") : WR_STR(""));
        write_state(&state, out);
    }
    wr_buf_add_char(out, ']');
}

// ---- sinks

struct wr_sinks *wr_sinks_new(const struct wr_sinks_options *options)
{
    struct wr_sinks *s = wr_zalloc(sizeof *s);
    s->options = *options;
    while (options->kinds[s->count]) {
        s->count++;
    }
    s->publisher = 0;
    while (s->publisher < s->count && !options->kinds[s->publisher]->publishes) {
        s->publisher++;
    }
    wr_assert(wr_sinks_shares(s) <= 64); // sets of them have a bit each
    s->slots = wr_zalloc((s->count + 1) * sizeof *s->slots);
    for (size_t i = 0; i < s->count; i++) {
        const struct wr_config *c = options->config;
        s->slots[i].mode = c ? wr_config_mode(c, options->kinds[i]) : WR_MODE_LOCAL;
        s->slots[i].host = (struct wr_sink_host){
            .loop = options->loop,
            .state_dir = options->state_dir,
            .endpoint = c ? wr_settings_get(wr_config_sink(c, options->kinds[i]), "endpoint") : "",
            .aws = host_aws,
            .http = host_http,
            .log = host_log,
            .publish = options->publish ? host_publish : NULL,
            .confirmed = options->confirmed ? host_confirmed : NULL,
            .destination = options->destination ? host_destination : NULL,
            .hops_lost = options->hops_lost,
            .reads_kafka = options->reads_kafka,
            .aws_limits = options->aws_limits,
            .user = s,
        };
    }
    return s;
}

void wr_sinks_free(struct wr_sinks *s)
{
    if (s) {
        free(s->slots);
        free(s);
    }
}

const struct wr_sink_impl *const *wr_sinks_kinds(const struct wr_sinks *s)
{
    return s->options.kinds;
}

static int64_t limit(const struct wr_settings *settings, const char *name)
{
    const char *text = settings ? wr_settings_get(settings, name) : "";
    return *text ? wr_settings_int(settings, name) : -1;
}

static struct limits read_limits(const struct wr_settings *s)
{
    return (struct limits){
        .attempts = limit(s, "retry.attempts"),
        .budget_ms = limit(s, "retry.budget"),
        .base_ms = limit(s, "retry.base"),
        .throttled_base_ms = limit(s, "retry.throttled_base"),
        .cap_ms = limit(s, "retry.cap"),
        .circuit = limit(s, "retry.circuit"),
        .in_flight = limit(s, "in_flight"),
        .memory = limit(s, "memory"),
        .fails_when_full =
            s && wr_str_eq(wr_str_of(wr_settings_get(s, "queue_full")), WR_STR("fail")),
    };
}

struct wr_retry_policy wr_sinks_retry(const struct wr_sinks *s, size_t kind,
                                      const struct wr_retry_policy *general)
{
    const struct limits *l = &s->slots[kind].limits;
    struct wr_retry_policy p = *general;
    p.attempts = l->attempts >= 0 ? (unsigned)l->attempts : p.attempts;
    p.budget_ms = l->budget_ms >= 0 ? l->budget_ms : p.budget_ms;
    p.base_ms = l->base_ms >= 0 ? l->base_ms : p.base_ms;
    p.throttled_base_ms = l->throttled_base_ms >= 0 ? l->throttled_base_ms : p.throttled_base_ms;
    p.cap_ms = l->cap_ms >= 0 ? l->cap_ms : p.cap_ms;
    p.circuit = l->circuit >= 0 ? (unsigned)l->circuit : p.circuit;
    return p;
}

static const struct limits *limits_of(const struct wr_sinks *s, size_t share)
{
    return &s->slots[share < s->count ? share : s->publisher].limits;
}

size_t wr_sinks_in_flight(const struct wr_sinks *s, size_t share)
{
    int64_t n = limits_of(s, share)->in_flight;
    return n >= 0 ? (size_t)n : SIZE_MAX;
}

size_t wr_sinks_memory(const struct wr_sinks *s, size_t share)
{
    int64_t n = limits_of(s, share)->memory;
    return n >= 0 ? (size_t)n : SIZE_MAX;
}

bool wr_sinks_fails_when_full(const struct wr_sinks *s, size_t share)
{
    return limits_of(s, share)->fails_when_full;
}

size_t wr_sinks_shares(const struct wr_sinks *s)
{
    return s->count + (s->options.config ? s->options.config->broker_count : 0);
}

size_t wr_sinks_share(const struct wr_sinks *s, size_t kind, wr_str rule, bool error_action)
{
    if (kind != s->publisher || !s->options.config) {
        return kind;
    }
    size_t broker = s->options.route ? s->options.route(s->options.publish_user, rule, error_action)
                                     : wr_config_route(s->options.config, rule, error_action);
    return broker ? s->count + broker - 1 : kind;
}

size_t wr_sinks_share_named(const struct wr_sinks *s, wr_str kind, wr_str rule)
{
    for (size_t i = 0; i < s->count; i++) {
        if (wr_str_eq(wr_str_of(s->options.kinds[i]->name), kind)) {
            return wr_sinks_share(s, i, rule, false);
        }
    }
    return 0;
}

const struct wr_config_broker *wr_sinks_broker(const struct wr_sinks *s, size_t share)
{
    return share < s->count ? NULL : &s->options.config->brokers[share - s->count];
}

size_t wr_sinks_count(const struct wr_sinks *s)
{
    return s->count;
}

// How much of a kind the engine lends before it waits for verdicts: of one rule with ack: durable;
// else as much as the broker sends.
static void tell_in_flight(struct wr_sinks *s, struct slot *slot)
{
    const struct wr_config *c = s->options.config;
    if (!c) {
        return;
    }
    bool durable = strcmp(c->ack, "durable") == 0;
    int64_t records = durable ? c->spool_in_flight : c->mqtt_receive_maximum;
    int64_t own = slot->limits.in_flight;
    slot->host.in_flight = (size_t)(durable && own >= 0 && own < records ? own : records);
    slot->host.in_flight_bytes = slot->limits.memory > 0 ? (size_t)slot->limits.memory : 0;
}

// ---- sinks that cannot be opened now

#define AWAY_AGAIN_MS 1000 // between two tries to open; opening may block for a moment

static struct slot *away_slot(struct wr_sink *self)
{
    return WR_CONTAINER(self, struct slot, sink);
}

static wr_err open_sink(struct wr_sinks *s, struct wr_sink *sink, struct wr_fault *fault)
{
    const struct wr_settings *settings =
        s->options.config ? wr_config_sink(s->options.config, sink->impl) : NULL;
    wr_err err = sink->impl->open(sink, settings, fault);
    if (err) {
        wr_fault_prefix(fault, "sink %s", sink->impl->name);
    }
    return err;
}

static void on_away_timer_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;
    if (slot->away_done) {
        slot->away_done(&slot->sink);
    }
}

// Whatever waits goes to `submit`, in its order.
static void give_waiting(struct slot *slot,
                         void (*submit)(struct wr_sink *self, struct wr_record *rec))
{
    struct wr_record *rec = slot->waiting;
    slot->waiting = slot->waiting_last = NULL;
    while (rec) {
        struct wr_record *next = rec->sink_next;
        submit(&slot->sink, rec);
        rec = next;
    }
}

static void on_away_timer(uv_timer_t *timer)
{
    static struct wr_log_limit limit;
    struct slot *slot = timer->data;
    struct wr_fault fault = {0};
    slot->sink.impl = slot->real;
    if (open_sink(slot->sink.user, &slot->sink, &fault)) {
        slot->sink.impl = &slot->away;
        wr_log_limited(&limit, WR_LOG_DEBUG, "sinks", "%s", fault.text);
        return;
    }
    slot->real = NULL;
    uv_close((uv_handle_t *)timer, on_away_timer_closed);
    wr_log(WR_LOG_INFO, "sinks", "sink %s: open now", slot->sink.impl->name);
    give_waiting(slot, slot->sink.impl->submit);
}

static void away_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct slot *slot = away_slot(self);
    rec->sink_next = NULL;
    if (slot->waiting_last) {
        slot->waiting_last->sink_next = rec;
    } else {
        slot->waiting = rec;
    }
    slot->waiting_last = rec;
}

static void give_back(struct wr_sink *self, struct wr_record *rec)
{
    const struct wr_why why = {.resource = wr_str_of(away_slot(self)->real->name),
                               .message = WR_STR("Failed to open the sink.")};
    wr_record_settle(rec, WR_RETRY, &why);
}

static void away_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct slot *slot = away_slot(self);
    slot->away_done = done;
    uv_close((uv_handle_t *)&slot->away_timer, on_away_timer_closed);
    give_waiting(slot, give_back);
}

// What no reload of the rules can mend, and may be over in a moment: a disk, a lock, a permission.
static bool is_the_world(wr_err err)
{
    return err == WR_ERR_IO || err == WR_ERR_BUSY || err == WR_ERR_DENIED || err == WR_ERR_CORRUPT;
}

static void stand_in(struct wr_sinks *s, struct slot *slot, const struct wr_fault *fault)
{
    slot->real = slot->sink.impl;
    slot->away = *slot->real;
    slot->away.submit = away_submit;
    slot->away.close = away_close;
    slot->away.drain = NULL;
    slot->sink.impl = &slot->away;
    slot->away_timer.data = slot;
    uv_timer_init(s->options.loop, &slot->away_timer);
    uv_timer_start(&slot->away_timer, on_away_timer, AWAY_AGAIN_MS, AWAY_AGAIN_MS);
    wr_log(WR_LOG_ERROR, "sinks", "%s; its records wait until it can be opened", fault->text);
}

wr_err wr_sinks_require(struct wr_sinks *s, size_t kind, struct wr_fault *fault)
{
    struct slot *slot = &s->slots[kind];
    if (slot->open) {
        return WR_OK;
    }
    struct wr_sink *sink = &slot->sink;
    struct wr_fault own = {0};
    *sink = (struct wr_sink){.impl = s->options.kinds[kind], .host = &slot->host, .user = s};
    const struct wr_settings *settings =
        s->options.config ? wr_config_sink(s->options.config, sink->impl) : NULL;
    slot->limits = read_limits(settings);
    tell_in_flight(s, slot);
    wr_err err = WR_OK;
    if (slot->mode == WR_MODE_RECORD && !slot->own.recorder) {
        err = wr_recorder_open(s->options.state_dir, sink->impl->name, &slot->own.recorder, &own);
        slot->host.record = host_record;
        slot->host.recorder = slot->own.recorder;
        if (err) {
            wr_fault_prefix(&own, "sink %s", sink->impl->name);
        }
    }
    if (!err) {
        err = open_sink(s, sink, &own);
        if (is_the_world(err)) {
            stand_in(s, slot, &own);
            err = WR_OK;
        }
        slot->open = !err;
    }
    if (err) {
        wr_fault_set(fault, err, "%s", own.text);
    }
    return err;
}

struct wr_sink *wr_sinks_at(const struct wr_sinks *s, size_t kind)
{
    return s->slots[kind].open ? &s->slots[kind].sink : NULL;
}

struct wr_sink *wr_sinks_opened(const struct wr_sinks *s, size_t kind)
{
    return s->slots[kind].open && !s->slots[kind].real ? &s->slots[kind].sink : NULL;
}

// ---- close

void wr_sinks_drain(struct wr_sinks *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct wr_sink *sink = &s->slots[i].sink;
        if (s->slots[i].open && sink->impl->drain) {
            sink->impl->drain(sink);
        }
    }
}

static void on_client_closed(void *user)
{
    struct wr_sinks *s = user;
    if (--s->left > 0) {
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        wr_recorder_close(s->slots[i].own.recorder);
        s->slots[i].own.recorder = NULL;
    }
    s->done(s->done_user);
}

static void close_clients(struct wr_sinks *s, struct clients *c)
{
    struct clients closing = *c;
    c->aws = NULL;
    c->http = NULL;
    s->left += (closing.aws != NULL) + (closing.http != NULL);
    if (closing.aws) {
        wr_aws_close(closing.aws, on_client_closed, s);
    }
    if (closing.http) {
        wr_http_close(closing.http, on_client_closed, s);
    }
}

static void end_if_closed(struct wr_sinks *s)
{
    if (--s->left > 0) {
        return;
    }
    s->left = 1; // ours
    close_clients(s, &s->shared);
    for (size_t i = 0; i < s->count; i++) {
        close_clients(s, &s->slots[i].own);
    }
    on_client_closed(s);
}

static void on_closed(struct wr_sink *sink)
{
    struct slot *slot = WR_CONTAINER(sink, struct slot, sink);
    slot->open = false;
    end_if_closed(sink->user);
}

// All at once: one that waits for its destination does not hold up the others.
void wr_sinks_close(struct wr_sinks *s, void (*done)(void *user), void *user)
{
    s->done = done;
    s->done_user = user;
    s->left = 1; // ours
    for (size_t i = 0; i < s->count; i++) {
        s->left += s->slots[i].open;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct wr_sink *sink = &s->slots[i].sink;
        if (s->slots[i].open) {
            sink->impl->close(sink, on_closed);
        }
    }
    end_if_closed(s);
}
